//! Prints the state of PID 1, read from `/proc`: `zinit-pid1 status`.

use core::ffi::CStr;
use core::fmt::{self, Write};

use nanojson::{SerializeError, Serializer, SliceWriter, WriteError};
use rt::raw;
use zinit_pid1::model::decimal;
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::model::table;
use zinit_pid1::model::time::Instant;
use zinit_pid1::parse::procstat;
use zinit_pid1ctl::answer::{Answer, NAME};

use crate::{print, process, sys};

/// Prints what is known in lines, or as one object of JSON; the exit status is 0 if a server runs and else 3, the Linux
/// Standard Base's "not running".
pub fn status(as_json: bool) -> u8 {
    let mut room = [0; ROOM];
    let found = Found::read(&mut room);
    if as_json {
        let mut text = [0; 512];
        // Numbers and short words: they fit.
        let length = found.json(&mut text).unwrap_or(0);
        let _nobody_reads = raw::write(libc::STDOUT_FILENO, &text[..length]);
    } else {
        found.lines();
    }
    if found.seen.server.is_some() { 0 } else { 3 }
}

/// What is known of PID 1.
struct Found {
    /// Version and architecture in its program, or else in a file.
    program: Option<[Word; 2]>,
    /// They are those of the running program, which may not be the installed one; only root can read it.
    of_running: bool,
    /// True for PID 1 of the machine, false for that of a container.
    machine: Option<bool>,
    /// What the last PID 1 has handed over.
    handed: ReexecState,
    /// Now, s since the boot.
    up: u32,
    seen: Seen,
}

/// A version or an architecture.
pub type Word = heapless::String<32>;

impl Found {
    fn read(room: &mut [u8]) -> Self {
        let running = program(raw::read_file(c"/proc/1/exe", room));
        let of_running = running.is_some();
        let program = running.or_else(|| installed(room));
        let handed = handed(room);
        let up = seconds(table::field(raw::read_file(c"/proc/uptime", room), 0), FRACTION);
        Self { program, of_running, machine: process::is_of_machine(), handed, up, seen: look(room) }
    }

    /// The server, and for how many seconds it runs.
    fn server(&self) -> [Option<u32>; 2] {
        let server = self.seen.server;
        [server.map(|(pid, _)| pid), server.map(|(_, since)| self.up.saturating_sub(since))]
    }

    fn lines(&self) {
        let version = self.program.as_ref().map_or("unknown", |[version, _]| version);
        let place = match self.machine {
            None => "an unknown place",
            Some(true) => "this machine",
            Some(false) => "a container",
        };
        let of_file = if self.program.is_some() && !self.of_running { " by its file" } else { "" };
        line(format_args!("version {version}{of_file}, PID 1 of {place}"));
        line(format_args!("generation {}", self.handed.generation()));
        for (what, time) in [("update", self.handed.updated()), ("fault", self.handed.fault())] {
            match ago(time) {
                Some(seconds) => line(format_args!("last {what} {seconds} s ago")),
                None => line(format_args!("no {what} so far")),
            }
        }
        match self.server() {
            [Some(server), Some(age)] => line(format_args!("server {server} runs for {age} s")),
            _ => line(format_args!("no server runs")),
        }
        line(format_args!("{} children", self.seen.children));
        line(format_args!("{} zombies", self.seen.zombies));
    }

    /// Writes the object, with a newline; its length.
    fn json(&self, text: &mut [u8]) -> Result<usize, SerializeError<WriteError>> {
        let mut writer = SliceWriter::new(text);
        let mut json = Serializer::<_, 1>::new(&mut writer);
        json.object_begin()?;
        let [version, arch] = match &self.program {
            Some(words) => words.each_ref().map(|word| Some(word.as_str())),
            None => [None; 2],
        };
        let role = self.machine.map(|machine| if machine { "machine" } else { "container" });
        let version_of = version.map(|_| if self.of_running { "program" } else { "file" });
        for (key, word) in [("version", version), ("arch", arch), ("version_of", version_of), ("role", role)]
        {
            json.member(key)?;
            match word {
                Some(word) => json.string(word)?,
                None => json.null()?,
            }
        }
        let [server, age] = self.server();
        for (key, number) in [
            ("generation", Some(self.handed.generation())),
            ("last_update", ago(self.handed.updated())),
            ("last_fault", ago(self.handed.fault())),
            ("server", server),
            ("server_age", age),
            ("children", Some(self.seen.children)),
            ("zombies", Some(self.seen.zombies)),
        ] {
            json.member(key)?;
            match number {
                Some(number) => json.unsigned(number.into())?,
                None => json.null()?,
            }
        }
        json.object_end()?;
        nanojson::Write::write_bytes(&mut writer, b"\n").map_err(SerializeError::Write)?;
        Ok(writer.pos())
    }
}

fn line(text: fmt::Arguments<'_>) {
    print(libc::STDOUT_FILENO, text);
}

/// The seconds since a point in time.
fn ago(time: Option<Instant>) -> Option<u32> {
    time.map(|time| time.until(sys::now()) / 1_000)
}

/// The re-exec state in argv of PID 1, or that of a first boot. It is the first word that begins as the answer to `--probe`
/// does: QEMU's user emulation puts two paths in front.
pub fn handed(room: &mut [u8]) -> ReexecState {
    let words = process::read(1, "cmdline", room);
    let names = words.split_inclusive(|byte| *byte == 0).filter(|word| word.starts_with(NAME));
    let name = names.filter_map(|name| CStr::from_bytes_with_nul(name).ok()).next();
    name.map_or_else(ReexecState::first, ReexecState::decode)
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

/// The version and the architecture in a program of PID 1.
pub fn program(program: &[u8]) -> Option<[Word; 2]> {
    let said = Answer::find(program)?;
    let (mut version, mut arch) = (Word::new(), Word::new());
    write!(version, "{}", said.version).ok()?;
    write!(arch, "{}", said.arch.escape_ascii()).ok()?;
    Some([version, arch])
}

/// The same of the file that PID 1 was started from, as its name or else the usual paths tell.
fn installed(room: &mut [u8]) -> Option<[Word; 2]> {
    let mut name = [0; NAME_ROOM];
    let name = CStr::from_bytes_until_nul(process::read(1, "cmdline", &mut name)).unwrap_or(c"");
    let paths = [name, c"/sbin/zinit-pid1", c"/sbin/init"];
    // After a re-exec the name is a state.
    let mut paths = paths.into_iter().filter(|path| path.to_bytes().starts_with(b"/"));
    paths.find_map(|path| program(raw::read_file(path, room)))
}

/// The whole seconds of a time whose last `fraction` characters are less than a second.
fn seconds(number: &[u8], fraction: usize) -> u32 {
    decimal::parse(&number[..number.len().saturating_sub(fraction)]).unwrap_or(0)
}

/// The largest part of a file that is read, bytes; the program of PID 1 has less than half of that.
const ROOM: usize = 65_536;

/// Bytes of PID 1's name that are read, with its NUL: a longer one is not looked at.
const NAME_ROOM: usize = 512;

/// The options that PID 1 gives to each server, each with a value.
const ARGUMENTS: [&[u8]; 3] = [b"-c", b"-s", b"--log-level"];

/// The characters that are less than a second: `.12` in `/proc/uptime`, and two digits of `USER_HZ` ticks.
const FRACTION: usize = 3;
const TICKS: usize = 2;
