//! Memory functions that the compiler calls by name and that libc would have, string(3).
//!
//! # Safety
//! Signatures and contracts are C's. The bodies must not look like loops that LLVM turns into calls of these very
//! functions: copies and fills are assembly, and other reads are volatile.

use crate::arch::{copy_backward, copy_forward, fill};

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's contract.
    unsafe { copy_forward(to, from, count) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // Wraps around to a large number where `to` lies in front of `from`.
    if to.addr().wrapping_sub(from.addr()) >= count {
        // SAFETY: `to` does not start inside of `from`.
        unsafe { copy_forward(to, from, count) };
    } else {
        // SAFETY: `to` starts inside of `from`, so `from` does not start inside of `to`, and `count` is at least 1.
        unsafe { copy_backward(to, from, count) };
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller's contract.
    unsafe { fill(to, byte as u8, count) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for index in 0..count {
        // SAFETY: the caller's contract: both have `count` bytes.
        let (left, right) = unsafe { (left.add(index).read_volatile(), right.add(index).read_volatile()) };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(left, right, count) }
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
