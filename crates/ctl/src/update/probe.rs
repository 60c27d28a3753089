//! Checks whether a program can replace PID 1, by running it with `--probe`.

use core::cell::Cell;

use rt::raw;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};
use zinit_pid1ctl::answer::{Answer, Version};

use crate::file::Path;
use crate::refusal::{Result, Why};
use crate::sys;

/// What a program said of itself.
pub struct Facts {
    pub version: Version,
    pub arch: heapless::Vec<u8, 64>,
    pub can_be_tried: bool,
}

/// Runs a program with `--probe`, and returns what it says, if it reads the re-exec state that the running PID 1 writes.
///
/// The open file is executed: `path` is only what a refusal names.
pub fn probe(program: &OwnedFd, path: &Path, running: &Answer<'_>) -> Result<Facts> {
    let (reading, writing) = raw::pipe();
    let here = rustix::process::getpid();
    let child = match raw::fork(&Cell::new(0)) {
        0 => exec(program, writing.number(), here),
        pid => pid,
    };
    drop(writing);
    let Some(child) = Pid::from_raw(child).filter(|_| child > 0) else {
        return Why::Cannot("fork for", Errno::from_raw_os_error(child.wrapping_neg())).of(path);
    };
    let mut room = [0; 512];
    let (length, status) = listen(&reading, child, &mut room, &mut |_| {});
    let Some(status) = status else {
        end(child);
        return Why::Hung.of(path);
    };
    match &room[..length] {
        [0, errno] => Why::Cannot("execute", Errno::from_raw_os_error((*errno).into())).of(path),
        _ if status != 0 => Why::Crashed(status).of(path),
        answer => match Answer::read(answer) {
            Some(answer) if answer.reads(running.writes) => {
                // A longer name is none that anybody signs.
                let arch = answer.arch.iter().copied().take(64).collect();
                Ok(Facts { version: answer.version, arch, can_be_tried: answer.can_be_tried() })
            }
            _ => Why::Answer.of(path),
        },
    }
}

/// In the child: executes the program, with the pipe for its standard output.
fn exec(program: &OwnedFd, writing: i32, parent: Pid) -> ! {
    let _leader = rustix::process::setsid();
    // A program that hangs must not outlive this one, which may be killed.
    let _not_so = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if rustix::process::getppid() != Some(parent) {
        raw::exit(1);
    }
    let errno = sys::exec_probe(program, writing);
    let _sent = raw::write(writing, &[0, errno as u8]);
    raw::exit(1)
}

/// Ends a child.
pub fn end(child: Pid) {
    let _ended = rustix::process::kill_process(child, Signal::KILL);
    let _reaped = rustix::process::waitpid(Some(child), WaitOptions::empty());
}

/// Reads the child's output until it ends: the length, and its wait status, or `None` after the timeout. `heard` is
/// called with what was read so far.
pub fn listen(
    pipe: &raw::Fd,
    child: Pid,
    room: &mut [u8],
    heard: &mut dyn FnMut(&[u8]),
) -> (usize, Option<i32>) {
    let end = sys::now() + TIMEOUT;
    let mut length = 0;
    loop {
        let ended = rustix::process::waitpid(Some(child), WaitOptions::NOHANG);
        // Read after waitpid, so that everything that the child wrote before its exit is read.
        while let Some(free) = room.get_mut(length..).filter(|free| !free.is_empty())
            && let Ok(taken @ 1..) = raw::read(pipe.number(), free)
        {
            length += taken as usize;
        }
        heard(&room[..length]);
        match ended {
            Ok(Some((_, status))) => return (length, Some(status.as_raw())),
            _ if sys::now() >= end => return (length, None),
            _ => {}
        }
        let mut nothing = [PollFd::from_borrowed_fd(sys::borrow(pipe.number()), PollFlags::empty())];
        let tick = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
        let _woken = rustix::event::poll(&mut nothing, Some(&tick));
    }
}

/// Time for an answer, ms, and for the life of a PID 1 that is tried: the program does nothing else.
pub const TIMEOUT: u32 = 5_000;
