//! Finds and installs another version of PID 1's program.
//!
//! The other version is a signed candidate beside the program, `PATH.new`, or else another file that was put at the
//! path of the running program, mostly by a package manager.

mod install;
mod probe;
mod restore;
mod running;
mod trial;
mod verify;
mod wait;

use core::ffi::CStr;

use rt::raw;
use rustix::io::Errno;
use zinit_pid1ctl::answer::Version;

use crate::file::{self, Content, Path};
use crate::refusal::{Refusal, Result, cannot};
use crate::{print, report, sys};

use running::Running;

/// Looks for another version; the exit status is 0 only if PID 1 has to re-exec as the program whose path is printed.
///
/// `name` is PID 1's argv\[0\], by which its program is found where there is no `/proc`, and `said` what PID 1 says of
/// itself.
// Its frame holds whole programs; in that of `main` they would be resident in each helper that lives long.
#[inline(never)]
pub fn update(name: &CStr, said: &CStr) -> u8 {
    sys::set_alarm(TIMEOUT);
    let refused = |refusal: Refusal| {
        report(format_args!("update refused, {refusal}"));
        REFUSED
    };
    let running = match Running::of_parent(name, said) {
        Ok(running) => running,
        Err(refusal) => return refused(refusal),
    };
    if let Some(path) = restore::name_of(&running, name) {
        return restore::restore(&running, &path).map_or_else(refused, |()| NOTHING);
    }
    match look(&running) {
        Ok(None) => {
            report(format_args!(
                "no update is there: {}; did BusyBox's poweroff ask? say zinit poweroff",
                running.path.with(b".new")
            ));
            NOTHING
        }
        Ok(Some(found)) => {
            report(format_args!("{} is version {} now", running.path, found.version));
            answer(&running.path, found.kept.then(|| running.path.with(b".old")).as_ref());
            0
        }
        Err(refusal) => refused(refusal),
    }
}

/// Tells a person what an update would do, and does nothing of it; the exit status is 0 only if it would be made.
#[inline(never)]
pub fn check() -> u8 {
    check_and(&mut |_| 0)
}

/// Makes the same check, asks PID 1 only for an update that it would make, and waits for its end; the exit status is 0
/// only if PID 1 was replaced.
#[inline(never)]
pub fn update_and_wait() -> u8 {
    match wait::generation() {
        Ok(before) => check_and(&mut |running| wait::ask_and_wait(running, before)),
        Err(status) => status,
    }
}

/// Checks, and returns the exit status of `accepted` for an update that would be made.
fn check_and(accepted: &mut dyn FnMut(&Running<'_>) -> u8) -> u8 {
    // A lease on the candidate may be broken.
    sys::block_signals_of_files();
    let refused = |refusal: Refusal| {
        print(libc::STDERR_FILENO, format_args!("update refused, {refusal}"));
        REFUSED
    };
    let mut room = [0; ROOM];
    let running = match Running::of_pid1(raw::read_file(c"/proc/1/exe", &mut room)) {
        Ok(running) => running,
        Err(refusal) => return refused(refusal),
    };
    match look(&running) {
        Ok(None) => {
            running.tell(format_args!("no update is there: {}", running.path.with(b".new")));
            NOTHING
        }
        Ok(Some(found)) => {
            let (from, to) = (running.said.version, found.version);
            running.tell(format_args!("{} would replace version {from} by version {to}", found.path));
            accepted(&running)
        }
        Err(refusal) => refused(refusal),
    }
}

/// Another version, which has passed each check.
struct Found {
    /// The file that has it.
    path: Path,
    version: Version,
    /// It is installed, and its predecessor is `PATH.old`.
    kept: bool,
}

/// Looks for another version, checks it, and installs it unless it is only to be looked at.
fn look(running: &Running<'_>) -> Result<Option<Found>> {
    let new = running.path.with(b".new");
    match file::open(&new) {
        Ok(candidate) => install::replace(running, new, &candidate).map(Some),
        Err(Errno::NOENT) => look_at_path(running),
        Err(errno) => Err(cannot("open", &new)(errno)),
    }
}

/// Looks at the file that has the program's path.
fn look_at_path(running: &Running<'_>) -> Result<Option<Found>> {
    let path = &running.path;
    let Some(program) = running.successor()? else { return Ok(None) };
    let (mut bytes, mut signature) = (Content::default(), Content::default());
    let mut signed = None;
    if verify::is_always_required() {
        bytes.read(path, &program)?;
        signed = Some(verify::verify(running, path, &bytes, &mut signature)?);
    }
    // The open file is executed here, and the path by PID 1. That both are what was verified follows from the checks of
    // `successor`: only root can write to the file, or put another one into the folder.
    let version = running.try_successor(&program, path, signed.as_ref())?;
    Ok(Some(Found { path: path.clone(), version, kept: false }))
}

/// Prints for PID 1 the path to execute, and the path to rename back if the program cannot be executed.
fn answer(path: &Path, old: Option<&Path>) {
    let mut answer = heapless::Vec::<u8, 8_192>::new();
    let _fits = answer.extend_from_slice(path.name().to_bytes_with_nul());
    let _fits = answer.extend_from_slice(old.map_or(c"", Path::name).to_bytes_with_nul());
    let _nobody_reads = raw::write(libc::STDOUT_FILENO, &answer);
}

/// The kernel ends this program after so many seconds, whatever it waits for.
const TIMEOUT: usize = 60;

/// The largest part of PID 1's file in which its version is looked for, bytes: the file has less than half of that.
const ROOM: usize = 65_536;

const REFUSED: u8 = 1;
const NOTHING: u8 = 3;
