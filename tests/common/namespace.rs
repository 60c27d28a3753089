//! The program as PID 1 of namespaces of its own: the only place where a test starts it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::elf::ARCHITECTURES;
use super::{Folder, PATIENCE, program, stand_in, until};

/// How the program is to be started.
pub struct Setup {
    /// A temporary folder that is removed after the test, and contains the socket `sock` and the stand-in's log file
    /// `diary`.
    pub folder: Folder,
    environment: Vec<(String, String)>,
    words: Vec<String>,
    program: Option<PathBuf>,
    emulator: String,
    before: String,
    run: String,
    stderr: Option<OwnedFd>,
}

impl Setup {
    /// With the stand-in as server, in the given mode.
    pub fn stand_in(mode: &str) -> Self {
        let folder = Folder::new();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let environment = [
            ("ZINIT_SERVER", stand_in().display().to_string()),
            ("ZINIT_SOCKET", at("sock")),
            ("ZINIT_CONFIG_DIR", at("services")),
            ("STAND_IN", mode.to_string()),
            ("STAND_IN_DIARY", at("diary")),
            ("PATH", "/usr/bin:/bin".to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_string(), value)).into();
        Self {
            folder,
            environment,
            words: vec![],
            program: None,
            emulator: String::new(),
            before: String::new(),
            run: RUN.to_string(),
            stderr: None,
        }
    }

    /// Starts this program for another architecture instead, by QEMU's user emulation; all others stay native.
    ///
    /// The kernel finds the emulator by a binfmt_misc that only this user namespace has. By its flags, P keeps
    /// argv\[0\], which is the re-exec state, and F opens the emulator now, whatever is mounted later.
    pub fn emulated(mut self, arch: &str, program: PathBuf) -> Self {
        let (.., machine) = ARCHITECTURES.into_iter().find(|(name, ..)| *name == arch).expect(arch);
        let emulator = emulator(arch);
        assert!(Path::new(&emulator).exists(), "{emulator} is missing: run scripts/setup userland:{arch}");
        // e_machine, at 18 in the header of a program.
        let rule = format!(r":{arch}:M:18:\x{machine:02x}\x00::{emulator}:PF");
        self.emulator = format!(
            "mount -t binfmt_misc none {BINFMT} && printf %s '{rule}' >{BINFMT}/register ||
            {{ echo 'there is no binfmt_misc for user namespaces before Linux 6.7'; exit 1; }}"
        );
        self.program = Some(program);
        self
    }

    /// Sets, or with an empty value removes, a variable.
    pub fn with(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.environment.retain(|(known, _)| known != name);
        let value = value.as_ref().display().to_string();
        if !value.is_empty() {
            self.environment.push((name.to_string(), value));
        }
        self
    }

    /// Gives the program arguments.
    pub fn words(mut self, words: &[&str]) -> Self {
        self.words = words.iter().map(ToString::to_string).collect();
        self
    }

    /// Runs shell commands in the namespaces first, in the process that becomes the program.
    pub fn before(mut self, commands: &str) -> Self {
        self.before = commands.to_string();
        self
    }

    /// Starts the program by another shell command than `exec "$0" "$@"`.
    pub fn run(mut self, run: &str) -> Self {
        self.run = run.to_string();
        self
    }

    /// Gives the program this as standard error.
    pub fn stderr(mut self, stderr: OwnedFd) -> Self {
        self.stderr = Some(stderr);
        self
    }

    /// Starts the program as PID 1.
    pub fn start(self) -> Namespace {
        let script = format!("{}\n{}\n{}", self.emulator, self.before, self.run);
        let program = self.program.unwrap_or_else(program);
        let mut unshare = Command::new("unshare");
        unshare.args(["-U", "-r", "-p", "-m", "-f", "--mount-proc", "--kill-child=KILL", "--"]);
        unshare.args(["sh", "-c", &script]).arg(program).args(&self.words);
        unshare.env_clear().envs(self.environment.iter().cloned());
        unshare.stdin(Stdio::null()).stdout(Stdio::piped());
        unshare.stderr(self.stderr.map_or_else(Stdio::piped, Stdio::from));
        let mut unshare = unshare.spawn().expect("unshare runs: package util-linux");
        let log = Log::default();
        log.follow(unshare.stdout.take().expect("a pipe"));
        if let Some(stderr) = unshare.stderr.take() {
            log.follow(stderr);
        }
        Namespace { unshare, log, folder: self.folder, pid1: None }
    }
}

/// The emulator of an architecture's programs.
pub fn emulator(arch: &str) -> String {
    format!("/usr/bin/qemu-{}-static", if arch == "armv7" { "arm" } else { arch })
}

const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

/// The shell executes the program, which therefore is PID 1.
const RUN: &str = "exec \"$0\" \"$@\"";

/// The running program.
pub struct Namespace {
    unshare: Child,
    pub log: Log,
    pub folder: Folder,
    pid1: Option<i32>,
}

impl Namespace {
    /// The program's pid outside of its namespaces.
    pub fn pid1(&mut self) -> i32 {
        if let Some(pid) = self.pid1 {
            return pid;
        }
        let unshare = self.unshare.id();
        let mut found = None;
        until("the program as child of unshare", || {
            let pid = children(unshare.cast_signed()).first().copied();
            found = pid.filter(|pid| comm(*pid) == "zinit-pid1");
            found.is_some()
        });
        self.pid1 = found;
        found.expect("just found")
    }

