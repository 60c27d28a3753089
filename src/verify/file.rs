//! Files: whose they are, what is in them, and how one takes the place of another.

use core::ffi::CStr;
use core::fmt;
use core::ops::Deref;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::sys;
use super::sys::raw;
use super::{Result, Why, kernel, name, probe, say, verify};

/// Bytes of a candidate, a signature or a key. PID 1 itself has a tenth of it.
pub const ROOM: usize = 262_144;

/// A path with its NUL.
#[derive(Clone, Default)]
pub struct Path(heapless::Vec<u8, { libc::PATH_MAX as usize }>);

impl Path {
    /// The path as the kernel takes it; one that does not fit is empty, which names no file.
    pub fn name(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.0).unwrap_or(c"")
    }

    /// The path with something behind it; too long a path names no file.
    pub fn with(&self, suffix: &[u8]) -> Self {
        let mut path = heapless::Vec::new();
        let whole = path.extend_from_slice(self.name().to_bytes()).is_ok()
            && path.extend_from_slice(suffix).is_ok()
            && path.push(0).is_ok();
        if whole { Self(path) } else { Self::default() }
    }
}

impl From<&CStr> for Path {
    fn from(path: &CStr) -> Self {
        Self(heapless::Vec::from_slice(path.to_bytes_with_nul()).unwrap_or_default())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().to_bytes().escape_ascii().fmt(to)
    }
}

/// What a file holds.
#[derive(Default)]
pub struct Content(heapless::Vec<u8, ROOM>);

impl Content {
    /// Reads a file whole.
    pub fn read(&mut self, path: &Path, file: &OwnedFd) -> Result<()> {
        self.0.clear();
        let mut piece = [0; 4096];
        loop {
            let taken = rustix::io::read(file, &mut piece[..]).map_err(kernel("read", path))?;
            if taken == 0 {
                break;
            }
            if self.0.extend_from_slice(&piece[..taken]).is_err() {
                return Why::Size.of(path);
            }
        }
        if self.0.is_empty() { Why::Size.of(path) } else { Ok(()) }
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// The program that started this one: PID 1.
pub struct Running {
    /// Where it was, and where its successor has to be.
    pub path: Path,
    inode: Option<(u64, u64)>,
}

impl Running {
    /// Finds it by `/proc`, or else by the name that it was started with.
    pub fn find(name: &CStr) -> Result<Self> {
        let parent = rustix::process::getppid().map_or(1, rustix::process::Pid::as_raw_pid);
        let mut link = heapless::String::<32>::new();
        let _fits = fmt::Write::write_fmt(&mut link, format_args!("/proc/{parent}/exe\0"));
        let link = CStr::from_bytes_with_nul(link.as_bytes()).unwrap_or(c"");
        let mut target = [0; libc::PATH_MAX as usize];
        let length = raw::read_link(link, &mut target).unwrap_or(0);
        let stat = rustix::fs::stat(link).ok();
        let target = &target[..length as usize];
        let running = stat.as_ref().map(inode);
        let mut found = Path::default().with(target);
        // What the kernel writes behind a name that the file has no more, though it may have others; but a file's
        // own name may end so too.
        if let Some(name) = target.strip_suffix(b" (deleted)")
            && rustix::fs::stat(found.name()).ok().as_ref().map(inode) != running
        {
            found = Path::default().with(name);
        }
        let path = if target.is_empty() { Path::from(name) } else { found };
        if !path.name().to_bytes().starts_with(b"/") {
            return Why::Kernel("find", Errno::NOENT).of(&Path::from(c"PID 1's program"));
        }
        Ok(Self { path, inode: running })
    }

    /// The program that is where this one was, if it is another one; only root can have put it there.
    pub fn successor(&self) -> Result<Option<OwnedFd>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file =
            rustix::fs::open(self.path.name(), flags, Mode::empty()).map_err(kernel("open", &self.path))?;
        let found = rustix::fs::fstat(&file).map_err(kernel("look at", &self.path))?;
        if self.inode.is_none_or(|running| running == inode(&found)) {
            return Ok(None);
        }
        Folder::of(&self.path)?.is_ours()?;
        regular(&self.path, &is_ours(&self.path, &file)?)?;
        Ok(Some(file))
    }

    /// True if a path names what runs.
    fn is(&self, path: &Path) -> bool {
        let there = rustix::fs::lstat(path.name()).ok();
        self.inode.is_some() && self.inode == there.as_ref().map(inode)
    }
}

/// A folder with a file in it.
pub struct Folder {
    path: Path,
    fd: OwnedFd,
}

impl Folder {
    /// Opens the folder of a file.
    pub fn of(file: &Path) -> Result<Self> {
        let name = file.name().to_bytes();
        let path = match name.iter().rposition(|byte| *byte == b'/') {
            Some(end) => Path::default().with(name.get(..end.max(1)).unwrap_or(b"/")),
            None => Path::from(c"."),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path.name(), flags, Mode::empty()).map_err(kernel("open", &path))?;
        Ok(Self { path, fd })
    }

