//! Gives the program before an update its name back, after the update had a fault and PID 1 has become `PATH.old`.

use core::ffi::CStr;

use zinit_pid1::model::reexec::ReexecState;

use crate::file::{self, Path};
use crate::refusal::Result;
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
    let bad = path.with(b".bad");
    file::put_back(&running.path, path, &bad)?;
    report(format_args!("{path} is the program before the update again, {bad} is what had the fault"));
    Ok(())
}
