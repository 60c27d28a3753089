//! Namespaces in which PID 1 can be replaced.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use zinit_pid1ctl::answer::Answer;

use super::namespace::{Namespace, Setup};
use super::{minisign, program, reexec, sign, with_tool};

/// Namespaces in which PID 1 can be replaced: a copy of the program, zinit-pid1ctl, and a key.
pub struct Updatable {
    pub setup: Setup,
    /// The running program.
    pub path: PathBuf,
}

/// A change of a candidate before it is signed.
pub type Change = fn(&mut Vec<u8>);

/// The program runs as before, but is another file.
pub const NEWER: Change = |bytes| bytes.push(0);

/// The program never answers.
pub const HANGS: Change = |bytes| {
    // `_start` is an endless loop.
    let entry = u64::from_le_bytes(bytes[24..32].try_into().expect("eight bytes"));
    let at = (entry - 0x40_0000) as usize;
    bytes[at..at + 2].copy_from_slice(&[0xeb, 0xfe]);
};

impl Updatable {
    pub fn new() -> Self {
        Self::with("obey")
    }

    /// With a stand-in server in the given mode.
    pub fn with(mode: &str) -> Self {
        let setup = Setup::stand_in(mode);
        let folder = setup.folder.path().to_path_buf();
        fs::create_dir(folder.join("bin")).expect("a folder");
        let path = folder.join("bin/zinit-pid1");
        copy_alone(&program(), &path);
        minisign(&folder, &["-G", "-W", "-p", "key", "-s", "secret"]);
        let before = furnish(&folder);
        let run = format!("exec {} \"$@\"", path.display());
        Self { setup: setup.before(&before).run(&run), path }
    }

    pub fn start(self) -> (Namespace, PathBuf) {
        let mut pid1 = self.setup.start();
        pid1.diary_line("started");
        assert_eq!(pid1.children().len(), 1);
        (pid1, self.path)
    }
}

/// Shell commands that install zinit-pid1ctl and the key from a folder at the paths where they are looked for.
pub fn furnish(folder: &Path) -> String {
    format!(
        "{}; mount -t tmpfs -o mode=755 none /etc; mkdir /etc/zinit; cp {}/key /etc/zinit/update.pub",
        with_tool(),
        folder.display()
    )
}

/// Puts a signed candidate beside the running program: a changed copy of the program.
pub fn offer(path: &Path, change: Change) -> Vec<u8> {
    let mut bytes = fs::read(program()).expect("the program");
    change(&mut bytes);
    offer_bytes(path, &bytes);
    bytes
}

/// Puts any signed bytes there, as what they say that they are, or else as the running version.
pub fn offer_bytes(path: &Path, bytes: &[u8]) {
    if Answer::find(bytes).is_none() {
        return offer_as(path, bytes, &comment(env!("CARGO_PKG_VERSION")));
    }
    let (new, signature) = put(path, bytes);
    sign(&folder(path).join("secret"), &new, &signature);
}

/// Puts them there with this trusted comment.
pub fn offer_as(path: &Path, bytes: &[u8], comment: &str) {
    let (new, signature) = put(path, bytes);
    sign_as(&folder(path), &new, &signature, comment);
}

/// Signs any file with this trusted comment.
pub fn sign_as(folder: &Path, file: &Path, signature: &Path, comment: &str) {
    let [file, signature] = [file, signature].map(|path| path.display().to_string());
    minisign(folder, &["-S", "-s", "secret", "-t", comment, "-m", &file, "-x", &signature]);
}

/// What is signed of a version of the program.
pub fn comment(version: &str) -> String {
    format!("file:zinit-pid1 version:{version} arch:{}", std::env::consts::ARCH)
}

/// Writes a candidate, and returns its path and that of its signature.
fn put(path: &Path, bytes: &[u8]) -> (PathBuf, PathBuf) {
    let (new, signature) = (path.with_extension("new"), path.with_extension("new.minisig"));
    for old in [&new, &signature] {
        let _none = fs::remove_file(old);
    }
    write_alone(&new, bytes);
    (new, signature)
}

/// The folder with the secret key.
fn folder(path: &Path) -> PathBuf {
    path.parent().and_then(Path::parent).expect("a folder").to_path_buf()
}

/// Writes a file that no process has open for writing afterwards: another thread may fork this process meanwhile, and
/// the child has copies of all descriptors until it executes another program.
pub fn write_alone(path: &Path, bytes: &[u8]) {
    let draft = path.with_extension("draft");
    fs::write(&draft, bytes).expect("a file");
    copy_alone(&draft, path);
    fs::remove_file(&draft).expect("a file");
}

/// Copies a file in the same way.
pub fn copy_alone(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().expect("cp runs").success());
}

/// What a person says to zinit-pid1ctl in the namespaces of PID 1, behind words such as those of strace.
pub fn inside_tool(pid1: &mut Namespace, by: &[&str], words: &[&str]) -> Command {
    let mut tool = Command::new("nsenter");
    let pid = pid1.pid1().to_string();
    tool.args(["--target", &pid, "--user", "--mount", "--pid", "--preserve-credentials", "--"]);
    tool.args(by).arg("/sbin/zinit-pid1ctl").args(words).env("PATH", "/usr/bin:/bin");
    tool
}

/// The number of re-execs of this PID 1.
pub fn generation(pid: i32) -> u32 {
    reexec::number(pid, "generation")
}

pub fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").ino()
}