    /// Refuses a folder in which somebody else than root could put files.
    pub fn is_ours(&self) -> Result<()> {
        is_ours(&self.path, &self.fd).map(drop)
    }

    /// Writes to the disk which files are in it.
    ///
    /// Where that fails, what is in it counts all the same until the power fails, and then that or what was.
    pub fn sync(&self) {
        if let Err(errno) = rustix::fs::fsync(&self.fd) {
            say(format_args!("cannot write {} to the disk: {}", self.path, name(errno)));
        }
    }
}

/// The right to put a program into its place, which one process at a time has.
struct Lock {
    path: Path,
    /// For as long as it is open.
    _file: OwnedFd,
}

impl Lock {
    /// Takes it, by a file that only root can open: whoever can open a file can lock it.
    fn take(program: &Path) -> Result<Self> {
        let path = program.with(b".lock");
        let failed = |errno| kernel("lock", &path)(errno);
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(path.name(), flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            // Another one was through with it between the two calls.
            Ok(()) if rustix::fs::fstat(&file).map_err(failed)?.st_nlink == 0 => Why::Busy.of(program),
            Ok(()) => Ok(Self { path, _file: file }),
            Err(Errno::WOULDBLOCK) => Why::Busy.of(program),
            Err(errno) => Err(failed(errno)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _left_for_the_next_one = rustix::fs::unlink(self.path.name());
    }
}

/// Opens a file to read it, and no link to one; whatever it is, nothing is waited for.
pub fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path.name(), flags, Mode::empty())
}

/// Opens a file that only root can have written.
pub fn open_ours(path: &Path) -> Result<OwnedFd> {
    let file = open(path).map_err(kernel("open", path))?;
    regular(path, &is_ours(path, &file)?)?;
    Ok(file)
}

/// Puts the candidate in the place of the program, if it is signed and answers; false if there is no other one any more.
///
/// The candidate is opened once. What is verified is what was read from it into memory, and that is written to a
/// file that nobody else ever had open; this file is probed and gets the program's name. At each moment there is a
/// whole program of that name.
pub fn replace(running: &Running, new: &Path, candidate: &OwnedFd) -> Result<bool> {
    let program = &running.path;
    let folder = Folder::of(program)?;
    folder.is_ours()?;
    let looked_at = is_ours(new, candidate)?;
    regular(new, &looked_at)?;
    // Refused while the file is open for writing anywhere; some file systems do not tell.
    if sys::is_being_written(candidate) {
        return Why::BeingWritten.of(new);
    }
    let (mut bytes, mut room) = (Content::default(), Content::default());
    bytes.read(new, candidate)?;
    verify(new, &bytes, &mut room)?;

    // Another one at work would use the same names: that of a PID 1 that was at fault meanwhile.
    let _lock = Lock::take(program)?;
    let verified = program.with(b".verified");
    let done = install(running, &verified, &bytes, &folder);
    if done.is_err() {
        let _may_not_be_there = rustix::fs::unlink(verified.name());
    }
    let (old, version) = done?;
    // Unless another one lies there by now. Left behind it would only be asked for once more.
    let there = rustix::fs::lstat(new.name()).ok().as_ref().map(inode);
    if there == Some(inode(&looked_at)) {
        for used in [new, &new.with(b".minisig")] {
            let _left = rustix::fs::unlink(used.name());
        }
    }
    folder.sync();
    say(format_args!("{program} is version {version} now"));
    Ok(old)
}

/// Puts a program into its place by way of a file, if it answers: whether the one before is left, and its version.
fn install(running: &Running, by: &Path, bytes: &[u8], folder: &Folder) -> Result<(bool, probe::Version)> {
    let version = probe::probe(&write(by, bytes)?, &running.path.with(b".new"))?;
    Ok((exchange(running, by, folder)?, version))
}

/// Writes a program to a new file, and opens it for execution only.
fn write(path: &Path, bytes: &[u8]) -> Result<OwnedFd> {
    let failed = |errno| kernel("write", path)(errno);
    let _of_an_update_that_was_cut_short = rustix::fs::unlink(path.name());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let writer = rustix::fs::open(path.name(), flags, Mode::RWXU).map_err(failed)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = rustix::io::write(&writer, rest).map_err(failed)?;
        rest = rest.get(written..).unwrap_or(&[]);
    }
    rustix::fs::fchmod(&writer, Mode::from_raw_mode(0o755)).map_err(failed)?;
    rustix::fs::fsync(&writer).map_err(failed)?;
    // The kernel executes nothing that is open for writing.
    let reader = open(path).map_err(failed)?;
    let [written, read] = [&writer, &reader].map(|file| rustix::fs::fstat(file).as_ref().map(inode).ok());
    if written.is_none() || written != read {
        return Err(failed(Errno::STALE));
    }
    Ok(reader)
}

