//! The arguments and the environment that the kernel puts on the initial stack.
//!
//! # Safety
//! The kernel lays out words there: argc, argv, NULL, envp, NULL, and then the auxiliary vector. The strings lie
//! above. All of it stays valid for as long as the process lives.

use core::ffi::CStr;

use crate::raw;

/// The arguments and the environment of this process.
#[derive(Clone, Copy)]
pub struct Start {
    /// The address of argc, which argv follows.
    stack: *const usize,
    envp: *mut *const u8,
}

impl Start {
    /// argv\[0\]; empty if argv is.
    pub fn name(self) -> &'static CStr {
        strings(self.stack.wrapping_add(1).cast()).next().unwrap_or(c"")
    }

    /// The arguments after argv\[0\].
    pub fn words(self) -> impl Iterator<Item = &'static CStr> + Clone {
        // SAFETY: argc is valid. If it is 0 there is no name to skip.
        let behind = unsafe { (*self.stack).min(1) };
        strings(self.stack.wrapping_add(behind).wrapping_add(1).cast())
    }

    /// Executes a program with the arguments and the environment of this one, but with `name` as argv\[0\]; returns
    /// the error number.
    ///
    /// # Safety
    /// `name` ends in NUL.
    pub unsafe fn exec_as(self, path: &CStr, name: &[u8]) -> i32 {
        // SAFETY: argv[0] is valid, or is the NULL of an empty argv. In the latter case the next program finds the
        // environment among its arguments, which does no harm: it reads the same words there.
        unsafe {
            let argv = self.stack.cast_mut().add(1);
            let kept = argv.replace(name.as_ptr().addr());
            let errno = raw::execve(path, argv.cast_const().cast(), self.envp.cast_const());
            argv.write(kept);
            errno
        }
    }

    /// Executes a program with the arguments and the environment of this one; returns the error number.
    ///
    /// # Safety
    /// [`environment_with`](Self::environment_with) was not called, which overwrites argv.
    pub unsafe fn exec_same(self, path: &CStr) -> i32 {
        // SAFETY: argv and envp are as the kernel made them; both end in NULL.
        unsafe { raw::execve(path, self.stack.add(1).cast(), self.envp.cast_const()) }
    }

    /// Executes a program with the arguments of this one behind the first `words`, and with its environment; returns
    /// the error number.
    pub fn exec_behind(self, path: &CStr, words: usize) -> i32 {
        // SAFETY: argc is valid, and argv and envp end in NULL.
        unsafe {
            raw::execve(path, self.stack.add(1 + words.min(*self.stack)).cast(), self.envp.cast_const())
        }
    }

    /// The strings of the environment; most are `NAME=VALUE`.
    pub fn environment(self) -> impl Iterator<Item = &'static CStr> + Clone {
        strings(self.envp)
    }

    /// The address of the environment's last string, above which PID 1 uses no part of the stack; 0 if there is none.
    pub fn last_string(self) -> usize {
        let mut end = self.envp;
        // SAFETY: the loop ends at the NULL of the environment. Before that is its last string, or the NULL of argv.
        unsafe {
            while !end.read().is_null() {
                end = end.add(1);
            }
            end.sub(1).read().addr()
        }
    }

    /// Keeps only those strings of the environment of which `keep` is true.
    pub fn retain(self, keep: impl Fn(&'static CStr) -> bool) {
        let mut kept = self.envp;
        for string in self.environment() {
            if keep(string) {
                // SAFETY: it is written where it was or below.
                unsafe {
                    kept.write(string.as_ptr().cast());
                    kept = kept.add(1);
                }
            }
        }
        // SAFETY: nothing was added.
        unsafe { kept.write(core::ptr::null()) };
    }

    /// The kernel's size of a page, bytes: AT_PAGESZ of the auxiliary vector, getauxval(3).
    pub fn page_size(self) -> usize {
        const AT_NULL: usize = 0;
        let mut at: *const usize = self.envp.cast_const().cast();
        // SAFETY: NULL ends the environment, and a pair of AT_NULL the vector behind it.
        unsafe {
            while at.read() != 0 {
                at = at.add(1);
            }
            at = at.add(1);
            while ![AT_NULL, libc::AT_PAGESZ as usize].contains(&at.read()) {
                at = at.add(2);
            }
            if at.read() == AT_NULL { LARGEST_PAGE } else { at.add(1).read() }
        }
    }

    /// The environment for another program: those defaults whose names are missing, and then this process's own.
    ///
    /// The array grows downwards, over argv and argc, because the auxiliary vector follows its end. That is space for
    /// three defaults: the words of argc, of at least one argument and of NULL. Before Linux 5.18 argv may be empty,
    /// and the third default is left out.
    ///
    /// # Safety
    /// argv is not used again in this process. Each default is `NAME=VALUE` and NUL, and an empty string ends them.
    #[inline(always)] // 48 bytes of PID 1
    pub unsafe fn environment_with(self, defaults: &'static [u8]) -> *const *const u8 {
        let mut first = self.envp;
        // SAFETY: another string follows each default, and the address written to is not below argc.
        unsafe {
            let mut default = CStr::from_ptr(defaults.as_ptr().cast());
            while !default.is_empty() && first.cast_const().cast() > self.stack {
                if !self.environment().any(|word| same_name(word.as_ptr().cast(), default.as_ptr().cast())) {
                    first = first.sub(1);
                    first.write(default.as_ptr().cast());
                }
                default = CStr::from_ptr(default.as_ptr().add(default.count_bytes() + 1));
            }
        }
        first
    }
}

/// Bytes of a page where the kernel does not tell: the largest size that a kernel has.
const LARGEST_PAGE: usize = 65_536;

/// True if both strings begin with the same `NAME=`.
///
/// # Safety
/// `default` contains `=`, and `word` ends in NUL.
unsafe fn same_name(mut word: *const u8, mut default: *const u8) -> bool {
    // SAFETY: the loop ends at the first difference or `=`, and neither string ends before that.
    unsafe {
        while *word == *default {
            if *default == b'=' {
                return true;
            }
            (word, default) = (word.add(1), default.add(1));
        }
    }
    false
}

/// The strings of an array that ends in NULL.
fn strings(mut at: *const *const u8) -> impl Iterator<Item = &'static CStr> + Clone {
    core::iter::from_fn(move || {
        // SAFETY: `at` is in the array: it never moves beyond the NULL.
        let string = unsafe { *at };
        if string.is_null() {
            return None;
        }
        // SAFETY: another element follows, since this one is not the NULL; each string ends in NUL.
        unsafe {
            at = at.add(1);
            Some(CStr::from_ptr(string.cast()))
        }
    })
}

/// Calls the program's main function; `_start` calls this with the address of argc.
#[cfg(not(test))]
pub(crate) unsafe extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: envp follows argc, that many arguments, and NULL.
    let envp = unsafe { stack.add((*stack).wrapping_add(2)) };
    let start = Start { stack, envp: envp.cast_mut().cast() };
    rt_main(start)
}

#[cfg(not(test))]
unsafe extern "Rust" {
    /// The program's main function, which [`entry!`](crate::entry) defines with this signature.
    safe fn rt_main(start: Start) -> !;
}
