//! The memory functions that the compiler calls by name, string(3).
//!
//! # Safety
//! Signatures and contracts are those of C. LLVM must not recognise a body as the function that it implements, or it
//! would replace it by a call of itself: copies and fills are assembly, all other loops read volatile.

// Newer compilers expect pointers to `c_void` and `c_char`; the calling convention is the same. The oldest one that
// builds this does not know the lint.
#![allow(unknown_lints, suspicious_runtime_symbol_definitions)]

use crate::arch::{copy_backward, copy_forward, fill};

#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's contract.
    unsafe { copy_forward(to, from, count) };
    to
}

#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // A `to` below `from` wraps around to a large distance.
    if to.addr().wrapping_sub(from.addr()) >= count {
        // SAFETY: `to` does not start inside of `from`.
        unsafe { copy_forward(to, from, count) };
    } else {
        // SAFETY: the distance is less than `count`, so that is at least 1, and `from` is not above `to`.
        unsafe { copy_backward(to, from, count) };
    }
    to
}

#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller's contract.
    unsafe { fill(to, byte as u8, count) };
    to
}

#[cfg_attr(not(test), unsafe(no_mangle))]
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

#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(left, right, count) }
}

#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller's contract: the text ends in NUL.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than the widest register, so that no copy happens in one piece.
    const LENGTH: usize = 80;

    fn numbered() -> [u8; LENGTH] {
        core::array::from_fn(|index| index as u8 + 1)
    }

    #[test]
    fn copies_are_those_of_core_wherever_the_ranges_overlap() {
        for count in 0..LENGTH {
            for (from, to) in
                (0..=LENGTH - count).flat_map(|from| (0..=LENGTH - count).map(move |to| (from, to)))
            {
                let (mut ours, mut cores) = (numbered(), numbered());
                cores.copy_within(from..from + count, to);
                let bytes = ours.as_mut_ptr();
                // SAFETY: both ranges are inside of the array.
                let answer = unsafe { memmove(bytes.add(to), bytes.add(from), count) };
                assert_eq!((ours, answer.addr()), (cores, bytes.addr() + to), "{count} from {from} to {to}");

                let mut ours = [0; LENGTH];
                // SAFETY: as above, and they are two arrays.
                unsafe { memcpy(ours.as_mut_ptr().add(to), numbered().as_ptr().add(from), count) };
                let mut expected = [0; LENGTH];
                expected[to..to + count].copy_from_slice(&numbered()[from..from + count]);
                assert_eq!(ours, expected, "{count} from {from} to {to}");
            }
        }
    }

    #[test]
    fn a_fill_sets_its_bytes_and_no_other() {
        for count in 0..LENGTH {
            let (mut ours, mut expected) = (numbered(), numbered());
            expected[..count].fill(0xab);
            // SAFETY: the array has this many. The upper bits are not part of the byte.
            unsafe { memset(ours.as_mut_ptr(), 0x1_23ab, count) };
            assert_eq!(ours, expected, "{count}");
        }
    }

    #[test]
    fn the_first_difference_decides_and_bytes_have_no_sign() {
        for place in 0..LENGTH {
            for (left, right) in [(0, 0), (1, 2), (2, 1), (0x7f, 0x80), (0xff, 0)] {
                let (mut one, mut other) = (numbered(), numbered());
                (one[place], other[place]) = (left, right);
                // A later difference must not count.
                if left != right && place + 1 < LENGTH {
                    (one[LENGTH - 1], other[LENGTH - 1]) = (right, left);
                }
                let expected = one.cmp(&other) as i32;
                // SAFETY: both have this many.
                let (order, differs) = unsafe {
                    (memcmp(one.as_ptr(), other.as_ptr(), LENGTH), bcmp(one.as_ptr(), other.as_ptr(), LENGTH))
                };
                assert_eq!(
                    (order.signum(), differs != 0),
                    (expected, expected != 0),
                    "{left} {right} at {place}"
                );
                // SAFETY: as above.
                assert_eq!(unsafe { memcmp(one.as_ptr(), other.as_ptr(), place) }, 0);
            }
        }
    }

    #[test]
    fn a_string_is_as_long_as_its_bytes_before_the_nul() {
        for length in 0..LENGTH {
            let mut text = numbered();
            text[length] = 0;
            // SAFETY: a NUL ends it.
            assert_eq!(unsafe { strlen(text.as_ptr()) }, length);
        }
    }
}
