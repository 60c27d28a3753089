//! Traces the system calls of a process, and injects results that the kernel would not return.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::namespace::Log;

/// strace, attached to one process until it is dropped, and to its children only with `-f`.
pub struct Trace {
    strace: Child,
    log: Log,
}

impl Trace {
    pub fn attach(pid: i32, more: &[&str]) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-p", &pid.to_string()]).args(more).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut strace = strace.spawn().expect("strace runs: scripts/setup packages");
        let log = Log::default();
        log.follow(strace.stderr.take().expect("a pipe"));
        log.line("attached");
        Self { strace, log }
    }

    /// Waits for a line of strace's.
    pub fn line(&self, text: &str) -> String {
        self.log.line(text)
    }

    /// The calls of a process that has ended, one per line, without signals.
    pub fn calls(mut self) -> Vec<String> {
        let begin = Instant::now();
        while self.strace.try_wait().expect("strace can be waited for").is_none() {
            assert!(begin.elapsed() < PATIENCE, "strace does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.log.line("+++ exited with 0 +++");
        let text = self.log.text();
        let calls = text.lines().filter(|line| line.contains('(') && !line.starts_with("strace:"));
        calls.map(ToString::to_string).collect()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ended = self.strace.kill();
        let _reaped = self.strace.wait();
    }
}
