//! The names of errors, signals and tasks in log lines.
//!
//! The names of errors and tasks are newline-separated lists: a `match` to strings takes 1.4 kB and 0.2 kB more.

use crate::model::process::{Errno, Signal};
use crate::model::table;
use crate::model::task::Task;

macro_rules! errnos {
    ($($number:literal $name:literal)*) => {
        const ERRNOS: &[u8] = &[$($number),*];
        const ERRNO_NAMES: &str = concat!($($name, "\n",)*);
    };
}

// The errors that are expected in PID 1's log: from starting a server and its RPC, from mounts, swaps and files, and
// from the end of a machine. Those are explained whose name says too little, errno(3).
errnos! {
    1 "EPERM"
    2 "ENOENT (no such file or directory)"
    5 "EIO"
    6 "ENXIO"
    8 "ENOEXEC (not a program for this machine)"
    11 "EAGAIN"
    12 "ENOMEM"
    13 "EACCES"
    16 "EBUSY"
    19 "ENODEV (no such device or file system)"
    20 "ENOTDIR"
    22 "EINVAL"
    23 "ENFILE"
    24 "EMFILE"
    26 "ETXTBSY"
    28 "ENOSPC"
    30 "EROFS"
    32 "EPIPE"
    36 "ENAMETOOLONG"
    38 "ENOSYS (not in this kernel)"
    40 "ELOOP"
    80 "ELIBBAD"
    104 "ECONNRESET"
    110 "ETIMEDOUT"
    111 "ECONNREFUSED"
}

/// The name of an error and what it means; `None` for one that is not expected.
#[must_use]
pub fn errno(errno: Errno) -> Option<&'static [u8]> {
    let index = ERRNOS.iter().position(|number| *number == errno.0)?;
    Some(table::nth(ERRNO_NAMES.as_bytes(), index))
}

/// The name of a signal that PID 1 sends to a server.
#[must_use]
pub const fn signal(signal: Signal) -> &'static [u8] {
    match signal {
        Signal::USR1 => b"SIGUSR1",
        Signal::TERM => b"SIGTERM",
        _ => b"SIGKILL",
    }
}

/// The name of a task.
#[must_use]
pub fn task(task: Task) -> &'static [u8] {
    #[allow(clippy::as_conversions)] // the variant's number is the index of its name
    table::nth(TASKS, task as usize)
}

/// In the order of the variants.
const TASKS: &[u8] = b"\
TERM
KILL
sync
swapoff
unmount
remount
sync
kexec
power off
reboot
halt
SysRq
SysRq";
