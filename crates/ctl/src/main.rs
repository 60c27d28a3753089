//! zinit-pid1ctl: what need not be a part of PID 1, and what may be large, slow or wrong.
//!
//! PID 1 starts it by `--helper`: `update NAME` looks for another version of PID 1's program, puts it in its place
//! and prints its path; `rollback PATH` puts the previous file of the server back; `orphans STATE` ends what a server
//! left behind. By any other words it is the command line tool. All of it is outside of PID 1's memory, and of the
//! proof that PID 1 cannot panic.

// `cargo clippy --all-targets` looks at programs as tests too, and std's panic handler would meet ours.
#![cfg(not(test))]
#![no_std]
#![no_main]
#![allow(
    clippy::large_enum_variant,
    clippy::result_large_err,
    reason = "there are paths in both, and there is no heap to put them on"
)]

mod ask;
mod file;
mod force;
mod orphans;
mod process;
mod rollback;
mod status;
mod sys;
mod update;

use core::ffi::CStr;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use rt::raw;
use rt::start::Start;
use rustix::io::Errno;
use zinit_pid1ctl::{cli, minisign};

use file::{Content, Folder, Path, Running};
use update::{install, probe};

/// What was found.
enum Found {
    /// Nothing that PID 1 does not run already.
    Nothing,
    /// Another program is in place.
    Replaced {
        /// Its predecessor was kept, which another one may have put away.
        kept: bool,
    },
}

/// Why nothing is done: what is wrong, and with which file.
struct Refusal {
    path: Path,
    why: Why,
}

enum Why {
    Answer,
    BeingWritten,
    Busy,
    Crashed(i32),
    Hung,
    Kernel(&'static str, Errno),
    Size,
    NotAFile,
    NotOurs,
    Signature(minisign::Refusal),
}

type Result<T> = core::result::Result<T, Refusal>;

impl Why {
    /// Makes a refusal of it.
    fn of<T>(self, path: &Path) -> Result<T> {
        Err(Refusal { path: path.clone(), why: self })
    }
}

/// Says in a refusal what the kernel did not want to do with a file.
fn kernel<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(Errno) -> Refusal + 'a {
    move |errno| Refusal { path: path.clone(), why: Why::Kernel(doing, errno) }
}

rt::entry!(program);

/// From the first function to the exit status.
fn program(start: Start) -> ! {
    let mut words = start.words();
    let status = if words.next() == Some(c"--helper") {
        helper(words.next().unwrap_or(c""), words.next().unwrap_or(c""))
    } else {
        ask::obey(cli::parse(start.name(), start.words()))
    };
    raw::exit(status)
}

/// Does what PID 1 starts this program for, and returns the exit status.
fn helper(task: &CStr, argument: &CStr) -> u8 {
    if !process::is_ours() {
        say(format_args!("only zinit-pid1 may start this program with --helper"));
        return UNKNOWN;
    }
    sys::block_signals_of_files();
    match task.to_bytes() {
        b"orphans" => orphans::end(argument),
        b"rollback" => rollback::roll_back(argument),
        b"update" => look_for_update(argument),
        other => {
            say(format_args!("unknown helper: {}", other.escape_ascii()));
            UNKNOWN
        }
    }
}

/// Looks for an update; the exit status is 0 only if PID 1 is to become the program that is printed.
fn look_for_update(name: &CStr) -> u8 {
    sys::set_alarm(DEADLINE);
    match Running::find(name).and_then(|running| look(&running).map(|found| (running, found))) {
        Ok((running, Found::Nothing)) => {
            say(format_args!("no update is there: {}", running.path.with(b".new")));
            NOTHING
        }
        Ok((running, Found::Replaced { kept })) => {
            answer(&running.path, kept.then(|| running.path.with(b".old")).as_ref());
            0
        }
        Err(Refusal { path, why }) => {
            say(format_args!("update refused, {path}: {why}"));
            REFUSED
        }
    }
}

