//! PID 1 survives a fault of its own: it becomes itself once more.
//!
//! A forked child has the handler too, until it becomes another program.

use zinit_pid1::handover::HandOver;
use zinit_pid1::limits::FAULTLESS;
use zinit_pid1::log::{Fact, Note};

use rustix::system::RebootCommand;

use super::Sys;
use super::arch;
use super::raw;
use super::signal;

impl Sys<'_> {
    /// From here on a fault leads to a new PID 1 with the same server.
    #[inline(always)]
    pub fn survive(&self) {
        arch::set_thread_pointer(core::ptr::from_ref(self).addr());
        signal::dispose(if self.standing.pid1().is_some() { handler as *const () as usize } else { 0 });
    }

    /// Becomes this program once more; where that is impossible, or came to nothing a minute ago, or the end has
    /// begun, it ends the machine, or a container with status 128 + `signal`.
    #[inline(always)]
    fn start_anew(&self, signal: i32) -> ! {
        if rustix::process::getpid() == rustix::process::Pid::INIT {
            self.log.note(&Note::new(Fact::Fault).span(signal.unsigned_abs()));
            let now = (raw::now().0 / 1_000) as u32;
            if !self.ends && now.wrapping_sub(self.before.fault) >= FAULTLESS {
                let _refused = self.succeed(c"/proc/self/exe", HandOver { fault: now, ..self.before });
            }
            if let Some(machine) = self.standing.machine() {
                machine.sync();
                machine.reboot(RebootCommand::Restart);
                loop {
                    let _signal = signal::wait(None);
                    while raw::wait().0 > 0 {}
                }
            }
        }
        raw::exit((signal as u8).wrapping_add(128))
    }
}

extern "C" fn handler(signal: i32) -> ! {
    // SAFETY: `survive` was given a `Sys` that lives as long as the process, and nothing else goes on in it.
    let sys = unsafe { &*(arch::thread_pointer() as *const Sys<'static>) };
    sys.start_anew(signal)
}
