//! Helpers that the tests of the real program share.
//!
//! The program is started in one place only, `namespace`, and never bare: as root it could end every
//! process of the machine (`vm` starts it in a machine of its own).

#![allow(dead_code, reason = "each test program uses its part")]

pub mod board;
pub mod disk;
pub mod docker;
pub mod elf;
pub mod hold;
pub mod namespace;
pub mod podman;
pub mod reexec;
pub mod refuse;
pub mod services;
pub mod trace;
pub mod updatable;
pub mod variant;
pub mod vm;

use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use board::{board, guest};

/// The timeout for everything here that is not measured: a slow machine must not cause a failure.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The release build of the program for this board: the tests run the program that is shipped.
pub fn program() -> PathBuf {
    board::product(board().programs, "zinit-pid1")
}

/// A debug build of the program with symbols, in which panics can be reached.
pub fn debug_program() -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--bin", "zinit-pid1"])
        .current_dir(root())
        .status();
    assert!(status.expect("cargo runs").success(), "the program does not build for debugging");
    root().join("target/debug/zinit-pid1")
}

/// The program for updates and for `status`.
pub fn tool() -> PathBuf {
    board::product(board().programs, "zinit-pid1ctl")
}

/// Shell commands that install this program at the path where PID 1 looks for it, in a mount namespace of their own.
pub fn with_tool() -> String {
    format!("mount -t tmpfs -o mode=755 none /sbin; cp {} /sbin/", tool().display())
}

/// The stand-in for a server.
pub fn stand_in() -> PathBuf {
    static STAND_IN: OnceLock<PathBuf> = OnceLock::new();
    STAND_IN.get_or_init(|| built(&["--example", "stand-in"], "examples/stand-in")).clone()
}

/// Builds with cargo what is not up to date.
fn built(what: &[&str], file: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    let status = cargo.args(["rustc", "--quiet", "--release"]).args(what).current_dir(root()).status();
    assert!(status.expect("cargo runs").success(), "{what:?} does not build");
    root().join("target/release").join(file)
}

/// A file that `scripts/setup` downloads or builds.
pub fn brought(path: &str) -> PathBuf {
    let path = root().join(path);
    let parts = "scripts/setup, for a board its parts kernel:ARCH and userland:ARCH";
    assert!(path.exists(), "{} is missing: run {parts}", path.display());
    path
}

/// The folder of the project.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A newer version of the program, signed by `scripts/sign`, in a folder with the key.
pub struct Update(Folder);

impl Update {
    pub fn new() -> Self {
        let update = Self(Folder::new());
        minisign(update.0.path(), &["-G", "-W", "-p", "key", "-s", "secret"]);
        let mut newer = std::fs::read(program()).expect("the program");
        newer.push(0);
        std::fs::write(update.file("new"), newer).expect("a file");
        sign(&update.file("secret"), &update.file("new"), &update.file("new.minisig"));
        update
    }

    /// `key`, `new`, or `new.minisig`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Signs a program of ours as its builder does.
pub fn sign(secret: &Path, program: &Path, signature: &Path) {
    let output = Command::new(root().join("scripts/sign")).args([secret, program, signature]).output();
    let output = output.expect("scripts/sign runs");
    assert!(output.status.success(), "{output:?}");
}

/// Runs minisign in a folder.
pub fn minisign(folder: &Path, words: &[&str]) {
    let output = Command::new("minisign").args(words).current_dir(folder).output();
    let output = output.expect("minisign runs: scripts/setup packages");
    assert!(output.status.success(), "{words:?}: {output:?}");
}

/// A folder that is removed when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("zinit-pid1-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits until `condition` holds, checking often; panics with `what` after [`PATIENCE`].
pub fn until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    begin.elapsed()
}

/// The two ends of a terminal: the main end, and the end of the programs that run in it.
pub fn terminal() -> (OwnedFd, OwnedFd) {
    // SAFETY: plain system calls on descriptors that this test opens.
    unsafe {
        let main = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(main >= 0 && libc::grantpt(main) == 0 && libc::unlockpt(main) == 0);
        let mut name = [0; 64];
        assert_eq!(libc::ptsname_r(main, name.as_mut_ptr(), name.len()), 0);
        let other = libc::open(name.as_ptr(), libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(other >= 0);
        (OwnedFd::from_raw_fd(main), OwnedFd::from_raw_fd(other))
    }
}
