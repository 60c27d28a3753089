//! Replies of the server about one service, and when that is the end of it.

use proptest::prelude::*;
use zinit_pid1ctl::life::{CONFIRM, End, Life, RESTART_MARGIN, Restarts, UNKNOWN, read_life, read_restarts};
use zinit_pid1ctl::protocol::{NoResult, read_count};

fn reply(result: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#).into_bytes()
}

fn life(state: &str) -> Result<Life, NoResult> {
    let result = format!(
        r#"{{"dependencies":[{{"name":"x","state":{{"state":"exited","exit_code":9}}}}],"is_target":false,"name":"job","state":{state},"uptime_secs":null}}"#
    );
    read_life(&reply(&result), &mut vec![0; 4_096])
}

fn ended(failed: bool, status: Option<u8>) -> Result<Life, NoResult> {
    Ok(Life::Ended(End { failed, status }))
}

/// As zinit-server 0.3.9 writes them.
#[test]
fn each_state_is_an_end_or_not() {
    for (state, expected) in [
        (r#"{"state":"inactive"}"#, Ok(Life::Goes(0))),
        (r#"{"state":"blocked","waiting_on":["x"]}"#, Ok(Life::Goes(0))),
        (r#"{"pid":0,"state":"starting"}"#, Ok(Life::Goes(0))),
        (r#"{"pid":12,"state":"starting"}"#, Ok(Life::Goes(12))),
        (r#"{"pid":12,"state":"running"}"#, Ok(Life::Goes(12))),
        (r#"{"pid":12,"state":"stopping"}"#, Ok(Life::Goes(12))),
        (r#"{"exit_code":0,"state":"exited"}"#, ended(false, Some(0))),
        (r#"{"exit_code":255,"state":"exited"}"#, ended(false, Some(255))),
        (r#"{"exit_code":null,"state":"exited"}"#, ended(false, None)),
        (r#"{"reason":{"code":3,"type":"exit_code"},"state":"failed"}"#, ended(true, Some(3))),
        (r#"{"reason":{"code":-1,"type":"exit_code"},"state":"failed"}"#, ended(true, None)),
        (r#"{"reason":{"signal":15,"type":"signal"},"state":"failed"}"#, ended(true, Some(143))),
        (r#"{"reason":{"type":"start_timeout"},"state":"failed"}"#, ended(true, None)),
        (r#"{"reason":{"message":"code","type":"spawn_error"},"state":"failed"}"#, ended(true, None)),
        (r#"{"state":"new"}"#, Err(NoResult::Garbage)),
        (r#""running""#, Err(NoResult::Garbage)),
        ("{}", Err(NoResult::Garbage)),
    ] {
        assert_eq!(life(state), expected, "{state}");
    }
    let refused = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"service not found"}}"#;
    assert_eq!(read_life(refused, &mut [0; 64]), Err(NoResult::Refused));
}

fn restarts(oneshot: bool, status: &str, restart: &str) -> Restarts {
    let result = format!(
        r#"{{"lifecycle":{{"max_restarts":10,"restart":"{restart}","restart_delay_ms":700}},"service":{{"name":"job","oneshot":{oneshot},"status":"{status}"}}}}"#
    );
    read_restarts(&reply(&result), &mut vec![0; 4_096]).expect("a configuration")
}

#[test]
fn an_end_that_the_server_may_follow_by_a_restart_has_to_last() {
    let [success, failure, unknown] =
        [(false, Some(0)), (true, Some(3)), (false, None)].map(|(failed, status)| End { failed, status });
    for (oneshot, status, policy, [after_success, after_failure]) in [
        (false, "start", "always", [true, true]),
        (false, "start", "on-failure", [false, true]),
        (false, "start", "never", [false, false]),
        (true, "start", "always", [false, false]),
        (false, "ignore", "always", [false, false]),
        (false, "stop", "on-failure", [false, false]),
    ] {
        let restarts = restarts(oneshot, status, policy);
        for (end, may) in [(success, after_success), (failure, after_failure)] {
            assert_eq!(restarts.may_follow(end), may, "{oneshot} {status} {policy} {end:?}");
            let patience = if may { 5_000 + RESTART_MARGIN } else { CONFIRM };
            assert_eq!(restarts.patience(end, Some((1, 5_000))), patience);
            // The first delay may be longer than the longest one that follows.
            let patience = if may { 700 + RESTART_MARGIN } else { CONFIRM };
            assert_eq!(restarts.patience(end, Some((2, 10))), patience);
            assert_eq!(restarts.patience(end, None), CONFIRM);
        }
        assert_eq!(restarts.patience(unknown, None), UNKNOWN);
    }
}

#[test]
fn a_target_is_never_started_again() {
    let target = read_restarts(&reply(r#"{"is_target":true,"name":"job"}"#), &mut [0; 64]);
    assert!(!target.expect("a reply").may_follow(End { failed: true, status: None }));
}

#[test]
fn the_count_is_that_of_the_service_of_this_name() {
    let text = "=== Service Graph State ===\n\n[X] a - Failed (exited with code 3)\n    restart_count: 4, next_delay: 800ms\n\n[+] job - Running (pid=3)\n\n[.] jobs - Exited (code=Some(0))\n    restart_count: 1, next_delay: 20ms\n";
    let line = reply(&format!("{{\"output\":{text:?}}}"));
    for (name, expected) in [("a", Some((4, 800))), ("job", None), ("jobs", Some((1, 20))), ("none", None)] {
        assert_eq!(read_count(&line, &mut vec![0; 4_096], name), Ok(expected), "{name}");
    }
}

proptest! {
    #[test]
    fn no_reply_is_fatal(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _any = read_life(&line, &mut [0; 64]);
        let _any = read_restarts(&line, &mut [0; 64]);
        let _any = read_count(&line, &mut [0; 64], "job");
    }
}
