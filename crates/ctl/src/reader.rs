//! The reader: logs what services write to the pipes of a server that has ended.
//!
//! It is a process of its own that lives until each of its pipes is at its end. It has no timer: it runs only when a
//! service writes.

use core::cell::Cell;
use core::mem::MaybeUninit;

use rt::{raw, signal};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use zinit_pid1ctl::lines::{self, Line, Piece, Rest, TEXT};

use crate::pipes::{PIPES, PIPES_HELD, Pipe, Pipes};
use crate::refusal::errno_name;
use crate::sys::Log;
use crate::{process, report, sys};

/// Forks the reader, and returns its pid; `None` if there is nothing to read.
///
/// To be called after the server has ended. This process holds no pipe any more then, and all its signals are blocked.
pub fn spawn(pipes: &mut Pipes) -> Option<u32> {
    if pipes.is_empty() {
        return None;
    }
    // TERM to all must not reach the reader before it blocks it: services would get SIGPIPE while they stop.
    signal::block_all();
    let pid = raw::fork(&Cell::new(0));
    if pid == 0 {
        let failed = Reader::new(pipes.held()).and_then(|reader| reader.run()).err();
        if let Some(errno) = failed {
            let error = errno_name(errno);
            report(format_args!("cannot read what services write: {error}, they may end by SIGPIPE"));
        }
        raw::exit(u8::from(failed.is_some()));
    }
    pipes.clear();
    if pid < 0 {
        let error = errno_name(Errno::from_raw_os_error(pid.wrapping_neg()));
        report(format_args!(
            "cannot fork the reader of what services write: {error}, they may end by SIGPIPE"
        ));
    }
    u32::try_from(pid).ok()
}

struct Reader<'a> {
    pipes: &'a mut [Pipe],
    /// How many of them are not at their end.
    open: usize,
    buffers: &'static mut Buffers,
    epoll: OwnedFd,
    output: Output,
}

struct Buffers {
    /// In the order of the pipes.
    lines: [Line; PIPES],
    rests: Rests,
    input: [u8; INPUT],
}

/// The first half of each line that has not ended: as few pages of memory as there are such lines.
struct Rests {
    /// In the order of the pipes: the number of its rest, from 1 on, or 0 if it has none.
    numbers: [u16; PIPES],
    /// Which of them are used, bit by bit.
    used: [u64; PIPES.div_ceil(64)],
    rests: [Rest; PIPES],
}

/// The log, and what it did not accept.
struct Output {
    log: Log,
    /// Lines that were dropped since the log accepted one.
    dropped: u32,
}

impl<'a> Reader<'a> {
    fn new(pipes: &'a mut [Pipe]) -> Result<Self, Errno> {
        raw::set_name(c"zinit-reader");
        close_all_but(pipes);
        sys::release_all_but(&[BUFFERS.addresses(), PIPES_HELD.addresses()]);
        let buffers = BUFFERS.take().ok_or(Errno::BUSY)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { pipes, open: 0, buffers, epoll, output: Output { log: Log::of_stderr(), dropped: 0 } })
    }

    /// Reads until each pipe is at its end.
    fn run(mut self) -> Result<(), Errno> {
        for (at, pipe) in (0..).zip(self.pipes.iter()) {
            if let Some(reading) = &pipe.reading {
                epoll::add(&self.epoll, reading, EventData::new_u64(at), EventFlags::IN)?;
            }
        }
        self.open = self.pipes.len();
        while self.open > 0 {
            let mut room = [MaybeUninit::uninit(); EVENTS];
            match epoll::wait(&self.epoll, &mut room, None) {
                Ok((events, _)) => {
                    for event in events {
                        self.read(event.data.u64() as usize);
                    }
                }
                // It was stopped and continued.
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.output.say_dropped();
        Ok(())
    }

    /// Reads once from a pipe that is ready: each of them gets its turn.
    fn read(&mut self, at: usize) {
        let Buffers { lines, rests, input } = &mut *self.buffers;
        let (Some(pipe), Some(line)) = (self.pipes.get_mut(at), lines.get_mut(at)) else { return };
        let Some(reading) = &pipe.reading else { return };
        let (service, output) = (&pipe.service, &mut self.output);
        let mut log = |piece: Piece<'_>| output.write(&lines::compose(service, piece, output.log.is_kmsg()));
        match rustix::io::read(reading, &mut input[..]) {
            Ok(length @ 1..) => line.push(rests.of(at), &input[..length], &mut log),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(0) | Err(_) => {
                line.end(rests.of(at), &mut log);
                // The helper may hold the same open file for a moment, which would keep it in the set.
                let _not_there = epoll::delete(&self.epoll, reading);
                pipe.reading = None;
                self.open -= 1;
            }
        }
        if line.is_empty() || pipe.reading.is_none() {
            rests.free(at);
        }
    }
}

impl Rests {
    /// The rest of a pipe's line.
    fn of(&mut self, pipe: usize) -> &mut Rest {
        if self.numbers[pipe] == 0 {
            // There are as many as there are pipes.
            let word = self.used.iter().position(|word| *word != u64::MAX).unwrap_or(0);
            let bit = self.used[word].trailing_ones() as usize % 64;
            self.used[word] |= 1 << bit;
            self.numbers[pipe] = (word * 64 + bit + 1) as u16;
        }
        &mut self.rests[usize::from(self.numbers[pipe]) - 1]
    }

    /// Lets another pipe use it.
    fn free(&mut self, pipe: usize) {
        if let Some(number) = usize::from(self.numbers[pipe]).checked_sub(1) {
            self.used[number / 64] &= !(1 << (number % 64));
            self.numbers[pipe] = 0;
        }
    }
}

impl Output {
    /// Writes a line, or drops and counts it: neither PID 1 nor a service may wait for a reader of the log.
    fn write(&mut self, line: &[u8]) {
        self.say_dropped();
        if self.dropped > 0 || !self.log.write(line) {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Logs how many lines were dropped, if there are any and the log accepts lines again.
    fn say_dropped(&mut self) {
        if self.dropped > 0 && self.log.write(&lines::dropped(self.dropped, self.log.is_kmsg())) {
            self.dropped = 0;
        }
    }
}

/// Closes all descriptors but standard error and those of the pipes: PID 1 waits for the end of its report pipe.
fn close_all_but(pipes: &[Pipe]) {
    let Some(folder) = process::folder(c"/proc/self/fd") else { return };
    process::numbers(&folder, &mut |number| {
        let number = number.cast_signed();
        let held = |pipe: &Pipe| pipe.reading.as_ref().is_some_and(|reading| reading.as_raw_fd() == number);
        if ![libc::STDERR_FILENO, folder.as_raw_fd()].contains(&number) && !pipes.iter().any(held) {
            raw::close(number);
        }
    });
}

static BUFFERS: sys::Lent<Buffers> = sys::Lent::new(Buffers {
    lines: [Line::NEW; PIPES],
    rests: Rests { numbers: [0; PIPES], used: [0; PIPES.div_ceil(64)], rests: [[0; TEXT]; PIPES] },
    input: [0; INPUT],
});

/// Bytes that are read at once.
const INPUT: usize = 4_096;

/// Pipes that one wait tells of.
const EVENTS: usize = 16;
