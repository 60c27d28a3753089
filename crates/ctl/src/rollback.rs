//! The way back to the file of the server before.

use core::ffi::CStr;

use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;

use crate::file::{Folder, Path};
use crate::refusal::{Result, cannot};
use crate::report;

/// Puts `PATH.old` in the place of `PATH`, where it is left for somebody to look at as `PATH.bad`; an exit status.
///
/// Without such a file nothing is done, and nothing said.
pub fn roll_back(path: &CStr) -> u8 {
    // None in the usual places, and so none beside it.
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
    // Some file systems have no hard links, and there may be no file any more.
    let _not_kept = rustix::fs::linkat(CWD, path.name(), CWD, bad.name(), AtFlags::empty());
    rustix::fs::rename(old.name(), path.name()).map_err(cannot("restore", &old))?;
    folder.sync();
    report(format_args!("{path} keeps dying, {old} is put back, and {bad} is what kept dying"));
    Ok(())
}
