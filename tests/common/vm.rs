//! The program as PID 1 of a machine: QEMU, a kernel, and an initramfs that the test composes.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::namespace::Log;
use super::{Folder, PATIENCE, brought, program, root};

/// A machine that is not switched on yet.
pub struct Image {
    folder: Folder,
    append: String,
    server: bool,
}

impl Image {
    /// BusyBox, zinit's client, the real server and the program, which `/init` is a link to.
    pub fn new() -> Self {
        let image = Self { folder: Folder::new(), append: String::new(), server: true };
        for folder in ["bin", "sbin", "etc/zinit/services"] {
            fs::create_dir_all(image.tree().join(folder)).expect("a folder");
        }
        for applet in APPLETS.split(' ') {
            symlink("busybox", image.tree().join("bin").join(applet)).expect("a link");
        }
        symlink("sbin/zinit-pid1", image.tree().join("init")).expect("a link");
        image
    }

    /// Leaves the server out.
    pub fn without_server(mut self) -> Self {
        self.server = false;
        self
    }

    /// Adds to the kernel command line.
    pub fn append(mut self, words: &str) -> Self {
        self.append = words.to_string();
        self
    }

    /// Adds an executable file.
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.tree().join(path);
        let _link = fs::remove_file(&path);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        self
    }

    /// Adds a service that is started again whenever it ends.
    pub fn service(self, name: &str, command: &str) -> Self {
        let script = format!("#!/bin/sh\nexec >/dev/console 2>&1\n{command}\n");
        let service = format!(
            "[service]\nname = \"{name}\"\nexec = \"/bin/{name}\"\n[lifecycle]\nrestart = \"always\"\n"
        );
        self.file(&format!("bin/{name}"), &script).file(&format!("etc/zinit/services/{name}.toml"), &service)
    }

    /// Adds a service that runs shell commands on the console, once for each boot whatever becomes of the
    /// server; `say` prints a line that the test can wait for.
    pub fn driver(self, commands: &str) -> Self {
        let once =
            "[ -e /run/driver ] && exec sleep 1000\ntouch /run/driver\nsay() { echo \"driver: $*\"; }\n";
        self.service("driver", &format!("{once}{commands}\nsleep 1000"))
    }

    /// Switches the machine on.
    pub fn boot(self) -> Machine {
        let initramfs = self.folder.path().join("initramfs");
        let mut files = vec![
            (program(), "sbin/zinit-pid1"),
            (PathBuf::from("/bin/busybox"), "bin/busybox"),
            (brought("target/zinit/bin/zinit"), "bin/zinit"),
        ];
        if self.server {
            files.push((brought("target/zinit/bin/zinit-server"), "sbin/zinit-server"));
        }
        let mut pack = Command::new(root().join("scripts/image"));
        pack.arg(&initramfs).arg(self.tree());
        pack.args(files.iter().map(|(from, to)| format!("{}:{to}", from.display())));
        assert!(pack.status().expect("scripts/image runs").success());

        let monitor = self.folder.path().join("monitor");
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-accel", "tcg", "-m", "256", "-display", "none", "-net", "none", "-no-reboot"]);
        qemu.args(["-serial", "stdio"]).arg("-kernel").arg(brought("target/vm/vmlinuz"));
        qemu.arg("-initrd").arg(&initramfs).arg("-monitor");
        qemu.arg(format!("unix:{},server,nowait", monitor.display()));
        qemu.args(["-append", &format!("console=ttyS0 panic=-1 loglevel=8 {}", self.append)]);
        qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut qemu = qemu.spawn().expect("QEMU runs: scripts/setup packages");
        let log = Log::default();
        log.follow(qemu.stdout.take().expect("a pipe"));
        log.follow(qemu.stderr.take().expect("a pipe"));
        Machine { qemu, log, folder: self.folder }
    }

    fn tree(&self) -> PathBuf {
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

    /// Types a command at QEMU's monitor.
    pub fn monitor(&self, command: &str) {
        let mut monitor = UnixStream::connect(self.folder.path().join("monitor")).expect("a monitor");
        // It forgets what is typed before its prompt, or when one hangs up too early.
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

    /// Waits until the machine has ended by itself, with `last` as the kernel's last word, and in order.
    pub fn ends(mut self, last: &str) -> String {
        self.line(last);
        let begin = Instant::now();
        while self.qemu.try_wait().expect("QEMU can be waited for").is_none() {
            assert!(begin.elapsed() < PATIENCE, "QEMU does not end:\n{}", self.log.text());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
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

const APPLETS: &str = "sh cat ls sleep kill grep mount umount ps echo touch mkdir mknod dmesg head tail wc tr sed cut true pidof";
