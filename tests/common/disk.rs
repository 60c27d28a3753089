//! Disks for virtual machines, and their checks afterwards by the tools of this system and by a second machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::vm::{Image, Machine};
use super::{Folder, guest};

/// The content of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Blank,
    Btrfs,
    Ext4,
    Vfat,
    Xfs,
}

/// A disk of a virtual machine, which outlives it.
pub struct Disk {
    folder: Folder,
    pub kind: Kind,
    pub name: String,
}

impl Disk {
    /// A disk with an empty file system; it takes no more space than is written to it.
    pub fn new(kind: Kind, name: &str) -> Self {
        Self::made(kind, name, 512, &[])
    }

    /// A disk of so many MiB, with more arguments for the tool that makes it.
    pub fn made(kind: Kind, name: &str, mebibytes: u64, words: &[&str]) -> Self {
        let disk = Self { folder: Folder::new(), kind, name: name.to_string() };
        let image = File::create(disk.path()).expect("an image");
        image.set_len(mebibytes << 20).expect("a sparse image");
        let tool: &[&str] = match kind {
            Kind::Blank => return disk,
            Kind::Btrfs => &["mkfs.btrfs", "-q"],
            Kind::Ext4 => &["mkfs.ext4", "-q", "-F"],
            Kind::Vfat => &["mkfs.vfat"],
            Kind::Xfs => &["mkfs.xfs", "-q", "-f"],
        };
        let (status, said) = run(tool, words, &disk.path());
        assert_eq!(status, 0, "{tool:?}: {said}");
        disk
    }

    /// A disk that begins as a copy of an image.
    pub fn copied(kind: Kind, name: &str, image: &Path) -> Self {
        let disk = Self { folder: Folder::new(), kind, name: name.to_string() };
        let (status, said) = run(&["cp", "--sparse=always"], &[&image.display().to_string()], &disk.path());
        assert_eq!(status, 0, "{said}");
        disk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// True if a text has reached the disk.
    pub fn holds(&self, text: &str) -> bool {
        run(&["grep", "--quiet", "--text", "--fixed-strings", text], &[], &self.path()).0 == 0
    }

    /// The faults that the file system's own tools find; there are none if it was unmounted.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = vec![];
        let mut expect = |tool: &[&str], status: i32, sign: &str, there: bool| {
            let (ended, said) = run(tool, &[], &self.path());
            if ended != status || said.contains(sign) != there {
                let at = said.find(sign).unwrap_or(0);
                let said = said[at..].chars().take(300).collect::<String>();
                faults.push(format!("{}: {tool:?} exited {ended}: {said}", self.name));
            }
        };
        match self.kind {
            Kind::Blank => {}
            Kind::Btrfs => {
                expect(&["btrfs", "check", "--readonly"], 0, "no error found", true);
                // Otherwise fsync left work for the next mount.
                expect(&["btrfs", "inspect-internal", "dump-super"], 0, "log_root\t\t0\n", true);
            }
            Kind::Ext4 => {
                expect(&["e2fsck", "-fn"], 0, "skipping journal recovery", false);
                expect(&["dumpe2fs", "-h"], 0, "needs_recovery", false);
                expect(&["dumpe2fs", "-h"], 0, "Filesystem state:         clean\n", true);
            }
            Kind::Vfat => expect(&["fsck.vfat", "-n"], 0, "Dirty bit is set", false),
            Kind::Xfs => {
                expect(&["xfs_repair", "-n"], 0, "ALERT", false);
                expect(&["xfs_logprint", "-t"], 0, "state: <CLEAN>", true);
            }
        }
        faults
    }
}

/// Panics unless the file systems were unmounted cleanly.
pub fn clean(disks: &[&Disk], log: &str) {
    let faults: Vec<_> = disks.iter().flat_map(|disk| disk.faults()).collect();
    assert!(faults.is_empty(), "{log}\n{}", faults.join("\n"));
}

impl Image {
    /// Plugs a disk in, and mounts it at `/mnt/NAME` before the program starts.
    pub fn disk(self, disk: &Disk) -> Self {
        self.disk_with(disk, "", "")
    }

    /// Plugs a disk in, with more properties of the drive, and mounts it with more arguments for `mount`.
    pub fn disk_with(self, disk: &Disk, properties: &str, mount: &str) -> Self {
        let Disk { kind, name, .. } = disk;
        let device = self.next_device();
        let kind = format!("{kind:?}").to_lowercase();
        self.drive(disk, properties)
            .before(&format!("mkdir -p /mnt/{name}; mount -t {kind} {mount} {device} /mnt/{name}"))
    }

    /// Makes a root file system of the image, instead of an initramfs.
    pub fn into_disk(self, name: &str) -> Disk {
        self.into_disk_of(name, 512)
    }

    /// The same, of so many MiB.
    pub fn into_disk_of(self, name: &str, mebibytes: u64) -> Disk {
        let image = self.copy(guest(), "bin/guest").compressed_by("none");
        // The packed image also contains files that are not in the tree.
        let packed = fs::File::open(image.pack()).expect("an initramfs");
        let mut unpack = Command::new("cpio");
        unpack.args(["--extract", "--make-directories", "--unconditional", "--quiet"]);
        let unpacked = unpack.stdin(packed).current_dir(image.tree()).status();
        assert!(unpacked.expect("cpio runs: package cpio").success());
        for folder in ["dev", "mnt", "proc", "run", "sys"] {
            fs::create_dir_all(image.tree().join(folder)).expect("a folder");
        }
        Disk::made(Kind::Ext4, name, mebibytes, &["-d", &image.tree().display().to_string()])
    }

