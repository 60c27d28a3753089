//! Refuses system calls of PID 1 at which it is stopped: needs the registers of x86_64.

use super::hold::Held;

impl Held {
    /// Makes the current call return an error without being done.
    pub fn refuse(&mut self, errno: i32) {
        self.change(|registers| registers.orig_rax = u64::MAX);
        self.ask(libc::PTRACE_SYSCALL, 0);
        self.stop().expect("it lives");
        self.change(|registers| registers.rax = i64::from(-errno).cast_unsigned());
    }

    fn change(&self, change: impl FnOnce(&mut libc::user_regs_struct)) {
        // SAFETY: the kernel writes and reads one structure, which may be all zero.
        unsafe {
            let mut registers: libc::user_regs_struct = std::mem::zeroed();
            assert_eq!(libc::ptrace(libc::PTRACE_GETREGS, self.pid, 0, &raw mut registers), 0);
            change(&mut registers);
            assert_eq!(libc::ptrace(libc::PTRACE_SETREGS, self.pid, 0, &raw mut registers), 0);
        }
    }
}
