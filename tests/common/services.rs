//! Services of the real zinit-server 0.3.9, and what was observed of them while servers are replaced.
//!
//! A counter proves that no line is lost that was written after the old server's end: a service writes each number to a
//! file first, and then to its output.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::namespace::{Namespace, Setup, freeze, state, status};
use super::updatable::{copy_alone, write_alone};
use super::{brought, until, with_tool};

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Writes [`BURST`] lines at once when the test says so, then five lines a second.
    Burst,
    /// Writes nothing before TERM, and a line then.
    Farewell,
    /// Writes a line every five milliseconds.
    Fast,
    /// Its child writes five lines a second.
    Forks,
    /// Writes nothing before TERM, and [`LAST`] numbered lines at once then.
    Last,
    /// Writes a line in five parts, five lines a second.
    Python,
    /// A shell that writes five lines a second; the test kills it before each soft restart.
    Restless,
    /// A shell that writes five lines a second.
    Shell,
    Silent,
    /// A shell that writes a line every two seconds.
    Slow,
    /// Writes half a line, and the other half when the test says so.
    Torn,
}

impl Kind {
    /// Writes from its start on.
    fn counts(self) -> bool {
        !matches!(self, Self::Burst | Self::Farewell | Self::Last | Self::Silent | Self::Torn)
    }
}

/// How a server may leave its services.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StateFile {
    /// As it comes: zinit-server 0.3.9 writes its state in about half of the soft restarts.
    Any,
    /// The server cannot write it.
    Never,
}

/// A server and its services, with counts of what was observed.
pub struct Services {
    pub pid1: Namespace,
    services: Vec<(String, Kind)>,
    /// Numbers that were written to a pipe while there was no old server: behind the first, up to the second.
    required: Vec<(String, u64, u64)>,
    /// Soft restarts, and crashes.
    pub restarts: usize,
    crashes: usize,
    /// Services that servers started.
    started: usize,
}

impl Services {
    pub fn start(kinds: &[(Kind, usize)], file: StateFile) -> Self {
        Self::start_with(kinds, file, "stop")
    }

    /// The same with a value of `ZINIT_ORPHANS`.
    pub fn start_with(kinds: &[(Kind, usize)], file: StateFile, orphans: &str) -> Self {
        Self::start_on(large_pipe(), kinds, file, orphans)
    }

    /// The same with another standard error: what the test reads, and what the programs write to.
    pub fn start_on(
        stderr: (OwnedFd, OwnedFd),
        kinds: &[(Kind, usize)],
        file: StateFile,
        orphans: &str,
    ) -> Self {
        let setup = Setup::stand_in("");
        let folder = setup.folder.path().to_path_buf();
        let server = folder.join("zinit-server");
        copy_alone(&brought("target/zinit/x86_64/bin/zinit-server"), &server);
        fs::create_dir(folder.join("services")).expect("a folder");
        let mut services = vec![];
        for (kind, count) in kinds {
            for index in 0..*count {
                let name = format!("{kind:?}{index}").to_lowercase();
                write_service(&folder, &name, &script(*kind, &folder.join(&name)));
                services.push((name, *kind));
            }
        }
        // The server writes to this name first, and renames the file then. For all that come after it, this is as if its
        // file was deleted before they look.
        let never = if file == StateFile::Never { "mkdir -p /run/zinit/state.json.tmp" } else { "" };
        let setup = setup
            .with("ZINIT_SERVER", server)
            .with("ZINIT_SOCKET", "/run/zinit.sock")
            .with("ZINIT_ORPHANS", orphans)
            .stderr(stderr.1)
            .before(&format!("mount -t tmpfs run /run; {}; {never}", with_tool()));
        let pid1 = setup.start();
        pid1.log.follow(File::from(stderr.0));
        let started = services.len();
        let services = Self { pid1, services, required: vec![], restarts: 0, crashes: 0, started };
        services.pid1.line("IPC server listening");
        services.run();
        services
    }

    /// Waits until each service runs, and writes if it ever does.
    ///
    /// A soft restart holds the pipes of the services that the server knows to be started; the scripts may be faster.
    fn run(&self) {
        self.pid1.log.nth("service started", self.started);
        for (name, kind) in &self.services {
            until(&format!("the start of {name}\n{}", self.pid1.log.text()), || {
                self.starts(name) > 0 && (!kind.counts() || self.count(name) > 0)
            });
        }
    }

    /// Tells a service to go on.
    pub fn go(&self, name: &str) {
        fs::write(self.file(name, "go"), "").expect("a file");
    }

    fn file(&self, name: &str, suffix: &str) -> PathBuf {
        self.pid1.folder.path().join(format!("{name}.{suffix}"))
    }

