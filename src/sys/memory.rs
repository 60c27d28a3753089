//! Locks PID 1 into memory, so that it needs no disk while it runs, and maps a buffer for children that read large files.

use core::ptr;
use core::slice;

use rt::arch::syscall;
use zinit_pid1::model::limits::{PROC_BUFFER, PROC_BUFFER_SMALL, STACK};
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

/// Calls `work` with memory for a large file of `/proc`, mmap(2).
///
/// The memory is shared with children, although none uses it: a fork would copy the page table of private memory.
pub fn with_proc_buffer(work: impl FnOnce(&mut [u8])) {
    let mut small = [0; PROC_BUFFER_SMALL];
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_SHARED | libc::MAP_ANONYMOUS) as usize;
    // SAFETY: the kernel chooses the address.
    let mapped = unsafe { syscall(MMAP, [0, PROC_BUFFER, protection, flags, usize::MAX, 0]) } as usize;
    let buf = if mapped >= ERRORS {
        &mut small[..]
    } else {
        // SAFETY: nobody else knows this memory.
        unsafe { slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(mapped), PROC_BUFFER) }
    };
    work(buf);
    // SAFETY: nothing borrows it any more. What is no address is EINVAL.
    unsafe { syscall(libc::SYS_munmap, [mapped, PROC_BUFFER]) };
}

/// The lowest error number, as an address.
const ERRORS: usize = usize::MAX - 4_094;

/// Architectures of 32 bits have mmap(2) with an offset in pages.
#[cfg(target_pointer_width = "32")]
const MMAP: libc::c_long = libc::SYS_mmap2;
#[cfg(target_pointer_width = "64")]
const MMAP: libc::c_long = libc::SYS_mmap;

unsafe extern "C" {
    /// The first byte of the program, which the linker names.
    static __ehdr_start: u8;
    /// The end of the program, from the linker script.
    static __image_end: u8;
}
