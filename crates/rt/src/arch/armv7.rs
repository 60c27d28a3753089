//! armv7, Thumb-2 or ARM instructions, the procedure call standard of ARM (AAPCS) with the kernel's EABI.

use core::arch::asm;
#[cfg(not(test))]
use core::arch::naked_asm;

use super::registers;

pub(crate) use super::bytes::{copy_backward, copy_forward, fill};

/// The entry point: calls `start` with the kernel's stack pointer.
#[cfg(not(test))]
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!(
        "mov r7, #0",         // the frame pointer of Thumb, and
        "mov r11, #0",        // of ARM: zero marks the outermost frame
        "mov lr, r7",         // and it has no return address
        "mov r0, sp",         // the first argument: the address of argc
        "bic r1, r0, #7",     // as the ABI requires before a call; Thumb's `bic` cannot name sp
        "mov sp, r1",
        "bl {start}",
        "udf #0",             // `start` does not return
        start = sym crate::start::start,
    )
}

/// Makes a system call with at most six arguments; a negative result is an error number, syscall(2).
///
/// # Safety
/// The arguments are valid for this system call, syscalls(2).
pub unsafe fn syscall<const N: usize>(number: libc::c_long, arguments: [usize; N]) -> isize {
    let [mut a, b, c, d, e, f] = registers(arguments);
    // SAFETY: the kernel changes r0 and no other register; asm! assumes that all memory changes.
    unsafe {
        // The kernel takes the number from r7, which asm! does not lend out: it is the frame pointer of Thumb.
        asm!("mov {kept}, r7", "mov r7, {number}", "svc 0", "mov r7, {kept}",
             number = in(reg) number, kept = out(reg) _, inlateout("r0") a, in("r1") b, in("r2") c, in("r3") d,
             in("r4") e, in("r5") f, options(nostack));
        a.assume_init().cast_signed()
    }
}

/// Words of `sa_restorer`. The kernel calls code of its own if the member is not used.
pub const RESTORER_WORDS: usize = 1;

/// Ends this process by an illegal instruction.
pub fn trap() -> ! {
    // SAFETY: the instruction raises SIGILL and changes nothing.
    unsafe { asm!("udf #0", options(noreturn, nomem, nostack)) }
}
