//! The requests byte by byte, and replies of every kind: only a complete and exact agreement counts.

use proptest::prelude::*;
use zinit_pid1::model::action::Method;
use zinit_pid1::model::action::Method::{PrepareRestart, Shutdown};
use zinit_pid1::model::process::{Errno, Exit, Signal};
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

#[test]
fn a_reply_agrees_only_to_its_own_request() {
    assert_eq!(decode(PrepareRestart, READY.as_bytes()), Agreed);
    assert_eq!(decode(Shutdown, OK.as_bytes()), Agreed);
    assert_eq!(decode(PrepareRestart, OK.as_bytes()), Refused);
    assert_eq!(decode(Shutdown, READY.as_bytes()), Refused);
}

#[test]
fn only_what_the_server_sends_agrees() {
    let table: &[(&str, Reply)] = &[
        // A later server may add members.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"n":-1.5e3,"z":null}}"#, Agreed),
        // A server may refuse in many ways.
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
        (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"not pid 1"}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"error":{"ok":true}}"#, Refused),
        // An agreement with something after it.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"error":{"code":1}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"error":{}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}{}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}},"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true},"result":{"ok":false}}"#, Refused),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ok\":true}}\r", Refused),
        // An agreement in another spelling: the server gets the signal too.
        (r#"{"jsonrpc":"2.0","id":1,"result":{"n":1,"ok":true}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok": true}}"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true} }"#, Refused),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true,"a":{}}}"#, Refused),
        (r#" {"jsonrpc":"2.0","id":1,"result":{"ok":true}}"#, Garbage),
        (r#"{"id":1,"jsonrpc":"2.0","result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","result":{"ok":true},"id":1}"#, Garbage),
        // The rest are not responses to our request.
        (r#"{"jsonrpc":"2.0","id":1}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":2,"result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":"1","result":{"ok":true}}"#, Garbage),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}"#, Garbage),
        (r#"{"jsonrpc":"1.0","id":1,"result":{"ok":true}}"#, Garbage),
        (r#"[{"jsonrpc":"2.0","id":1,"result":{"ok":true}}]"#, Garbage),
        ("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ok\":true}}", Garbage),
        ("HTTP/1.1 200 OK", Garbage),
        ("{}", Garbage),
        (" ", Garbage),
        ("", Garbage),
    ];
    for (line, reply) in table {
        assert_eq!(decode(Shutdown, line.as_bytes()), *reply, "{line}");
    }
}

/// The RPC client may read any part of a line, if the server exits or is hostile.
#[test]
fn no_part_of_a_reply_counts_as_a_reply() {
    for (method, line) in [(PrepareRestart, READY), (Shutdown, OK)] {
        for end in 0..line.len() {
            assert_ne!(decode(method, &line.as_bytes()[..end]), Agreed, "{}", &line[..end]);
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

#[test]
fn outcomes_are_kept_by_an_exit_status() {
    for outcome in [Outcome::Agreed, Outcome::Unclear, Outcome::Failed] {
        assert_eq!(Outcome::of(Exit::Exited(outcome.status())), outcome);
    }
    assert_eq!(Outcome::of(Exit::Exited(0)), Outcome::Agreed);
    for status in (1..=255).filter(|status| *status != Outcome::Unclear.status()) {
        assert_eq!(Outcome::of(Exit::Exited(status)), Outcome::Failed, "{status}");
    }
    // An RPC client that did not exit by itself returns no outcome.
    assert_eq!(Outcome::of(Exit::Killed(Signal::KILL)), Outcome::Failed);
    assert_eq!(Outcome::of(Exit::Killed(Signal(0))), Outcome::Failed);
    assert_eq!(Outcome::of(Exit::NotExecuted(Errno(0))), Outcome::Failed);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that look like JSON reach deeper into the decoder than random ones.
    #[test]
    fn no_random_bytes_agree(bytes in prop::collection::vec(
        prop_oneof![prop::sample::select(b"{}[]:,\"\\ 1".as_slice()), any::<u8>()], 0..200,
    )) {
        for method in [PrepareRestart, Shutdown] {
            prop_assert_ne!(decode(method, &bytes), Agreed);
            let member = [b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", bytes.as_slice(), b"}"].concat();
            prop_assert_ne!(decode(method, &member), Agreed);
        }
    }
}
