//! The hardware watchdog: it resets the machine unless it is pinged in time.
//!
//! PID 1 pings it from its only wait, so that the machine is reset if PID 1 no longer reaches that wait; see
//! watchdog/watchdog-api in the kernel's documentation.

use core::cell::Cell;

use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::time::Instant;

use super::authority::Machine;
use super::log::Log;
use super::raw;

/// A watchdog that is enabled, or that will be enabled once its device exists, or none.
pub struct Watchdog {
    /// The timeout that is asked for, s; 0 for no watchdog.
    timeout: Cell<u32>,
    /// The device; negative as long as it is not open.
    device: Cell<i32>,
    /// When to ping it, or to look for the device, again.
    next_ping: Cell<Instant>,
}

impl Watchdog {
    /// No watchdog.
    pub const fn none() -> Self {
        Self { timeout: Cell::new(0), device: Cell::new(-1), next_ping: Cell::new(Instant(0)) }
    }

    /// Enables the watchdog; the first ping opens the device.
    pub fn enable(&self, _: &Machine, timeout: u32) {
        self.timeout.set(timeout);
    }

    /// Pings it if that is due; returns when to do so again, or the deadline if that is earlier.
    ///
    /// Its module may be loaded later, so that opening the device is tried as often as it would be pinged.
    pub fn ping(&self, now: Instant, deadline: Option<Instant>, log: &Log) -> Option<Instant> {
        if self.timeout.get() == 0 {
            return deadline;
        }
        if self.next_ping.get() <= now {
            if self.device.get() >= 0 {
                self.feed();
            } else if let Err(errno) = self.open(log)
                && self.next_ping.get() == Instant(0)
            {
                log.error(Message::WatchdogFailed, raw::errno(errno));
            }
            // Half of its timeout, in ms; it would overflow at 99 days, which no hardware supports.
            self.next_ping.set(now + self.timeout.get().wrapping_mul(500));
        }
        let next = self.next_ping.get();
        Some(deadline.unwrap_or(next).min(next))
    }

    /// Pings it now, if it is enabled.
    pub fn feed(&self) {
        let _fed = raw::write(self.device.get(), b".");
    }

    /// Opens the device, which enables it, and sets its timeout if the hardware supports that.
    fn open(&self, log: &Log) -> raw::Result<()> {
        let device = raw::open(c"/dev/watchdog", libc::O_WRONLY | libc::O_NONBLOCK)?;
        let timeout = self.timeout.as_ptr();
        // SAFETY: both requests read or write one number.
        let request = |request| unsafe { raw::ioctl(device.number(), request, raw::address(timeout)) };
        if let Err(errno) = request(SET_TIMEOUT) {
            log.error(Message::WatchdogFailed, raw::errno(errno));
            let _unknown = request(GET_TIMEOUT);
        }
        self.device.set(device.keep());
        log.record(&Record::new(Message::WatchdogArmed).number(self.timeout.get()));
        Ok(())
    }

    /// Stops pinging it. With `disable` the magic letter is written before the close, which disables the watchdog if
    /// the hardware allows that at all.
    pub fn close(&self, disable: bool) {
        let _disabled = raw::write(self.device.get(), &b"V"[..usize::from(disable)]);
        self.timeout.set(0);
        // Only once: the number may belong to another file later.
        raw::close(self.device.replace(-1));
    }
}

/// WDIOC_SETTIMEOUT, `_IOWR('W', 6, int)`.
const SET_TIMEOUT: usize = 0xc004_5706;

/// WDIOC_GETTIMEOUT, `_IOR('W', 7, int)`.
const GET_TIMEOUT: usize = 0x8004_5707;
