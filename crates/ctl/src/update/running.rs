//! The program that runs and that is to be replaced.

use core::ffi::CStr;
use core::fmt;

use rt::raw;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use zinit_pid1::model::version::VERSION;
use zinit_pid1ctl::answer::{Answer, Version};
use zinit_pid1ctl::comment::Comment;

use crate::file::{self, FileId, Folder, Path};
use crate::refusal::{Result, Why, cannot};
use crate::{print, process, report};

use super::{probe, trial};

/// The program that runs, and what is to be done with another version of it.
pub struct Running<'a> {
    /// What it says of itself.
    pub said: Answer<'a>,
    /// Its path, which its successor must have too.
    pub path: Path,
    /// Unknown without `/proc`.
    pub id: Option<FileId>,
    /// True if another version is only looked at, for a person.
    pub only_checks: bool,
}

impl<'a> Running<'a> {
    /// The parent, which is PID 1 or a subreaper, and says this of itself.
    ///
    /// It is found by `/proc`, or else by the name that it was started with.
    pub fn of_parent(name: &CStr, said: &'a CStr) -> Result<Self> {
        let parent = process::parent().max(1);
        Self::find(parent, name, Answer::read(said.to_bytes()), false)
    }

    /// PID 1, whose file has this content: it is only looked at.
    pub fn of_pid1(program: &'a [u8]) -> Result<Self> {
        Self::find(1, c"", Answer::find(program), true)
    }

    fn find(pid: u32, name: &CStr, said: Option<Answer<'a>>, only_checks: bool) -> Result<Self> {
        let link = process::Path::new(pid, "exe");
        let mut target = [0; libc::PATH_MAX as usize];
        let shown = process::unseen().is_none();
        let length = if shown { raw::read_link(link.name(), &mut target) } else { Err(libc::ENOENT) };
        let id = file::id(link.name()).filter(|_| shown);
        let target = &target[..length.unwrap_or(0) as usize];
        let mut found = Path::default().with(target);
        // The kernel appends this to the path of a file that has lost its name; the real name of a file may end in
        // the same way.
        if let Some(name) = target.strip_suffix(b" (deleted)")
            && file::id(found.name()) != id
        {
            found = Path::default().with(name);
        }
        let path = if target.is_empty() { Path::from(name) } else { found };
        if !path.name().to_bytes().starts_with(b"/") {
            let errno = length.err().map_or(Errno::NOENT, Errno::from_raw_os_error);
            return Why::Cannot("find", errno).of(&Path::from(c"PID 1's program"));
        }
        let own = Answer::read(VERSION.to_bytes()).map_or(b"".as_slice(), |own| own.arch);
        Ok(Self { said: said.unwrap_or(Answer::of_silent(own)), path, id, only_checks })
    }

    /// The file that has the program's path now, if it is another one; it is refused unless only root can have put
    /// it there.
    pub fn successor(&self) -> Result<Option<OwnedFd>> {
        let file = file::open(&self.path).map_err(cannot("open", &self.path))?;
        let found = rustix::fs::fstat(&file).map_err(cannot("look at", &self.path))?;
        if self.id.is_none_or(|running| running == FileId::of(&found)) {
            return Ok(None);
        }
        Folder::of(&self.path)?.check_owner()?;
        file::check(&self.path, &file)?;
        Ok(Some(file))
    }

    /// True if a path names the running program.
    pub fn has_name(&self, path: &Path) -> bool {
        self.id.is_some() && self.id == file::link_id(path)
    }

    /// Returns the version of a program that can take over from the running one, that is what it is signed as, and that
    /// works as PID 1.
    ///
    /// The open file is executed: `path` is only what a refusal names.
    pub fn try_successor(
        &self,
        program: &OwnedFd,
        path: &Path,
        signed: Option<&Comment<'_>>,
    ) -> Result<Version> {
        let facts = probe::probe(program, path, &self.said)?;
        if let Some(Err(refusal)) = signed.map(|signed| signed.compare(facts.version, &facts.arch)) {
            return Why::Comment(refusal).of(path);
        }
        if facts.can_be_tried {
            trial::try_as_pid1(self, program, path)?;
        }
        Ok(facts.version)
    }

    /// Says something to whoever asked: in the log of PID 1, or to a person.
    pub fn tell(&self, line: fmt::Arguments<'_>) {
        if self.only_checks { print(libc::STDOUT_FILENO, line) } else { report(line) }
    }
}
