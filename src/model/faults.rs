//! What the re-exec state says of faults, and of the update that one of them may undo.

use crate::model::limits::FAULT_INTERVAL;
use crate::model::process::FileId;
use crate::model::reexec::{BEFORE, DEFAULTS, FAULT, PUT_BACK, ReexecState, UPDATED};
use crate::model::time::{Instant, Moment};

impl ReexecState {
    /// Records a fault of PID 1; false if the last one was less than [`FAULT_INTERVAL`] ago.
    #[must_use]
    pub fn record_fault(&self, now: Instant) -> bool {
        let now = Moment::of(now);
        now.since(Moment(self.0[FAULT].replace(now.0))) >= FAULT_INTERVAL
    }

    /// The time of the last fault, if there was one.
    #[must_use]
    pub fn fault(&self) -> Option<Instant> {
        let fault = self.0[FAULT].get();
        (fault != DEFAULTS[FAULT]).then_some(Moment(fault).instant())
    }

    /// The time of the last update, if there was one.
    #[must_use]
    pub fn updated(&self) -> Option<Instant> {
        let updated = self.0[UPDATED].get();
        (updated != 0).then_some(Moment(updated).instant())
    }

    /// Records an update: the next PID 1 is another program than this one, which is the file `before`. [`FileId::NONE`]
    /// takes the record back.
    pub fn record_update(&self, now: Instant, before: FileId) {
        self.0[UPDATED].set(Moment::of(now).0);
        self.0[BEFORE].set(before.0);
    }

    /// The program that ran before an update, if the update was less than [`FAULT_INTERVAL`] ago; none a second time.
    #[must_use]
    pub fn take_before(&self, now: Instant) -> FileId {
        let before = FileId(self.0[BEFORE].replace(0));
        let recent = Moment::of(now).since(Moment(self.0[UPDATED].get())) < FAULT_INTERVAL;
        if recent { before } else { FileId::NONE }
    }

    /// The signal of the fault by which this program, the one before an update, was put back; 0 if it was not.
    #[must_use]
    pub const fn put_back(&self) -> u32 {
        self.0[PUT_BACK].get()
    }

    /// Sets by which fault the next program is put back.
    pub fn set_put_back(&self, signal: u32) {
        self.0[PUT_BACK].set(signal);
    }
}