    /// The pid, outside of the namespaces, of a shell that is and remains PID 1.
    pub fn shell(&self) -> i32 {
        let mut found = None;
        until("the shell as child of unshare", || {
            found = children(self.unshare.id().cast_signed()).first().copied();
            found.is_some()
        });
        found.expect("just found")
    }

    /// Sends a signal to the program, by number.
    pub fn signal(&mut self, signal: i32) {
        // SAFETY: kill(2) takes two numbers; the pid is the one that this test started.
        let answer = unsafe { libc::kill(self.pid1(), signal) };
        assert_eq!(answer, 0, "the program can be signalled");
    }

    /// Waits for a line that contains `text`, and returns it.
    pub fn line(&self, text: &str) -> String {
        self.log.line(text)
    }

    /// Waits until the first server has started and the program has logged it.
    pub fn is_up(&self) {
        self.diary_line("started");
        self.line(" started");
    }

    /// Waits for the program's end.
    pub fn end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.unshare.try_wait().expect("unshare can be waited for") {
                return status;
            }
            assert!(begin.elapsed() < PATIENCE, "the program does not end\n{}", self.log.text());
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Waits for the program's end and asserts exit status 0.
    pub fn ends_well(&mut self) {
        let status = self.end();
        assert_eq!((status.code(), status.signal()), (Some(0), None), "{}", self.log.text());
    }

    /// The pid, outside of the namespaces, of the server: the only child of the program but for its log writer.
    pub fn server(&mut self) -> i32 {
        let pid1 = self.pid1();
        let mut servers = vec![];
        until("a server", || {
            servers = children(pid1).into_iter().filter(|pid| comm(*pid) != "zinit-pid1").collect();
            servers.len() == 1
        });
        servers[0]
    }

    /// The pid, outside of the namespaces, of the child with this name.
    pub fn server_named(&mut self, name: &str) -> i32 {
        let pid1 = self.pid1();
        let mut found = None;
        until(name, || {
            found = children(pid1).into_iter().find(|pid| comm(*pid) == name);
            found.is_some()
        });
        found.expect("just found")
    }

    /// The program's children, including zombies.
    pub fn children(&mut self) -> Vec<i32> {
        children(self.pid1())
    }

    /// The lines that the stand-in has written to its log file so far.
    pub fn diary(&self) -> String {
        fs::read_to_string(self.folder.path().join("diary")).unwrap_or_default()
    }

    /// Waits for a line of the diary that contains `text`.
    pub fn diary_line(&self, text: &str) -> String {
        let mut found = None;
        until(&format!("\"{text}\" in the diary\n{}", self.log.text()), || {
            found = self.diary().lines().find(|line| line.contains(text)).map(ToString::to_string);
            found.is_some()
        });
        found.expect("just found")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // --kill-child kills the program as well, and the end of the program kills all processes of the namespace.
        let unshare = Pid::from_raw(self.unshare.id().cast_signed());
        if self.unshare.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _gone = kill(unshare, Signal::SIGKILL);
            let _reaped = self.unshare.wait();
        }
    }
}

/// The lines that a program has written so far.
#[derive(Clone, Default)]
pub struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    /// Reads `pipe` to its end, in a thread.
    pub fn follow(&self, pipe: impl std::io::Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_string();
                log.0.0.lock().expect("a reader does not panic").push(text);
                log.0.1.notify_all();
                line.clear();
            }
        });
    }

    /// Lets nobody read the pipe until this is dropped.
    pub fn pause(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.0.lock().expect("a reader does not panic")
    }

    /// Waits until each pipe is read to its end.
    pub fn is_read(&self) {
        until("the end of the log", || Arc::strong_count(&self.0) == 1);
    }

    /// All lines so far.
    pub fn text(&self) -> String {
        told(&self.0.0.lock().expect("a reader does not panic"))
    }

    /// Waits for the first line that contains `text`.
    pub fn line(&self, text: &str) -> String {
        self.nth(text, 1)
    }

    /// Waits for the `count`th line that contains `text`.
    pub fn nth(&self, text: &str, count: usize) -> String {
        self.nth_within(text, count, PATIENCE)
    }

    /// The same with another timeout.
    pub fn nth_within(&self, text: &str, count: usize, timeout: Duration) -> String {
        let (lines, news) = &*self.0;
        let begin = Instant::now();
        let mut lines = lines.lock().expect("a reader does not panic");
        loop {
            if let Some(line) = lines.iter().filter(|line| line.contains(text)).nth(count - 1) {
                return line.clone();
            }
            let left = timeout.saturating_sub(begin.elapsed());
            assert!(!left.is_zero(), "no line \"{text}\" ({count}) in:\n{}", told(&lines));
            lines = news.wait_timeout(lines, left).expect("a reader does not panic").0;
        }
    }
}

/// The lines without those that a machine's kernel prints before it starts PID 1.
fn told(lines: &[String]) -> String {
    let begin = lines.iter().position(|line| line.contains("as init process")).unwrap_or(0);
    lines[begin..].join("\n")
}

/// The children of a process, including zombies.
pub fn children(pid: i32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The state letter of a process, 'Z' for a zombie; `None` if it is gone.
pub fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Stops a process that a test started, and waits until each of its threads is stopped: kill(2) returns before that, and
/// a busy computer lets a server answer meanwhile.
pub fn freeze(pid: i32) {
    // SAFETY: a signal to a process that a test started.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
    until("a frozen process", || {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives").flatten();
        let mut threads = threads.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        threads.all(|thread| state(thread) == Some('T'))
    });
}

/// A value of `/proc/PID/status`.
pub fn status(pid: i32, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.split(':').next() == Some(key))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

pub fn comm(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_string()
}
