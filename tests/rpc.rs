//! The requests to the byte, and replies of every kind: only a whole, clean "yes" is one.

use proptest::prelude::*;
use zinit_pid1::process::{Errno, Exit, Signal};
use zinit_pid1::rpc::Method::{PrepareRestart, Shutdown};
use zinit_pid1::rpc::Reply::{Agreed, Garbage, Refused};
use zinit_pid1::rpc::{Method, Outcome, Reply, decode};

/// As zinit-server 0.3.9 sends them.
const READY: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"ready":true,"state_path":"/run/zinit/state.json"}}"#;
const OK: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}"#;

#[test]
fn requests_are_one_line_of_json_each() {
    let ask = |name| format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{name}\"}}\n").into_bytes();
    assert_eq!(PrepareRestart.request(), ask("system.prepare_restart"));
    assert_eq!(Shutdown.request(), ask("system.shutdown"));
    assert_eq!(PrepareRestart.signal(), Signal(10));
    assert_eq!(Shutdown.signal(), Signal(15));
}

#[test]
fn a_reply_agrees_only_to_what_was_asked() {
    assert_eq!(decode(PrepareRestart, READY.as_bytes()), Agreed);
    assert_eq!(decode(Shutdown, OK.as_bytes()), Agreed);
    assert_eq!(decode(PrepareRestart, OK.as_bytes()), Refused);
    assert_eq!(decode(Shutdown, READY.as_bytes()), Refused);
}

