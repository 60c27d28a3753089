//! The program as PID 1 of a machine: QEMU, a kernel, and an initramfs that the test composes.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::board::Watchdog;
use super::namespace::Log;
use super::{Folder, PATIENCE, board, brought, program, root, tool};

/// A machine that is not switched on yet.
pub struct Image {
    folder: Folder,
    /// The folder of a kernel and its modules.
    kernel: String,
    append: String,
    console: String,
    server: bool,
    compression: &'static str,
    memory: u32,
    files: Vec<(PathBuf, String)>,
    /// More arguments for QEMU.
    pub(super) hardware: Vec<String>,
    /// Commands that run before the program, by a shell that then executes the program.
    pub(super) before: String,
    pub(super) disks: u8,
    pub(super) writers: Vec<String>,
}

impl Image {
    /// BusyBox, zinit's client, the real server and the program, which `/init` is a link to.
    pub fn new() -> Self {
        let image = Self {
            folder: Folder::new(),
            kernel: board().kernel_folder(),
            append: String::new(),
            console: format!("console={}", board().line),
            server: true,
            compression: "none",
            memory: 256,
            files: vec![],
            hardware: vec![],
            before: String::new(),
            disks: 0,
            writers: vec![],
        };
        for folder in ["bin", "sbin", "etc/zinit/services"] {
            fs::create_dir_all(image.tree().join(folder)).expect("a folder");
        }
        for applet in APPLETS.split(' ') {
            symlink("busybox", image.tree().join("bin").join(applet)).expect("a link");
        }
        image
    }

    /// Boots the kernel of another suite of Debian; before any disk is plugged in, because its modules are others.
    pub fn kernel_of(mut self, suite: &str) -> Self {
        self.kernel = format!("target/vm/kernels/{suite}");
        self
    }

    /// Leaves the server and its client out.
    pub fn without_server(mut self) -> Self {
        self.server = false;
        self
    }

    /// Packs the image instead of leaving it as it is.
    pub fn compressed_by(mut self, method: &'static str) -> Self {
        self.compression = method;
        self
    }

    /// Advances the machine's clock by one nanosecond with each instruction, independently of this computer: a
    /// machine that sleeps for a minute continues at once.
    pub fn with_own_time(mut self) -> Self {
        self.hardware.extend(["-icount", "shift=0,sleep=off", "-rtc", "clock=vm"].map(String::from));
        self
    }

    /// The same, and keeps the kernel's messages from the console.
    pub fn counting_instructions(self) -> Self {
        self.with_own_time().append("nokaslr loglevel=1")
    }

    /// Adds a link.
    pub fn link(self, path: &str, target: &str) -> Self {
        symlink(target, self.tree().join(path)).expect("a link");
        self
    }

    /// Adds to the kernel command line.
    pub fn append(mut self, words: &str) -> Self {
        self.append = words.to_string();
        self
    }

    /// Replaces `console=` and the serial line; the output of services goes to the serial line all the same.
    pub fn console(mut self, words: &str) -> Self {
        self.console = words.to_string();
        self
    }

    /// Adds a second serial line, ttyS1, whose other side accepts 64 KiB and then nothing more.
    pub fn deaf_line(mut self) -> Self {
        let line = self.folder.path().join("line");
        for end in ["in", "out"] {
            let made = Command::new("mkfifo").arg(line.with_extension(end)).status();
            assert!(made.expect("mkfifo runs: package coreutils").success());
        }
        let line = format!("pipe,id=line,path={}", line.display());
        self.hardware
            .extend(["-chardev", &line, "-device", "isa-serial,chardev=line,index=1"].map(String::from));
        self
    }

    /// Adds the watchdog of the board, with a timeout in seconds.
    pub fn watchdog(mut self, seconds: u32) -> Self {
        let driver = match board().watchdog {
            Watchdog::Card => "i6300esb",
            Watchdog::Timer => "softdog",
        };
        if board().watchdog == Watchdog::Card {
            self.hardware.extend(["-device", "i6300esb"].map(String::from));
            self = self.modules("virtio_pci");
        }
        self.modules(driver).append(&format!("ZINIT_WATCHDOG={seconds}"))
    }

    /// Gives the machine another amount of memory than 256 MiB.
    pub fn memory(mut self, mebibytes: u32) -> Self {
        self.memory = mebibytes;
        self
    }

    /// Copies a file into the image.
    pub fn copy(mut self, from: impl Into<PathBuf>, to: &str) -> Self {
        self.files.push((from.into(), to.to_string()));
        self
    }

