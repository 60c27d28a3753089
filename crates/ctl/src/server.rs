//! The server as `/proc` shows it: its options, and when it was started.

use core::ffi::CStr;

use rt::{stat, time};
use zinit_pid1::model::table;
use zinit_pid1::parse::procstat;
use zinit_pid1ctl::services::NAME;

use crate::process;

/// A server, running or not.
pub struct Server<'a> {
    pub pid: u32,
    pub socket: &'a CStr,
    /// The folder of its services; empty if it is not known.
    pub folder: Folder,
    /// It has more of them in [`SYSTEM`].
    pid1_mode: bool,
    /// ms since 1970.
    pub started_at: u64,
}

/// A path: short, because stack that was once used stays in memory.
type Folder = heapless::Vec<u8, FOLDER>;

impl<'a> Server<'a> {
    /// Looks at a server while it runs.
    pub fn look(pid: u32, socket: &'a CStr) -> Self {
        let mut buf = [0; 512];
        let started_at = started_at(process::read(pid, "stat", &mut buf));
        let started_at = started_at.unwrap_or_else(|| time::clock(libc::CLOCK_REALTIME));
        let mut server = Self { pid, socket, folder: Folder::new(), pid1_mode: false, started_at };
        let mut arguments = [0; ARGUMENTS];
        let mut words = process::read(pid, "cmdline", &mut arguments).split(|byte| *byte == 0);
        while let Some(word) = words.next() {
            match word {
                b"-c" => {
                    server.folder = Folder::from_slice(words.next().unwrap_or_default()).unwrap_or_default()
                }
                b"--pid1-mode" => server.pid1_mode = true,
                _ => {}
            }
        }
        server
    }

    /// True if there is a file with the name that the configuration of this service usually has.
    pub fn has_file(&self, service: &str) -> bool {
        let is_there = |folder: &[u8]| {
            let mut path = heapless::Vec::<u8, { FOLDER + NAME + 7 }>::new();
            let fits = [folder, b"/", service.as_bytes(), b".toml\0"]
                .map(|piece| path.extend_from_slice(piece).is_ok());
            let path = CStr::from_bytes_with_nul(&path).ok().filter(|_| fits == [true; 4]);
            path.is_some_and(|path| stat::statx(path).is_ok())
        };
        let in_folder = !self.folder.is_empty() && is_there(&self.folder);
        !service.contains('/') && (in_folder || self.pid1_mode && is_there(SYSTEM))
    }
}

/// When a child of our parent was started, ms since 1970; `None` if there is no such child, or if it is a zombie.
pub fn child_started_at(pid: u32) -> Option<u64> {
    let mut buf = [0; 512];
    let stat = process::read(pid, "stat", &mut buf);
    let parent = process::parent();
    let alive = !matches!(table::field(procstat::fields(stat), 0), b"Z" | b"X");
    let ours = alive && procstat::parent(stat) == Some(parent);
    started_at(stat).filter(|_| ours)
}

/// When our parent was started, PID 1, ms since 1970; the end of time if that is not known.
pub fn parent_started_at() -> u64 {
    let parent = process::parent();
    started_at(process::read(parent, "stat", &mut [0; 512])).unwrap_or(u64::MAX)
}

/// When the process of a `/proc/PID/stat` was started, ms since 1970.
fn started_at(stat: &[u8]) -> Option<u64> {
    let ticks = core::str::from_utf8(table::field(procstat::fields(stat), START)).ok()?;
    let age =
        time::clock(libc::CLOCK_BOOTTIME).saturating_sub(ticks.parse::<u64>().ok()?.saturating_mul(TICK));
    Some(time::clock(libc::CLOCK_REALTIME).saturating_sub(age))
}

/// The folder from which a server with `--pid1-mode` reads services too.
const SYSTEM: &[u8] = b"/etc/zinit/system";

/// Bytes of the path of the folder of services; no service has a file in a folder that has a longer one.
const FOLDER: usize = 512;

/// Bytes of the command line that are read: two paths and a few words.
const ARGUMENTS: usize = 1_024;

/// The field `starttime` after the name, and its unit, ms: `USER_HZ` is 100.
const START: usize = 19;
const TICK: u64 = 10;
