//! Restores the previous file of the server, when a newer one keeps exiting.

use core::ffi::CStr;

use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;

use crate::file::{Folder, Path};
use crate::refusal::{Result, cannot};
use crate::report;

/// Renames `PATH.old` to `PATH`, and keeps what was there as `PATH.bad`; returns the exit status.
///
/// Without a `PATH.old` it does nothing, and logs nothing.
// Its frame holds long paths; in that of `main` they would be resident in each helper that lives long.
#[inline(never)]
pub fn roll_back(path: &CStr) -> u8 {
    // PID 1 found no server.
    if path.is_empty() {
        return 1;
    }
    match put_back(&Path::from(path)) {
        Ok(()) => 0,
        Err(refusal) => {
            report(format_args!("no roll-back of the server, {refusal}"));
            1
        }
    }
}

fn put_back(path: &Path) -> Result<()> {
    let (old, bad) = (path.with(b".old"), path.with(b".bad"));
    if rustix::fs::lstat(old.name()).is_err_and(|errno| errno == Errno::NOENT) {
        return Ok(());
    }
    let folder = Folder::of(path)?;
    let _of_one_before = rustix::fs::unlink(bad.name());
    // This may fail: some file systems have no hard links, and the file may be gone.
    let _not_kept = rustix::fs::linkat(CWD, path.name(), CWD, bad.name(), AtFlags::empty());
    rustix::fs::rename(old.name(), path.name()).map_err(cannot("restore", &old))?;
    folder.sync();
    report(format_args!("{path} keeps dying, {old} is put back, and {bad} is what kept dying"));
    Ok(())
}
