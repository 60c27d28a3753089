//! Tries a program as PID 1 of namespaces of its own, in which there is nothing but itself.
//!
//! There it boots, and starts as its server the only program that it finds: itself, at its first default path. By the
//! setting `ZINIT_CONFIG_DIR=--probe` the words of this server are `-c --probe ...`, so that it prints its answer and
//! exits. Then PID 1 is asked to end, which it does when it has reaped all its children.

use core::ffi::CStr;
use core::fmt::Write;

use rt::raw;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result as Answered};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::{Pid, Signal};
use zinit_pid1ctl::answer::Answer;

use crate::file::Path;
use crate::refusal::{LastLine, Result, Why, errno_name};
use crate::sys;

use super::Running;
use super::probe::{end, listen};

/// Refuses a program that does not work as PID 1; where it cannot be tried, a line says so.
///
/// `path` is what the lines name.
pub fn try_as_pid1(running: &Running<'_>, program: &OwnedFd, path: &Path) -> Result<()> {
    let (answer, stdout) = raw::pipe();
    let (log, stderr) = raw::pipe();
    let ids = [rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()];
    let mut user = false;
    let mut child = sys::fork_as_pid1(user);
    if child == -libc::EPERM {
        user = true;
        child = sys::fork_as_pid1(user);
    }
    if child == 0 {
        // The last copy of its reading end tells whether the parent lives.
        drop(answer);
        become_pid1(program, [&stdout, &stderr], user.then_some(ids));
    }
    drop((stdout, stderr));
    let Some(child) = Pid::from_raw(child).filter(|_| child > 0) else {
        cannot_be_tried(running, path, Errno::from_raw_os_error(child.wrapping_neg()));
        return Ok(());
    };
    let mut room = [0; 512];
    let mut asked = false;
    let (length, status) = listen(&answer, child, &mut room, &mut |said| {
        if !asked && Answer::read(said).is_some() {
            asked = true;
            let _ended = rustix::process::kill_process(child, Signal::TERM);
        }
    });
    if status.is_none() {
        end(child);
    }
    match (&room[..length], status) {
        ([0, errno], _) => cannot_be_tried(running, path, Errno::from_raw_os_error((*errno).into())),
        (_, Some(0)) if asked => running.tell(format_args!("{path} works as PID 1")),
        (_, Some(status)) => return Why::CrashedAsPid1(status, last_line(&log)).of(path),
        (_, None) => {
            let what = if asked { "end" } else { "start a server" };
            return Why::HungAsPid1(what, last_line(&log)).of(path);
        }
    }
    Ok(())
}

fn cannot_be_tried(running: &Running<'_>, path: &Path, errno: Errno) {
    let errno = errno_name(errno);
    running
        .tell(format_args!("{path} cannot be tried as PID 1 of namespaces, only its answer counts: {errno}"));
}

/// In the child: executes the program as PID 1, or reports the error by standard output.
fn become_pid1(program: &OwnedFd, [stdout, stderr]: [&raw::Fd; 2], user: Option<[u32; 2]>) -> ! {
    let errno = match prepare(program, stdout, user) {
        Ok(stdin) => sys::exec_as_pid1(PROGRAM, &stdin, [stdout, stderr]),
        Err(errno) => errno.raw_os_error(),
    };
    let _sent = raw::write(stdout.number(), &[0, errno as u8]);
    raw::exit(1)
}

/// Makes a root that holds nothing but the program, and returns its standard input.
fn prepare(program: &OwnedFd, stdout: &raw::Fd, user: Option<[u32; 2]>) -> Answered<OwnedFd> {
    // If a fault of an emulator made this process no PID 1, the program would supervise a server here.
    if rustix::process::getpid() != Pid::INIT {
        return Err(Errno::NOSYS);
    }
    let _leader = rustix::process::setsid();
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before; its pid is not known in this namespace.
    let mut pipe = [PollFd::from_borrowed_fd(sys::borrow(stdout.number()), PollFlags::empty())];
    rustix::event::poll(&mut pipe, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if pipe[0].revents().contains(PollFlags::ERR) {
        return Err(Errno::PIPE);
    }
    if let Some([uid, gid]) = user {
        // Without it the kernel refuses a map of groups; Linux 3.18 has no such file.
        let _old = raw::write_file(c"/proc/self/setgroups", b"deny");
        map(c"/proc/self/uid_map", uid)?;
        map(c"/proc/self/gid_map", gid)?;
    }
    let everywhere = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change(c"/", everywhere)?;
    let stdin = rustix::fs::open(c"/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount(c"none", ROOT, c"tmpfs", flags, Some(OPTIONS))?;
    rustix::process::chroot(ROOT)?;
    rustix::process::chdir(c"/")?;
    rustix::fs::mkdir(FOLDER, Mode::from_raw_mode(0o755))?;
    copy(program)?;
    Ok(stdin)
}

/// Makes a user or group root of this user namespace.
fn map(file: &CStr, outside: u32) -> Answered<()> {
    let mut line = heapless::String::<32>::new();
    let _fits = write!(line, "0 {outside} 1");
    raw::write_file(file, line.as_bytes()).map(drop).map_err(Errno::from_raw_os_error)
}

/// Copies the program; its file is closed, because the kernel does not execute one that is open for writing.
fn copy(program: &OwnedFd) -> Answered<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let to = rustix::fs::open(PROGRAM, flags, Mode::RWXU)?;
    let mut offset = 0;
    // The parent's offset, which this process shares, stays as it is.
    while rustix::fs::sendfile(&to, program, Some(&mut offset), PIECE)? > 0 {}
    rustix::fs::fchmod(&to, Mode::from_raw_mode(0o755))
}

/// The last line of what it has written to its log.
fn last_line(log: &raw::Fd) -> LastLine {
    let mut line = LastLine::default();
    let mut piece = [0; 512];
    let mut ended = false;
    while let Ok(taken @ 1..) = raw::read(log.number(), &mut piece) {
        for byte in &piece[..taken as usize] {
            if core::mem::replace(&mut ended, *byte == b'\n') {
                line.clear();
            }
            if !ended {
                let _cut = line.push(*byte);
            }
        }
    }
    line
}

/// A folder that exists, since PID 1 looks there for this program.
const ROOT: &CStr = c"/sbin";

/// Where PID 1 looks first for its server.
const FOLDER: &CStr = c"/sbin";
const PROGRAM: &CStr = c"/sbin/zinit-server";

/// Four times of what a candidate may have: a larger file, which only a package manager can install, is not tried.
const OPTIONS: &CStr = c"size=1m,mode=755";

/// Bytes that are copied at once.
const PIECE: usize = 65_536;
