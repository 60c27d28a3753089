//! Prints the state of PID 1, read from `/proc`: `zinit-pid1 status`.

use rt::raw;
use zinit_pid1::model::decimal;
use zinit_pid1::model::table;
use zinit_pid1::parse::procstat;

use crate::{print, process};

/// Prints version, server, children and zombies; the exit status is 0 if a server runs and else 3, the Linux Standard
/// Base's "not running".
pub fn status() -> u8 {
    let mut room = [0; ROOM];
    let place = match process::is_of_machine() {
        None => "an unknown place",
        Some(true) => "this machine",
        Some(false) => "a container",
    };
    let version = version(raw::read_file(c"/proc/1/exe", &mut room)).escape_ascii();
    print(STDOUT, format_args!("version {version}, PID 1 of {place}"));
    let up = seconds(table::field(raw::read_file(c"/proc/uptime", &mut room), 0), FRACTION);
    let seen = look(&mut room);
    match seen.server {
        Some((server, since)) => {
            print(STDOUT, format_args!("server {server} runs for {} s", up.saturating_sub(since)))
        }
        None => print(STDOUT, format_args!("no server runs")),
    }
    print(STDOUT, format_args!("{} children", seen.children));
    print(STDOUT, format_args!("{} zombies", seen.zombies));
    if seen.server.is_some() { 0 } else { 3 }
}

/// What was found in `/proc`.
#[derive(Default)]
struct Seen {
    /// The pid of the server, and the time of its start, s since the boot.
    server: Option<(u32, u32)>,
    children: u32,
    zombies: u32,
}

/// Reads the data of every process, proc(5).
fn look(room: &mut [u8]) -> Seen {
    let mut seen = Seen::default();
    process::all(&mut |pid| seen.process(pid, room));
    seen
}

impl Seen {
    /// Counts a process, which may be gone already.
    fn process(&mut self, pid: u32, room: &mut [u8]) {
        let stat = process::read(pid, "stat", room);
        let words = procstat::fields(stat);
        self.zombies += u32::from(table::field(words, 0) == b"Z");
        if table::field(words, 1) != b"1" {
            return;
        }
        self.children += 1;
        let since = seconds(table::field(words, 19), TICKS);
        let arguments = process::read(pid, "cmdline", room);
        let mut words = arguments.split(|byte| *byte == 0).skip(1).step_by(2);
        // No other program is started with these options in this order.
        if ARGUMENTS.iter().all(|known| words.next() == Some(known)) {
            self.server = Some((pid, since));
        }
    }
}

/// The version in the program of PID 1, which may not be the installed one.
fn version(program: &[u8]) -> &[u8] {
    let end = program.windows(BEHIND.len()).position(|window| window == BEHIND);
    let text = end.map_or([].as_slice(), |end| &program[..end]);
    let start = text.windows(NAME.len()).rposition(|window| window == NAME);
    start.map_or(b"unknown".as_slice(), |start| &text[start + NAME.len()..])
}

/// The whole seconds of a time whose last `fraction` characters are less than a second.
fn seconds(number: &[u8], fraction: usize) -> u32 {
    decimal::parse(&number[..number.len().saturating_sub(fraction)]).unwrap_or(0)
}

const STDOUT: i32 = libc::STDOUT_FILENO;

/// The largest part of a file that is read, bytes; the program of PID 1 has less than half of that.
const ROOM: usize = 65_536;

/// The text before the version in every program of PID 1, and the text after it.
const NAME: &[u8] = b"zinit-pid1 ";
const BEHIND: &[u8] = b"\narch ";

/// The options that PID 1 gives to each server, each with a value.
const ARGUMENTS: [&[u8]; 3] = [b"-c", b"-s", b"--log-level"];

/// The characters that are less than a second: `.12` in `/proc/uptime`, and two digits of `USER_HZ` ticks.
const FRACTION: usize = 3;
const TICKS: usize = 2;
