//! The memory that PID 1 locks, in a namespace: no test here may lock more than any process may.

use std::fs;

use crate::common::namespace::{Setup, state, status};
use crate::common::until;

#[test]
fn each_generation_locks_its_program_and_its_stack() {
    let mut pid1 = Setup::stand_in("obey").start();
    pid1.is_up();
    let pid = pid1.pid1();
    is_locked(pid);
    let server = pid1.server();
    assert_eq!(status(server, "VmLck").as_deref(), Some("0 kB"));
    pid1.signal(libc::SIGSEGV);
    // This generation logs that before it locks its memory, and does not sleep before that.
    pid1.line("the server goes on");
    until("sleep", || state(pid) == Some('S'));
    is_locked(pid);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn memory_that_may_not_be_locked_is_a_debug_line() {
    // The second limit is enough for the program and not for the stack.
    for (limit, errno, locked) in [(0, "EPERM", 0), (32, "ENOMEM", 28)] {
        let mut pid1 = Setup::stand_in("obey")
            .with("ZINIT_LOG_LEVEL", "debug")
            .before(&format!("ulimit -l {limit}"))
            .start();
        pid1.line(&format!("cannot lock memory: {errno}"));
        pid1.is_up();
        let pid = pid1.pid1();
        assert_eq!(status(pid, "VmLck"), Some(format!("{locked} kB")));
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
    let mut quiet = Setup::stand_in("obey").before("ulimit -l 0").start();
    quiet.is_up();
    quiet.signal(libc::SIGTERM);
    quiet.ends_well();
    assert!(!quiet.log.text().contains("lock"), "{}", quiet.log.text());
}

/// Asserts that all of the program is in memory and locked, and that every used page of the stack is.
fn is_locked(pid: i32) {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("smaps");
    let (mut name, mut seen) = ("", vec![]);
    let (mut size, mut resident) = (0, 0);
    for line in smaps.lines() {
        let (key, value) = line.split_once(':').expect("a key");
        let kilobytes = || -> u64 {
            value.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
        };
        match key {
            "Size" => size = kilobytes(),
            "Rss" => resident = kilobytes(),
            "VmFlags" => {
                let locked = value.split(' ').any(|flag| flag == "lo");
                assert!(locked || resident == 0, "{name} is not locked: {smaps}");
                assert!(name != "zinit-pid1" || resident == size, "{name}: {smaps}");
                seen.push((name, locked));
            }
            _ if key.contains('-') => name = line.rsplit(['/', ' ']).next().unwrap_or_default(),
            _ => {}
        }
    }
    assert!(seen.contains(&("zinit-pid1", true)) && seen.contains(&("[stack]", true)), "{smaps}");
}
