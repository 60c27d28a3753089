//! Turns off swap, unmounts everything, and makes the remaining mounts read-only.

use core::ffi::CStr;

use rustix::mount::UnmountFlags;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::Errno;
use zinit_pid1::model::table;
use zinit_pid1::model::task::REBOOT_ARGUMENT_FILE;
use zinit_pid1::parse::mountinfo::{self, Path};

use super::authority::Machine;
use super::log::Log;
use super::mount;
use super::raw;
use super::spawn;
use super::tasks::{TIMED_OUT, Write, read_backwards, run_with_progress};

/// The right to unmount, and the log for what fails.
#[derive(Clone, Copy)]
pub struct Unmount<'a> {
    /// The right.
    pub machine: Machine,
    /// The log.
    pub log: &'a Log,
}

/// What a pass over the mounts does with each of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Unmounts it if it is a tmpfs.
    Tmpfs,
    /// Turns it off: this pass goes over the swaps, and not over the mounts.
    Swap,
    /// Unmounts it.
    Unmount,
    /// Makes it read-only.
    MakeReadOnly,
    /// Makes it read-only and detaches it, even if it is in use.
    Detach,
    /// Unmounts it, and logs a failure: the last attempt.
    Final,
    /// Detaches the kernel's mounts, which all steps before need.
    Kernel,
}

impl Unmount<'_> {
    /// Unmounts each tmpfs and turns off swap.
    pub fn swapoff(self) {
        // `/proc` may have been unmounted, and all data is read from it from here on.
        self.machine.mount_early(mount::PROC, None);
        // Each tmpfs first: otherwise its swapped-out pages would have to fit into memory.
        while self.pass(Step::Tmpfs) {}
        self.pass(Step::Swap);
    }

    /// Unmounts all other mounts, and makes the remaining ones read-only.
    pub fn unmount(self) {
        if let Err(number) = raw::open(MOUNTINFO, libc::O_RDONLY) {
            self.log_failure(Message::ReadFailed, raw::errno(number), MOUNTINFO);
        }
        loop {
            while self.pass(Step::Unmount) {}
            // All mounts are made read-only first, because detaching one also detaches the mounts on it.
            self.pass(Step::MakeReadOnly);
            // Detaching a mount uncovers what lies below it.
            if !self.pass(Step::Detach) {
                break;
            }
        }
        self.pass(Step::Final);
        let errno = run_with_progress(self.machine, Write::MakeReadOnly(ROOT));
        self.log_failure(Message::ReadOnlyFailed, errno, ROOT);
    }

    /// Detaches `/proc`, `/sys` and `/dev`.
    pub fn detach_kernel_mounts(self) {
        self.pass(Step::Kernel);
    }

    /// Applies a step to all mounts, the last one first; true if any of them is gone afterwards.
    fn pass(self, step: Step) -> bool {
        let mut progress = false;
        let mut path = Path::new();
        let file = if step == Step::Swap { c"/proc/swaps" } else { MOUNTINFO };
        read_backwards(file, &mut |line| {
            let escaped =
                if step == Step::Swap { mountinfo::swap(line) } else { mountinfo::mount_point(line) };
            if mountinfo::unescape(escaped, &mut path) {
                let wanted = step != Step::Tmpfs || mountinfo::is_tmpfs(line);
                progress |= wanted && self.step(step, c_str(&path));
            } else if step == Step::Final {
                self.log.message(Message::UnmountFailed, TOO_LONG, line);
            }
        });
        progress
    }

    /// Applies a step to one mount; true if the mount is gone afterwards.
    fn step(self, step: Step, point: &CStr) -> bool {
        if step == Step::Swap {
            self.log_failure(Message::SwapoffFailed, self.machine.swapoff(point), point);
            return false;
        }
        // The kernel's mounts hold no data, and all steps but the last one need them.
        let is_kernel = table::position(b"/proc\n/sys\n/dev", point.to_bytes()).is_some();
        // zinit-pid1ctl writes this file to a tmpfs only.
        if point == ROOT
            || is_kernel != (step == Step::Kernel)
            || point == c"/run" && spawn::exists(REBOOT_ARGUMENT_FILE)
        {
            return false;
        }
        let mut read_only = Errno::NONE;
        if matches!(step, Step::MakeReadOnly | Step::Detach) {
            read_only = run_with_progress(self.machine, Write::MakeReadOnly(point));
            if step == Step::MakeReadOnly {
                return false;
            }
        }
        let detach = matches!(step, Step::Detach | Step::Kernel);
        let flags = if detach { UnmountFlags::FORCE | UnmountFlags::DETACH } else { UnmountFlags::empty() };
        let errno = run_with_progress(self.machine, Write::Unmount(point, flags));
        let gone = errno == Errno::NONE;
        if gone {
            self.log_failure(Message::ReadOnlyFailed, read_only, point);
        } else if step == Step::Final || errno == TIMED_OUT {
            // An unmount that hangs has already removed the mount from the list.
            self.log_failure(Message::UnmountFailed, errno, point);
        }
        gone
    }

    /// Logs what failed for a path, if anything did.
    fn log_failure(self, message: Message, errno: Errno, path: &CStr) {
        if errno != Errno::NONE {
            self.log.message(message, errno, path.to_bytes());
        }
    }
}

/// The path as a `CStr`, for system calls.
fn c_str(path: &Path) -> &CStr {
    // SAFETY: `unescape` ended it by NUL.
    unsafe { CStr::from_ptr(path.as_ptr().cast()) }
}

const MOUNTINFO: &CStr = c"/proc/self/mountinfo";
const ROOT: &CStr = c"/";
const TOO_LONG: Errno = Errno(libc::ENAMETOOLONG as u8);
