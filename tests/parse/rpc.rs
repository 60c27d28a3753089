//! The requests byte by byte, and replies of every kind: only a complete response of JSON-RPC 2.0 counts.

use proptest::prelude::*;
use zinit_pid1::model::action::Method;
use zinit_pid1::model::action::Method::{PrepareRestart, Shutdown};
use zinit_pid1::model::limits::RESTART_GRACE;
use zinit_pid1::model::process::{Errno, Exit, Signal};
use zinit_pid1::model::time::Millis;
use zinit_pid1::parse::rpc::Reply::{Agreed, Garbage, Refused};
use zinit_pid1::parse::rpc::{HEAD, Outcome, Reply, decode, request};

/// As zinit-server 0.3.9 sends them.
const READY: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"ready":true,"state_path":"/run/zinit/state.json"}}"#;
const OK: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}"#;

#[test]
fn requests_are_one_line_of_json_each() {
    let ask = |name| format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{name}\"}}\n").into_bytes();
    assert_eq!([HEAD, request(PrepareRestart)].concat(), ask("system.prepare_restart"));
    assert_eq!([HEAD, request(Shutdown)].concat(), ask("system.shutdown"));
    assert_eq!(PrepareRestart.signal(), Signal(10));
    assert_eq!(Shutdown.signal(), Signal(15));
}

/// Another spelling of the same response, with all the whitespace of JSON.
const SPELLED: &str = " {\t\"result\" :\r\n{ \"a\":[ { } , [ ] , [1, -2.5e+3] ], \"ok\" : true } , \"id\": 1,\"jsonrpc\" :\"2.0\" } \r";

#[test]
fn a_reply_agrees_only_to_its_own_request() {
    assert_eq!(decode(PrepareRestart, READY.as_bytes()), Agreed);
    assert_eq!(decode(Shutdown, OK.as_bytes()), Agreed);
    assert_eq!(decode(Shutdown, SPELLED.as_bytes()), Agreed);
    assert_eq!(decode(PrepareRestart, OK.as_bytes()), Garbage);
    assert_eq!(decode(Shutdown, READY.as_bytes()), Garbage);
}