    /// How often a service was started.
    pub fn starts(&self, name: &str) -> usize {
        fs::read_to_string(self.file(name, "pids")).unwrap_or_default().lines().count()
    }

    /// The last number of a service.
    pub fn count(&self, name: &str) -> u64 {
        let mut text = String::new();
        if let Ok(mut file) = File::open(self.file(name, "count")) {
            // The last lines; a file that is shorter stays at its begin.
            let _short = file.seek(SeekFrom::End(-40));
            file.read_to_string(&mut text).expect("numbers");
        }
        // A line may be half written.
        text.rsplit('\n').find_map(|line| line.strip_suffix(';')?.parse().ok()).unwrap_or(0)
    }

    fn counts(&self) -> Vec<u64> {
        self.services.iter().map(|(name, _)| self.count(name)).collect()
    }

    /// A soft restart, until the next server has taken over; each service wrote meanwhile.
    pub fn restart(&mut self) {
        self.restart_by(|pid1| pid1.signal(libc::SIGUSR1));
    }

    /// The same, with another way to begin it.
    pub fn restart_by(&mut self, begin: impl FnOnce(&mut Namespace)) {
        self.replace(|services, _| begin(&mut services.pid1));
    }

    /// The server is killed once its watcher knows all services; USR1 cuts the delay of the next one short.
    pub fn crash(&mut self) {
        self.crash_by(|pid1| pid1.signal(libc::SIGUSR1));
    }

    /// The same, with another way to cut the delay short.
    pub fn crash_by(&mut self, cut: impl FnOnce(&mut Namespace)) {
        self.replace(|services, server| {
            until(&format!("the watcher\n{}", services.pid1.log.text()), || services.are_watched());
            kill(server, libc::SIGKILL);
            services.crashes += 1;
            services.pid1.log.nth("killed by signal 9, respawn in", services.crashes);
            cut(&mut services.pid1);
        });
    }

    /// A crash as USR1 comes: PID 1 learns of that first, and begins a soft restart of a server that has ended or is about
    /// to end.
    pub fn crash_at_a_restart(&mut self, has_ended: bool) {
        self.replace(|services, server| {
            until(&format!("the watcher\n{}", services.pid1.log.text()), || services.are_watched());
            let pid1 = services.pid1.pid1();
            if has_ended {
                freeze(pid1);
            }
            kill(server, libc::SIGKILL);
            services.pid1.signal(libc::SIGUSR1);
            until("the end of the server", || !has_ended || state(server) == Some('Z'));
            kill(pid1, libc::SIGCONT);
            services.crashes += 1;
        });
    }

    fn replace(&mut self, end: impl FnOnce(&mut Self, i32)) {
        self.restarts += 1;
        self.restart_restless();
        let old = self.pid1.server_named("zinit-server");
        end(self, old);
        until("the end of the server", || state(old).is_none_or(|state| state == 'Z'));
        let ended = self.counts();
        self.pid1.log.nth("IPC server listening", self.restarts + 1);
        self.pid1.log.nth("restore complete", self.restarts);
        for ((name, kind), ended) in self.services.iter().zip(ended) {
            let writes = kind.counts();
            until(&format!("more of {name}\n{}", self.pid1.log.text()), || {
                !writes || self.count(name) > ended + 1
            });
            if writes {
                // Only those that are killed have an end; what the others write is required to the end of the test.
                let before = self.required.iter().any(|(known, ..)| known == name);
                if *kind == Kind::Restless || !before {
                    self.required.push((name.clone(), ended, u64::MAX));
                }
            }
        }
    }

    /// True if the watcher has a descriptor of each service's process, or of the shell that the server started it by.
    pub fn are_watched(&mut self) -> bool {
        let watched = self.watcher().map_or(vec![], watched);
        self.services.iter().all(|(name, _)| {
            let processes = processes(&self.pid1.folder.path().join(name));
            let parent = |pid| status(pid, "PPid").and_then(|pid| pid.parse().ok()).unwrap_or(0);
            processes.into_iter().any(|pid| watched.contains(&pid) || watched.contains(&parent(pid)))
        })
    }

