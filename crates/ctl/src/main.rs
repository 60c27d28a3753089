//! zinit-pid1ctl: tasks that PID 1 leaves to another program, and the command line tool.
//!
//! Responsible for:
//! - `--helper update NAME SAID`: finds another version of PID 1's program, puts it in its place and prints its path;
//! - `--helper rollback PATH ID`: puts the previous file of the server back;
//! - `--helper start SERVER ARGUMENTS`: prepares the machine, or watches a container's job, before the first server, and
//!   executes that;
//! - `--helper orphans STATE [adopted]`: ends the processes that a server left behind;
//! - `--helper restart STATE SOCKET`: asks the server to exit, and keeps its services;
//! - `--helper watch STATE SOCKET`: keeps the services of a server that crashes;
//! - `--helper rescue PROGRAM`: executes the rescue program on the console;
//! - `--helper stop SIGNAL`: waits for the last processes of a container, and ends the children of a subreaper;
//! - `--helper remount`: makes read-only what is still writable at the end of a machine;
//! - no words, for a zinit-pid1 that is not PID 1: whether it may supervise a server;
//! - any other words: what a person asks for, see [`zinit_pid1ctl::cli`].
//!
//! It may be large, slow or wrong: it shares no memory with PID 1, and is no part of the proof that PID 1 cannot
//! panic.

// `cargo clippy --all-targets` compiles programs as tests too, where std's panic handler would be a second one.
#![cfg(not(test))]
#![no_std]
#![no_main]
#![allow(
    clippy::large_enum_variant,
    clippy::result_large_err,
    reason = "both hold paths, and there is no heap to put them on"
)]

mod adopted;
mod argument;
mod ask;
mod client;
mod file;
mod force;
mod handover;
mod job;
mod kin;
mod orphans;
mod pipes;
mod process;
mod reader;
mod refusal;
mod remount;
mod rescue;
mod restart;
mod rollback;
mod second;
mod server;
mod start;
mod status;
mod stop;
mod sys;
mod update;
mod watch;

use core::ffi::CStr;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use rt::raw;
use rt::start::Start;
use rustix::io::Errno;
use zinit_pid1::model::process::Signal;
use zinit_pid1::model::version::VERSION;
use zinit_pid1ctl::cli::{self, Command, Refusal, USAGE};

use force::Forced;
use refusal::errno_name;

rt::entry!(main);

fn main(start: Start) -> ! {
    sys::set_page_size(start);
    let mut words = start.words();
    let status = if words.next() == Some(c"--helper") {
        let [task, argument, more] = [(); 3].map(|()| words.next().unwrap_or(c""));
        match task.to_bytes() {
            b"rescue" => rescue::rescue(start),
            b"start" => start::start(start),
            _ => run_helper(task, argument, more),
        }
    } else {
        match cli::parse(start.name(), start.words()) {
            Command::Supervise if process::parent_is_named() => second::look_for_first(start),
            command => run_command(command),
        }
    };
    raw::exit(status)
}

/// Does a task for PID 1, and returns the exit status.
fn run_helper(task: &CStr, argument: &CStr, more: &CStr) -> u8 {
    if !process::parent_is_zinit_pid1() {
        report(format_args!("only zinit-pid1 may start this program with --helper"));
        return BAD_USAGE;
    }
    sys::block_signals_of_files();
    match task.to_bytes() {
        b"orphans" => orphans::end(argument, more == c"adopted"),
        b"remount" => remount::remount(),
        b"restart" => restart::restart(argument, more),
        b"rollback" => rollback::roll_back(argument, more),
        b"stop" => stop::stop(argument),
        b"watch" => watch::watch(argument, more),
        b"update" => update::update(argument, more),
        other => {
            report(format_args!("unknown helper: {}", other.escape_ascii()));
            BAD_USAGE
        }
    }
}

