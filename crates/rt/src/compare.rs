//! The two functions that the compiler calls to compare slices, and that libc would have.
//!
//! A release build of PID 1 does without: `list` is smaller, and linker/pid1.ld refuses a program that calls them.
//!
//! # Safety
//! Signatures and contracts are C's, string(3). Reads are volatile, so that the loop is not turned into a call of the
//! very function.

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
