//! Installs a signed candidate as PID 1's program.

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::file::{self, Content, FileId, Folder, Path};
use crate::refusal::{Result, Why, cannot};
use crate::sys;

use super::verify::verify;
use super::{Found, Running};

/// Replaces the program by the candidate, if its signature and its answer to a probe are right.
///
/// The candidate is opened and read once. The signature is checked of the bytes in memory, and these are written to a
/// new file, which no other process has ever had open; that file is probed and renamed to the program's path. A whole
/// program has that path at all times.
pub fn replace(running: &Running<'_>, new: Path, candidate: &OwnedFd) -> Result<Found> {
    let program = &running.path;
    let folder = Folder::of(program)?;
    folder.check_owner()?;
    let checked = file::check(&new, candidate)?;
    // Only a precaution against a copy in progress: some file systems do not support leases.
    if sys::is_being_written(candidate) {
        return Why::BeingWritten.of(&new);
    }
    let (mut bytes, mut signature) = (Content::default(), Content::default());
    bytes.read(&new, candidate)?;
    let signed = verify(running, &new, &bytes, &mut signature)?;
    if running.only_checks {
        // The candidate itself need not be executable, and is only probed where a copy in memory is not.
        let copy = file::in_memory(&bytes);
        let version = running.try_successor(copy.as_ref().unwrap_or(candidate), &new, Some(&signed))?;
        return Ok(Found { path: new, version, kept: false });
    }

    // A second updater, of a PID 1 that was re-executed after a fault, would use the same names.
    let _lock = Lock::take(program)?;
    let verified = program.with(b".verified");
    let installed = write(&verified, &bytes).and_then(|file| {
        let version = running.try_successor(&file, &new, Some(&signed))?;
        Ok((exchange(running, &verified, &folder)?, version))
    });
    if installed.is_err() {
        let _may_not_be_there = rustix::fs::unlink(verified.name());
    }
    let (kept, version) = installed?;
    // The candidate is removed, unless another one has replaced it by now. A candidate that is left is only installed
    // once more.
    if file::link_id(&new) == Some(checked) {
        for used in [&new, &new.with(b".minisig")] {
            let _left = rustix::fs::unlink(used.name());
        }
    }
    folder.sync();
    Ok(Found { path: new, version, kept })
}

/// Writes a program to a new file, and opens that for reading only.
fn write(path: &Path, bytes: &[u8]) -> Result<OwnedFd> {
    let failed = |errno| cannot("write", path)(errno);
    let _of_an_update_that_was_cut_short = rustix::fs::unlink(path.name());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let writer = rustix::fs::open(path.name(), flags, Mode::RWXU).map_err(failed)?;
    file::write_all(&writer, bytes).map_err(failed)?;
    rustix::fs::fchmod(&writer, Mode::from_raw_mode(0o755)).map_err(failed)?;
    rustix::fs::fsync(&writer).map_err(failed)?;
    // The kernel does not execute a file that is open for writing.
    let reader = file::open(path).map_err(failed)?;
    let [written, read] =
        [&writer, &reader].map(|file| rustix::fs::fstat(file).as_ref().map(FileId::of).ok());
    if written.is_none() || written != read {
        return Err(failed(Errno::STALE));
    }
    Ok(reader)
}

/// Renames the verified file to the program's path, and the program to `PATH.old`; false if there was no program.
///
/// `PATH.old` may already be the running program, if an earlier updater ended before it could answer. It is kept then,
/// because that is its only name.
fn exchange(running: &Running<'_>, verified: &Path, folder: &Folder) -> Result<bool> {
    let program = &running.path;
    let (old, older) = (program.with(b".old"), program.with(b".old.new"));
    let _of_an_update_that_was_cut_short = rustix::fs::unlink(older.name());
    let kept = running.has_name(&old);
    let linked = !kept
        && match rustix::fs::linkat(CWD, program.name(), CWD, older.name(), AtFlags::empty()) {
            Ok(()) => true,
            Err(Errno::NOENT) => false,
            Err(errno) => return Err(cannot("keep", program)(errno)),
        };
    if linked {
        rustix::fs::rename(older.name(), old.name()).map_err(cannot("replace", &old))?;
    }
    // From here on PID 1 has to get an answer, however slow the disk is.
    sys::set_alarm(0);
    rustix::fs::rename(verified.name(), program.name()).map_err(cannot("replace", program))?;
    folder.sync();
    Ok(kept || linked)
}

/// The right to replace the program, which one process at a time holds.
pub struct Lock {
    path: Path,
    /// Holds the lock while it is open.
    _file: OwnedFd,
}

impl Lock {
    /// Takes the lock, on a file that only root can open: any user who can open a file can lock it, flock(2).
    pub fn take(program: &Path) -> Result<Self> {
        let path = program.with(b".lock");
        let failed = |errno| cannot("lock", &path)(errno);
        // Open for writing too, which NFS requires for an exclusive lock.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        loop {
            let file = rustix::fs::open(path.name(), flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => return Why::Busy.of(program),
                locked => locked.map_err(failed)?,
            }
            let here = rustix::fs::fstat(&file).map_err(failed)?;
            // Otherwise its last holder has unlinked it between open and flock.
            if file::link_id(&path) == Some(FileId::of(&here)) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _left_for_the_next_one = rustix::fs::unlink(self.path.name());
    }
}