/// Looks for a candidate, or for another program where the running one was.
fn look(running: &Running) -> Result<Found> {
    let new = running.path.with(b".new");
    match file::open(&new) {
        Ok(candidate) => {
            let kept = install::replace(running, &new, &candidate)?;
            Ok(Found::Replaced { kept })
        }
        Err(Errno::NOENT) => {
            let Some(program) = running.successor()? else { return Ok(Found::Nothing) };
            let version = probe::probe(&program, &running.path)?;
            say(format_args!("{} is version {version} now", running.path));
            Ok(Found::Replaced { kept: false })
        }
        Err(errno) => Err(kernel("open", &new)(errno)),
    }
}

/// Compares the candidate with its signature.
fn verify(new: &Path, candidate: &[u8], room: &mut Content) -> Result<()> {
    let key = Path::from(KEY);
    Folder::of(&key)?.is_ours()?;
    let mut public = Content::default();
    public.read(&key, &file::open_ours(&key)?)?;
    let path = new.with(b".minisig");
    room.read(&path, &file::open_ours(&path)?)?;
    match minisign::verify(&public, room, candidate) {
        Ok(comment) => {
            say(format_args!("{new} is signed: {}", comment.escape_ascii()));
            Ok(())
        }
        Err(refusal) => {
            let path = if refusal == minisign::Refusal::Key { &key } else { &path };
            Why::Signature(refusal).of(path)
        }
    }
}

/// Tells PID 1 what to become, and what to put back if it cannot.
fn answer(path: &Path, old: Option<&Path>) {
    let mut answer = heapless::Vec::<u8, 8_192>::new();
    let _fits = answer.extend_from_slice(path.name().to_bytes_with_nul());
    let _fits = answer.extend_from_slice(old.map_or(c"", Path::name).to_bytes_with_nul());
    let _nobody_there = raw::write(libc::STDOUT_FILENO, &answer);
}

/// Writes a line to standard error, which is PID 1's log.
fn say(what: fmt::Arguments<'_>) {
    let mut line = heapless::String::<1_000>::new();
    let _cut = writeln!(line, "zinit-pid1ctl: {what}");
    sys::log(line.as_bytes());
}

impl fmt::Display for Why {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer => to.write_str("it does not understand this version's hand-over"),
            Self::BeingWritten => to.write_str("somebody is writing to it"),
            Self::Busy => to.write_str("another update of it is at work"),
            Self::Crashed(status) => write!(to, "it did not answer to --probe, wait status {status}"),
            Self::Hung => to.write_str("it did not answer to --probe in time"),
            Self::Kernel(doing, errno) => write!(to, "cannot {doing} it: {}", name(*errno)),
            Self::Size => write!(to, "it is empty, or larger than {} bytes", file::ROOM),
            Self::NotAFile => to.write_str("it is no regular file"),
            Self::NotOurs => to.write_str("it has to be root's, and writable by nobody else"),
            Self::Signature(refusal) => to.write_str(refusal.words()),
        }
    }
}

/// An error's name, errno(3), for those that a person can do something about.
fn name(errno: Errno) -> impl fmt::Display {
    struct Name(Errno);
    impl fmt::Display for Name {
        fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str(match self.0 {
                Errno::ACCESS => "EACCES (no permission)",
                Errno::LOOP => "ELOOP (a symbolic link)",
                Errno::MLINK | Errno::NOTSUP => "EMLINK (no hard links there)",
                Errno::NAMETOOLONG => "ENAMETOOLONG (too long)",
                Errno::NOENT => "ENOENT (no such file or directory)",
                Errno::NOEXEC => "ENOEXEC (no program for this machine)",
                Errno::NOSPC => "ENOSPC (no space left)",
                Errno::PERM => "EPERM (not permitted)",
                Errno::ROFS => "EROFS (read-only file system)",
                Errno::TXTBSY => "ETXTBSY (somebody is writing to it)",
                other => return write!(to, "errno {}", other.raw_os_error()),
            })
        }
    }
    Name(errno)
}

/// The key that updates have to be signed with.
const KEY: &CStr = c"/etc/zinit/update.pub";

/// The kernel ends this program after so many seconds, whatever holds it up.
const DEADLINE: i64 = 60;

/// Exit statuses.
const REFUSED: u8 = 1;
const UNKNOWN: u8 = 2;
const NOTHING: u8 = 3;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say(format_args!("fault, nothing was replaced: {info}"));
    raw::exit(101)
}
