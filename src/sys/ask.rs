//! What another process than PID 1 asks of it, by signals and by `/proc`, or does in its stead.

use core::ffi::CStr;

use zinit_pid1::event::Event;
use zinit_pid1::limits::{FORCED_SYNC_TIMEOUT, PROC_ROOM};
use zinit_pid1::lines;
use zinit_pid1::list;
use zinit_pid1::log::{Fact, Note};
use zinit_pid1::process::{Errno, Pid, Signal};

use super::arch::syscall;
use super::kmsg::Log;
use super::power::{self, Forced};
use super::raw::{self, Fd};
use super::{signal, spawn};

/// Asks PID 1 for something by the signal for it; the answer is an exit status.
#[inline(never)]
pub fn ask(signal: Signal, log: &Log) -> u8 {
    let errno = signal::send_to_pid1(signal);
    if errno == Errno::NONE {
        return 0;
    }
    log.fact(Fact::SignalFailed, errno, &[]);
    1
}

/// Ends the machine without PID 1, once the disks are written or took too long; it returns if that is refused.
#[inline(never)]
pub fn force(forced: &Forced, log: &Log) -> u8 {
    let mut write = || {
        forced.sync();
        0
    };
    if let Event::SpawnFailed(_) = spawn::child(&mut write) {
        write();
    }
    let end = raw::now() + FORCED_SYNC_TIMEOUT;
    // The writer's end is a signal; another one does not give it more time.
    while raw::now() < end && raw::wait().is_ok_and(|(pid, _)| pid == 0) {
        let _signal = signal::wait(Some(raw::now().until(end)));
    }
    log.fact(Fact::ForceRefused, forced.reboot(), &[]);
    1
}

/// Prints what PID 1 does, as `/proc` has it. The answer is 0 if its server runs and 3 if none does, as the Linux
/// Standard Base has it for services.
#[inline(never)]
pub fn status() -> u8 {
    let fact = if power::is_initial() { Fact::BootMachine } else { Fact::BootContainer };
    let mut room = [0; PROC_ROOM];
    Log::STDOUT.fact(fact, Errno::NONE, version(raw::read_file(c"/proc/1/exe", &mut room)));
    let up = seconds(lines::word(raw::read_file(c"/proc/uptime", &mut room), 0), FRACTION);
    let mut seen = Seen::default();
    let _there = rustix::process::chdir(c"/proc");
    look(&mut seen, &mut room);
    let print = |note: Note, number| Log::STDOUT.line(&note.span(number), &[]);
    let (note, status) = match seen.server {
        Some(server) => (Note::new(Fact::StatusServer).pid(server), 0),
        None => (Note::new(Fact::StatusNoServer), 3),
    };
    print(note, up.saturating_sub(seen.since));
    print(Note::new(Fact::StatusChildren), seen.children);
    print(Note::new(Fact::StatusZombies), seen.zombies);
    status
}

/// What is found in `/proc`.
#[derive(Default)]
struct Seen {
    server: Option<Pid>,
    /// When the server was started, s since the boot.
    since: u32,
    children: u32,
    zombies: u32,
}

/// Looks at every process, proc(5), from its folder.
fn look(seen: &mut Seen, room: &mut [u8]) {
    let Ok(folder) = raw::open(c".", libc::O_RDONLY) else { return };
    let mut entries = [0_u8; 1024];
    while let Ok(length @ 1..) = read_entries(&folder, &mut entries) {
        let mut at = entries.as_ptr();
        // SAFETY: the kernel fills this many bytes with whole entries, getdents(2): two numbers of eight bytes, the
        // entry's length in two, its kind in one, and a name that ends in NUL.
        let end = unsafe { at.add(length as usize) };
        while at < end {
            // SAFETY: as above.
            let (name, length) =
                unsafe { (CStr::from_ptr(at.add(19).cast()), at.add(16).cast::<u16>().read_unaligned()) };
            let pid = list::number(name.to_bytes()).and_then(|pid| Pid::new(pid.cast_signed()));
            if let Some(pid) = pid
                && rustix::process::chdir(name).is_ok()
            {
                seen.process(pid, room);
                let _here = rustix::process::chdir(c"/proc");
            }
            // SAFETY: as above.
            at = unsafe { at.add(length.into()) };
        }
    }
}

/// Reads the next entries of a folder, up to a buffer full, getdents64(2).
fn read_entries(folder: &Fd, buffer: &mut [u8]) -> raw::Result<i32> {
    let arguments = [raw::word(folder.number()), raw::address(buffer.as_mut_ptr()), buffer.len()];
    // SAFETY: the kernel writes into the buffer and not beyond.
    raw::checked(unsafe { syscall(libc::SYS_getdents64, arguments) })
}

impl Seen {
    /// Looks at the process in whose folder this one is; it can be gone already.
    #[inline(never)]
    fn process(&mut self, pid: Pid, room: &mut [u8]) {
        let stat = raw::read_file(c"stat", room);
        // The name stands in brackets and can hold brackets itself.
        let name_ends = stat.iter().rposition(|byte| *byte == b')').unwrap_or(0);
        let words = stat.get(name_ends.wrapping_add(1)..).unwrap_or(&[]);
        self.zombies = self.zombies.wrapping_add(u32::from(lines::word(words, 0) == b"Z"));
        if lines::word(words, 1) != b"1" {
            return;
        }
        self.children = self.children.wrapping_add(1);
        let since = seconds(lines::word(words, 19), TICKS);
        // No other child is started with this argument.
        if find(raw::read_file(c"cmdline", room), ARGUMENT).is_some() {
            (self.server, self.since) = (Some(pid), since);
        }
    }
}

/// The version of the program that PID 1 runs, which may be another one than this.
fn version(program: &[u8]) -> &[u8] {
    // The text itself and no copy of it, which would be found instead.
    let name = VERSION.as_bytes().get(..VERSION_STARTS).unwrap_or(&[]);
    let version = find(program, name).unwrap_or(b"unknown\n");
    version.split(|byte| *byte == b'\n').next().unwrap_or(&[])
}

/// What stands behind the first of these words.
#[inline(never)]
fn find<'a>(text: &'a [u8], words: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(words) {
            return Some(behind);
        }
        rest = rest.get(1..)?;
    }
    None
}

/// The whole seconds of a number that has this many characters more.
fn seconds(number: &[u8], fraction: usize) -> u32 {
    let whole = number.get(..number.len().saturating_sub(fraction)).unwrap_or(&[]);
    list::number(whole).unwrap_or(0)
}

/// True if PID 1 is this program; else that is logged.
pub fn is_ours(log: &Log) -> bool {
    let mut room = [0; 16];
    let name = raw::read_file(c"/proc/1/comm", &mut room);
    let name = name.split_last().map_or(b"unknown, no /proc".as_slice(), |(_newline, name)| name);
    let ours = name == b"zinit-pid1";
    if !ours {
        log.fact(Fact::NotOurs, Errno::NONE, name);
    }
    ours
}

/// What `--version` prints.
pub static VERSION: &str = concat!("zinit-pid1 ", env!("CARGO_PKG_VERSION"), "\n");
const VERSION_STARTS: usize = 11;

/// What PID 1 gives to each server as an argument.
const ARGUMENT: &[u8] = b"\0--log-level\0";

/// The characters behind the whole seconds: of `/proc/uptime`, and of the kernel's hundredths (`USER_HZ`).
const FRACTION: usize = 3;
const TICKS: usize = 2;
