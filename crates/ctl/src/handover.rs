//! What is left to do once a server has ended: a state file for the next one, and a reader for the pipes of services.

use core::ffi::CStr;

use rt::{raw, time};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zinit_pid1ctl::services::Services;
use zinit_pid1ctl::state_file::{self, Header};

use crate::ask::Buffers;
use crate::pipes::Pipes;
use crate::refusal::errno_name;
use crate::server::{self, Server};
use crate::{reader, report};

/// A version of the state file: device, inode and time of change; `None` if there is no file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version(Option<(u64, u64, i64, u64)>);

impl Version {
    /// The version that is there now.
    pub fn now() -> Self {
        Self::of(PATH)
    }

    #[allow(clippy::unnecessary_cast, reason = "the types differ between architectures")]
    fn of(path: &CStr) -> Self {
        let stat = rustix::fs::lstat(path).ok();
        Self(stat.map(|stat| (stat.st_dev, stat.st_ino, stat.st_mtime as i64, stat.st_mtime_nsec as u64)))
    }

    /// True if the server has left a file since.
    fn is_older_than_file(self) -> bool {
        let now = Self::now();
        now != self && now.0.is_some()
    }
}

/// Who has put the state file in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The server.
    ByServer,
    /// This process, from its table.
    Here,
    /// Nobody: there is none.
    Nowhere,
}

/// Puts the state file in place, forks the reader and tells PID 1 its pid.
///
/// `before` is the version of the state file before the server could leave one; `services` is `None` if its table could
/// not be read, and `whole` says that this very server has told all of it.
pub fn hand_over(
    server: &Server<'_>,
    services: Option<&Services>,
    whole: bool,
    before: Version,
    pipes: &mut Pipes,
    buf: &mut [u8],
) -> Saved {
    let left_by_server = before.is_older_than_file();
    // The server's own file does not have the configuration of a service that it once read from a file.
    let is_better = |services: &Services| {
        let in_no_file = services.iter().any(|service| !services.config(service).is_empty());
        whole && services.left_out() == 0 && in_no_file
    };
    let left = if left_by_server { Saved::ByServer } else { Saved::Nowhere };
    let saved = match services {
        Some(services) if !left_by_server || is_better(services) => match write(server, services, buf) {
            Ok(()) => Saved::Here,
            Err(errno) => {
                report(format_args!(
                    "cannot write {}: {}",
                    PATH.to_bytes().escape_ascii(),
                    errno_name(errno)
                ));
                left
            }
        },
        _ => left,
    };
    if saved != Saved::Nowhere {
        // The next server removes the file, and may end before its watcher has asked it for anything.
        let _not_there = rustix::fs::unlink(LAST);
        let _no_copy = rustix::fs::link(PATH, LAST);
    } else {
        report(format_args!("no state of server {} to save, its services are not known here", server.pid));
    }
    if let Some(reader) = reader::spawn(pipes) {
        let _nobody_asks = raw::write(libc::STDOUT_FILENO, &reader.to_ne_bytes());
    }
    saved
}

/// Reads the table of the last server from the state file that the current one has not taken over yet; false if there is
/// none.
pub fn load(services: &mut Services, buffers: &mut Buffers) -> bool {
    read(PATH, services, buffers)
}

/// Reads the same from the copy that was kept of it for this server; false if there is none.
///
/// A copy counts only if it was written since PID 1 was started, and at most five minutes before the server was: the
/// pids in any other may be those of an earlier life of the container.
pub fn load_copy(server: &Server<'_>, services: &mut Services, buffers: &mut Buffers) -> bool {
    let Version(Some((_, _, seconds, nanoseconds))) = Version::of(LAST) else { return false };
    let written = seconds.unsigned_abs().saturating_mul(1_000).saturating_add(nanoseconds / 1_000_000);
    let since = server::parent_started_at().max(server.started_at.saturating_sub(COPY_AGE));
    written >= since && read(LAST, services, buffers)
}

fn read(path: &CStr, services: &mut Services, buffers: &mut Buffers) -> bool {
    let text = raw::read_file(path, &mut buffers.reply);
    state_file::read(text, &mut buffers.scratch, services)
}

/// Writes the state file and gives it its name.
fn write(server: &Server<'_>, services: &Services, buf: &mut [u8]) -> Result<(), Errno> {
    if services.left_out() > 0 {
        report(format_args!(
            "{} services or their configurations do not fit or did not come, they are not kept",
            services.left_out()
        ));
    }
    let _there = rustix::fs::mkdir(FOLDER, Mode::from_raw_mode(0o755));
    let written = write_new(server, services, buf).and_then(|()| rustix::fs::rename(NEW, PATH));
    if written.is_err() {
        let _not_there = rustix::fs::unlink(NEW);
    }
    written
}

fn write_new(server: &Server<'_>, services: &Services, buf: &mut [u8]) -> Result<(), Errno> {
    // A link or a file of the server that ended in the middle may be there.
    let _not_there = rustix::fs::unlink(NEW);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    // Configurations may hold secrets.
    let file = rustix::fs::open(NEW, flags, Mode::RUSR | Mode::WUSR)?;
    let header = Header {
        now: time::clock(libc::CLOCK_REALTIME),
        started_at: server.started_at,
        config_dir: &server.folder,
        socket: server.socket.to_bytes(),
    };
    let mut sink = Sink { file: &file, buf, length: 0 };
    let written = state_file::write(services, &header, &mut server::child_started_at, &mut sink);
    match written {
        Ok(()) => sink.flush(),
        Err(nanojson::SerializeError::Write(errno)) => Err(errno),
        Err(_) => Err(Errno::INVAL),
    }
}

/// A file, written through a buffer.
struct Sink<'a> {
    file: &'a OwnedFd,
    buf: &'a mut [u8],
    length: usize,
}

impl Sink<'_> {
    fn flush(&mut self) -> Result<(), Errno> {
        let mut left = &self.buf[..self.length];
        while !left.is_empty() {
            match rustix::io::write(self.file, left) {
                Ok(length) => left = &left[length..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        self.length = 0;
        Ok(())
    }
}

impl nanojson::Write for Sink<'_> {
    type Error = Errno;

    fn write_bytes(&mut self, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            if self.length == self.buf.len().min(PIECE) {
                self.flush()?;
            }
            let length = bytes.len().min(self.buf.len().min(PIECE) - self.length);
            self.buf[self.length..][..length].copy_from_slice(&bytes[..length]);
            self.length += length;
            bytes = &bytes[length..];
        }
        Ok(())
    }
}

/// The state file of every server, its name while it is written, and the copy that is kept of it.
const PATH: &CStr = c"/run/zinit/state.json";
const NEW: &CStr = c"/run/zinit/state.json.new";
const LAST: &CStr = c"/run/zinit/state.json.last";
const FOLDER: &CStr = c"/run/zinit";

/// Age of a copy at the start of a server that still counts, ms: that of a state file which a server takes over.
const COPY_AGE: u64 = 300_000;

/// Bytes that are written at once.
const PIECE: usize = 16_384;
