//! aarch64, the procedure call standard of ARM (AAPCS64).

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
        "mov x29, xzr",    // by the ABI, a frame pointer of zero marks the outermost frame,
        "mov x30, xzr",    // and it has no return address
        "mov x0, sp",      // the first argument: the address of argc; the kernel has aligned it to 16
        "bl {start}",
        "udf #0",          // `start` does not return
        start = sym crate::start::start,
    )
}

/// Makes a system call with at most six arguments; a negative result is an error number, syscall(2).
///
/// # Safety
/// The arguments are valid for this system call, syscalls(2).
pub unsafe fn syscall<const N: usize>(number: libc::c_long, arguments: [usize; N]) -> isize {
    let [mut a, b, c, d, e, f] = registers(arguments);
    // SAFETY: the kernel changes x0 and no other register; asm! assumes that all memory changes.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
             in("x5") f, options(nostack));
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
