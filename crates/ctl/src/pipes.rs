//! The pipes that services write to, whose reading ends only the server holds.
//!
//! When the server ends, a service gets SIGPIPE at its next write unless somebody else holds the reading end too.

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};
use zinit_pid1::parse::procstat;
use zinit_pid1ctl::lines::{self, Name};

use crate::refusal::errno_name;
use crate::{process, report, sys};

/// The reading ends that this process holds.
///
/// Nothing is read from them here: every byte is the server's until that has ended.
pub struct Pipes {
    held: heapless::Vec<Pipe, PIPES>,
    /// Those of the server that are not held, and of which it is not known whether they are those of services.
    unknown: heapless::Vec<Candidate, { PIPES + OTHERS }>,
    /// A line said that some are not held: a watcher looks every few seconds.
    reported: bool,
}

/// The reading end of a pipe that a service writes to.
pub struct Pipe {
    inode: u64,
    /// `None` once all that was written to it has been read.
    pub reading: Option<OwnedFd>,
    pub service: Name,
    /// The server did not hold it any more at the last look.
    closed: bool,
}

/// A reading end of the server.
struct Candidate {
    inode: u64,
    /// The server's descriptor.
    number: u32,
}

impl Pipes {
    /// No pipes, at the first call.
    pub fn take() -> Option<&'static mut Self> {
        PIPES_HELD.take()
    }

    /// True if there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The pipes that are held.
    pub fn held(&mut self) -> &mut [Pipe] {
        &mut self.held
    }

    /// Closes all of them.
    pub fn clear(&mut self) {
        self.held.clear();
    }

    /// Opens the reading ends held by `server` of those pipes that are descriptor 1 or 2 of a service's process or of
    /// a process of its group; `services` has the name and the pid of each.
    ///
    /// It may be called again: pipes that are held already are left alone, and those that the server has closed by
    /// itself are closed.
    pub fn open<'a>(&mut self, server: u32, services: impl Iterator<Item = (&'a [u8], u32)> + Clone) {
        let mut beyond = self.look_at_server(server);
        if self.unknown.is_empty() {
            return;
        }
        raise_limit();
        let mut failed = None;
        process::all(&mut |pid| {
            for number in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
                let Some(inode) = pipe_inode(pid, number.unsigned_abs()) else { continue };
                let Some(at) = self.unknown.iter().position(|pipe| pipe.inode == inode) else { continue };
                let group = procstat::group(process::read(pid, "stat", &mut [0; 512]));
                let belongs = |leader| leader == pid || Some(leader) == group;
                let Some((service, _)) = services.clone().find(|(_, leader)| belongs(*leader)) else {
                    continue;
                };
                let pipe = self.unknown.swap_remove(at);
                match hold(server, &pipe) {
                    Ok(reading) => {
                        let (service, reading) = (lines::name(service), Some(reading));
                        let pushed = self.held.push(Pipe { inode, reading, service, closed: false });
                        beyond += u32::from(pushed.is_err());
                    }
                    // The server has closed it since.
                    Err(Errno::NOENT) => {}
                    Err(errno) => failed = Some(errno),
                }
            }
        });
        if self.reported {
            return;
        }
        self.reported = failed.is_some() || beyond > 0;
        if let Some(errno) = failed {
            let error = errno_name(errno);
            report(format_args!("cannot open each pipe of the services: {error}, some may end by SIGPIPE"));
        }
        if beyond > 0 {
            report(format_args!("{beyond} pipes beyond {PIPES} are not kept, services may end by SIGPIPE"));
        }
    }

    /// Looks for reading ends of the server that are not held yet; returns how many do not fit.
    fn look_at_server(&mut self, server: u32) -> u32 {
        let Self { held, unknown, reported: _ } = self;
        unknown.clear();
        let (mut alive, mut beyond) = (false, 0_u32);
        // Bit by bit in the order of `held`: whether the server holds it.
        let mut seen = [0_u64; PIPES.div_ceil(64)];
        let Some(folder) = process::folder(process::Path::new(server, "fd").name()) else { return 0 };
        process::numbers(&folder, &mut |number| {
            alive = true;
            if number <= libc::STDERR_FILENO.unsigned_abs() {
                return;
            }
            let Some(inode) = pipe_inode(server, number) else { return };
            if let Some(at) = held.iter().position(|pipe| pipe.inode == inode) {
                seen[at / 64] |= 1 << (at % 64);
            } else if is_reading_end(server, number) {
                beyond += u32::from(unknown.push(Candidate { inode, number }).is_err());
            }
        });
        // A server that has ended holds nothing, and then they are needed.
        if alive {
            for at in (0..held.len()).rev() {
                let closed = seen[at / 64] & 1 << (at % 64) == 0;
                // Not at the first look: a server that is ending closes them too.
                if closed && held[at].closed {
                    held.swap_remove(at);
                } else {
                    held[at].closed = closed;
                }
            }
        }
        beyond
    }
}

/// The inode of the pipe that a descriptor of a process leads to.
pub fn pipe_inode(pid: u32, number: u32) -> Option<u64> {
    let mut link = [0; 32];
    let path = process::Path::numbered(pid, "fd", number);
    let length = rt::raw::read_link(path.name(), &mut link).ok()?;
    let link = link.get(..length as usize)?.strip_prefix(b"pipe:[")?.strip_suffix(b"]")?;
    core::str::from_utf8(link).ok()?.parse().ok()
}

/// True if a descriptor of a process was opened for reading only.
///
/// A pipe can be opened for reading by the path of either end.
fn is_reading_end(pid: u32, number: u32) -> bool {
    let mut buf = [0; 128];
    let info = rt::raw::read_file(process::Path::numbered(pid, "fdinfo", number).name(), &mut buf);
    let flags = info.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"flags:"));
    let flags = flags.and_then(|flags| core::str::from_utf8(flags.trim_ascii()).ok());
    let flags = flags.and_then(|flags| i32::from_str_radix(flags, 8).ok());
    flags.is_some_and(|flags| flags & libc::O_ACCMODE == libc::O_RDONLY)
}

/// Opens a reading end of the server; NOENT if its descriptor is another file by now.
fn hold(server: u32, pipe: &Candidate) -> Result<OwnedFd, Errno> {
    let path = process::Path::numbered(server, "fd", pipe.number);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let reading = rustix::fs::open(path.name(), flags, Mode::empty())?;
    let inode = rustix::fs::fstat(&reading)?.st_ino;
    if inode == pipe.inode { Ok(reading) } else { Err(Errno::NOENT) }
}

/// Allows this process as many descriptors as it may have.
fn raise_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let _as_before = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// All that a process holds.
pub static PIPES_HELD: sys::Lent<Pipes> =
    sys::Lent::new(Pipes { held: heapless::Vec::new(), unknown: heapless::Vec::new(), reported: false });

/// Pipes that are held: two of each of 1,000 services, for which there is a state file.
pub const PIPES: usize = 2_000;

/// Reading ends of a server that are those of no service; zinit-server 0.3.9 has none.
const OTHERS: usize = 64;
