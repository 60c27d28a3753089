//! riscv64, the RISC-V calling convention for a processor with floating point (LP64D).

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
        // The linker may replace an access to a global by one relative to gp. gp must not be set by such an access.
        ".option push",
        ".option norelax",
        "lla gp, __global_pointer$",
        ".option pop",
        "mv ra, zero",    // the outermost frame has no return address
        "mv a0, sp",      // the first argument: the address of argc; the kernel has aligned it to 16
        "call {start}",
        "unimp",          // `start` does not return
        start = sym crate::start::start,
    )
}

/// Makes a system call with at most six arguments; a negative result is an error number, syscall(2).
///
/// # Safety
/// The arguments are valid for this system call, syscalls(2).
pub unsafe fn syscall<const N: usize>(number: libc::c_long, arguments: [usize; N]) -> isize {
    let [mut a, b, c, d, e, f] = registers(arguments);
    // SAFETY: the kernel changes a0, and the vector registers, which riscv64gc does not have; asm! assumes that all
    // memory changes.
    unsafe {
        asm!("ecall", in("a7") number, inlateout("a0") a, in("a1") b, in("a2") c, in("a3") d, in("a4") e,
             in("a5") f, options(nostack));
        a.assume_init().cast_signed()
    }
}

/// Words of `sa_restorer`: this architecture's `struct sigaction` does not have it.
pub const RESTORER_WORDS: usize = 0;

/// Ends this process by an illegal instruction.
pub fn trap() -> ! {
    // SAFETY: the instruction raises SIGILL and changes nothing.
    unsafe { asm!("unimp", options(noreturn, nomem, nostack)) }
}