/// Gives a file the program's name, and the program another one; false if there is no program any more.
///
/// What runs may have that other name already, if PID 1 was not told of its successor, and no other name is left to it.
fn exchange(running: &Running, verified: &Path, folder: &Folder) -> Result<bool> {
    let program = &running.path;
    let (old, older) = (program.with(b".old"), program.with(b".old.new"));
    let _of_an_update_that_was_cut_short = rustix::fs::unlink(older.name());
    let kept = running.is(&old);
    let linked = !kept
        && match rustix::fs::linkat(CWD, program.name(), CWD, older.name(), AtFlags::empty()) {
            Ok(()) => true,
            Err(Errno::NOENT) => false,
            Err(errno) => return Err(kernel("keep", program)(errno)),
        };
    if linked {
        rustix::fs::rename(older.name(), old.name()).map_err(kernel("replace", &old))?;
    }
    // From here on PID 1 has to be told, however long a disk takes.
    sys::set_alarm(0);
    rustix::fs::rename(verified.name(), program.name()).map_err(kernel("replace", program))?;
    folder.sync();
    Ok(kept || linked)
}

/// Refuses a file that another user than root has, or can write to.
fn is_ours(path: &Path, file: impl AsFd) -> Result<Stat> {
    let stat = rustix::fs::fstat(file).map_err(kernel("look at", path))?;
    let others = Mode::WGRP | Mode::WOTH;
    if stat.st_uid != 0 || Mode::from_raw_mode(stat.st_mode).intersects(others) {
        return Why::NotOurs.of(path);
    }
    Ok(stat)
}

/// Refuses what is no regular file.
fn regular(path: &Path, stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        _ => Why::NotAFile.of(path),
    }
}

/// What tells files apart, whatever their names are.
pub const fn inode(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}