/// Does what a person asks for, and returns the exit status.
// Its frame holds paths; in that of `main` they would be resident in each helper that lives long.
#[inline(never)]
fn run_command(command: Command<'_>) -> u8 {
    match command {
        Command::Ask(_)
        | Command::CheckUpdate
        | Command::End(..)
        | Command::Poweroff(_)
        | Command::Status
        | Command::StatusJson
        | Command::WaitForUpdate
            if !pid1_is_zinit_pid1() =>
        {
            FAILED
        }
        Command::Ask(signal) => sent(sys::send_to_pid1(signal)),
        Command::Poweroff(status) => sent(sys::queue_signal(1, Signal::POWEROFF, status)),
        Command::End(ending, text) => match argument::set(ending, &text) {
            Ok(()) => sent(sys::send_to_pid1(cli::signal(ending))),
            Err(refusal) => {
                print(libc::STDERR_FILENO, format_args!("{refusal}, nothing was sent"));
                FAILED
            }
        },
        Command::CheckUpdate => update::check(),
        Command::Status => status::status(false),
        Command::StatusJson => status::status(true),
        Command::Force(_) => {
            let errno = Forced::by(&command).map_or(Errno::INVAL, |forced| forced.end());
            print(libc::STDERR_FILENO, format_args!("reboot(2) refused: {}", errno_name(errno)));
            FAILED
        }
        Command::Refused(why, word) => {
            let word = word.to_bytes().escape_ascii();
            print(libc::STDERR_FILENO, format_args!("{word}: {}", why.text()));
            match why {
                Refusal::Unknown => BAD_USAGE,
                // No record is all that was asked for.
                Refusal::Wtmp => 0,
                Refusal::Cancel
                | Refusal::Later
                | Refusal::LongArgument
                | Refusal::NoStatus
                | Refusal::Runlevel
                | Refusal::Status => FAILED,
            }
        }
        // A person called zinit-pid1ctl without a word.
        Command::Help | Command::Supervise => write_out(USAGE.as_bytes()),
        Command::WaitForUpdate => update::update_and_wait(),
        Command::Version => write_out(VERSION.to_bytes()),
        Command::Warn(text) => {
            write_out(&text);
            write_out(b"\n")
        }
    }
}

/// True if PID 1 runs zinit-pid1; else it prints what PID 1 is.
fn pid1_is_zinit_pid1() -> bool {
    let mut buf = [0; 16];
    let comm = raw::read_file(c"/proc/1/comm", &mut buf);
    let is = |who: fmt::Arguments<'_>| {
        print(libc::STDERR_FILENO, format_args!("PID 1 is {who}, nothing was sent to it"));
        false
    };
    match (process::unseen(), comm.split_last()) {
        (Some(why), _) => is(format_args!("unknown, {why}")),
        (None, None) => is(format_args!("unknown, /proc does not show it")),
        (None, Some((_newline, b"zinit-pid1"))) => true,
        (None, Some((_newline, comm))) => is(format_args!("{}", comm.escape_ascii())),
    }
}

/// The exit status after a signal to PID 1: the kernel answers EPERM to all users but root.
fn sent(answer: raw::Result<()>) -> u8 {
    match answer {
        Ok(()) => 0,
        Err(errno) => {
            let errno = errno_name(Errno::from_raw_os_error(errno));
            print(libc::STDERR_FILENO, format_args!("cannot signal PID 1: {errno}"));
            FAILED
        }
    }
}

fn write_out(text: &[u8]) -> u8 {
    let _nobody_reads = raw::write(libc::STDOUT_FILENO, text);
    0
}

/// Prints a line for a person.
fn print(fd: i32, line: fmt::Arguments<'_>) {
    let mut buf = Line::<500>::default();
    let _whole = write!(buf, "zinit-pid1: {line}");
    let _nobody_reads = raw::write(fd, buf.end());
}

/// Writes a line to PID 1's log, which is a helper's standard error.
fn report(line: fmt::Arguments<'_>) {
    let mut buf = Line::<1_000>::default();
    let _whole = write!(buf, "zinit-pid1ctl: {line}");
    sys::log(buf.end());
}

/// A line, of which what does not fit is cut off.
#[derive(Default)]
struct Line<const N: usize>(heapless::Vec<u8, N>);

impl<const N: usize> Line<N> {
    /// The line with its newline.
    fn end(&mut self) -> &[u8] {
        self.0.truncate(N - 1);
        let _fits = self.0.push(b'\n');
        &self.0
    }
}

impl<const N: usize> Write for Line<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = N - self.0.len();
        let _fits = self.0.extend_from_slice(&text.as_bytes()[..text.len().min(free)]);
        Ok(())
    }
}

const FAILED: u8 = 1;
const BAD_USAGE: u8 = 2;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    report(format_args!("fault, nothing was replaced: {info}"));
    raw::exit(101)
}
