//! x86_64, System V ABI, which keeps the direction flag clear outside of [`copy_backward`].

use core::arch::asm;
#[cfg(not(test))]
use core::arch::naked_asm;

use super::registers;

/// The entry point: calls `start` with the kernel's stack pointer.
#[cfg(not(test))]
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!(
        "xor ebp, ebp",    // by the ABI, zero marks the outermost frame
        "mov rdi, rsp",    // the first argument: the address of argc
        "and rsp, -16",    // as the ABI requires before a call
        "call {start}",
        "ud2",             // `start` does not return
        start = sym crate::start::start,
    )
}

/// Makes a system call with at most six arguments; a negative result is an error number, syscall(2).
///
/// # Safety
/// The arguments are valid for this system call, syscalls(2).
pub unsafe fn syscall<const N: usize>(number: libc::c_long, arguments: [usize; N]) -> isize {
    let [a, b, c, d, e, f] = registers(arguments);
    let answer;
    // SAFETY: the kernel changes rax, rcx and r11 and no other register; asm! assumes that all memory changes.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a, in("rsi") b, in("rdx") c,
             in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
}

/// Copies upwards; `to` must not start inside of `from`.
pub unsafe fn copy_forward(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
             options(nostack, preserves_flags));
    }
}

/// Copies downwards; `from` must not start inside of `to`, and `count` must be at least 1.
pub unsafe fn copy_backward(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        let (to, from) = (to.add(count - 1), from.add(count - 1));
        asm!("std", "rep movsb", "cld", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
             options(nostack));
    }
}

/// Sets `count` bytes to `byte`.
pub unsafe fn fill(to: *mut u8, byte: u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        asm!("rep stosb", inout("rcx") count => _, inout("rdi") to => _, in("al") byte,
             options(nostack, preserves_flags));
    }
}

/// Words of `sa_restorer`. The kernel refuses to call a handler without a restorer.
pub const RESTORER_WORDS: usize = 1;

/// Ends this process by an illegal instruction.
pub fn trap() -> ! {
    // SAFETY: the instruction raises SIGILL and changes nothing.
    unsafe { asm!("ud2", options(noreturn, nomem, nostack)) }
}
