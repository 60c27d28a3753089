//! From the first instruction to a process that knows what it is and has a place for its log lines.

use core::ffi::CStr;

use rt::start::Start;
use zinit_pid1::model::event::{Event, Request};
use zinit_pid1::model::limits::REAP_BUDGET;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::{Errno, Role};
use zinit_pid1::parse::config::{self, Config};

use super::Sys;
use super::kmsg::Log;
use super::mount;
use super::power::Authority;
use super::spawn::Report;
use super::stdio;
use super::watchdog::Watchdog;
use super::{raw, signal};

impl<'a> Sys<'a> {
    /// This process before it knows what it is: it blocks all signals, closes what others left open, and leaves
    /// the folder it was started in, which would pin a mount.
    #[inline(always)] // the result is made where it stays
    pub fn begin(start: Start) -> Self {
        // First, because a signal that finds PID 1 without a handler and not blocked is lost.
        signal::block_all();
        let given = stdio::claim();
        let _stays_where_it_is = rustix::process::chdir(c"/");
        // The kernel calls PID 1 by the link that it was started by, `init` mostly.
        raw::set_name(c"zinit-pid1");
        let here = Self::inherited(start);
        // What was begun and not ended is begun once more; a request is not, since it may have led to the fault.
        let event = here.restarting().then_some(Event::Requested(Request::RestartServer));
        Self {
            authority: Authority::Subreaper,
            log: Log::NOWHERE,
            config: Config::default(),
            start,
            here,
            ends: false,
            given,
            event,
            report: Report::NONE,
            updater: None,
            watchdog: Watchdog::NONE,
            unreaped: true,
            batch: REAP_BUDGET,
        }
    }

    /// Asks the kernel what this process is, and makes it at home there; the settings are what argv and
    /// environment say, and that this is a container is only a hint.
    #[inline(always)]
    pub fn settle(&mut self) {
        self.authority = Authority::detect(self.config.container() || self.here.container());
        self.here.set_container(self.place() == Role::Container);
        // What a PID 1 before mounted and named, and what became of it since then is somebody's wish.
        let new = self.here.generation() == 0;
        let rows = if new && self.config.mount() { mount::ALL } else { 0 };
        if let Some(machine) = self.authority.machine() {
            machine.mount_early(rows, None);
        }
        stdio::furnish(self.given, self.authority.machine().is_some());
        self.log.open(self.authority.machine().is_some(), self.given.stderr());
        if let Some(machine) = self.authority.machine() {
            let errno = if new { machine.take_name() } else { Errno::NONE };
            if errno != Errno::NONE {
                self.log.error(Message::HostNameFailed, errno);
            }
            // Once more, because the log needs what was mounted the first time: what failed fails again.
            machine.mount_early(rows, Some(&self.log));
        }
    }

    /// The words of the kernel command line on a machine. In a container it is the host's.
    #[inline(always)]
    pub fn kernel_words<'b>(&self, line: &'b mut [u8]) -> impl Iterator<Item = &'b CStr> + use<'b> {
        let room = if self.authority.machine().is_some() { line } else { &mut [] };
        strings(config::split(raw::read_file(c"/proc/cmdline", room)))
    }
}

/// The words as the strings that they are.
fn strings(words: &[u8]) -> impl Iterator<Item = &CStr> {
    // SAFETY: each ends in its only NUL. To let `CStr` look for it takes 200 bytes.
    config::words(words).map(|word| unsafe { CStr::from_bytes_with_nul_unchecked(word) })
}
