//! PID 1 survives a fault of its own: it becomes itself once more.
//!
//! A forked child has the handler too, until it becomes another program.

use rt::arch;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::Errno;
use zinit_pid1::model::task::Task;

use super::Sys;
use super::raw;
use super::signal;

impl Sys<'_> {
    /// From here on a fault leads to a new PID 1 with the same server.
    #[inline(always)]
    pub fn survive(&self) {
        arch::set_thread_pointer(core::ptr::from_ref(self).addr());
        signal::dispose(if self.authority.pid1().is_some() { handler as *const () as usize } else { 0 });
    }

    /// Becomes this program once more; where that is impossible, or came to nothing a minute ago, or the end has
    /// begun, it ends the machine, or a container with status 128 + `signal`.
    #[inline(always)]
    fn start_anew(&mut self, signal: i32) -> ! {
        if rustix::process::getpid() == rustix::process::Pid::INIT {
            self.log.note(&Record::new(Message::Fault).number(signal.unsigned_abs()));
            if !self.ends && self.here.record_fault(raw::now()) {
                let _refused = self.succeed(c"/proc/self/exe");
            }
            if self.authority.machine().is_some() {
                // Whatever signal comes meanwhile, and whenever.
                self.ends = true;
                for task in [Task::Sync, Task::Reboot, Task::SysRqReboot] {
                    self.attend(task);
                }
                self.log.error(Message::DeadEnd, Errno::NONE);
                loop {
                    let _signal = signal::wait(None);
                    while raw::wait().0 > 0 {}
                }
            }
        }
        raw::exit((signal as u8).wrapping_add(128))
    }

    /// Has a child do a task, which a dead disk or a driver may hold up, and gives it its time; where none can be forked,
    /// what is not on the disks yet is worth the risk.
    #[inline(always)]
    fn attend(&mut self, task: Task) {
        let Event::Spawned(child) = self.run(task) else {
            if task == Task::Sync
                && let Some(machine) = self.authority.machine()
            {
                machine.sync();
            }
            return;
        };
        let end = raw::now() + task.timeout();
        loop {
            let now = raw::now();
            if now >= end {
                return;
            }
            let left = self.watchdog.feed(now, Some(end), &self.log).map(|next| now.until(next));
            match raw::wait().0 {
                pid if pid == child.raw() => return,
                1.. => {}
                _ => drop(signal::wait(left)),
            }
        }
    }
}

extern "C" fn handler(signal: i32) -> ! {
    // SAFETY: `survive` was given a `Sys` that lives as long as the process. What was interrupted has it too, and never
    // goes on.
    let sys = unsafe { &mut *(arch::thread_pointer() as *mut Sys<'static>) };
    sys.start_anew(signal)
}