    /// The pid of the watcher outside of the namespaces.
    pub fn watcher(&mut self) -> Option<i32> {
        let readers = self.readers();
        self.pid1.children().into_iter().find(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            // A reader was a watcher once.
            line.split(|byte| *byte == 0).nth(2) == Some(b"watch") && !readers.contains(pid)
        })
    }

    /// Kills the restless services, so that the current server holds pipes.
    fn restart_restless(&mut self) {
        for (name, kind) in self.services.clone() {
            if kind != Kind::Restless {
                continue;
            }
            let starts = self.starts(&name);
            for pid in processes(&self.pid1.folder.path().join(&name)) {
                kill(pid, libc::SIGKILL);
            }
            let killed = self.count(&name);
            for (known, _, until) in &mut self.required {
                // It may have been killed before it wrote the last number.
                if *known == name && *until == u64::MAX {
                    *until = killed - 1;
                }
            }
            until(&format!("a restless service\n{}", self.pid1.log.text()), || {
                self.starts(&name) == starts + 1 && self.count(&name) > killed
            });
            self.started += 1;
            self.pid1.log.nth("service started", self.started);
        }
    }

    /// Asserts that each service is the same process as in the beginning, that it goes on, and that its lines are in
    /// the log: each once, in their order, and none is missing.
    pub fn check(&mut self) {
        let now = self.counts();
        for ((name, kind), now) in self.services.iter().zip(&now) {
            let starts = if *kind == Kind::Restless { 1 + self.restarts } else { 1 };
            assert_eq!(self.starts(name), starts, "{name}: {}", self.pid1.log.text());
            // A shell that forks looks like two for a moment.
            let script = self.pid1.folder.path().join(name);
            let count = if *kind == Kind::Forks { 2 } else { 1 };
            until(&format!("{name} once"), || processes(&script).len() == count);
            for (known, _, until) in &mut self.required {
                if known == name && (*until == u64::MAX || *kind != Kind::Restless) {
                    *until = *now;
                }
            }
            if let Some((_, _, last)) = self.required.iter().rev().find(|(known, ..)| known == name) {
                self.pid1.line(&format!("zinit-service {name}: counter {last}"));
            }
        }
        let log = self.pid1.log.text();
        assert!(!log.contains("were dropped"), "{log}");
        let mut torn = BTreeMap::<&str, usize>::new();
        for (name, _) in &self.services {
            let numbers = numbers(&log, name);
            assert!(numbers.is_sorted_by(|one, next| one.0 < next.0), "{name}: doubled, {numbers:?}");
            torn.insert(name, numbers.iter().filter(|(_, torn)| *torn).count());
            for (_, ended, last) in self.required.iter().filter(|(known, ..)| known == name) {
                let seen: Vec<u64> = numbers
                    .iter()
                    .map(|(number, _)| *number)
                    .filter(|number| (ended + 1..=*last).contains(number))
                    .collect();
                let wanted: Vec<u64> = (ended + 1..=*last).collect();
                assert_eq!(seen, wanted, "{name}: lost\n{log}");
            }
        }
        for (name, kind) in &self.services {
            let most = if *kind == Kind::Restless { self.restarts } else { 1 };
            assert!(torn[name.as_str()] <= most, "{name}: {} torn lines\n{log}", torn[name.as_str()]);
        }
    }

    /// How often the server wrote its state.
    pub fn saved(&self) -> usize {
        self.pid1.log.text().matches("state saved for restart").count()
    }

    /// The readers, whose pids are outside of the namespaces.
    pub fn readers(&mut self) -> Vec<i32> {
        let children = self.pid1.children();
        children
            .into_iter()
            .filter(|pid| status(*pid, "Name").is_some_and(|name| name == "zinit-reader"))
            .collect()
    }

    /// The only reader. The helper of a soft restart takes that name some time after the server has ended.
    pub fn reader(&mut self) -> i32 {
        until(&format!("one reader\n{}", self.pid1.log.text()), || self.readers().len() == 1);
        self.readers()[0]
    }

    /// Ends the container, and asserts that this takes no longer than the services need.
    pub fn stop(mut self) {
        let begin = Instant::now();
        self.pid1.signal(libc::SIGTERM);
        self.pid1.ends_well();
        let log = self.pid1.log.text();
        assert_eq!(log.matches("killed by signal 9").count(), self.crashes, "{log}");
        assert!(begin.elapsed() < Duration::from_secs(30), "{:?}\n{log}", begin.elapsed());
    }
}

