//! Survives a fault of PID 1: SIGSEGV and the like re-exec it.
//!
//! A forked child has the handler too, until it executes another program.

use zinit_pid1::model::event::{Ending, Event};
use zinit_pid1::model::limits::POWER_FAILURE_TIMEOUT;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::Errno;
use zinit_pid1::model::task::Task;

use super::Sys;
use super::raw;
use super::reexec::PROGRAM;
use super::signal;

impl Sys<'_> {
    /// Installs the fault handler: SIGSEGV and the like re-exec PID 1, from its first lines on, because a version that
    /// has a fault there must not end the machine.
    pub fn install_fault_handler(&self) {
        signal::set_dispositions(is_pid1().then_some(handler), self);
    }

    /// Re-execs PID 1: as the program before an update that was made less than a minute ago, else as the same program.
    ///
    /// Where that fails, or the last fault was a minute ago or less, or a shutdown has begun, it writes the disks and ends
    /// the machine: as the shutdown would have done, else by a reboot. A container ends with status 128 + `signal`.
    fn reexec_or_reboot(&self, signal: i32) -> ! {
        if is_pid1() {
            self.log.record(&Record::new(Message::Fault).number(signal.unsigned_abs()));
            if self.ending.get().is_none() {
                let first = self.reexec_state.record_fault(raw::now());
                self.reexec_before(signal.unsigned_abs());
                if first {
                    let _refused = self.reexec(PROGRAM);
                }
            }
            if self.authority().machine().is_some() {
                let ending = self.ending.get().unwrap_or(Ending::Reboot);
                // A further fault must not lead to a re-exec either.
                self.ending.set(Some(ending));
                self.run_to_deadline(Task::Sync);
                let mut by_sysrq = Task::SysRqReboot;
                if ending.is_off() {
                    self.watchdog.close(true);
                    by_sysrq = Task::SysRqPoweroff;
                }
                for task in [Task::of(ending), by_sysrq] {
                    self.run_to_deadline(task);
                }
                self.log.error(Message::DeadEnd, Errno::NONE);
                loop {
                    let _signal = signal::wait(None);
                    while raw::wait().0 > 0 {}
                }
            }
            self.log.finish();
        }
        raw::exit((signal as u8).wrapping_add(128))
    }

    /// Runs a task in a child until the child exits or the task's timeout has passed, because a dead disk or a driver
    /// can hang; all children are reaped meanwhile. If no child can be forked, PID 1 itself syncs: the data that is
    /// not on the disks yet is worth the risk of hanging.
    fn run_to_deadline(&self, task: Task) {
        let Event::Spawned(child) = self.run_task(task) else {
            if task == Task::Sync {
                self.sync();
            }
            return;
        };
        let timeout = task.timeout();
        let timeout = if self.power_fails.get() { timeout.min(POWER_FAILURE_TIMEOUT) } else { timeout };
        let end = raw::now() + timeout;
        loop {
            let now = raw::now();
            if now >= end {
                return;
            }
            let left = self.watchdog.ping(now, Some(end), &self.log).map(|next| now.until(next));
            match raw::wait().0 {
                pid if pid == child.raw() => return,
                1.. => {}
                _ => drop(signal::wait(left)),
            }
        }
    }
}

fn is_pid1() -> bool {
    rustix::process::getpid() == rustix::process::Pid::INIT
}

extern "C" fn handler(signal: i32, _: *const libc::siginfo_t, interrupted: *const signal::Interrupted) -> ! {
    // SAFETY: the kernel passes what was interrupted, and `install_fault_handler` the address of a `Sys` that lives as
    // long as the process. The code that was interrupted refers to it too: what changes lies in cells.
    let sys = unsafe { &*(*interrupted).state::<Sys<'static>>() };
    sys.reexec_or_reboot(signal)
}