#[test]
fn replies_are_read_as_json_and_json_rpc_say() {
    let table: &[(&str, Reply)] = &[
        // Space and order mean nothing, and neither do members that nobody knows.
        (r#" { "result" : { "ok" : true } , "id" : 1 , "jsonrpc" : "2.0" } "#, Agreed),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ok\":true}}\r", Agreed),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"n":-1.5e3,"l":[1,{"a":[]}],"ok":true,"z":null}}"#, Agreed),
        (r#"{"jsonrpc":"2.0","id":1,"x":"}],{[:\"\\","result":{"ok":true}}"#, Agreed),
        // A server may say no in many ways.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":false}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":true}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":"{\"ok\":true}"}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":[{"ok":true}]}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":"true"}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":1}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":True}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"OK":true}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"x":{"ok":true}}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"x":"\"ok\":true"}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"ok":true,"result":{}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"not pid 1"}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"ok":true}}"#, Refused),
        // The rest is no response to our request.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"error":{"code":1}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":2,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":"1","result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"1.0","id":1,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":2.0,"id":1,"result":{"ok":true}}"#, Garbage),
        (r#"{"id":1,"result":{"ok":true}}"#, Garbage),
        (r#"[{"jsonrpc":"2.0","id":1,"result":{"ok":true}}]"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}{}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}},"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true],"x":[1}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"x":[}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"x":"}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result":}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":1,"result"}"#, Garbage),
        // The same member twice may be read in two ways.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"ok":false}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":false,"ok":true}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":2,"id":1,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"result":{"ok":true}}"#, Garbage),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"x\":\"\n\",\"result\":{\"ok\":true}}", Garbage),
        ("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ok\":true}}", Garbage),
        ("HTTP/1.1 200 OK", Garbage),
        ("{}", Garbage),
        ("{", Garbage),
        ("}", Garbage),
        ("\"", Garbage),
        ("{\"", Garbage),
        ("{\"}", Garbage),
        ("{:}", Garbage),
        ("{\\}", Garbage),
        (" ", Garbage),
        ("", Garbage),
    ];
    for (line, reply) in table {
        assert_eq!(decode(Shutdown, line.as_bytes()), *reply, "{line}");
    }
}

/// Commas, and words where nothing is of interest, are not looked after: see `members`.
#[test]
fn what_is_not_looked_after_does_no_harm() {
    for line in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},}"#,
        r#"{,"jsonrpc":"2.0","id":1,"result":{"ok":true}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,x}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,}{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}x}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"a":[1 2]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"a":{"b"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"a":yes}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},x:y z,:1}"#,
        r#"{"jsonrpc":"2.0" "id":1,"result":{"ok":true}}"#,
    ] {
        assert_eq!(decode(Shutdown, line.as_bytes()), Agreed, "{line}");
        let other = line.replace("true", "false");
        assert_eq!(decode(Shutdown, other.as_bytes()), Refused, "{other}");
    }
}

/// The courier may read any part of a line, from a server that dies or one that is hostile.
#[test]
fn no_part_of_a_reply_is_a_reply() {
    for (method, line) in [(PrepareRestart, READY), (Shutdown, OK)] {
        for end in 0..line.len() {
            assert_eq!(decode(method, &line.as_bytes()[..end]), Garbage, "{}", &line[..end]);
        }
        for start in 1..line.len() {
            assert_eq!(decode(method, &line.as_bytes()[start..]), Garbage, "{}", &line[start..]);
        }
        for at in 0..line.len() {
            let without: String =
                line.chars().enumerate().filter(|(n, _)| *n != at).map(|(_, c)| c).collect();
            assert!(!agrees(method, &without, at), "{without}");
        }
    }
}

#[test]
fn no_byte_of_a_reply_can_be_another_one() {
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

/// True if a reply agrees that was changed where it matters; commas do not, nor does all about the path.
fn agrees(method: Method, line: impl AsRef<[u8]>, at: usize) -> bool {
    let inside = |text: &str| READY.find(text).is_some_and(|start| (start..start + text.len()).contains(&at));
    let original = if method == Shutdown { OK } else { READY };
    let matters = method == Shutdown || !inside(r#""state_path":"/run/zinit/state.json""#);
    let matters = matters && original.as_bytes()[at] != b',';
    matters && decode(method, line.as_ref()) == Agreed
}

#[test]
fn nesting_is_followed_to_the_limit_and_no_deeper() {
    let reply = |open: &str, close: &str, depth| {
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"x":{open}1{close},"result":{{"ok":true}}}}"#);
        decode(Shutdown, line.as_bytes())
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert_eq!(reply(open, close, 1), Agreed);
        // The object around it counts too.
        assert_eq!(reply(open, close, 15), Agreed);
        assert_eq!(reply(open, close, 16), Garbage);
        assert_eq!(reply(open, close, 2_000), Garbage);
    }
    assert_eq!(reply("[", "}", 1), Garbage);
    assert_eq!(reply("[{", "]}", 1), Garbage);
}

#[test]
fn outcomes_survive_the_way_through_an_exit_status() {
    for outcome in [Outcome::Agreed, Outcome::Unclear, Outcome::Failed] {
        assert_eq!(Outcome::of(Exit::Exited(outcome.status())), outcome);
    }
    assert_eq!(Outcome::of(Exit::Exited(0)), Outcome::Agreed);
    for status in (1..=255).filter(|status| *status != Outcome::Unclear.status()) {
        assert_eq!(Outcome::of(Exit::Exited(status)), Outcome::Failed, "{status}");
    }
    // A courier that did not come back by itself brings no answer.
    assert_eq!(Outcome::of(Exit::Killed(Signal::KILL)), Outcome::Failed);
    assert_eq!(Outcome::of(Exit::Killed(Signal(0))), Outcome::Failed);
    assert_eq!(Outcome::of(Exit::NotExecuted(Errno(0))), Outcome::Failed);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that look like JSON go deeper than any do.
    #[test]
    fn no_bytes_agree_by_chance(bytes in prop::collection::vec(
        prop_oneof![prop::sample::select(b"{}[]:,\"\\ 1".as_slice()), any::<u8>()], 0..200,
    )) {
        for method in [PrepareRestart, Shutdown] {
            prop_assert_eq!(decode(method, &bytes), Garbage);
            let member = [b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", bytes.as_slice(), b"}"].concat();
            prop_assert_ne!(decode(method, &member), Agreed);
        }
    }
}