/// The script of a service, which records its start and its count.
fn script(kind: Kind, script: &Path) -> String {
    let file = script.display();
    // The start is recorded once the trap is set: a test sends TERM soon after that.
    let trap = match kind {
        Kind::Farewell => "trap 'echo farewell; exit' TERM".to_string(),
        Kind::Last => format!("trap 'seq {LAST}; exit' TERM"),
        _ => String::new(),
    };
    let head = format!(
        "#!/bin/sh\n{trap}\necho $$ >>{file}.pids\ni=$(tail -n 1 {file}.count 2>/dev/null); i=${{i%;}}\n"
    );
    let count = |seconds: f32| {
        format!(
            "while :; do i=$((i+1)); echo \"$i;\" >>{file}.count; echo \"counter $i\"; sleep {seconds}; done"
        )
    };
    let go = format!("until [ -e {file}.go ]; do sleep 0.1; done");
    match kind {
        Kind::Burst => format!(
            "{head}{go}\nwhile [ \"$i\" != {BURST} ]; do i=$((i+1)); echo \"counter $i\"; done\n{}\n",
            count(0.2)
        ),
        Kind::Farewell | Kind::Last => format!("{head}while :; do sleep 0.1; done\n"),
        Kind::Fast => python(script, 0.005, "print('counter', i, flush=True)"),
        Kind::Forks => format!("{head}({}) &\nwhile :; do sleep 1000; done\n", count(0.2)),
        Kind::Python => {
            python(script, 0.2, "[os.write(1, part) for part in (b'cou', b'nter', b' ', b'%d' % i, b'\\n')]")
        }
        Kind::Restless | Kind::Shell => format!("{head}{}\n", count(0.2)),
        Kind::Silent => format!("{head}while :; do sleep 1000; done\n"),
        Kind::Slow => format!("{head}{}\n", count(2.0)),
        Kind::Torn => format!("{head}printf 'one half'\n{go}\necho ', other half'; echo whole\nsleep 1000\n"),
    }
}

fn python(script: &Path, seconds: f32, print: &str) -> String {
    let file = script.display();
    format!(
        "#!/usr/bin/env python3\nimport os, time\nopen('{file}.pids', 'a').write('%d\\n' % os.getpid())\n\
         count = open('{file}.count', 'ab', 0)\ni = 0\n\
         while True:\n    i += 1\n    count.write(b'%d;\\n' % i)\n    {print}\n    time.sleep({seconds})\n"
    )
}

fn write_service(folder: &Path, name: &str, text: &str) {
    let script = folder.join(name);
    write_alone(&script, text.as_bytes());
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
    let service = format!(
        "[service]\nname = \"{name}\"\nexec = \"{}\"\n[lifecycle]\nrestart = \"always\"\nrestart_delay_ms = 100\nrestart_delay_max_ms = 100\nmax_restarts = 0\n",
        script.display()
    );
    fs::write(folder.join("services").join(format!("{name}.toml")), service).expect("a service");
}

/// A pipe for the log of so many services: what it cannot take is dropped, as it should be.
fn large_pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors, which are owned from then on.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        assert!(libc::fcntl(ends[0], libc::F_SETPIPE_SZ, 1 << 20) > 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

/// The processes that a watcher has descriptors of.
fn watched(watcher: i32) -> Vec<i32> {
    let infos = fs::read_dir(format!("/proc/{watcher}/fdinfo")).into_iter().flatten().flatten();
    let pid = |info: String| info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    infos.filter_map(|info| pid(fs::read_to_string(info.path()).ok()?)).collect()
}

/// The processes that run a script.
pub fn processes(script: &Path) -> Vec<i32> {
    let script = script.display().to_string();
    let pids = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let runs = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).nth(1) == Some(script.as_bytes())
    };
    pids.filter(runs).collect()
}

/// The numbers of a service in the log, and whether their lines are marked as torn.
fn numbers(log: &str, name: &str) -> Vec<(u64, bool)> {
    let lines = log
        .lines()
        .filter_map(|line| line.strip_prefix("zinit-service ")?.strip_prefix(name)?.strip_prefix(": "));
    let number = |line: &str| {
        let text = line.strip_prefix("...").unwrap_or(line);
        // Of a torn line the number may be torn too.
        let number = text.strip_prefix("counter ").and_then(|number| number.parse().ok());
        assert!(number.is_some() || text != line, "{name}: {line:?}");
        Some((number?, text != line))
    };
    lines.filter_map(number).collect()
}

pub fn kill(pid: i32, signal: i32) {
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(pid, signal) };
}

/// 100 where `scripts/test long` asks for it, or else a few.
pub fn rounds(few: usize) -> usize {
    if std::env::var_os("ZINIT_TEST_LONG").is_some() { 100 } else { few }
}

/// Lines that the log cannot take at once.
pub const BURST: u64 = 60_000;

/// Lines that fit into a service's pipe: the service does not wait for their reader.
pub const LAST: u64 = 5_000;

/// Services of many kinds.
pub const ALL: &[(Kind, usize)] = &[
    (Kind::Fast, 1),
    (Kind::Forks, 1),
    (Kind::Python, 1),
    (Kind::Restless, 1),
    (Kind::Shell, 2),
    (Kind::Silent, 2),
];
