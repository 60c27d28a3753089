//! The scripts in doc/examples, as they stand there.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::namespace::Log;
use crate::common::podman::example;
use crate::common::variant::variant;
use crate::common::{Folder, brought, program, tool};

#[test]
fn an_initramfs_has_a_network_service_that_answers() {
    let folder = Folder::new();
    let text = Example::start("initramfs", &folder).ends();
    assert!(text.contains("check: board-1 answers: It works"), "{text}");
    ended_in_order(&text);
}

#[test]
fn a_read_only_root_has_a_data_partition_and_a_watchdog_and_both_partitions_end_clean() {
    let folder = Folder::new();
    let text = Example::start("read-only-root", &folder).ends();
    for line in [
        "check: boot 1, the root is read-only",
        "check: boot 2, the root is read-only",
        "check: partition 1 is clean",
        "check: partition 2 is clean",
    ] {
        assert!(text.contains(line), "no {line}:\n{text}");
    }
    assert_eq!(text.matches("zinit-pid1: /dev/watchdog is armed, 60 s").count(), 2, "{text}");
    assert_eq!(text.matches("reboot: Power down").count(), 2, "{text}");
    // The power off has disarmed it.
    assert!(!text.contains("watchdog did not stop"), "{text}");
    ended_in_order(&text);
}

#[test]
fn a_board_takes_a_signed_update_from_a_stick_and_has_it_at_the_next_boot() {
    let running = env!("CARGO_PKG_VERSION");
    let next = {
        let (rest, last) = running.rsplit_once('.').expect("three numbers");
        format!("{rest}.{}", last.parse::<u32>().expect("a number") + 1)
    };
    let [from, to] = [running, &next].map(|version| format!("version = \"{version}\""));
    let newer = variant("next-version", &[("Cargo.toml", &from, &to)]);
    let folder = Folder::new();
    let text = Example::with("signed-update", &folder, &[&newer]).ends();
    let checks: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("check: ")).collect();
    let versions = [running, &next].map(|version| format!("version {version}, PID 1 of this machine"));
    let [old, new] = versions.each_ref().map(String::as_str);
    let wanted = [
        old,
        "generation 0",
        "the root is read-only again",
        new,
        "generation 1",
        "the server and this service went on",
        // The second boot.
        new,
        "generation 0",
    ];
    assert_eq!(checks, wanted, "{text}");
    for line in [
        format!("file:zinit-pid1 version:{next} arch:x86_64"),
        "zinit-pid1.new works as PID 1".into(),
        format!("zinit-pid1.new would replace version {running} by version {next}"),
        "zinit-pid1: the server goes on".into(),
        format!("zinit-pid1: PID 1 is now zinit-pid1 {next}, generation 1"),
    ] {
        assert!(text.contains(&line), "no {line}:\n{text}");
    }
    assert_eq!(text.matches("reboot: Power down").count(), 2, "{text}");
    ended_in_order(&text);
}

/// Panics unless the last machine has powered off by itself, and nothing had to be killed.
fn ended_in_order(text: &str) {
    assert!(text.contains("zinit-pid1: power off begins") && text.contains("reboot: Power down"), "{text}");
    for sign in ["zinit-pid1: cannot", "sending KILL", "not done in time", "Kernel panic"] {
        assert!(!text.contains(sign), "{sign} in:\n{text}");
    }
}

/// A script that runs, with all that it has started.
struct Example {
    script: Child,
    log: Log,
}

/// It packs images and boots machines, while other tests do the same.
const LIMIT: Duration = Duration::from_secs(600);

impl Example {
    /// Starts the script with a folder for its files, with the programs of this source.
    fn start(name: &str, folder: &Folder) -> Self {
        Self::with(name, folder, &[])
    }

    /// The same with more arguments.
    fn with(name: &str, folder: &Folder, words: &[&Path]) -> Self {
        let mut script = Command::new(example(name));
        script.arg(folder.path()).args(words);
        // Where the script takes them from.
        for file in [program(), tool(), brought("target/zinit/x86_64/bin/zinit-server")] {
            assert!(file.exists(), "{}", file.display());
        }
        script.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut script = script.spawn().expect("the script runs");
        let log = Log::default();
        log.follow(script.stdout.take().expect("a pipe"));
        log.follow(script.stderr.take().expect("a pipe"));
        Self { script, log }
    }

    /// Waits until it has ended with success, and returns what it said.
    fn ends(mut self) -> String {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.script.try_wait().expect("a child") {
                break status;
            }
            assert!(begin.elapsed() < LIMIT, "the script does not end:\n{}", self.log.text());
            std::thread::sleep(Duration::from_millis(20));
        };
        self.log.is_read();
        let text = self.log.text();
        assert!(status.success(), "{status}:\n{text}");
        text
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // A group that is empty by now has no other processes: its number is that of a child which was not reaped.
        if self.script.try_wait().is_ok_and(|status| status.is_none()) {
            let group = self.script.id().cast_signed();
            // SAFETY: kill(2) of the process group that this test has made.
            unsafe { libc::kill(-group, libc::SIGKILL) };
            let _reaped = self.script.wait();
        }
    }
}
