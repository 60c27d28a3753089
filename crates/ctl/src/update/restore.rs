//! Gives the program before an update its name back, after the update had a fault and PID 1 has become `PATH.old`.

use core::ffi::CStr;

use rustix::fs::{AtFlags, CWD};
use zinit_pid1::model::reexec::ReexecState;

use crate::file::{Folder, Path};
use crate::refusal::{Result, cannot};
use crate::report;

use super::install::Lock;
use super::running::Running;

/// The path that the running program gets back; `None` if it has it, or was not put back.
///
/// `name` is PID 1's argv\[0\], which says so.
pub fn name_of(running: &Running<'_>, name: &CStr) -> Option<Path> {
    let path = running.path.name().to_bytes().strip_suffix(b".old")?;
    let put_back = ReexecState::decode(name).put_back() > 0 && running.has_name(&running.path);
    put_back.then(|| Path::default().with(path))
}

/// Renames `PATH.old` to `PATH`, and keeps what was there as `PATH.bad`.
pub fn restore(running: &Running<'_>, path: &Path) -> Result<()> {
    let _lock = Lock::take(path)?;
    let (folder, bad) = (Folder::of(path)?, path.with(b".bad"));
    let _of_one_before = rustix::fs::unlink(bad.name());
    // This may fail: some file systems have no hard links.
    let _not_kept = rustix::fs::linkat(CWD, path.name(), CWD, bad.name(), AtFlags::empty());
    rustix::fs::rename(running.path.name(), path.name()).map_err(cannot("restore", &running.path))?;
    folder.sync();
    report(format_args!("{path} is the program before the update again, {bad} is what had the fault"));
    Ok(())
}
