//! What `zinit-pid1ctl status` tells a person and a monitor.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use crate::common::namespace::{Namespace, Setup};
use crate::common::updatable::{NEWER, Updatable, generation, offer};
use crate::common::{root, tool, until};

/// Runs `zinit-pid1ctl status` in the namespaces of PID 1, by way of another program if there is one.
fn status(pid1: &mut Namespace, by: &[&str], words: &[&str]) -> Output {
    let mut command = Command::new("nsenter");
    command.args(["-U", "-p", "-m", "-t", &pid1.pid1().to_string(), "--"]).args(by).arg(tool()).arg("status");
    command.args(words).output().expect("nsenter runs: package util-linux")
}

/// The members of the object that is printed, as Python writes their values, and the exit status.
fn json(pid1: &mut Namespace, by: &[&str]) -> (BTreeMap<String, String>, Option<i32>) {
    let output = status(pid1, by, &["--json"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
    const READ: &str =
        "import json, sys\nfor key, value in json.loads(sys.argv[1]).items(): print(key, repr(value))";
    let read = Command::new("python3").args(["-c", READ, &text]).output().expect("python3 runs");
    assert!(read.status.success(), "{text}: {read:?}");
    let lines = String::from_utf8(read.stdout).expect("UTF-8");
    let members = lines.lines().map(|line| line.split_once(' ').expect("a key and a value"));
    (members.map(|(key, value)| (key.to_string(), value.to_string())).collect(), output.status.code())
}

fn number(members: &BTreeMap<String, String>, key: &str) -> u64 {
    members[key].parse().unwrap_or_else(|_| panic!("{key} is {}", members[key]))
}

fn text(pid1: &mut Namespace) -> String {
    String::from_utf8(status(pid1, &[], &[]).stdout).expect("UTF-8")
}

#[test]
fn the_manual_has_each_key_for_a_monitor_and_no_other() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.is_up();
    let (members, _) = json(&mut pid1, &[]);
    let page = fs::read_to_string(root().join("doc/zinit-pid1ctl.8")).expect("a manual");
    let part = page.split_once(".Ss Status for a monitor\n").expect("a part").1;
    let part = part.split("\n.S").next().expect("a first part");
    let mut keys: Vec<&str> = part
        .lines()
        .filter_map(|line| line.strip_prefix(".It Va "))
        .flat_map(|keys| keys.split(" , "))
        .collect();
    keys.sort_unstable();
    assert_eq!(members.keys().collect::<Vec<_>>(), keys);
}

#[test]
fn it_tells_the_last_update_and_the_last_fault() {
    let (mut pid1, path) = Updatable::new().start();
    let pid = pid1.pid1();
    let (first, code) = json(&mut pid1, &[]);
    let version = format!("'{}'", env!("CARGO_PKG_VERSION"));
    let arch = format!("'{}'", std::env::consts::ARCH);
    for (key, value) in [
        ("version", version.as_str()),
        ("arch", &arch),
        ("role", "'container'"),
        ("generation", "0"),
        ("last_update", "None"),
        ("last_fault", "None"),
        ("children", "1"),
        ("zombies", "0"),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
    assert!(number(&first, "server") > 1 && number(&first, "server_age") < 180, "{first:?}");
    assert_eq!(code, Some(0));
    let lines = text(&mut pid1);
    for line in ["generation 0", "no update so far", "no fault so far"] {
        assert!(lines.contains(&format!("zinit-pid1: {line}\n")), "{lines}");
    }

    pid1.signal(libc::SIGSEGV);
    pid1.line("the server goes on");
    let (second, _) = json(&mut pid1, &[]);
    assert_eq!((second["generation"].as_str(), second["last_update"].as_str()), ("1", "None"));
    assert!(number(&second, "last_fault") < 180, "{second:?}");
    assert_eq!(second["server"], first["server"]);

    offer(&path, NEWER);
    pid1.signal(libc::SIGUSR2);
    until("the update", || generation(pid) == 2);
    pid1.log.nth("the server goes on", 2);
    let (third, _) = json(&mut pid1, &[]);
    assert_eq!(third["generation"], "2");
    assert!(number(&third, "last_update") <= number(&third, "last_fault"), "{third:?}");
    let lines = text(&mut pid1);
    for line in ["generation 2", "last update ", "last fault "] {
        assert!(lines.contains(&format!("zinit-pid1: {line}")), "{lines}");
    }
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn without_a_server_a_monitor_gets_null_and_status_3() {
    let mut pid1 = Setup::stand_in("obey").with("ZINIT_SERVER", "/nowhere").start();
    pid1.line("not executed, ENOENT");
    let (members, code) = json(&mut pid1, &[]);
    assert_eq!((members["server"].as_str(), members["server_age"].as_str()), ("None", "None"));
    assert_eq!(code, Some(3));
}

/// Another user than root may not read the program of PID 1, and neither may root without its capabilities.
#[test]
fn to_other_users_the_version_is_that_of_the_file() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.is_up();
    let (root, _) = json(&mut pid1, &[]);
    assert_eq!(root["version_of"], "'program'");
    let user = ["setpriv", "--bounding-set=-all"];
    let (mut members, code) = json(&mut pid1, &user);
    assert_eq!(members.insert("version_of".to_string(), "'program'".to_string()).as_deref(), Some("'file'"));
    for key in ["version", "arch", "version_of", "role", "generation", "server", "children"] {
        assert_eq!(members[key], root[key], "{key}");
    }
    assert_eq!(code, Some(0));
    let lines = String::from_utf8(status(&mut pid1, &user, &[]).stdout).expect("UTF-8");
    let version = env!("CARGO_PKG_VERSION");
    assert!(lines.contains(&format!("zinit-pid1: version {version} by its file, PID 1 of a ")), "{lines}");

    // After a re-exec the name of PID 1 is no path, and the usual paths lead to no file here.
    pid1.signal(libc::SIGSEGV);
    pid1.line("the server goes on");
    let (members, code) = json(&mut pid1, &user);
    for key in ["version", "arch", "version_of"] {
        assert_eq!(members[key], "None", "{key}");
    }
    assert_eq!((members["generation"].as_str(), code), ("1", Some(0)));
}
