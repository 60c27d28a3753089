//! What the kernel hands over at the start.
//!
//! # Safety
//! The layout is the kernel's, execve(2): argc, argv, NULL, envp, NULL, and the strings behind it. All of
//! it lies on the initial stack and stays there for as long as the process lives.

use core::ffi::CStr;

/// The program's arguments and environment.
#[derive(Clone, Copy)]
pub struct Start {
    /// argv without the program's name.
    words: *const *const u8,
    envp: *mut *const u8,
}

impl Start {
    /// The words behind the program's name.
    pub fn words(self) -> impl Iterator<Item = &'static CStr> + Clone {
        strings(self.words)
    }

    /// The environment, `NAME=VALUE` mostly.
    pub fn environment(self) -> impl Iterator<Item = &'static CStr> + Clone {
        strings(self.envp)
    }

    /// The environment for a successor, with one more string in front.
    ///
    /// The room for it is the NULL that ends argv, just before envp: an array that cannot grow at its
    /// end, where the kernel's auxiliary vector lies, grows at its front.
    ///
    /// # Safety
    /// argv is not read any more in this process.
    pub unsafe fn environment_with(self, first: &'static CStr) -> *const *const u8 {
        // SAFETY: argv and its NULL lie below envp, so there is a slot.
        unsafe {
            let slot = self.envp.sub(1);
            slot.write(first.as_ptr().cast());
            slot
        }
    }

    /// The environment for a successor as the kernel gave it.
    pub const fn environment_as_it_is(self) -> *const *const u8 {
        self.envp
    }
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

/// Called by `_start`, once, with the kernel's stack.
pub unsafe extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: argc lies first, argv behind it, envp behind the NULL of argv.
    let start = unsafe {
        let argc = *stack;
        let argv = stack.add(1);
        // Without a name there are no words either.
        let words = argv.add(argc.min(1));
        Start { words: words.cast(), envp: argv.add(argc).add(1).cast_mut().cast() }
    };
    crate::pid1(start)
}
