//! How PID 1 handles a name (argv\[0\]) that no earlier PID 1 has written: the real program in namespaces.

use crate::common::namespace::{Namespace, Setup, status};
use crate::common::reexec::{EXEC_SEALED, decodes, seal, unsealed};
use crate::common::until;
use zinit_pid1::model::limits::{RESPAWN_DELAY, RESPAWN_DELAY_MAX};

/// A name with a server; the word for its pid may be anything.
fn with_server(pid: &str) -> String {
    unsealed(&[("server", pid), ("generation", "1")])
}

/// Starts the program under a name, in which CHILD and GRAND stand for pids of processes below it.
fn start(mode: &str, name: &str) -> Namespace {
    let setup = Setup::stand_in(mode).with("HANDED", name);
    let pids = setup.folder.path().join("pids");
    let run = format!(
        "exec bash -c '
            {{ sleep 1000 & echo $! $BASHPID >{0}; wait; }} &
            until [ -s {0} ]; do sleep 0.01; done; read GRAND CHILD <{0}
            HANDED=${{HANDED//GRAND/$GRAND}} HANDED=${{HANDED//CHILD/$CHILD}}
            {EXEC_SEALED}' \"$0\" \"$@\"",
        pids.display()
    );
    setup.run(&run).start()
}

/// The names of its children.
fn children(pid1: &mut Namespace) -> Vec<String> {
    let children = pid1.children();
    let mut names: Vec<String> = children.into_iter().filter_map(|pid| status(pid, "Name")).collect();
    names.sort();
    names
}

/// Fails unless a PID 1 of this name starts a server of its own and stops on request; the name is found in its
/// command line.
fn starts_a_server(name: &str) {
    let mut pid1 = start("obey", name);
    pid1.diary_line("started");
    until(&format!("a server, {name:?}"), || children(&mut pid1) == ["bash", "stand-in"]);
    assert!(!pid1.log.text().contains("goes on"), "{name:?}: {}", pid1.log.text());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    let counts = ["started", "system.shutdown"].map(|line| pid1.diary().matches(line).count());
    assert_eq!(counts, [1, 1], "{name:?}: {}", pid1.log.text());
}

#[test]
fn a_running_child_is_adopted_as_the_server_and_its_exit_is_seen() {
    let mut pid1 = start("obey", &with_server("CHILD"));
    pid1.line("the server goes on");
    assert_eq!(children(&mut pid1), ["bash"]);
    let child = pid1.children()[0];
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(child, libc::SIGKILL) };
    pid1.line("killed by signal 9, respawn in 1000 ms");
    pid1.diary_line("started");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_process_that_is_not_a_child_is_not_adopted() {
    for pid in
        ["GRAND", "1", "0", "2147483647", "2147483648", "4294967295", "4294967296", "00000000000000000000"]
    {
        starts_a_server(&with_server(pid));
    }
}

#[test]
fn no_name_prevents_a_server_start_and_a_stop() {
    let good = with_server("GRAND");
    let words: Vec<&str> = good.split(' ').collect();
    let long = format!("{good} {}", "9".repeat(100_000));
    let mut names = vec![
        String::new(),
        "zinit-pid1".to_string(),
        "zinit-pid1 ".to_string(),
        words[..2].join(" "),
        format!("{good} "),
        format!("{good} 1 2 3 4 5 6 7 8"),
        good.replace(' ', "  "),
        good.replace(' ', "\t"),
        good.replace(' ', "\n"),
        good.to_uppercase(),
        with_server("-1"),
        with_server("+CHILD"),
        with_server("0xCHILD"),
        with_server("CHILD\u{1b}[2J"),
        with_server("\u{ff10}"),
        with_server("*"),
        with_server("%s%n"),
        with_server("CHILDCHILDCHILDCHILDCHILD"),
        with_server(&"1".repeat(4_096)),
        long,
    ];
    for (index, _) in words.iter().enumerate().skip(2) {
        // The word is cut off, or replaced.
        names.push(words[..index].join(" "));
        for other in ["x", "4294967295", "4294967296", "-1"] {
            let mut words = words.clone();
            words[index] = other;
            names.push(words.join(" "));
        }
    }
    for name in names {
        starts_a_server(&name);
    }
}

#[test]
fn a_truncated_or_extended_name_is_a_first_boot() {
    let good = seal(&unsealed(&[("server", "42"), ("generation", "3"), ("backoff", "2000")]));
    assert!(decodes(&good));
    let cut = (0..good.len()).map(|length| good[..length].to_string());
    for other in cut.chain([format!("{good} 1"), format!("{good} "), good.replace(' ', "  ")]) {
        assert!(!decodes(&other), "{other:?}");
    }
}

#[test]
fn no_name_sets_a_backoff_outside_of_its_limits() {
    let largest = u32::MAX.to_string();
    let all =
        ["server", "generation", "rescue", "restarter", "watcher", "reader4", "backoff", "fault", "started"];
    let all = all.map(|key| (key, largest.as_str()));
    let delays = ["0", "1", "999", "30001", "2147483648", &largest];
    let names = delays.map(|delay| unsealed(&[("generation", "1"), ("backoff", delay)]));
    for name in names.into_iter().chain([unsealed(&all)]) {
        let pid1 = start("die", &name);
        let line = pid1.line("exited 3, respawn in ");
        let found: u32 = line.split(' ').rev().nth(1).and_then(|word| word.parse().ok()).expect("a number");
        assert!((RESPAWN_DELAY..=RESPAWN_DELAY_MAX).contains(&found), "{name}: {line}");
    }
}
