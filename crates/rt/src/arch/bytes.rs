//! The memory functions of an architecture that has no instruction for them: loops over bytes.
//!
//! Accesses are volatile, or LLVM would replace each loop by a call of the function that it implements.

/// Copies upwards; `to` must not start inside of `from`.
pub unsafe fn copy_forward(to: *mut u8, from: *const u8, count: usize) {
    for index in 0..count {
        // SAFETY: the caller's contract.
        unsafe { to.add(index).write_volatile(from.add(index).read_volatile()) };
    }
}

/// Copies downwards; `from` must not start inside of `to`, and `count` must be at least 1.
pub unsafe fn copy_backward(to: *mut u8, from: *const u8, count: usize) {
    for index in (0..count).rev() {
        // SAFETY: the caller's contract.
        unsafe { to.add(index).write_volatile(from.add(index).read_volatile()) };
    }
}

/// Sets `count` bytes to `byte`.
pub unsafe fn fill(to: *mut u8, byte: u8, count: usize) {
    for index in 0..count {
        // SAFETY: the caller's contract.
        unsafe { to.add(index).write_volatile(byte) };
    }
}
