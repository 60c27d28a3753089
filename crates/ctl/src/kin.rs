//! Children of PID 1 that are no services, recognized in `/proc`.

use core::ffi::CStr;

use rt::raw;
use zinit_pid1::parse::procstat;

use crate::{file, process};

/// True for a reader: PID 1 does not know the pid of each one after a fault, and the program may have been replaced
/// since it was forked.
pub fn is_reader(pid: u32) -> bool {
    is_called(pid, b"zinit-reader\n")
}

/// True for the watcher of a job, whose pid PID 1 does not know.
pub fn is_job(pid: u32) -> bool {
    is_called(pid, b"zinit-job\n")
}

/// True for a process of this program with that name, and a newline.
fn is_called(pid: u32, name: &[u8]) -> bool {
    let (mut its, mut own) = ([0; LINK], [0; LINK]);
    if process::read(pid, "comm", &mut [0; 16]) != name {
        return false;
    }
    let own = program(c"/proc/self/exe", &mut own);
    !own.is_empty() && program(process::Path::new(pid, "exe").name(), &mut its) == own
}

/// True for a child that PID 1 has forked for a task of its own, and that has not executed its program yet.
pub fn is_fork(pid: u32, pid1: u32) -> bool {
    let exe = |pid| file::id(process::Path::new(pid, "exe").name());
    exe(pid).is_some_and(|exe_of| exe(pid1) == Some(exe_of)) && same(pid, pid1, "cmdline")
}

/// True for such a child too if PID 1 may have been replaced since: it keeps the name and the session, and each program
/// that PID 1 executes has a session of its own.
pub fn is_old_fork(pid: u32, pid1: u32) -> bool {
    let session = |pid| procstat::session(process::read(pid, "stat", &mut [0; 512]));
    same(pid, pid1, "comm") && session(pid) == session(pid1) || is_fork(pid, pid1)
}

/// True if a file of both processes has the same content.
fn same(one: u32, other: u32, name: &str) -> bool {
    let (mut its, mut others) = ([0; 512], [0; 512]);
    process::read(one, name, &mut its) == process::read(other, name, &mut others)
}

/// The path of a program, by the link in `/proc`, whether or not another file has its name now; empty if it is not known.
fn program<'a>(link: &CStr, buf: &'a mut [u8]) -> &'a [u8] {
    let length = raw::read_link(link, buf).unwrap_or(0) as usize;
    // A path that fills the buffer may be cut off.
    let path = if length < buf.len() { &buf[..length] } else { &[] };
    path.strip_suffix(b" (deleted)").unwrap_or(path)
}

/// Bytes of the path of this program: PID 1 starts it as `/sbin/zinit-pid1ctl`, and `/sbin` may be a link.
const LINK: usize = 128;
