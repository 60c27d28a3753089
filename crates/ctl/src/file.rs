//! Paths and files: their content, their owner, and which file a path leads to.

use core::ffi::CStr;
use core::fmt;
use core::ops::Deref;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, MemfdFlags, Mode, OFlags, SeekFrom, Stat};

use crate::refusal::{Result, Why, cannot, errno_name};
use crate::report;

/// The largest candidate, signature or key, bytes; PID 1's program has a tenth of that.
pub const SIZE_MAX: usize = 262_144;

/// A path as a C string; one that is too long for the kernel is empty, and names no file.
#[derive(Clone, Default)]
pub struct Path(heapless::Vec<u8, { libc::PATH_MAX as usize }>);

impl Path {
    /// The path as a C string.
    pub fn name(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.0).unwrap_or(c"")
    }

    /// The path with a suffix.
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

/// The content of a file.
#[derive(Default)]
pub struct Content(heapless::Vec<u8, SIZE_MAX>);

impl Content {
    /// Reads a whole file, and refuses an empty or too large one.
    pub fn read(&mut self, path: &Path, file: &OwnedFd) -> Result<()> {
        self.0.clear();
        let mut piece = [0; 4096];
        loop {
            // Whoever else reads the open file begins at its start.
            let taken = rustix::io::pread(file, &mut piece[..], self.0.len() as u64);
            let taken = taken.map_err(cannot("read", path))?;
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

/// An open folder.
pub struct Folder {
    path: Path,
    fd: OwnedFd,
}

impl Folder {
    /// Opens the folder that a file is in.
    pub fn of(file: &Path) -> Result<Self> {
        let name = file.name().to_bytes();
        let path = match name.iter().rposition(|byte| *byte == b'/') {
            Some(end) => Path::default().with(name.get(..end.max(1)).unwrap_or(b"/")),
            None => Path::from(c"."),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path.name(), flags, Mode::empty()).map_err(cannot("open", &path))?;
        Ok(Self { path, fd })
    }

    /// Refuses a folder in which another user than root can create files.
    pub fn check_owner(&self) -> Result<()> {
        check_owner(&self.path, &self.fd).map(drop)
    }

    /// Writes the folder's entries to the disk.
    ///
    /// A failure is only logged: it matters only if the power fails, and the old entries are as good as the new ones.
    pub fn sync(&self) {
        if let Err(errno) = rustix::fs::fsync(&self.fd) {
            report(format_args!("cannot write {} to the disk: {}", self.path, errno_name(errno)));
        }
    }
}

/// Opens a file for reading; it refuses a symbolic link, and does not block on a pipe or device.
pub fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path.name(), flags, Mode::empty())
}

/// Writes all of it.
pub fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::write(file, bytes)?;
        bytes = bytes.get(written..).unwrap_or(&[]);
    }
    Ok(())
}

/// An executable file with these bytes that has no name, memfd_create(2).
pub fn in_memory(bytes: &[u8]) -> rustix::io::Result<OwnedFd> {
    let make = |flags| rustix::fs::memfd_create(c"zinit-pid1", MemfdFlags::CLOEXEC | flags);
    // Before Linux 6.3 all were executable, and the flag was none.
    let file = make(MemfdFlags::EXEC).or_else(|_| make(MemfdFlags::empty()))?;
    write_all(&file, bytes)?;
    rustix::fs::seek(&file, SeekFrom::Start(0))?;
    Ok(file)
}

/// Opens a file that [`check`] accepts.
pub fn open_checked(path: &Path) -> Result<OwnedFd> {
    let file = open(path).map_err(cannot("open", path))?;
    check(path, &file)?;
    Ok(file)
}

/// Refuses a file that is not regular or that another user than root may have written; returns which file it is.
pub fn check(path: &Path, file: &OwnedFd) -> Result<FileId> {
    let stat = check_owner(path, file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(FileId::of(&stat)),
        _ => Why::NotAFile.of(path),
    }
}

/// Refuses a file that another user than root owns or can write to.
pub fn check_owner(path: &Path, file: impl AsFd) -> Result<Stat> {
    let stat = rustix::fs::fstat(file).map_err(cannot("look at", path))?;
    let others = Mode::WGRP | Mode::WOTH;
    if stat.st_uid != 0 || Mode::from_raw_mode(stat.st_mode).intersects(others) {
        return Why::NotOurs.of(path);
    }
    Ok(stat)
}

/// Renames `old` to `path`, after what was there got the name `bad`.
pub fn put_back(old: &Path, path: &Path, bad: &Path) -> Result<()> {
    let folder = Folder::of(path)?;
    let _of_one_before = rustix::fs::unlink(bad.name());
    // This may fail: some file systems have no hard links, and the file may be gone.
    let _not_kept = rustix::fs::linkat(CWD, path.name(), CWD, bad.name(), AtFlags::empty());
    rustix::fs::rename(old.name(), path.name()).map_err(cannot("restore", old))?;
    folder.sync();
    Ok(())
}

/// Device and inode: the same for all names of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileId(u64, u64);

impl FileId {
    /// The identity of the file with these attributes.
    pub const fn of(stat: &Stat) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }
}

/// The file that a path leads to.
pub fn id(path: &CStr) -> Option<FileId> {
    rustix::fs::stat(path).ok().as_ref().map(FileId::of)
}

/// The file at a path, where a symbolic link is a file of its own.
pub fn link_id(path: &Path) -> Option<FileId> {
    rustix::fs::lstat(path.name()).ok().as_ref().map(FileId::of)
}

/// True for the file systems that do not outlive the kernel, tmpfs and ramfs, statfs(2).
pub fn is_volatile(stat: &rustix::fs::StatFs) -> bool {
    // The type has 32 bits, and a sign where a word has no more of them.
    matches!(stat.f_type as u32, 0x0102_1994 | 0x8584_58f6)
}
