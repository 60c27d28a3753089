//! Replies of the server become a table of services, and that becomes a state file.

use proptest::prelude::*;
use zinit_pid1ctl::protocol::{self, Config, NoResult};
use zinit_pid1ctl::services::{NAME, SERVICES, Service, Services, State, TEXT};
use zinit_pid1ctl::state_file::{self, Header};

fn scratch() -> Vec<u8> {
    vec![0; 65_536]
}

/// A reply with this result.
fn reply(result: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#).into_bytes()
}

/// The table after the reply to `service.list` with this result.
fn list(result: &str) -> Result<Box<Services>, NoResult> {
    let mut services = Box::new(Services::new());
    protocol::read_list(&reply(result), &mut scratch(), &mut services).map(|()| services)
}

fn names(services: &Services) -> Vec<&str> {
    services.iter().map(|service| services.name(service)).collect()
}

/// State, pid and exit code after the reply to `service.status`.
fn status(line: &[u8]) -> Result<(State, u32, Option<i32>), NoResult> {
    let mut service = Service::default();
    protocol::read_status(line, &mut scratch(), &mut service)?;
    Ok((service.state, service.pid, service.exit_code))
}

fn config(line: &[u8]) -> Result<Config<'_>, NoResult> {
    protocol::read_config(line, &mut scratch())
}

/// The state file of a table, in which only these processes can be taken over; each was started at 7,000.
fn file(services: &Services, alive: &[u32]) -> String {
    struct Text(Vec<u8>);
    impl state_file::Write for &mut Text {
        type Error = ();
        fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), ()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }
    let mut text = Text(vec![]);
    let header = Header { now: 9_000, started_at: 5_000, config_dir: b"/etc/\"s", socket: b"/run/\xff" };
    let mut started_at = |pid| alive.contains(&pid).then_some(7_000);
    state_file::write(services, &header, &mut started_at, &mut text).expect("a text");
    String::from_utf8(text.0).expect("UTF-8")
}

#[test]
fn requests_are_lines_of_json() {
    let mut buf = [0; 200];
    let plain = protocol::request("service.list", None, &mut buf);
    assert_eq!(plain, Some(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"service.list\"}\n".as_slice()));
    let named = protocol::request("service.status", Some("a \"b\"\n\u{1b}ü"), &mut buf).expect("it fits");
    assert_eq!(
        String::from_utf8_lossy(named),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"service.status\",\"params\":{\"name\":\"a \\\"b\\\"\\n\\u001bü\"}}\n"
    );
    assert_eq!(protocol::request("service.list", None, &mut [0; 48]), None);
}

