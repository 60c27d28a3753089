//! Boards: the emulated machines on which the same tests run, each with the programs of its architecture.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::{brought, built, root};

/// An emulated machine, its kernel, and what is true of PID 1 there.
#[derive(Debug)]
pub struct Board {
    pub name: &'static str,
    /// The architecture of all programs, as `scripts/build` knows it.
    pub programs: &'static str,
    /// The architecture of the kernel and its modules.
    pub kernel: &'static str,
    pub qemu: &'static str,
    /// The machine and its processor.
    pub machine: &'static [&'static str],
    /// The name of the serial line in `/dev`.
    pub line: &'static str,
    /// More words for each kernel.
    pub append: &'static str,
    pub watchdog: Watchdog,
    /// Whether the kernel has CONFIG_TIME_NS.
    pub time_namespaces: bool,
    /// The size of a page, kB.
    pub page: u64,
    /// The most that PID 1 may have in memory at idle, kB, in the median of fifteen starts.
    pub resident: u64,
    /// The anonymous part of it, kB: the most in the median, and in any start.
    pub anonymous: [u64; 2],
}

/// How a board is reset when nothing pings it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watchdog {
    /// The card that QEMU emulates.
    Card,
    /// The kernel's timer: Debian's kernel for this board has no driver for the card.
    Timer,
}

/// All boards, the first of which is used if none is chosen.
const BOARDS: [Board; 6] = [
    Board {
        name: "x86_64",
        programs: "x86_64",
        kernel: "x86_64",
        qemu: "qemu-system-x86_64",
        // Otherwise a kernel panics if this computer is so busy that the timer seems not to tick.
        append: "no_timer_check",
        ..PLAIN
    },
    Board { name: "aarch64", programs: "aarch64", ..AARCH64 },
    Board {
        name: "aarch64-16k",
        programs: "aarch64",
        kernel: "aarch64-16k",
        // One that can have such pages.
        machine: &["-M", "virt", "-cpu", "cortex-a76"],
        watchdog: Watchdog::Card,
        page: 16,
        resident: 64,
        anonymous: [32, 48],
        ..AARCH64
    },
    Board { name: "armv7-on-aarch64", programs: "armv7", resident: 36, ..AARCH64 },
    Board {
        name: "armv7",
        programs: "armv7",
        kernel: "armv7",
        qemu: "qemu-system-arm",
        // This kernel does not find PCI where QEMU puts it otherwise.
        machine: &["-M", "virt,highmem=off", "-cpu", "cortex-a15"],
        line: "ttyAMA0",
        time_namespaces: false,
        resident: 36,
        ..PLAIN
    },
    Board {
        name: "riscv64",
        programs: "riscv64",
        kernel: "riscv64",
        qemu: "qemu-system-riscv64",
        machine: &["-M", "virt"],
        ..PLAIN
    },
];

/// The machine of three boards.
const AARCH64: Board = Board {
    kernel: "aarch64",
    qemu: "qemu-system-aarch64",
    machine: &["-M", "virt", "-cpu", "cortex-a57"],
    line: "ttyAMA0",
    ..PLAIN
};

/// What most boards have in common.
const PLAIN: Board = Board {
    name: "",
    programs: "",
    kernel: "",
    qemu: "",
    machine: &[],
    line: "ttyS0",
    append: "",
    watchdog: Watchdog::Timer,
    time_namespaces: true,
    page: 4,
    resident: 40,
    anonymous: [12, 16],
};

/// The board of this test program, which `ZINIT_TEST_BOARD` names.
pub fn board() -> &'static Board {
    static BOARD: OnceLock<&Board> = OnceLock::new();
    BOARD.get_or_init(|| {
        let Some(name) = std::env::var_os("ZINIT_TEST_BOARD") else { return &BOARDS[0] };
        let names = BOARDS.each_ref().map(|board| board.name).join(" ");
        let found = BOARDS.iter().find(|board| name == board.name);
        found.unwrap_or_else(|| panic!("ZINIT_TEST_BOARD is {name:?}, and not one of: {names}"))
    })
}

impl Board {
    /// The folder of the kernel and its modules.
    pub fn kernel_folder(&self) -> String {
        format!("target/vm/kernels/{}", self.kernel)
    }

    /// The real server.
    pub fn server(&self) -> PathBuf {
        brought(&format!("target/zinit/{}/bin/zinit-server", self.programs))
    }

    /// Its client.
    pub fn client(&self) -> PathBuf {
        brought(&format!("target/zinit/{}/bin/zinit", self.programs))
    }

    /// A static BusyBox.
    pub fn busybox(&self) -> PathBuf {
        match self.programs {
            HOST => PathBuf::from("/bin/busybox"),
            other => brought(&format!("target/busybox/{other}")),
        }
    }
}

/// A program of this project for an architecture, as it is shipped.
pub fn product(architecture: &str, name: &str) -> PathBuf {
    match architecture {
        HOST => once(name, || built(&["-p", name, "--bin", name], name)),
        other => once(other, || {
            run(Command::new(root().join("scripts/build")).arg(other));
            root().join("target/dist").join(other)
        })
        .join(name),
    }
}

/// The program that works inside of virtual machines, where there is no libc.
pub fn guest() -> PathBuf {
    const BUILD: &str = "cargo build --quiet --release --example guest &&
        echo target/$CARGO_BUILD_TARGET/release/examples/guest";
    once("guest", || {
        if board().programs == HOST {
            // What it depends on is built there anyway.
            let what = ["--example", "guest", "--", "-C", "target-feature=+crt-static"];
            return built(&what, "examples/guest");
        }
        let mut cross = Command::new(root().join("scripts/cross"));
        let said = run(cross.args(["--libc", board().programs, "sh", "-c", BUILD]).current_dir(root()));
        root().join(said.trim_end())
    })
}

/// The architecture of this computer.
const HOST: &str = "x86_64";

/// Builds once in each process, so that no test runs a stale program: cargo decides what is out of date.
fn once(what: &str, build: impl FnOnce() -> PathBuf) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // After a build that failed, the next test tries again, and says the same.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !built.contains_key(what) {
        built.insert(what.to_string(), build());
    }
    built[what].clone()
}

/// Runs a command of this project and returns its output; what else it said is shown if it fails.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [out, said] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{command:?} failed:\n{out}{said}");
    out
}
