//! Files: whose they are, and what is in them.

use core::ffi::CStr;
use core::fmt;
use core::ops::Deref;

use rt::raw;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Result, Why, kernel, name, say};

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
        let file = open(&self.path).map_err(kernel("open", &self.path))?;
        let found = rustix::fs::fstat(&file).map_err(kernel("look at", &self.path))?;
        if self.inode.is_none_or(|running| running == inode(&found)) {
            return Ok(None);
        }
        Folder::of(&self.path)?.is_ours()?;
        regular(&self.path, &is_ours(&self.path, &file)?)?;
        Ok(Some(file))
    }

    /// True if a path names what runs.
    pub fn is(&self, path: &Path) -> bool {
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

/// Refuses a file that another user than root has, or can write to.
pub fn is_ours(path: &Path, file: impl AsFd) -> Result<Stat> {
    let stat = rustix::fs::fstat(file).map_err(kernel("look at", path))?;
    let others = Mode::WGRP | Mode::WOTH;
    if stat.st_uid != 0 || Mode::from_raw_mode(stat.st_mode).intersects(others) {
        return Why::NotOurs.of(path);
    }
    Ok(stat)
}

/// Refuses what is no regular file.
pub fn regular(path: &Path, stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        _ => Why::NotAFile.of(path),
    }
}

/// What tells files apart, whatever their names are.
pub const fn inode(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}
