//! The requests byte by byte, and replies of every kind: only a whole object with an error is a refusal.

use proptest::prelude::*;
use zinit_pid1::model::action::Method;
use zinit_pid1::model::action::Method::{PrepareRestart, Shutdown};
use zinit_pid1::model::limits::{REPLY, RESTART_GRACE};
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

/// Another spelling of a response, with all the whitespace that a line can hold.
const SPELLED: &str = " {\t\"result\" :\r\t{ \"a\":[ { } , [ ] , [1, -2.5e+3] ], \"ok\" : true } , \"id\": 1,\"jsonrpc\" :\"2.0\" } \r";

#[test]
fn replies_of_the_server_are_understood() {
    let refusal = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"not \"pid\" 1"}}"#;
    for (line, reply) in [(READY, Agreed), (OK, Agreed), (SPELLED, Agreed), (refusal, Refused)] {
        assert_eq!(decode(line.as_bytes()), reply, "{line}");
    }
}

/// The members of a response in every order, each with whitespace around it and with unknown members between them.
#[test]
fn members_count_wherever_they_stand() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let results = [
        (r#""result":{"ok":true}"#, Agreed),
        (r#""result":{"ok":true,"error":{"result":{}}}"#, Agreed),
        (r#""error":{"code":-32603,"message":"not \"pid\" 1"}"#, Refused),
        (r#""error":{"result":{}}"#, Refused),
        (r#""error":null"#, Garbage),
    ];
    for (order, (result, reply)) in orders.into_iter().flat_map(|order| results.map(|result| (order, result)))
    {
        let members = order.map(|at| [r#""jsonrpc":"2.0""#, r#""id":1"#, result][at]);
        for between in [",", " , ", ",\t\"x\":[{\"error\":{}}],", ",\"error \":{},\"ERROR\":{\"a\\\\\":2},"] {
            let line = format!("{{{}}}", members.join(between));
            assert_eq!(decode(line.as_bytes()), reply, "{line}");
            let spaced =
                line.replace(':', "\t: ").replace('{', "{ ").replace('}', "\r } ").replace(',', " , ");
            assert_eq!(decode(spaced.as_bytes()), reply, "{spaced}");
        }
    }
}

#[test]
fn only_an_error_of_the_response_is_a_refusal() {
    let table: &[(&str, Reply)] = &[
        (r#"{"id":null,"error":{"code":-32700}}"#, Refused),
        (r#"{"error":{}}"#, Refused),
        // The name as another value, in another object, or as a part of a text.
        (r#"{"result":{"error":{}}}"#, Agreed),
        (r#"{"result":{"x":"\"error\":{}"}}"#, Agreed),
        (r#"{"x":"error","result":{}}"#, Agreed),
        (r#"{"x":"error","y":{}}"#, Garbage),
        (r#"{"x":["error",{}]}"#, Garbage),
        (r#"{"x":{"error":{}}}"#, Garbage),
        (r#"[{"error":{}}]"#, Garbage),
        (r#"{"err\u006fr":{}}"#, Garbage),
        (r#"{"\"error":{}}"#, Garbage),
        (r#"{"errors":{}}"#, Garbage),
        (r#"{"error":[{}]}"#, Garbage),
        (r#"{"error":"{}"}"#, Garbage),
        (r#"{"error":null,"x":{}}"#, Garbage),
        (r#"{"error":0}"#, Garbage),
        (r#"{"result":null}"#, Garbage),
        // Both, or one of them twice, whatever it says; but an error that is null is none.
        (r#"{"result":{},"error":{}}"#, Garbage),
        (r#"{"error":{},"result":{}}"#, Garbage),
        (r#"{"error":{},"error":{}}"#, Garbage),
        (r#"{"result":{},"result":{}}"#, Garbage),
        (r#"{"result":{},"error":null}"#, Agreed),
        // More than one object, or less.
        (r#"{"error":{}}{}"#, Garbage),
        (r#"{"error":{}},"#, Garbage),
        (r#"{"error":{}}}"#, Garbage),
        (r#"{"error":{}} x"#, Garbage),
        (r#"}{"error":{}}"#, Garbage),
        (r#""error":{}"#, Garbage),
        (r#""error":{}}"#, Garbage),
        ("\u{feff}{\"error\":{}}", Refused),
        ("HTTP/1.1 200 OK", Garbage),
        ("error", Garbage),
        ("\"error\"", Garbage),
        ("{}", Garbage),
        (" ", Garbage),
        ("", Garbage),
    ];
    for (line, reply) in table {
        assert_eq!(decode(line.as_bytes()), *reply, "{line}");
    }
}

/// The RPC client may read any part of a line, if the server exits.
#[test]
fn no_part_of_a_reply_counts_as_a_reply() {
    let refusal = r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"}}}"},"id":1}"#;
    for line in [READY, OK, SPELLED.trim(), refusal] {
        for end in 0..line.len() {
            assert_eq!(decode(&line.as_bytes()[..end]), Garbage, "{}", &line[..end]);
        }
        for start in 1..line.len() {
            assert_eq!(decode(&line.as_bytes()[start..]), Garbage, "{}", &line[start..]);
        }
    }
}

/// A reply of the most bytes that are read can open no more brackets than that.
#[test]
fn nesting_costs_nothing() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [1, 1_000, REPLY] {
            let nested = format!("{}{}", open.repeat(depth), close.repeat(depth));
            let line = format!(r#"{{"x":{nested},"error":{{}}}}"#);
            assert_eq!(decode(line.as_bytes()), Refused, "{open} {depth}");
        }
    }
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
    fn no_random_bytes_are_a_reply(bytes in prop::collection::vec(
        prop_oneof![prop::sample::select(b"{}[]:,\"\\ 1".as_slice()), any::<u8>()], 0..200,
    )) {
        prop_assert_eq!(decode(&bytes), Garbage);
    }

    /// Any value of an unknown member is skipped, and if any bracket of it is missing, the line is no reply.
    #[test]
    fn every_value_is_skipped(value in json(), at in any::<prop::sample::Index>()) {
        let line = |value: &str| format!("{{\"id\":1,\"x\":{value},\"error\":{{\"y\":{value}}},\"jsonrpc\":\"2.0\"}}");
        prop_assert_eq!(decode(line(&value).as_bytes()), Refused);
        let brackets: Vec<usize> = value.match_indices(['{', '}', '[', ']']).map(|(at, _)| at).collect();
        if !value.contains('"') && !brackets.is_empty() {
            let mut broken = value.clone();
            broken.remove(*at.get(&brackets));
            prop_assert_eq!(decode(line(&broken).as_bytes()), Garbage);
        }
    }
}