#[test]
fn lists_are_read() {
    assert_eq!(names(&list("[]").expect("a list")), [""; 0]);
    assert_eq!(names(&list(r#" [ "a" , "b c" ] "#).expect("a list")), ["a", "b c"]);
    let escaped = list(r#"["\"\\\/\b\f\n\r\t","\u00fc\uD83D\uDE00","ü😀"]"#).expect("a list");
    assert_eq!(names(&escaped), ["\"\\/\u{8}\u{c}\n\r\t", "ü😀", "ü😀"]);
    for wrong in
        ["", "{}", "[1]", "[\"a\",]", "[\"a\" \"b\"]", "[\"a]", "[\"\\x\"]", "[\"\\ud83d\"]", "[\"\n\"]"]
    {
        assert_eq!(list(wrong).err(), Some(NoResult::Garbage), "{wrong}");
    }
}

#[test]
fn states_are_read() {
    for (result, expected) in [
        (r#"{"name":"a","state":"running","pid":8}"#, (State::Running, 8, None)),
        (
            r#"{"pid":8,"more":[{"pid":9},[],{"a":{}}],"state":"starting","name":"a"}"#,
            (State::Starting, 8, None),
        ),
        (r#"{"state":"exited","pid":0,"exit_code":-1}"#, (State::Exited, 0, Some(-1))),
        (r#"{"state":"failed","exit_code":3,"error":"it \"failed\""}"#, (State::Failed, 0, Some(3))),
    ] {
        assert_eq!(status(&reply(result)), Ok(expected), "{result}");
    }
    for wrong in [
        "null",
        "[]",
        "{}",
        r#"{"pid":8}"#,
        r#"{"state":"other","pid":8}"#,
        r#"{"state":"running","pid":-1}"#,
        r#"{"state":"running","pid":4294967296}"#,
        r#"{"state":"running","pid":"8"}"#,
        r#"{"state":"running" "pid":8}"#,
    ] {
        assert_eq!(status(&reply(wrong)), Err(NoResult::Garbage), "{wrong}");
    }
}

#[test]
fn responses_count_by_their_members_wherever_they_stand() {
    let result = r#""result":{"state":"running","pid":8}"#;
    for line in [
        format!(r#"{{"jsonrpc":"2.0","id":1,{result}}}"#),
        format!(" {{ \"x\" : [ 1e3 , null , true ] , {result} , \"id\" : 1 }} \r\n"),
    ] {
        assert_eq!(status(line.as_bytes()), Ok((State::Running, 8, None)), "{line}");
    }
    for line in [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"service not found"}}"#,
        r#"{"error":"no","id":1}"#,
    ] {
        assert_eq!(status(line.as_bytes()), Err(NoResult::Refused), "{line}");
    }
    for line in [
        String::new(),
        "null".to_string(),
        r#"{"id":1}"#.to_string(),
        format!("{{{result}}}"),
        format!(r#"{{"id":2,{result}}}"#),
        format!(r#"{{"id":1,"error":1,{result}}}"#),
        format!(r#"{{"id":1,{result}}}x"#),
        format!(r#"{{"id":1,{result}"#),
        format!(r#"{{"id":1,{result},"x":{}}}"#, "[".repeat(500_000)),
    ] {
        let start = &line[..line.len().min(60)];
        assert_eq!(status(line.as_bytes()), Err(NoResult::Garbage), "{start}");
    }
}

/// As zinit-server 0.3.9 answers.
const CONFIG: &str = r#"{"dependencies":{"after":[]},"health":null,"lifecycle":{"max_restarts":10,"restart_delay_ms":1234},"service":{"env":{"A":"\"ü\" {"},"exec":"/bin/a","name":"a"}}"#;

#[test]
fn configurations_keep_their_text() {
    assert_eq!(config(&reply(CONFIG)), Ok(Config { text: Some(CONFIG.as_bytes()), delay: 1_234 }));
    assert_eq!(config(&reply(r#"{"is_target":true,"name":"a"}"#)), Ok(Config { text: None, delay: 0 }));
    for wrong in ["1", r#"{"service":{}"#, r#"{"service":{},"lifecycle":{"restart_delay_ms":"1"}}"#] {
        assert_eq!(config(&reply(wrong)), Err(NoResult::Garbage), "{wrong}");
    }
}

#[test]
fn restart_counts_are_read_from_the_text_for_people() {
    let text = r#"{"output":"=== Service Graph State ===\n\n[+] b - Running (pid=8, uptime=1s)\n    restart_count: 3, next_delay: 8000ms\n    ← depends on:\n      ✓ requires a (running)\n\n[X] a - Failed (it - failed)\n\n[.] c - Exited (code=Some(1))\n    restart_count: 2, next_delay: 4000ms\n\n[.] unknown - Exited (code=None)\n    restart_count: 9, next_delay: 1ms\n"}"#;
    let mut services = list(r#"["a","b","c"]"#).expect("a list");
    protocol::read_counts(&reply(text), &mut scratch(), &mut services).expect("counts");
    let counts: Vec<_> = services.iter().map(|service| (service.restarts, service.delay)).collect();
    assert_eq!(counts, [(0, None), (3, Some(8_000)), (2, Some(4_000))]);
    assert_eq!(protocol::read_counts(&reply("[]"), &mut scratch(), &mut services), Err(NoResult::Garbage));
}

#[test]
fn state_files_have_the_servers_format() {
    let mut services = list(r#"["a","\"b\"","c","d"]"#).expect("a list");
    let first = services.get_mut(0).expect("a");
    (first.state, first.pid, first.restarts, first.delay) = (State::Running, 8, 3, Some(8_000));
    services.set_config(0, CONFIG.as_bytes());
    // It has ended since, so that the next server has to start it.
    let second = services.get_mut(1).expect("b");
    (second.state, second.pid) = (State::Starting, 9);
    let third = services.get_mut(2).expect("c");
    (third.state, third.exit_code) = (State::Failed, Some(-2));
    let expected = [
        r#"{"version":1,"saved_at":9000,"boot_time":5000,"services":{"#,
        r#""a":{"name":"a","state":"running","pid":8,"restart_count":3,"current_restart_delay_ms":8000,"#,
        r#""last_exit_code":null,"last_exit_signal":null,"started_at":7000,"last_state_change":7000,"#,
        r#""ephemeral":true,"config":"#,
        CONFIG,
        r#"},"\"b\"":{"name":"\"b\"","state":"exited","pid":null,"restart_count":0,"#,
        r#""current_restart_delay_ms":1000,"last_exit_code":null,"last_exit_signal":null,"started_at":null,"#,
        r#""last_state_change":9000,"ephemeral":false},"#,
        r#""c":{"name":"c","state":"failed","pid":null,"restart_count":0,"current_restart_delay_ms":1000,"#,
        r#""last_exit_code":-2,"last_exit_signal":null,"started_at":null,"last_state_change":9000,"ephemeral":false},"#,
        r#""d":{"name":"d","state":"inactive","pid":null,"restart_count":0,"current_restart_delay_ms":1000,"#,
        r#""last_exit_code":null,"last_exit_signal":null,"started_at":null,"last_state_change":9000,"ephemeral":false}},"#,
        r#""config_dir":"/etc/\"s","socket_path":""}"#,
    ];
    let text = file(&services, &[8]);
    assert_eq!(text, expected.concat());
    // What was read is the same again.
    let mut again = Box::new(Services::new());
    assert!(state_file::read(text.as_bytes(), &mut scratch(), &mut again));
    assert_eq!(file(&again, &[8]), text);
    for length in 0..text.len() {
        assert!(!state_file::read(&text.as_bytes()[..length], &mut scratch(), &mut again), "{length}");
    }
}

#[test]
fn state_files_of_the_server_are_read() {
    let text = "{\n  \"version\": 1,\n  \"pid\": 7,\n  \"services\": {\n    \"pid\": {\n      \"name\": \"pid\",\n      \"pid\": 8,\n      \"state\": \"running\",\n      \"config\": {\"pid\": 9}\n    },\n    \"b\": {\"name\": \"b\", \"pid\": null}\n  }\n}\n";
    let mut services = Box::new(Services::new());
    assert!(state_file::read(text.as_bytes(), &mut scratch(), &mut services));
    let pids: Vec<_> = services.iter().map(|service| (services.name(service), service.pid)).collect();
    assert_eq!(pids, [("pid", 8), ("b", 0)]);
    for wrong in
        ["", "[]", "{}", "{\"services\":1}", "{\"services\":{\"a\":{\"pid\":-1}}}", "{\"services\":{}}x"]
    {
        assert!(!state_file::read(wrong.as_bytes(), &mut scratch(), &mut services), "{wrong}");
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let many: Vec<String> = (0..SERVICES + 2).map(|number| format!("\"{number}\"")).collect();
    let services = list(&format!("[{}]", many.join(","))).expect("a list");
    assert_eq!((services.len(), services.left_out()), (SERVICES, 2));
    let long = "a".repeat(NAME);
    let mut services = list(&format!("[\"{long}\",\"{long}b\"]")).expect("a list");
    assert_eq!((names(&services), services.left_out()), (vec![long.as_str()], 1));
    services.set_config(0, &vec![b' '; TEXT - NAME]);
    assert_eq!((services.config(services.get(0).expect("it")).len(), services.left_out()), (TEXT - NAME, 1));
    services.set_config(0, b" ");
    services.add("c");
    assert_eq!((services.config(services.get(0).expect("it")).len(), services.left_out()), (TEXT - NAME, 3));
    services.clear();
    assert_eq!((services.len(), services.left_out()), (0, 0));
}

proptest! {
    #[test]
    fn any_name_comes_back(name in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
        let mut buf = [0; 1_000];
        let request = protocol::request("m", Some(&name), &mut buf).expect("it fits");
        let request = std::str::from_utf8(request).expect("UTF-8");
        let quoted = request.strip_prefix(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"#);
        let quoted = quoted.and_then(|rest| rest.strip_suffix("}}\n")).expect("a request");
        let services = list(&format!("[{quoted}]")).expect("a list");
        prop_assert_eq!(names(&services), [name]);
    }

    #[test]
    fn no_bytes_break_a_reader(bytes in prop::collection::vec(prop_oneof![
        Just(b'"'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','), Just(b':'), Just(b'1'), any::<u8>()
    ], 0..60)) {
        let inside = [br#"{"id":1,"result":"#.as_slice(), &bytes, b"}"].concat();
        let mut services = Box::new(Services::new());
        for line in [&bytes, &inside] {
            let _any = protocol::read_list(line, &mut scratch(), &mut services);
            let _any = protocol::read_counts(line, &mut scratch(), &mut services);
            let _any = state_file::read(line, &mut scratch(), &mut services);
            let _any = (status(line), config(line));
        }
    }

    #[test]
    fn no_part_of_a_reply_is_a_reply(length in 0..CONFIG.len() + 35) {
        let whole = reply(CONFIG);
        prop_assert_eq!(config(&whole[..length.min(whole.len() - 1)]), Err(NoResult::Garbage));
    }
}
