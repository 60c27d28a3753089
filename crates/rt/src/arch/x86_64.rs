//! x86_64, System V ABI.

use core::arch::{asm, naked_asm};
use core::mem::MaybeUninit;

/// The first instruction: hands the kernel's stack, which holds argc, argv and envp, to `start`.
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
#[inline(always)]
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
        asm!(
            "syscall",
            inlateout("rax") number as isize => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    answer
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

/// asm/prctl.h
const ARCH_SET_FS: usize = 0x1002;
const ARCH_GET_FS: usize = 0x1003;

/// Ends this process by an illegal instruction: for debug builds only.
pub fn trap() -> ! {
    // SAFETY: it ends here.
    unsafe { asm!("ud2", options(noreturn, nomem, nostack)) }
}
