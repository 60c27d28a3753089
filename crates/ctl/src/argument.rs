//! The argument of a reboot, such as `bootloader`: a file that the child of PID 1 which calls reboot(2) has read.

use core::ffi::CStr;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zinit_pid1::model::event::Ending;
use zinit_pid1::model::task::REBOOT_ARGUMENT_FILE;

use crate::file::{self, Path};
use crate::process;
use crate::refusal::{Result, Why, cannot};

/// Writes the argument of the reboot that is about to be requested; without one, it removes that of a reboot that
/// never came.
pub fn set(ending: Ending, argument: &[u8]) -> Result<()> {
    let path = Path::from(REBOOT_ARGUMENT_FILE);
    match (ending, argument) {
        (Ending::Reboot, []) => match remove(&path) {
            // Mostly the folder is read-only, and there is no file.
            Err(_) if file::link_id(&path).is_none() => Ok(()),
            result => result,
        },
        (Ending::Reboot, _) => write(&path, argument),
        (Ending::Halt | Ending::Kexec | Ending::Poweroff, _) => Ok(()),
    }
}

fn write(path: &Path, argument: &[u8]) -> Result<()> {
    if process::is_of_machine() == Some(false) {
        return Why::Container.of(path);
    }
    check_folder(&Path::from(FOLDER))?;
    remove(path)?;
    // Neither follows a link nor takes a file that somebody has put there.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file =
        rustix::fs::open(path.name(), flags, Mode::RUSR | Mode::WUSR).map_err(cannot("write", path))?;
    match rustix::io::write(&file, argument) {
        Ok(length) if length == argument.len() => Ok(()),
        Ok(_) => Why::Cannot("write", Errno::NOSPC).of(path),
        Err(errno) => Why::Cannot("write", errno).of(path),
    }
}

/// Makes the file's folder, if it is not there; one in which others could put the file, or that outlives the kernel,
/// is refused, and so is a symbolic link.
fn check_folder(path: &Path) -> Result<()> {
    if let Err(errno) = rustix::fs::mkdir(path.name(), Mode::from_raw_mode(0o755))
        && errno != Errno::EXIST
    {
        return Why::Cannot("make", errno).of(path);
    }
    let folder = file::open(path).map_err(cannot("open", path))?;
    file::check_owner(path, &folder)?;
    // Ctrl-Alt-Del after the next boot would find it on a disk.
    let stat = rustix::fs::fstatfs(&folder).map_err(cannot("look at", path))?;
    if file::is_volatile(&stat) { Ok(()) } else { Why::Lasting.of(path) }
}

/// Removes the file, if it is there.
fn remove(path: &Path) -> Result<()> {
    match rustix::fs::unlink(path.name()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Why::Cannot("remove", errno).of(path),
    }
}

/// The folder of [`REBOOT_ARGUMENT_FILE`], which the server uses too.
const FOLDER: &CStr = c"/run/zinit";
