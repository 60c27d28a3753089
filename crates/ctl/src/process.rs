//! Reads `/proc`.

use core::ffi::CStr;
use core::fmt::Write;
use core::mem::MaybeUninit;

use rt::raw;
use rustix::event::{Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, pidfd_send_signal};
use zinit_pid1::model::decimal;
use zinit_pid1::model::process::INITIAL_NAMESPACE;

/// A path below `/proc/PID`.
pub struct Path(heapless::String<40>);

impl Path {
    /// The path of `/proc/PID/NAME`.
    pub fn new(pid: u32, name: &str) -> Self {
        let mut path = heapless::String::new();
        let _fits = write!(path, "/proc/{pid}/{name}\0");
        Self(path)
    }

    /// The path of `/proc/PID/FOLDER/NUMBER`.
    pub fn numbered(pid: u32, folder: &str, number: u32) -> Self {
        let mut path = heapless::String::new();
        let _fits = write!(path, "/proc/{pid}/{folder}/{number}\0");
        Self(path)
    }

    /// The path as a C string.
    pub fn name(&self) -> &CStr {
        CStr::from_bytes_with_nul(self.0.as_bytes()).unwrap_or(c"")
    }
}

/// Reads `/proc/PID/NAME`, or the part of it that fits; empty if the process is gone.
pub fn read<'a>(pid: u32, name: &str, buf: &'a mut [u8]) -> &'a [u8] {
    raw::read_file(Path::new(pid, name).name(), buf)
}

/// True if PID 1 is that of the machine, false if it is that of a container, `None` if nothing tells.
///
/// Only root may read the link of PID 1; that of this process leads to the same namespace.
pub fn is_of_machine() -> Option<bool> {
    links_to_machine(c"/proc/self/ns/pid")
}

fn links_to_machine(path: &CStr) -> Option<bool> {
    let mut link = [0; 32];
    let length = raw::read_link(path, &mut link).ok()?;
    Some(&link[..length as usize] == INITIAL_NAMESPACE)
}

/// The parent of this process, PID 1; 0 if it is in another PID namespace.
pub fn parent() -> u32 {
    rustix::process::getppid().map_or(0, rustix::process::Pid::as_raw_pid).unsigned_abs()
}

/// True if the parent of this process is zinit-pid1: the helpers act on the children and the program of their parent.
pub fn parent_is_zinit_pid1() -> bool {
    // A PID 1 that is replaced meanwhile has the name of a file until it sets its own.
    for _ in 0..NAME_CHECKS {
        if parent_is_named() {
            return true;
        }
        let _nothing = poll(&mut [], Some(&NAME_INTERVAL));
    }
    false
}

/// True if the parent of this process has the name zinit-pid1 now.
///
/// Also true if `/proc` does not show the processes here, where the parent is unknown: none can be found there either.
pub fn parent_is_named() -> bool {
    parent() > 0 && read(parent(), "comm", &mut [0; 16]) == b"zinit-pid1\n" || unseen().is_some()
}

/// True if the parent of this process is zinit-pid1 as PID 1 of the machine; without `/proc` its pid alone tells.
pub fn parent_is_pid1_of_machine() -> bool {
    if parent() != 1 {
        return false;
    }
    // PID 1 has read its own link at the start, so the kernel has it in memory: 20,000 instructions of a machine's start.
    let link_of_pid1 = if unseen().is_none() { links_to_machine(c"/proc/1/ns/pid") } else { None };
    link_of_pid1.or_else(is_of_machine) != Some(false) && parent_is_zinit_pid1()
}

/// How often the name of the parent is read, and the time in between: 200 ms in all.
const NAME_CHECKS: usize = 20;
const NAME_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// Why `/proc` does not show the processes here; `None` if it does.
///
/// In a PID namespace without a `/proc` of its own, as after `unshare -p`, each pid there is another process's.
pub fn unseen() -> Option<&'static str> {
    let mut link = [0; 16];
    let length = raw::read_link(c"/proc/self", &mut link).unwrap_or(0) as usize;
    if decimal::parse(&link[..length]) == Some(rustix::process::getpid().as_raw_pid().unsigned_abs()) {
        None
    } else if rustix::fs::lstat(c"/proc/self").is_ok() {
        // The link is there even if it leads nowhere, since this process has no pid in that namespace.
        Some("the /proc here is that of another PID namespace")
    } else {
        Some("/proc is not mounted")
    }
}

/// Sends a signal to a process by its descriptor, or by its pid where there is none, and continues it: a stopped process
/// does not die of TERM before that.
pub fn signal_and_continue(pid: Pid, process: Option<&OwnedFd>, signal: Signal) {
    for signal in [signal, Signal::CONT] {
        let sent = process.map(|process| pidfd_send_signal(process, signal));
        // Linux before 5.3 has no such descriptors, and older seccomp filters refuse them.
        if sent != Some(Ok(())) && sent != Some(Err(Errno::SRCH)) {
            let _gone = kill_process(pid, signal);
        }
    }
}

/// Calls `show` with the pid of each process.
pub fn all(show: &mut dyn FnMut(u32)) {
    if let Some(folder) = folder(c"/proc") {
        numbers(&folder, show);
    }
}

/// Opens a folder of `/proc`.
pub fn folder(path: &CStr) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

/// Calls `show` with each entry of a folder that is a number.
pub fn numbers(folder: &OwnedFd, show: &mut dyn FnMut(u32)) {
    let mut entries = [MaybeUninit::uninit(); 2048];
    let mut folder = RawDir::new(folder, &mut entries);
    while let Some(Ok(entry)) = folder.next() {
        if let Some(number) = decimal::parse(entry.file_name().to_bytes()) {
            show(number);
        }
    }
}
