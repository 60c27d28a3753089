//! A hardware watchdog: it restarts the machine unless somebody writes to it in time.
//!
//! PID 1 feeds it from its one wait, so that it bites where that wait is not reached any more; Linux watchdog
//! driver API, in the kernel's documents.

use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::time::Instant;

use super::kmsg::Log;
use super::power::Machine;
use super::raw;

/// A watchdog that is armed, or will be once it is there, or none.
pub struct Watchdog {
    /// The time it is to have, s; 0 for no watchdog.
    seconds: u32,
    /// The device; negative as long as it is not open.
    device: i32,
    /// When it is to be fed, or looked for, again.
    next: Instant,
}

impl Watchdog {
    /// Feeds nothing.
    pub const NONE: Self = Self { seconds: 0, device: -1, next: Instant(0) };

    /// Opens the device when it is to be fed for the first time.
    pub const fn arm_with(&mut self, _: &Machine, seconds: u32) {
        self.seconds = seconds;
    }

    /// Feeds it if it is time to; the answer is when to do so again, or the deadline if that is earlier.
    ///
    /// A module may be loaded later: the device is looked for as often as it would be fed.
    #[inline(never)]
    pub fn feed(&mut self, now: Instant, deadline: Option<Instant>, log: &Log) -> Option<Instant> {
        if self.seconds == 0 {
            return deadline;
        }
        if self.next <= now {
            if self.device >= 0 {
                let _fed = raw::write(self.device, b".");
            } else if let Err(errno) = self.arm(log)
                && self.next == Instant(0)
            {
                log.error(Message::WatchdogFailed, raw::errno(errno));
            }
            // Half of the time it has, in ms; no hardware has 99 days.
            self.next = now + self.seconds.wrapping_mul(500);
        }
        Some(deadline.unwrap_or(self.next).min(self.next))
    }

    /// Opens it, which is what arms it, and sets its time as far as the hardware lets itself be told.
    fn arm(&mut self, log: &Log) -> raw::Result<()> {
        let device = raw::open(c"/dev/watchdog", libc::O_WRONLY | libc::O_NONBLOCK)?;
        let seconds = &raw mut self.seconds;
        // SAFETY: both orders read or write one number.
        let order = |order| unsafe { raw::ioctl(&device, order, raw::address(seconds)) };
        if let Err(errno) = order(SET_TIMEOUT) {
            log.error(Message::WatchdogFailed, raw::errno(errno));
            let _unknown = order(GET_TIMEOUT);
        }
        self.device = device.keep();
        log.note(&Record::new(Message::WatchdogArmed).number(self.seconds));
        Ok(())
    }

    /// Feeds it no more. The magic letter in front of the close disarms it, if that is wanted and the hardware can be
    /// disarmed at all.
    #[inline(always)]
    pub fn leave(&mut self, disarm: bool) {
        let _disarmed = raw::write(self.device, &b"V"[..usize::from(disarm)]);
        self.seconds = 0;
        // Once: the number may be another file's by the next time.
        raw::close(core::mem::replace(&mut self.device, -1));
    }
}

/// WDIOC_SETTIMEOUT, `_IOWR('W', 6, int)`.
const SET_TIMEOUT: usize = 0xc004_5706;

/// WDIOC_GETTIMEOUT, `_IOR('W', 7, int)`.
const GET_TIMEOUT: usize = 0x8004_5707;
