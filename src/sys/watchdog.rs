//! The hardware watchdog: it resets the machine unless it is pinged in time.
//!
//! PID 1 pings it from its only wait, so that the machine is reset if PID 1 no longer reaches that wait; see
//! watchdog/watchdog-api in the kernel's documentation.

use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::time::Instant;

use super::authority::Machine;
use super::log::Log;
use super::raw;

/// A watchdog that is enabled, or that will be enabled once its device exists, or none.
pub struct Watchdog {
    /// The timeout that is asked for, s; 0 for no watchdog.
    timeout: u32,
    /// The device; negative as long as it is not open.
    device: i32,
    /// When to ping it, or to look for the device, again.
    next_ping: Instant,
}

impl Watchdog {
    /// No watchdog.
    pub const NONE: Self = Self { timeout: 0, device: -1, next_ping: Instant(0) };

    /// Enables the watchdog; the first ping opens the device.
    pub const fn enable(&mut self, _: &Machine, timeout: u32) {
        self.timeout = timeout;
    }

    /// Pings it if that is due; returns when to do so again, or the deadline if that is earlier.
    ///
    /// Its module may be loaded later, so that opening the device is tried as often as it would be pinged.
    pub fn ping(&mut self, now: Instant, deadline: Option<Instant>, log: &Log) -> Option<Instant> {
        if self.timeout == 0 {
            return deadline;
        }
        if self.next_ping <= now {
            if self.device >= 0 {
                self.feed();
            } else if let Err(errno) = self.open(log)
                && self.next_ping == Instant(0)
            {
                log.error(Message::WatchdogFailed, raw::errno(errno));
            }
            // Half of its timeout, in ms; it would overflow at 99 days, which no hardware supports.
            self.next_ping = now + self.timeout.wrapping_mul(500);
        }
        Some(deadline.unwrap_or(self.next_ping).min(self.next_ping))
    }

    /// Pings it now, if it is enabled.
    pub fn feed(&self) {
        let _fed = raw::write(self.device, b".");
    }

    /// Opens the device, which enables it, and sets its timeout if the hardware supports that.
    fn open(&mut self, log: &Log) -> raw::Result<()> {
        let device = raw::open(c"/dev/watchdog", libc::O_WRONLY | libc::O_NONBLOCK)?;
        let timeout = &raw mut self.timeout;
        // SAFETY: both requests read or write one number.
        let request = |request| unsafe { raw::ioctl(&device, request, raw::address(timeout)) };
        if let Err(errno) = request(SET_TIMEOUT) {
            log.error(Message::WatchdogFailed, raw::errno(errno));
            let _unknown = request(GET_TIMEOUT);
        }
        self.device = device.keep();
        log.record(&Record::new(Message::WatchdogArmed).number(self.timeout));
        Ok(())
    }

    /// Stops pinging it. With `disable` the magic letter is written before the close, which disables the watchdog if
    /// the hardware allows that at all.
    pub fn close(&mut self, disable: bool) {
        let _disabled = raw::write(self.device, &b"V"[..usize::from(disable)]);
        self.timeout = 0;
        // Only once: the number may belong to another file later.
        raw::close(core::mem::replace(&mut self.device, -1));
    }
}

/// WDIOC_SETTIMEOUT, `_IOWR('W', 6, int)`.
const SET_TIMEOUT: usize = 0xc004_5706;

/// WDIOC_GETTIMEOUT, `_IOR('W', 7, int)`.
const GET_TIMEOUT: usize = 0x8004_5707;
