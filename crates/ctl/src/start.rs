//! Before the first server: prepares what programs of a machine expect to find, or has the job of a container watched.

use core::ffi::CStr;
use core::fmt::{self, Write};

use rt::raw;
use rt::start::Start;
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::{Errno, Result};
use zinit_pid1::model::limits::OPEN_FILES;
use zinit_pid1::model::process::Errno as Status;
use zinit_pid1ctl::hostname::host_name;

use crate::refusal::errno_name;
use crate::{file, job, process, report, sys};

/// Prepares the machine or watches a job, and executes the program whose argv follows; returns the exit status if that fails.
///
/// It is in the place of the server: whatever fails before is logged, and the server is executed all the same.
#[inline(never)] // its frame would be resident in each helper that lives long
pub fn start(start: Start) -> u8 {
    // Whoever else calls this gets the program that is asked for, on a machine that stays as it is. Only the server of a
    // machine has this option; without `/proc` nothing else tells a container.
    let of_machine = start.words().any(|word| word == c"--pid1-mode");
    if of_machine && process::parent_is_pid1_of_machine() {
        prepare();
    }
    // PID 1 does this once more if there is no such file.
    let path = start.words().nth(WORDS - 1).unwrap_or_default();
    if !of_machine && exists(path) && process::parent_is_zinit_pid1() {
        job::spawn(start);
    }
    execute(start).exec_status()
}

/// Executes the program whose argv follows; returns only the error, after it was logged.
pub fn execute(start: Start) -> Status {
    let errno = sys::exec_words(start, WORDS);
    let path = start.words().nth(WORDS - 1).unwrap_or_default();
    let name = errno_name(Errno::from_raw_os_error(errno));
    let no_interpreter = errno == libc::ENOENT && exists(path);
    let path = path.to_bytes().escape_ascii();
    if no_interpreter {
        tell(format_args!("cannot execute {path}: no interpreter, {name}"));
    } else {
        tell(format_args!("cannot execute {path}: {name}"));
    }
    Status(u8::try_from(errno).unwrap_or(u8::MAX))
}

fn exists(path: &CStr) -> bool {
    rustix::fs::accessat(CWD, path, Access::EXISTS, AtFlags::empty()).is_ok()
}

/// Prepares the machine for its programs.
#[inline(never)] // its frame would be resident in the watcher of a job
fn prepare() {
    link_descriptors();
    // Of PID 1 too, which starts all later programs.
    for process in [1, 0] {
        sys::raise_open_files(process, OPEN_FILES);
    }
    if rustix::fs::accessat(CWD, HOST_NAME, Access::EXISTS, AtFlags::empty()) != Err(Errno::NOENT)
        && let Err(errno) = set_host_name()
    {
        tell(format_args!("cannot take the name in /etc/hostname: {}", errno_name(errno)));
    }
    match sys::bring_up(*b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0").map_err(Errno::from_raw_os_error) {
        // There is no such interface, or no IPv4 in this kernel.
        Ok(()) | Err(Errno::NODEV | Errno::AFNOSUPPORT) => {}
        Err(errno) => tell(format_args!("cannot bring lo up: {}", errno_name(errno))),
    }
}

/// Links what shells and programs use as files to `/proc`, if `/dev` lies in memory; a name that exists stays.
fn link_descriptors() {
    // devtmpfs is a tmpfs, or a ramfs in a kernel without tmpfs.
    if rustix::fs::statfs(c"/dev").is_ok_and(|stat| file::is_volatile(&stat)) {
        for (target, link) in LINKS {
            let _exists = rustix::fs::symlink(target, link);
        }
    }
}

/// Sets the host name to the one in `/etc/hostname`, sethostname(2); a file without a name is EINVAL.
#[inline(never)] // without a file its buffer, a page of the stack, is not used
fn set_host_name() -> Result<()> {
    let mut buf = [0; HOST_NAME_FILE];
    let text = raw::read_file(HOST_NAME, &mut buf);
    let name = host_name(text);
    // A file that fills the buffer may go on.
    if name.is_empty() || text.len() == HOST_NAME_FILE {
        return Err(Errno::INVAL);
    }
    rustix::system::sethostname(name)
}

/// Writes a line to the kernel's log: standard error is the console here, which may have no reader.
fn tell(line: fmt::Arguments<'_>) {
    let mut buf = heapless::String::<500>::new();
    let _cut = writeln!(buf, "<3>zinit-pid1ctl: {line}");
    if raw::write_file(c"/dev/kmsg", buf.as_bytes()).is_err() {
        report(line);
    }
}

/// Targets and links.
const LINKS: [(&CStr, &CStr); 5] = [
    (c"/proc/self/fd", c"/dev/fd"),
    (c"/proc/self/fd/0", c"/dev/stdin"),
    (c"/proc/self/fd/1", c"/dev/stdout"),
    (c"/proc/self/fd/2", c"/dev/stderr"),
    (c"/proc/kcore", c"/dev/core"),
];

const HOST_NAME: &CStr = c"/etc/hostname";

/// Bytes of that file that are read: enough for a page of comments.
const HOST_NAME_FILE: usize = 4_096;

/// The words before the program's argv: this program, `--helper`, and `start` or `rescue`.
const WORDS: usize = 3;
