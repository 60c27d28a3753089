//! The functions that the compiler calls by name and that libc would have; `compare` has two more.
//!
//! # Safety
//! Signatures and contracts are C's, string(3). The bodies must not look like loops that LLVM turns into
//! calls of these very functions: copies and fills are string instructions, reads are volatile.

use core::arch::asm;

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's contract.
    unsafe { forward(to, from, count) };
    to
}

/// Copies from the first byte on.
///
/// # Safety
/// That of `memcpy`, but that `to` may also start in front of `from`.
#[inline(always)]
unsafe fn forward(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the caller's contract; the direction flag is clear by the ABI.
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
             options(nostack, preserves_flags));
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= count {
        // SAFETY: the start of `to` is not inside `from`, so a forward copy reads before it writes.
        unsafe { forward(to, from, count) };
        return to;
    }
    // SAFETY: the ranges overlap, so `count` is at least 1; backwards each byte is read before it is
    // overwritten. The flag is cleared again, as the ABI wants it.
    unsafe {
        asm!("std", "rep movsb", "cld",
             inout("rcx") count => _, inout("rdi") to.add(count - 1) => _, inout("rsi") from.add(count - 1) => _,
             options(nostack));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller's contract.
    unsafe {
        asm!("rep stosb", inout("rcx") count => _, inout("rdi") to => _, in("al") byte as u8,
             options(nostack, preserves_flags));
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller's contract: a NUL ends it.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}