/// The members of a response in every order, each with whitespace around it and with unknown members between them.
#[test]
fn members_count_wherever_they_stand() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let results = [
        (r#""result":{"ok":true}"#, Agreed),
        (r#""result":{"n":1,"ok":true}"#, Agreed),
        (r#""result":{"ok":true,"a":{"ok":false}}"#, Agreed),
        (r#""error":{"code":-32603,"message":"not \"pid\" 1"}"#, Refused),
        (r#""error":{}"#, Refused),
        (r#""result":{"ok":false}"#, Garbage),
        (r#""result":{}"#, Garbage),
    ];
    for (order, (result, reply)) in orders.into_iter().flat_map(|order| results.map(|result| (order, result)))
    {
        let members = order.map(|at| [r#""jsonrpc":"2.0""#, r#""id":1"#, result][at]);
        for between in [",", " , ", ",\t\"x\":[{\"id\":2}],", ",\"result \":1,\"ID\":{\"a\\\\\":2},"] {
            let line = format!("{{{}}}", members.join(between));
            assert_eq!(decode(Shutdown, line.as_bytes()), reply, "{line}");
            let spaced =
                line.replace(':', "\t: ").replace('{', "{ ").replace('}', "\r } ").replace(',', " , ");
            assert_eq!(decode(Shutdown, spaced.as_bytes()), reply, "{spaced}");
        }
    }
}

#[test]
fn only_a_response_to_our_request_counts() {
    let table: &[(&str, Reply)] = &[
        // A later server may add members.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"n":-1.5e3,"z":null,"f":false}}"#, Agreed),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"x":"\"ok\":false}","ok":true}}"#, Agreed),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"x":"\\","ok":true}}"#, Agreed),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ok\":true}}\r", Agreed),
        // Only an error says that the server did nothing.
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"not pid 1"}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"ok":true}}"#, Refused),
        (r#"{"error":{"result":{"ok":true}},"id":1,"jsonrpc":"2.0"}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"error":null}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#, Garbage),
        // Results that do not accept.
        (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":true}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":"{\"ok\":true}"}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":[{"ok":true}]}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":["ok",true]}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":"true"}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":1}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":True}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":trues}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":{}}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"OK":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"x":{"ok":true}}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"x":["ok",true]}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"x":"\"ok\":true"}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"x":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"ok":true}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"error":{},"id":2,"ok":true}}"#, Agreed),
        // Both, or one of them twice, whatever it says.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"error":{"code":1}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"error":{},"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"error":{},"error":{}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"result":{"ok":false}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":false},"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"ok":false}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"id":1,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"result":{"ok":true}}"#, Garbage),
        // A second spelling of a name.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"err\u006fr":{}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"o\u006b":false}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","\u0069d":1,"result":{"ok":true}}"#, Garbage),
        // Something is missing or wrong.
        (r#"{"jsonrpc":"2.0","id":1}"#, Garbage),
        (r#"{"jsonrpc":"2.0","result":{"ok":true}}"#, Garbage),
        (r#"{"id":1,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":2,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":11,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":"1","result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":[1],"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}"#, Garbage),
        (r#"{"jsonrpc":"1.0","id":1,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":2.0,"id":1,"result":{"ok":true}}"#, Garbage),
        (r#"[{"jsonrpc":"2.0","id":1,"result":{"ok":true}}]"#, Garbage),
        (r#"{"x":{"jsonrpc":"2.0","id":1,"result":{"ok":true}}}"#, Garbage),
        (r#"["jsonrpc","2.0","id",1,"result",{"ok":true}]"#, Garbage),
        // More than one object, or less.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}{}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}},"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}} x"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}"#, Garbage),
        ("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ok\":true}}", Garbage),
        ("HTTP/1.1 200 OK", Garbage),
        ("\"jsonrpc\"", Garbage),
        ("1", Garbage),
        ("{}", Garbage),
        (" ", Garbage),
        ("", Garbage),
    ];
    for (line, reply) in table {
        assert_eq!(decode(Shutdown, line.as_bytes()), *reply, "{line}");
    }
}

/// A member that is not known is skipped if it is JSON, and only then.
#[test]
fn an_unknown_member_is_skipped_as_a_whole() {
    let valid = [
        "0",
        "-0.5",
        "1e9",
        "1E-9",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        r#""\"""#,
        r#""\\""#,
        r#""\u00e9]}""#,
        "\"\u{e9}\"",
        "\"{[,:\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[[],{}]",
        "[1,\"a\",null]",
        r#"{"a":{"b":[{}]},"c":""}"#,
        r#"{"a\"b":1}"#,
        "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
    ];
    let invalid = [
        "",
        ",",
        ":",
        "]",
        "}",
        "[",
        "{",
        "[}",
        "{]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1:2]",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\",1}",
        "\"",
        "\"\\\"",
        "\"\u{1}\"",
        "\"\t\"",
        "'a'",
        "tru e",
        "1 2",
        "1:2",
        "\"a\"\"b\"",
        "\"a\"1",
        "1\"a\"",
        "1[]",
        "[]1",
        "[][]",
        "{}{}",
        "\u{0}",
        "\u{c}1",
        "\u{a0}1",
        "@",
        "=",
        "#",
        "/**/1",
        "(1)",
        "1{}",
        "[\"a\":1]",
    ];
    for (text, agrees) in valid.map(|text| (text, true)).into_iter().chain(invalid.map(|text| (text, false)))
    {
        for line in [
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"ok":true}},"x":{text}}}"#),
            format!(r#"{{"x":{text},"jsonrpc":"2.0","id":1,"result":{{"x":{text},"ok":true}}}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":[{{"y": {text} }}],"ok":true}}}}"#),
        ] {
            assert_eq!(decode(Shutdown, line.as_bytes()) == Agreed, agrees, "{line}");
        }
    }
}

#[test]
fn nesting_is_bounded() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [1, 29, 30, 31, 32, 33, 1_000, 1_000_000] {
            let inner = if open == "[" { "" } else { "1" };
            let nested = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            let line = format!(r#"{{"x":{nested},"jsonrpc":"2.0","id":1,"result":{{"ok":true}}}}"#);
            let reply = decode(Shutdown, line.as_bytes());
            assert_eq!(reply, if depth <= 30 { Agreed } else { Garbage }, "{open} {depth}");
        }
    }
}

/// The RPC client may read any part of a line, if the server exits or is hostile.
#[test]
fn no_part_of_a_reply_counts_as_a_reply() {
    for (method, line) in [(PrepareRestart, READY), (Shutdown, OK), (Shutdown, SPELLED.trim())] {
        for end in 0..line.len() {
            assert_eq!(decode(method, &line.as_bytes()[..end]), Garbage, "{}", &line[..end]);
        }
        for start in 1..line.len() {
            assert_eq!(decode(method, &line.as_bytes()[start..]), Garbage, "{}", &line[start..]);
        }
    }
    for (method, line) in [(PrepareRestart, READY), (Shutdown, OK)] {
        for at in 0..line.len() {
            let without: String =
                line.chars().enumerate().filter(|(n, _)| *n != at).map(|(_, c)| c).collect();
            assert!(!agrees(method, &without, at), "{without}");
        }
    }
}

#[test]
fn no_changed_byte_of_a_reply_is_accepted() {
    for (method, line) in [(PrepareRestart, READY), (Shutdown, OK)] {
        for at in 0..line.len() {
            for byte in (0..=255_u8).filter(|byte| *byte != line.as_bytes()[at]) {
                let mut changed = line.as_bytes().to_vec();
                changed[at] = byte;
                assert!(!agrees(method, &changed, at), "{}", changed.escape_ascii());
            }
        }
    }
}

/// True if a reply agrees although it was changed in a relevant part; the path is not relevant.
fn agrees(method: Method, line: impl AsRef<[u8]>, at: usize) -> bool {
    let path = READY.find(r#""state_path":"/run/zinit/state.json""#).expect("a path");
    let matters = method == Shutdown || !(path..READY.len() - 2).contains(&at);
    matters && decode(method, line.as_ref()) == Agreed
}

/// What follows from each outcome, for both requests.
#[test]
fn only_a_refusal_and_a_request_that_did_not_arrive_lead_to_a_signal() {
    let table: &[(Outcome, Method, Option<Millis>)] = &[
        (Outcome::Agreed, PrepareRestart, None),
        (Outcome::Agreed, Shutdown, None),
        (Outcome::Refused, PrepareRestart, Some(RESTART_GRACE)),
        (Outcome::Refused, Shutdown, Some(0)),
        (Outcome::Unclear, PrepareRestart, None),
        (Outcome::Unclear, Shutdown, None),
        (Outcome::Unreachable, PrepareRestart, Some(0)),
        (Outcome::Unreachable, Shutdown, Some(0)),
    ];
    for (outcome, method, after) in table {
        assert_eq!(outcome.signal_after(*method), *after, "{outcome:?} {method:?}");
    }
}

#[test]
fn outcomes_are_kept_by_an_exit_status() {
    for outcome in [Outcome::Agreed, Outcome::Refused, Outcome::Unclear, Outcome::Unreachable] {
        assert_eq!(Outcome::of(Exit::Exited(outcome.status())), Some(outcome));
    }
    assert_eq!(Outcome::of(Exit::Exited(0)), Some(Outcome::Agreed));
    // An RPC client that did not exit by itself, or by a fault, returns no outcome.
    for status in 4..=255 {
        assert_eq!(Outcome::of(Exit::Exited(status)), None, "{status}");
    }
    assert_eq!(Outcome::of(Exit::Killed(Signal::KILL)), None);
    assert_eq!(Outcome::of(Exit::Killed(Signal(0))), None);
    assert_eq!(Outcome::of(Exit::NotExecuted(Errno(0))), None);
}

/// Any JSON value that the decoder can skip.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        prop::sample::select(vec!["true", "false", "null", "1.5e-3", "\"ok\"", "\"\\\"}\"", "\" \\u005c \""])
            .prop_map(str::to_owned),
        "[ !#-\\[\\]-~]{0,8}".prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        let space = || prop::sample::select(vec!["", " ", "\t", "\r ", "\n"]);
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..5), space()).prop_map(|values| format!(
                "[{1}{0}{1}]",
                values.0.join(&format!("{},", values.1)),
                values.1
            )),
            (prop::collection::vec((inner, "[a-z]{1,8}"), 0..5), space()).prop_map(|(members, space)| {
                let members = members.iter().map(|(value, name)| format!("{space}\"{name}\"{space}:{value}"));
                format!("{{{}{space}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that look like JSON reach deeper into the decoder than random ones.
    #[test]
    fn no_random_bytes_agree(bytes in prop::collection::vec(
        prop_oneof![prop::sample::select(b"{}[]:,\"\\ 1".as_slice()), any::<u8>()], 0..200,
    )) {
        for method in [PrepareRestart, Shutdown] {
            prop_assert_eq!(decode(method, &bytes), Garbage);
            let member = [b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", bytes.as_slice(), b"}"].concat();
            prop_assert_ne!(decode(method, &member), Agreed);
        }
    }

    /// Any value of an unknown member is skipped, and if any bracket of it is missing, the line is no reply.
    #[test]
    fn every_value_is_skipped(value in json(), at in any::<prop::sample::Index>()) {
        let line = |value: &str| format!("{{\"id\":1,\"x\":{value},\"result\":{{\"y\":{value},\"ok\":true}},\"jsonrpc\":\"2.0\"}}");
        prop_assert_eq!(decode(Shutdown, line(&value).as_bytes()), Agreed);
        let brackets: Vec<usize> = value.match_indices(['{', '}', '[', ']']).map(|(at, _)| at).collect();
        if !value.contains('"') && !brackets.is_empty() {
            let mut broken = value.clone();
            broken.remove(*at.get(&brackets));
            prop_assert_eq!(decode(Shutdown, line(&broken).as_bytes()), Garbage);
        }
    }
}