    /// Copies a program of this system into the image, and the libraries that it needs.
    pub fn host_program(mut self, path: &str) -> Self {
        let list = Command::new("ldd").arg(path).output().expect("ldd runs: package libc-bin");
        let list = String::from_utf8(list.stdout).expect("paths");
        for file in list.split_whitespace().filter(|word| word.starts_with('/')).chain([path]) {
            self = self.copy(file, file.trim_start_matches('/'));
        }
        self
    }

    /// Runs shell commands before the program, with the first mounts in place.
    pub fn before(mut self, commands: &str) -> Self {
        self.before += commands;
        self.before += "\n";
        self
    }

    /// Adds an executable file.
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.tree().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let _link = fs::remove_file(&path);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        self
    }

    /// Adds a service on the console that is started again whenever it ends.
    pub fn service(self, name: &str, command: &str) -> Self {
        // A console other than the test's log may not exist.
        let line = board().line;
        let log = if self.console == format!("console={line}") { "console" } else { line };
        self.service_with_pipes(name, &format!("exec >/dev/{log} 2>&1\n{command}"))
    }

    /// The same, but its output goes to the server.
    pub fn service_with_pipes(self, name: &str, command: &str) -> Self {
        let service = format!(
            "[service]\nname = \"{name}\"\nexec = \"/bin/{name}\"\n[lifecycle]\nrestart = \"always\"\n"
        );
        self.file(&format!("bin/{name}"), &format!("#!/bin/sh\n{command}\n"))
            .file(&format!("etc/zinit/services/{name}.toml"), &service)
    }

    /// Adds a service that runs shell commands on the console, once for each boot, whether or not the server is
    /// restarted; `say` prints a line that the test can wait for, and `freeze` stops each thread of a process.
    pub fn driver(self, commands: &str) -> Self {
        let once = "[ -e /run/driver ] && exec sleep 1000; touch /run/driver; say() { echo \"driver: $*\"; }
             freeze() { kill -STOP $1; while cat /proc/$1/task/*/stat | grep -qv ') T '; do :; done; }\n";
        self.service("driver", &format!("{once}{commands}\nsleep 1000"))
    }

    /// Switches the machine on.
    pub fn boot(mut self) -> Machine {
        if !self.before.is_empty() {
            let init = format!("#!/bin/sh\n{FIRST_MOUNTS}{}exec /sbin/zinit-pid1\n", self.before);
            self = self.file("init", &init);
        }
        let initramfs = self.pack();
        let monitor = self.folder.path().join("monitor");
        let mut qemu = Command::new(board().qemu);
        qemu.args(board().machine).args([
            "-accel",
            "tcg",
            "-m",
            &self.memory.to_string(),
            "-display",
            "none",
            "-net",
            "none",
        ]);
        qemu.arg("-no-reboot").args(&self.hardware);
        qemu.args(["-serial", "stdio"]).arg("-kernel").arg(self.brought_with_kernel("vmlinuz"));
        qemu.arg("-initrd").arg(&initramfs).arg("-monitor");
        qemu.arg(format!("unix:{},server,nowait", monitor.display()));
        let always = format!("panic=-1 loglevel=8 {}", board().append);
        qemu.args(["-append", &format!("{} {always} {}", self.console, self.append)]);
        qemu.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut qemu = qemu.spawn().expect("QEMU runs: scripts/setup packages");
        let log = Log::default();
        log.follow(qemu.stdout.take().expect("a pipe"));
        log.follow(qemu.stderr.take().expect("a pipe"));
        Machine { qemu, log, folder: self.folder }
    }

    /// Packs the tree and all programs, without a folder or a device node that the test does not ask for.
    pub(super) fn pack(&self) -> PathBuf {
        let initramfs = self.folder.path().join("initramfs");
        let mut pack = Command::new(root().join("scripts/image"));
        // Little or no compression is the fastest: a machine without KVM unpacks it.
        pack.arg("initramfs").arg(&initramfs).args([
            "--bare",
            "--level",
            "1",
            "--compress",
            self.compression,
        ]);
        pack.arg("--init").arg(program()).arg("--tool").arg(tool());
        if self.server {
            pack.arg("--client").arg(board().client()).arg("--server").arg(board().server());
        }
        let files = [(self.tree(), "/".to_string()), (board().busybox(), "bin/busybox".to_string())];
        for (from, to) in files.iter().chain(&self.files) {
            // Most libraries are symbolic links, which would be packed as links.
            let from = fs::canonicalize(from).expect("a file or a folder");
            pack.arg("--add").arg(format!("{}:{to}", from.display()));
        }
        // Each image has the BusyBox of which scripts/image warns.
        let packed = pack.output().expect("scripts/image runs");
        assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
        initramfs
    }

    /// A file that came with the kernel.
    pub(super) fn brought_with_kernel(&self, file: &str) -> PathBuf {
        brought(&format!("{}/{file}", self.kernel))
    }

    /// The tree of files.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }
}

/// A machine that is on. Its log is the serial line: the kernel's messages and the console.
pub struct Machine {
    qemu: Child,
    pub log: Log,
    folder: Folder,
}

impl Machine {
    /// Waits for a line that contains `text`, and returns it.
    pub fn line(&self, text: &str) -> String {
        self.log.line(text)
    }

    /// Waits longer, in seconds.
    pub fn line_within(&self, text: &str, timeout: u64) -> String {
        self.log.nth_within(text, 1, Duration::from_secs(timeout))
    }

    /// Types a command at QEMU's monitor.
    pub fn monitor(&self, command: &str) {
        let mut monitor = UnixStream::connect(self.folder.path().join("monitor")).expect("a monitor");
        // QEMU drops input that comes before its prompt, or if the connection is closed too early.
        let prompt = |monitor: &mut UnixStream| {
            let mut said = Vec::new();
            while !said.ends_with(b"(qemu) ") {
                let mut byte = [0];
                monitor.read_exact(&mut byte).expect("the monitor answers");
                said.extend(byte);
            }
        };
        prompt(&mut monitor);
        writeln!(monitor, "{command}").expect("the monitor listens");
        prompt(&mut monitor);
    }

    /// Types on the serial line.
    pub fn types(&self, bytes: &[u8]) {
        let mut line = self.qemu.stdin.as_ref().expect("a pipe");
        line.write_all(bytes).expect("QEMU reads");
    }

    /// Pulls the plug.
    pub fn unplug(self) -> String {
        let text = self.log.text();
        drop(self);
        text
    }

    /// Waits until the machine has ended by itself and in order, with `last` as the kernel's last line.
    pub fn ends(self, last: &str) -> String {
        self.line(last);
        self.ends_silently()
    }

    /// The same if that takes longer; the limit is in seconds.
    pub fn ends_within(self, last: &str, limit: u64) -> String {
        let text = self.ends_by_itself(Duration::from_secs(limit));
        assert!(text.contains(last), "{text}");
        text
    }

    /// Waits until the machine has ended by itself, and not by a panic.
    pub fn ends_silently(self) -> String {
        self.ends_by_itself(PATIENCE)
    }

    fn ends_by_itself(mut self, limit: Duration) -> String {
        let begin = Instant::now();
        while self.qemu.try_wait().expect("QEMU can be waited for").is_none() {
            assert!(begin.elapsed() < limit, "QEMU does not end:\n{}", self.log.text());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.log.is_read();
        let text = self.log.text();
        assert!(!text.contains("Kernel panic"), "{text}");
        text
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ended = self.qemu.kill();
        let _reaped = self.qemu.wait();
    }
}

/// The time from the first line that contains `from` to the first one that contains `to`, s; both must be of
/// the kernel's log.
pub fn seconds(text: &str, from: &str, to: &str) -> f64 {
    let line = |what| text.lines().find(|line| line.contains(what));
    let line = |what| line(what).unwrap_or_else(|| panic!("no line \"{what}\" in:\n{text}"));
    stamp(line(to)) - stamp(line(from))
}

/// The timestamp of a kernel message, s.
fn stamp(line: &str) -> f64 {
    let time = line.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let time = time.and_then(|(time, _)| time.trim().parse().ok());
    time.unwrap_or_else(|| panic!("no kernel message: {line}"))
}

/// Commands of a driver that freeze PID 1, so that its loop is stuck: no signal can do that from within.
pub const FREEZE: &str = "mkdir /sys/fs/cgroup/stuck; echo 1 >/sys/fs/cgroup/stuck/cgroup.procs
    say freezing; echo 1 >/sys/fs/cgroup/stuck/cgroup.freeze";

const APPLETS: &str = "init mountpoint sh cat ls sleep kill grep mount umount ps echo touch mkdir mknod dmesg head tail wc tr sed cut true pidof \
    insmod setsid mkswap swapon fsfreeze dd free poweroff switch_root readlink chown setpriv mke2fs rmdir xargs losetup unshare cp mv stat chmod";

/// The mounts for the commands that run before the program.
const FIRST_MOUNTS: &str = "mkdir -p /proc /sys /dev /run\nmount -t proc proc /proc\nmount -t sysfs sysfs /sys\n\
    mount -t devtmpfs dev /dev\nmount -t tmpfs run /run\n";
