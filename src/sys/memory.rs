//! Keeps PID 1 in memory, so that it needs no disk while it runs.

use rt::arch::syscall;
use zinit_pid1::model::limits::STACK;
use zinit_pid1::model::message::Message;

use super::Sys;
use super::raw;

impl Sys<'_> {
    /// Reads all of the program and locks it, and locks each page of the stack once it is used, mlock(2).
    ///
    /// Children do not inherit the locks, but find the pages of the program in memory until they execute another one.
    /// mlockall(2) would make the kernel's vdso resident, which PID 1 does not use.
    #[inline(always)] // 32 bytes of file
    pub fn lock_memory(&self) {
        let image = raw::address(&raw const __ehdr_start);
        let length = raw::address(&raw const __image_end).wrapping_sub(image);
        let bottom = raw::address(self).wrapping_sub(STACK);
        let height = self.start.last_string().wrapping_sub(bottom).wrapping_add(1);
        // SAFETY: numbers; neither call changes memory.
        let answer = unsafe {
            match syscall(libc::SYS_mlock, [image, length]) {
                0 => syscall(libc::SYS_mlock2, [bottom, height, libc::MLOCK_ONFAULT as usize]),
                refused => refused,
            }
        };
        if answer < 0 {
            self.log.error(Message::MemoryNotLocked, raw::answer(answer));
        }
    }
}

unsafe extern "C" {
    /// The first byte of the program, which the linker names.
    static __ehdr_start: u8;
    /// The end of the program, from the linker script.
    static __image_end: u8;
}
