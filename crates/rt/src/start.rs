//! What the kernel hands over at the start.
//!
//! # Safety
//! The layout is the kernel's, execve(2): argc, argv, NULL, envp, NULL, and the strings behind it. All of
//! it lies on the initial stack and stays there for as long as the process lives.

use core::ffi::{CStr, c_char};

use crate::raw;

/// The program's arguments and environment.
#[derive(Clone, Copy)]
pub struct Start {
    /// Where argc lies, and behind it argv.
    stack: *const usize,
    envp: *mut *const u8,
}

impl Start {
    /// The program's name; empty if it was started without.
    pub fn name(self) -> &'static CStr {
        strings(self.stack.wrapping_add(1).cast()).next().unwrap_or(c"")
    }

    /// The words behind the program's name.
    pub fn words(self) -> impl Iterator<Item = &'static CStr> + Clone {
        // SAFETY: argc lies here. Without a name there are no words either.
        let behind = unsafe { (*self.stack).min(1) };
        strings(self.stack.wrapping_add(behind).wrapping_add(1).cast())
    }

    /// Becomes another program with the words and the environment that this one got, and with this name; it
    /// returns only the number of the error.
    ///
    /// # Safety
    /// `name` ends in NUL.
    pub unsafe fn become_successor(self, path: &CStr, name: &[u8]) -> i32 {
        // SAFETY: argv lies there. Where it has not even a name, the environment takes the place of the words, and
        // PID 1 reads none of it there that it would not read in the environment.
        unsafe {
            let argv = self.stack.cast_mut().add(1);
            let kept = argv.replace(name.as_ptr().addr());
            let errno = raw::execve(path, argv.cast_const().cast(), self.envp.cast_const());
            argv.write(kept);
            errno
        }
    }

    /// Becomes another program with the name, the words and the environment that this one got; it returns only the
    /// number of the error.
    ///
    /// # Safety
    /// The words still are where the kernel put them.
    pub unsafe fn become_same(self, path: &CStr) -> i32 {
        // SAFETY: argv lies there; both arrays end in NULL.
        unsafe { raw::execve(path, self.stack.add(1).cast(), self.envp.cast_const()) }
    }

    /// The environment, `NAME=VALUE` mostly.
    pub fn environment(self) -> impl Iterator<Item = &'static CStr> + Clone {
        strings(self.envp)
    }

    /// The environment for a successor, with those of the defaults in front whose names it lacks.
    ///
    /// The room for them is argv with the NULL that ends it and argc, just before envp: an array that cannot grow
    /// at its end, where the kernel's auxiliary vector lies, grows at its front. There are three places since
    /// Linux 5.18, which gives each program a name; before, one without has room for two defaults.
    ///
    /// # Safety
    /// argv is not read any more in this process. The defaults are `NAME=VALUE` and NUL, one behind the other, and
    /// an empty one at the end.
    #[inline(always)] // 48 bytes of PID 1
    pub unsafe fn environment_with(self, defaults: &'static [u8]) -> *const *const u8 {
        let mut first = self.envp;
        // SAFETY: each default has its NUL and another string behind it, and the place is behind argc's or that.
        unsafe {
            let mut default = CStr::from_ptr(defaults.as_ptr().cast());
            while !default.is_empty() && first.cast_const().cast() > self.stack {
                if !self.environment().any(|word| same_name(word.as_ptr(), default.as_ptr())) {
                    first = first.sub(1);
                    first.write(default.as_ptr().cast());
                }
                default = CStr::from_ptr(default.as_ptr().add(default.count_bytes() + 1));
            }
        }
        first
    }
}

/// True if two strings are the same up to the first `=`.
///
/// # Safety
/// The second one holds such a byte, and the first one ends in NUL.
unsafe fn same_name(mut word: *const c_char, mut default: *const c_char) -> bool {
    // SAFETY: the first difference is at the end of either or before.
    unsafe {
        while *word == *default {
            if *default == b'='.cast_signed() {
                return true;
            }
            (word, default) = (word.add(1), default.add(1));
        }
    }
    false
}

/// The strings of an array that NULL ends.
fn strings(mut at: *const *const u8) -> impl Iterator<Item = &'static CStr> + Clone {
    core::iter::from_fn(move || {
        // SAFETY: `at` is inside the array or at its NULL, and does not move beyond.
        let string = unsafe { *at };
        if string.is_null() {
            return None;
        }
        // SAFETY: not at the NULL, so there is a next place; the kernel ends each string by NUL.
        unsafe {
            at = at.add(1);
            Some(CStr::from_ptr(string.cast()))
        }
    })
}

#[cfg(not(test))]
/// Called by `_start`, once, with the kernel's stack.
pub(crate) unsafe extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: argc lies first, argv behind it, envp behind the NULL of argv.
    let envp = unsafe { stack.add((*stack).wrapping_add(2)) };
    let start = Start { stack, envp: envp.cast_mut().cast() };
    rt_main(start)
}

#[cfg(not(test))]
unsafe extern "Rust" {
    /// The program's first function: [`entry!`](crate::entry) defines it with this very signature.
    safe fn rt_main(start: Start) -> !;
}
