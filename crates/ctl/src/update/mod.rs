//! Finds and installs another version of PID 1's program.
//!
//! The other version is a signed candidate beside the program, `PATH.new`, or else another file that was put at the
//! path of the running program, mostly by a package manager.

mod install;
mod probe;
mod verify;

use core::ffi::CStr;
use core::fmt::Write;

use rt::raw;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use zinit_pid1::model::version::VERSION;
use zinit_pid1ctl::answer::Answer;

use crate::file::{self, FileId, Folder, Path};
use crate::refusal::{Result, Why, cannot};
use crate::{report, sys};

/// Looks for another version; the exit status is 0 only if PID 1 has to re-exec as the program whose path is printed.
///
/// `name` is PID 1's argv\[0\], by which its program is found where there is no `/proc`, and `said` what PID 1 says of
/// itself.
// Its frame holds whole programs; in that of `main` they would be resident in each helper that lives long.
#[inline(never)]
pub fn update(name: &CStr, said: &CStr) -> u8 {
    sys::set_alarm(TIMEOUT);
    match Running::find(name, said).and_then(|running| look(&running).map(|found| (running, found))) {
        Ok((running, Found::Nothing)) => {
            report(format_args!(
                "no update is there: {}; did BusyBox's poweroff ask? say zinit poweroff",
                running.path.with(b".new")
            ));
            NOTHING
        }
        Ok((running, Found::Replaced { kept })) => {
            answer(&running.path, kept.then(|| running.path.with(b".old")).as_ref());
            0
        }
        Err(refusal) => {
            report(format_args!("update refused, {refusal}"));
            REFUSED
        }
    }
}

/// What was found.
enum Found {
    /// There is no other version.
    Nothing,
    /// Another program is installed.
    Replaced {
        /// Its predecessor is `PATH.old` now.
        kept: bool,
    },
}

fn look(running: &Running<'_>) -> Result<Found> {
    let new = running.path.with(b".new");
    match file::open(&new) {
        Ok(candidate) => {
            let kept = install::replace(running, &new, &candidate)?;
            Ok(Found::Replaced { kept })
        }
        Err(Errno::NOENT) => {
            let Some(program) = running.successor()? else { return Ok(Found::Nothing) };
            let version = probe::probe(&program, &running.path, &running.said)?;
            report(format_args!("{} is version {version} now", running.path));
            Ok(Found::Replaced { kept: false })
        }
        Err(errno) => Err(cannot("open", &new)(errno)),
    }
}

/// Prints for PID 1 the path to execute, and the path to rename back if the program cannot be executed.
fn answer(path: &Path, old: Option<&Path>) {
    let mut answer = heapless::Vec::<u8, 8_192>::new();
    let _fits = answer.extend_from_slice(path.name().to_bytes_with_nul());
    let _fits = answer.extend_from_slice(old.map_or(c"", Path::name).to_bytes_with_nul());
    let _nobody_reads = raw::write(libc::STDOUT_FILENO, &answer);
}

/// The program that the parent, which is PID 1, runs.
struct Running<'a> {
    /// What it says of itself.
    said: Answer<'a>,
    /// Its path, which its successor must have too.
    path: Path,
    /// Unknown without `/proc`.
    id: Option<FileId>,
}

impl<'a> Running<'a> {
    /// Finds it by `/proc`, or else by the name that it was started with.
    fn find(name: &CStr, said: &'a CStr) -> Result<Self> {
        let parent = rustix::process::getppid().map_or(1, rustix::process::Pid::as_raw_pid);
        let mut link = heapless::String::<32>::new();
        let _fits = write!(link, "/proc/{parent}/exe\0");
        let link = CStr::from_bytes_with_nul(link.as_bytes()).unwrap_or(c"");
        let mut target = [0; libc::PATH_MAX as usize];
        let length = raw::read_link(link, &mut target).unwrap_or(0);
        let id = file::id(link);
        let target = &target[..length as usize];
        let mut found = Path::default().with(target);
        // The kernel appends this to the path of a file that has lost its name; the real name of a file may end in
        // the same way.
        if let Some(name) = target.strip_suffix(b" (deleted)")
            && file::id(found.name()) != id
        {
            found = Path::default().with(name);
        }
        let path = if target.is_empty() { Path::from(name) } else { found };
        if !path.name().to_bytes().starts_with(b"/") {
            return Why::Cannot("find", Errno::NOENT).of(&Path::from(c"PID 1's program"));
        }
        let own = Answer::read(VERSION.to_bytes()).map_or(b"".as_slice(), |own| own.arch);
        let said = Answer::read(said.to_bytes()).unwrap_or(Answer::of_silent(own));
        Ok(Self { said, path, id })
    }

    /// The file that has the program's path now, if it is another one; it is refused unless only root can have put
    /// it there.
    fn successor(&self) -> Result<Option<OwnedFd>> {
        let file = file::open(&self.path).map_err(cannot("open", &self.path))?;
        let found = rustix::fs::fstat(&file).map_err(cannot("look at", &self.path))?;
        if self.id.is_none_or(|running| running == FileId::of(&found)) {
            return Ok(None);
        }
        Folder::of(&self.path)?.check_owner()?;
        file::check(&self.path, &file)?;
        Ok(Some(file))
    }

    /// True if a path names the running program.
    fn has_name(&self, path: &Path) -> bool {
        self.id.is_some() && self.id == file::link_id(path)
    }
}

/// The kernel ends this program after so many seconds, whatever it waits for.
const TIMEOUT: usize = 60;

const REFUSED: u8 = 1;
const NOTHING: u8 = 3;
