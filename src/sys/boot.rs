//! Start-up: from the first instruction until the role is known and the log is open.

use core::cell::Cell;
use core::ffi::CStr;

use rt::start::Start;
use zinit_pid1::model::event::{Event, Request};
use zinit_pid1::model::limits::REAP_BUDGET;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::{Errno, Role};
use zinit_pid1::model::reexec::Child;
use zinit_pid1::model::time::Instant;
use zinit_pid1::parse::cmdline;
use zinit_pid1::parse::config::Config;

use super::authority::Authority;
use super::log::Log;
use super::mount;
use super::raw;
use super::sender::Sender;
use super::signal;
use super::spawn::Report;
use super::stdio;
use super::watchdog::Watchdog;
use super::{Sys, Updater};

impl<'a> Sys<'a> {
    /// Blocks all signals, closes inherited descriptors, and leaves the working directory, which would keep a mount
    /// busy. The role is not known yet.
    pub fn new(start: Start) -> Self {
        // First, because the kernel drops a signal that PID 1 neither handles nor blocks.
        signal::block_all();
        let std_fds = stdio::sanitize_fds();
        let _stays_there = rustix::process::chdir(c"/");
        // The kernel names PID 1 by the link through which it was started, mostly `init`.
        raw::set_name(c"zinit-pid1");
        let reexec_state = Self::inherited(start);
        // A soft restart that was not finished begins again, unless its helper still runs. A request that had not begun
        // is dropped, because it may have caused the fault.
        let begins_again = reexec_state.restarting() && reexec_state.child(Child::RESTARTER).is_none();
        let event = begins_again.then_some(Event::Requested(Request::RestartServer));
        Self {
            authority: Cell::new(Authority::Subreaper),
            log: Log::closed(),
            config: Config::default(),
            start,
            reexec_state,
            ending: Cell::new(None),
            // The kernel sends these two: for children, and for a log without a reader.
            ignored: Cell::new(1 << libc::SIGCHLD | 1 << libc::SIGPIPE),
            ignored_word: Cell::new(c""),
            exit_status: Cell::new(0),
            power_fails: Cell::new(false),
            std_fds,
            event: Cell::new(event),
            proc: Cell::new(-1),
            sender: Cell::new(Sender::PID1),
            server_report: Report::of_none(),
            saver_report: Report::of_none(),
            updater: Cell::new(Updater::None),
            updater_report: Report::of_none(),
            watchdog: Watchdog::none(),
            now: Cell::new(Instant(0)),
            children_pending: Cell::new(true),
            reap_budget: Cell::new(REAP_BUDGET),
        }
    }

    /// Detects the role, makes the early mounts of a machine, and opens the log.
    pub fn set_up(&self) {
        self.authority.set(Authority::detect(self.config.container() || self.reexec_state.container()));
        self.reexec_state.set_container(self.role() == Role::Container);
        // Not after a re-exec: the earlier PID 1 has done this, and any change since then was made on purpose.
        let first = self.reexec_state.generation() == 0;
        let mounting = first && self.config.mount();
        let (for_log, all) = if mounting { (mount::FOR_LOG, mount::EARLY) } else { (&[][..], &[][..]) };
        if let Some(machine) = self.authority().machine() {
            machine.mount_early(for_log, None);
        }
        // That of another PID namespace, as after `unshare -p`, has another pid for this process, and no such thread of it.
        self.proc.set(raw::open(c"/proc/self/task/1/../../..", libc::O_PATH).map_or(-1, raw::Fd::keep));
        stdio::fill_std_fds(self.std_fds, self.authority().machine().is_some());
        self.log.open(self.authority().machine(), self.std_fds.stderr());
        if let Some(machine) = self.authority().machine() {
            // All of them, with the log, which needs the first ones itself: what failed before fails again, and is logged.
            machine.mount_early(all, Some(&self.log));
            if first {
                machine.leave_terminal();
                if !self.config.mount() {
                    self.log.error(Message::NotMounted, Errno::NONE);
                }
            }
        }
    }

    /// The words of the kernel command line on a machine. None in a container, where it is the host's.
    pub fn kernel_words<'b>(&self, buf: &'b mut [u8]) -> impl Iterator<Item = &'b CStr> + use<'b> {
        let buf = if self.authority().machine().is_some() { buf } else { &mut [] };
        raw::c_strings(cmdline::split(raw::read_file(c"/proc/cmdline", buf)))
    }
}
