//! x86_64, System V ABI. The direction flag is clear whenever Rust code runs.

use core::arch::asm;
#[cfg(not(test))]
use core::arch::naked_asm;
use core::mem::MaybeUninit;

/// The first instruction: calls `start` with the kernel's stack, which holds argc, argv and envp.
#[cfg(not(test))]
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!(
        "xor ebp, ebp",    // the ABI's mark of the outermost frame
        "mov rdi, rsp",    // argc lies here, then argv, NULL, envp, NULL
        "and rsp, -16",    // the kernel aligns it already; a call needs it so
        "call {start}",
        "ud2",             // `start` does not return
        start = sym crate::start::start,
    )
}

/// A system call with at most six arguments; negative answers are errors.
///
/// # Safety
/// The arguments are what this call takes, syscalls(2).
pub unsafe fn syscall<const N: usize>(number: libc::c_long, arguments: [usize; N]) -> isize {
    // What a call does not take needs no instruction to set it.
    let argument = |index: usize| match arguments.get(index) {
        Some(argument) => MaybeUninit::new(*argument),
        None => MaybeUninit::uninit(),
    };
    let [a, b, c] = [argument(0), argument(1), argument(2)];
    let [d, e, f] = [argument(3), argument(4), argument(5)];
    let answer;
    // SAFETY: the kernel clobbers rcx and r11 only; memory is clobbered by default.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a, in("rsi") b, in("rdx") c,
             in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer
}

/// Copies from the first byte on: `to` does not start inside of `from`.
pub unsafe fn copy_forward(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
             options(nostack, preserves_flags));
    }
}

/// Copies from the last byte on: `from` does not start inside of `to`, and `count` is at least 1.
pub unsafe fn copy_backward(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        let (to, from) = (to.add(count - 1), from.add(count - 1));
        asm!("std", "rep movsb", "cld", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
             options(nostack));
    }
}

/// Sets bytes to a value.
pub unsafe fn fill(to: *mut u8, byte: u8, count: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        asm!("rep stosb", inout("rcx") count => _, inout("rdi") to => _, in("al") byte,
             options(nostack, preserves_flags));
    }
}

/// Keeps an address where it outlives every stack: in the register for thread-local storage, of which there is
/// none here, arch_prctl(2).
pub fn set_thread_pointer(address: usize) {
    // SAFETY: two numbers.
    unsafe { syscall(libc::SYS_arch_prctl, [ARCH_SET_FS, address]) };
}

/// The address that was kept.
pub fn thread_pointer() -> usize {
    let mut address = 0_usize;
    // SAFETY: the kernel writes one address.
    unsafe { syscall(libc::SYS_arch_prctl, [ARCH_GET_FS, (&raw mut address).addr()]) };
    address
}

const ARCH_SET_FS: usize = 0x1002; // asm/prctl.h, as the next one
const ARCH_GET_FS: usize = 0x1003;

/// Ends this process by an illegal instruction.
pub fn trap() -> ! {
    // SAFETY: it ends here.
    unsafe { asm!("ud2", options(noreturn, nomem, nostack)) }
}
