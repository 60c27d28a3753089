//! The requests byte by byte, and replies of every kind: only an error is a refusal.

use proptest::prelude::*;
use zinit_pid1::model::action::Method;
use zinit_pid1::model::action::Method::{PrepareRestart, Shutdown};
use zinit_pid1::model::limits::RESTART_GRACE;
use zinit_pid1::model::process::{Errno, Exit, Signal};
use zinit_pid1::model::time::Millis;
use zinit_pid1::parse::rpc::Outcome::{self, Agreed, Refused, Unclear};
use zinit_pid1::parse::rpc::{HEAD, decode, request};

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
fn replies_of_the_server_are_understood() {
    let refusal = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"not \"pid\" 1"}}"#;
    for (line, outcome) in [(READY, Agreed), (OK, Agreed), (refusal, Refused)] {
        assert_eq!(decode(line.as_bytes()), outcome, "{line}");
    }
}

#[test]
fn the_name_of_the_first_object_inside_decides() {
    let table: &[(&str, Outcome)] = &[
        (r#"{"error":{}}"#, Refused),
        (r#"{"id":null,"error":{"code":-32700}}"#, Refused),
        (r#"{"error":{"result":{}}}"#, Refused),
        (r#"{"error":{},"id":1,"jsonrpc":"2.0"}"#, Refused),
        ("{\t\"id\": 1, \"error\": \t{ } }", Refused),
        (r#"{"result":{"error":{}}}"#, Agreed),
        (r#"{"x":"error","result":{}}"#, Agreed),
        (r#"{"error":null,"result":{}}"#, Agreed),
        ("{ \"result\":\r{ \"ok\" : true } }", Agreed),
        // The name as a value, in another object, or as a part of a text.
        (r#"{"x":"error","y":{}}"#, Unclear),
        (r#"{"x":"\"error\":{}"}"#, Unclear),
        (r#"{"x":{"error":{}}}"#, Unclear),
        (r#"{"x":["error",{}]}"#, Unclear),
        (r#"{"err\u006fr":{}}"#, Unclear),
        (r#"{"errors":{}}"#, Unclear),
        (r#"{"ERROR":{}}"#, Unclear),
        // No objects.
        (r#"{"error":[{}]}"#, Unclear),
        (r#"{"error":"{}"}"#, Unclear),
        (r#"{"error":null}"#, Unclear),
        (r#"{"error":"#, Unclear),
        (r#"{"error":}"#, Unclear),
        (r#"{"result":true}"#, Unclear),
        // Not one object.
        (r#"[{"error":{}}]"#, Unclear),
        (r#""error":{}"#, Unclear),
        (r#" {"error":{}}"#, Unclear),
        (r#"{"error":{}},"#, Unclear),
        ("\u{feff}{\"error\":{}}", Unclear),
        ("HTTP/1.1 200 OK", Unclear),
        ("error", Unclear),
        ("{}", Unclear),
        ("{", Unclear),
        ("}", Unclear),
        ("", Unclear),
    ];
    for (line, outcome) in table {
        assert_eq!(decode(line.as_bytes()), *outcome, "{line}");
    }
}

/// The RPC client may read any part of a line, if the server exits.
#[test]
fn a_reply_without_its_end_or_its_start_is_unclear() {
    let refusal = r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"no"},"id":1}"#;
    for line in [READY, OK, refusal] {
        // A part may end in a bracket of its own, but the first object decides in any case.
        for end in (0..line.len()).filter(|end| !line[..*end].ends_with('}')) {
            assert_eq!(decode(&line.as_bytes()[..end]), Unclear, "{}", &line[..end]);
        }
        for start in 1..line.len() {
            assert_eq!(decode(&line.as_bytes()[start..]), Unclear, "{}", &line[start..]);
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes that look like JSON reach deeper into the decoder than random ones.
    #[test]
    fn no_random_bytes_are_a_reply(bytes in prop::collection::vec(
        prop_oneof![prop::sample::select(b"{}[]:,\"\\ 1".as_slice()), any::<u8>()], 0..200,
    )) {
        prop_assert_eq!(decode(&bytes), Unclear);
    }

    /// What follows the name of the first object makes no difference.
    #[test]
    fn the_rest_of_a_reply_is_skipped(rest in "[ -~]{0,80}", scalar in "[0-9a-z]{1,8}") {
        for (name, outcome) in [("error", Refused), ("result", Agreed)] {
            let line = format!("{{\"id\":{scalar},\"{name}\":{{{rest}}}}}");
            prop_assert_eq!(decode(line.as_bytes()), outcome);
        }
    }
}
