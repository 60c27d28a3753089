//! Restores the previous file of the server, when a newer one keeps exiting.

use core::ffi::CStr;

use rustix::io::Errno;
use zinit_pid1::model::decimal;
use zinit_pid1::model::process::FileId;

use crate::file::{self, Path};
use crate::refusal::{Result, Why, cannot};
use crate::report;

/// Renames `PATH.old` to `PATH`, if that is the file with this id, and keeps what was there as `PATH.bad`; returns the exit
/// status.
///
/// Without a `PATH.old` it does nothing, and logs nothing.
// Its frame holds long paths; in that of `main` they would be resident in each helper that lives long.
#[inline(never)]
pub fn roll_back(path: &CStr, id: &CStr) -> u8 {
    // PID 1 found no server.
    if path.is_empty() {
        return 1;
    }
    let good = decimal::parse(id.to_bytes()).map_or(FileId::NONE, FileId);
    match put_back(&Path::from(path), good) {
        Ok(()) => 0,
        Err(refusal) => {
            report(format_args!("no roll-back of the server, {refusal}"));
            1
        }
    }
}

fn put_back(path: &Path, good: FileId) -> Result<()> {
    let (old, bad) = (path.with(b".old"), path.with(b".bad"));
    if rustix::fs::lstat(old.name()).is_err_and(|errno| errno == Errno::NOENT) {
        return Ok(());
    }
    if id(&old)? != good {
        return Why::NotProven.of(&old);
    }
    file::put_back(&old, path, &bad)?;
    report(format_args!("{path} keeps dying, {old} is put back, and {bad} is what kept dying"));
    Ok(())
}

/// The id of a file, from the same call as in PID 1: rustix may make an older one.
fn id(path: &Path) -> Result<FileId> {
    let file = rt::stat::statx(path.name());
    let file = file.map_err(|errno| cannot("look at", path)(Errno::from_raw_os_error(errno)))?;
    let (seconds, nanoseconds) = (file.stx_mtime.tv_sec as u64, file.stx_mtime.tv_nsec.into());
    Ok(FileId::new(file.stx_ino, seconds, nanoseconds))
}