    /// Switches to the program on the root that is mounted at `/mnt/NAME`, as an initramfs does.
    pub fn hands_over_to(self, name: &str) -> Self {
        let root = format!("/mnt/{name}");
        self.before(&format!("for at in proc sys dev run; do mount --move /$at {root}/$at; done"))
            .before(&format!("exec switch_root {root} /sbin/zinit-pid1"))
    }

    /// Plugs a disk in, and does not mount it.
    pub fn drive(mut self, disk: &Disk, properties: &str) -> Self {
        if self.disks == 0 {
            self = self.copy(guest(), "bin/guest").modules("virtio_pci").modules("virtio_blk");
        }
        let drive = format!(
            "if=none,format=raw,cache=unsafe,file={},id={}{properties}",
            disk.path().display(),
            disk.name
        );
        let device = format!("virtio-blk-pci,drive={0},id=device-{0}", disk.name);
        self.hardware.extend(["-drive".to_string(), drive, "-device".to_string(), device]);
        self.disks += 1;
        match disk.kind {
            Kind::Blank => self,
            Kind::Btrfs => self.modules("btrfs"),
            Kind::Ext4 => self.modules("ext4"),
            Kind::Vfat => self.modules("vfat").modules("nls_cp437").modules("nls_ascii").modules("nls_utf8"),
            Kind::Xfs => self.modules("xfs"),
        }
    }

    /// Adds a service that writes to a file below `/mnt` for as long as it lives; see [`Self::once_written`].
    pub fn writer(mut self, path: &str, options: &str) -> Self {
        let name = path.replace('/', "-");
        let command = format!("exec guest write /mnt/{path} /run/{name} {options}");
        self.writers.push(name.clone());
        self.service(&name, &command)
    }

    /// Lets the driver run commands once each writer has written something, and prints how much.
    ///
    /// `hanging` prints the names of the threads that no signal reaches.
    pub fn once_written(self, commands: &str) -> Self {
        let mut script = String::from(
            "hanging() { grep -l 'State:.D' /proc/[0-9]*/task/*/status 2>/dev/null | sed s/status/comm/ | xargs cat; }\n\
             until zinit list >/dev/null; do sleep 0.1; done\n",
        );
        for name in &self.writers {
            script += &format!(
                "until [ -e /run/{name} ] && [ $(guest count /run/{name}) -gt 1000000 ]; do sleep 0.1; done\n"
            );
        }
        for name in &self.writers {
            script += &format!("say {name} $(guest count /run/{name})\n");
        }
        self.driver(&(script + commands))
    }

    /// The path of the disk that is plugged in next.
    pub fn next_device(&self) -> String {
        format!("/dev/vd{}", char::from(b'a' + self.disks))
    }

    /// Inserts a kernel module and the modules that it needs.
    pub fn modules(mut self, name: &str) -> Self {
        let list = fs::read_to_string(self.brought_with_kernel(&format!("modules/{name}")));
        for file in list.expect("a list of modules").lines() {
            let insmod = format!("insmod /lib/modules/{file} 2>/dev/null");
            if !self.before.contains(&insmod) {
                // A module that is only for other processors refuses this one.
                let from = self.brought_with_kernel(&format!("modules/{file}"));
                self = self.copy(from, &format!("lib/modules/{file}")).before(&insmod);
            }
        }
        self
    }
}

/// A file that `guest` wrote: its disk, its path and its length.
pub type Written<'a> = (&'a Disk, &'a str, u64);

/// Panics unless the file systems were unmounted cleanly, and contain everything that was written.
pub fn clean_and_whole(files: &[Written], log: &str) {
    let disks: Vec<_> = files.iter().map(|(disk, ..)| *disk).collect();
    clean(&disks, log);
    for (line, (_, _, bytes)) in found(files).iter().zip(files) {
        assert!(line.ends_with(&format!(" holds {bytes} bytes")), "{log}\n{line}");
    }
}

/// Boots a machine that only reads, and returns the report of `guest` on each file.
pub fn found(files: &[Written]) -> Vec<String> {
    let mut image = Image::new();
    for (index, (disk, path, bytes)) in files.iter().enumerate() {
        let name = &disk.name;
        if files[..index].iter().all(|(other, ..)| other.name != *name) {
            let options = match disk.kind {
                Kind::Btrfs => "-o ro,rescue=nologreplay",
                Kind::Ext4 => "-o ro,noload",
                Kind::Xfs => "-o ro,norecovery",
                Kind::Blank | Kind::Vfat => "-o ro",
            };
            image = image.disk_with(disk, ",read-only=on", options);
        }
        image = image.before(&format!("guest check /mnt/{name}/{path} {bytes}"));
    }
    let machine = image.before("poweroff -f").boot();
    let line = |(disk, path, _): &Written| machine.line(&format!("guest: /mnt/{}/{path} ", disk.name));
    let lines = files.iter().map(line).collect();
    machine.ends("reboot: Power down");
    lines
}

impl Machine {
    /// How much a writer had written to a file of its disk, as the driver reported.
    pub fn written<'a>(&self, disk: &'a Disk, path: &'a str) -> Written<'a> {
        (disk, path, self.number(&format!("{}-{path}", disk.name)))
    }

    /// The number in a line of the driver.
    pub fn number(&self, text: &str) -> u64 {
        let line = self.line(&format!("driver: {text} "));
        line.rsplit(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("no number: {line}"))
    }
}

/// Runs a tool on an image, and returns its exit status and its output.
fn run(tool: &[&str], words: &[&str], image: &Path) -> (i32, String) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new("env").arg(format!("PATH={path}")).args(tool).args(words).arg(image).output();
    let output = output.expect("env runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}
