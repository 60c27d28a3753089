//! What PID 1 does, as `/proc` has it: for `zinit-pid1 status`.

use core::ffi::CStr;
use core::fmt::{self, Write};
use core::mem::MaybeUninit;

use rustix::fs::{Mode, OFlags, RawDir};
use zinit_pid1::lines;
use zinit_pid1::list;
use zinit_pid1::process::INITIAL_NAMESPACE;

use super::sys::raw;

/// Prints it. The answer is 0 if the server runs and 3 if none does, as the Linux Standard Base has it for services.
pub fn status() -> u8 {
    let mut room = [0; ROOM];
    let mut link = [0; 32];
    let length = raw::read_link(c"/proc/1/ns/pid", &mut link).unwrap_or(0);
    let place = if link[..length as usize] == *INITIAL_NAMESPACE { "this machine" } else { "a container" };
    let version = version(read("/proc/1/exe", &mut room)).escape_ascii();
    print(format_args!("version {version}, PID 1 of {place}"));
    let up = seconds(lines::word(read("/proc/uptime", &mut room), 0), FRACTION);
    let seen = look(&mut room);
    match seen.server {
        Some((server, since)) => {
            print(format_args!("server {server} runs for {} s", up.saturating_sub(since)))
        }
        None => print(format_args!("no server runs")),
    }
    print(format_args!("{} children", seen.children));
    print(format_args!("{} zombies", seen.zombies));
    if seen.server.is_some() { 0 } else { 3 }
}

/// What is found in `/proc`.
#[derive(Default)]
struct Seen {
    /// Its pid, and when it was started, s since the boot.
    server: Option<(u32, u32)>,
    children: u32,
    zombies: u32,
}

/// Looks at every process, proc(5).
fn look(room: &mut [u8]) -> Seen {
    let mut seen = Seen::default();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::open(c"/proc", flags, Mode::empty()) else { return seen };
    let mut entries = [MaybeUninit::uninit(); 2048];
    let mut folder = RawDir::new(folder, &mut entries);
    while let Some(Ok(entry)) = folder.next() {
        if let Some(pid @ 1..) = list::number(entry.file_name().to_bytes()) {
            seen.process(pid, room);
        }
    }
    seen
}

impl Seen {
    /// Looks at a process; it can be gone already.
    fn process(&mut self, pid: u32, room: &mut [u8]) {
        let stat = read_of(pid, "stat", room);
        // The name stands in brackets and can hold brackets itself.
        let name_ends = stat.iter().rposition(|byte| *byte == b')').map_or(0, |end| end + 1);
        let words = &stat[name_ends..];
        self.zombies += u32::from(lines::word(words, 0) == b"Z");
        if lines::word(words, 1) != b"1" {
            return;
        }
        self.children += 1;
        let since = seconds(lines::word(words, 19), TICKS);
        let arguments = read_of(pid, "cmdline", room);
        // No other child is started with this argument.
        if arguments.windows(ARGUMENT.len()).any(|window| window == ARGUMENT) {
            self.server = Some((pid, since));
        }
    }
}

/// The version of the program that PID 1 runs, which may be another one than what is installed now.
fn version(program: &[u8]) -> &[u8] {
    let found = program.windows(NAME.len()).position(|window| window == NAME);
    let version = found.map_or(b"unknown".as_slice(), |at| &program[at + NAME.len()..]);
    &version[..version.iter().position(|byte| *byte == b'\n').unwrap_or(version.len()).min(20)]
}

/// The whole seconds of a number that has this many characters more.
fn seconds(number: &[u8], fraction: usize) -> u32 {
    list::number(&number[..number.len().saturating_sub(fraction)]).unwrap_or(0)
}

/// What a file of a process holds.
fn read_of<'a>(pid: u32, file: &str, room: &'a mut [u8]) -> &'a [u8] {
    let mut path = heapless::String::<32>::new();
    let _fits = write!(path, "/proc/{pid}/{file}");
    read(&path, room)
}

fn read<'a>(path: &str, room: &'a mut [u8]) -> &'a [u8] {
    let mut name = heapless::Vec::<u8, 32>::new();
    let _fits = name.extend_from_slice(path.as_bytes()).is_ok() && name.push(0).is_ok();
    raw::read_file(CStr::from_bytes_with_nul(&name).unwrap_or(c""), room)
}

fn print(what: fmt::Arguments<'_>) {
    let mut line = heapless::String::<200>::new();
    let _fits = writeln!(line, "zinit-pid1: {what}");
    let _nobody_there = raw::write(libc::STDOUT_FILENO, line.as_bytes());
}

/// Bytes of a file that are read; PID 1's program is a third of it.
const ROOM: usize = 65_536;

/// What stands in front of the version in each program.
const NAME: &[u8] = b"zinit-pid1 ";

/// What PID 1 gives to each server as an argument.
const ARGUMENT: &[u8] = b"\0--log-level\0";

/// The characters behind the whole seconds: of `/proc/uptime`, and of the kernel's hundredths (`USER_HZ`).
const FRACTION: usize = 3;
const TICKS: usize = 2;
