//! Large statics: lent once, and given back to the kernel.

use core::cell::UnsafeCell;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rt::arch::syscall;
use rt::raw::{address, word};
use rt::start::Start;

/// Gives the memory of all statics but these, and of the stack below the caller, back to the kernel.
///
/// For a forked child that never returns to functions that use other statics: these have their initial value again.
pub fn release_all_but(kept: &[Range<usize>; 2]) {
    unsafe extern "C" {
        // Of the linker.
        static __bss_start: u8;
        static _end: u8;
    }
    let end = (&raw const _end).addr();
    let [first, second] = kept;
    let (first, second) = if first.start < second.start { (first, second) } else { (second, first) };
    release((&raw const __bss_start).addr(), first.start);
    release(first.end, second.start);
    release(second.end, end);
    release_stack();
    release_program();
}

/// Gives the memory of the stack below the caller back to the kernel.
#[inline(never)] // else what its caller uses could be below `here`
pub fn release_stack() {
    let here = 0_u8;
    // A page is spared, for the frame of this function and what lies below its pointer.
    let end = (&raw const here).addr() - PAGE.load(Ordering::Relaxed);
    release(end - STACK, end);
}

/// Gives the memory of a buffer back to the kernel, but for pages that it shares with others; what is given back is zero.
pub fn release_bytes(buffer: &mut [u8]) {
    let range = buffer.as_mut_ptr_range();
    release(range.start.addr(), range.end.addr());
}

/// Gives the program's pages back to the kernel, which maps those that are still used again, each with those around it.
///
/// For a process that lives long, once it has done what it did in the beginning.
pub fn release_program() {
    unsafe extern "C" {
        // Of the linker: what is below is never written to.
        static __ehdr_start: u8;
        static __read_only_end: u8;
    }
    release((&raw const __ehdr_start).addr(), (&raw const __read_only_end).addr());
}

/// Gives the whole pages between two addresses back to the kernel, madvise(2); they are zero then, or what is in
/// their file.
///
/// Nobody uses them, since they are between statics that are used, or below the stack, or they are those of a file.
fn release(from: usize, to: usize) {
    let page = PAGE.load(Ordering::Relaxed);
    let (from, to) = (from.next_multiple_of(page), to / page * page);
    if from < to {
        // SAFETY: what was there is not used again, or is the same. The kernel skips addresses that are not mapped.
        unsafe { syscall(libc::SYS_madvise, [from, to - from, word(libc::MADV_DONTNEED)]) };
    }
}

/// Takes the kernel's size of a page from the auxiliary vector.
pub fn set_page_size(start: Start) {
    PAGE.store(start.page_size(), Ordering::Relaxed);
}

/// Bytes of a page. With one that is too small the kernel would round a length up, and clear what is kept.
static PAGE: AtomicUsize = AtomicUsize::new(65_536);

/// Bytes of the stack that are released at most: more than the deepest of the functions here uses.
const STACK: usize = 1_048_576;

/// A value in `.bss` or `.data` that is lent once, for as long as the process lives.
///
/// This program has one thread.
pub struct Lent<T> {
    value: UnsafeCell<T>,
    lent: AtomicBool,
}

// SAFETY: the value can be reached only by the one reference that `take` returns.
unsafe impl<T: Send> Sync for Lent<T> {}

impl<T> Lent<T> {
    /// A value that was not lent yet.
    pub const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), lent: AtomicBool::new(false) }
    }

    /// Where the value lies.
    pub fn addresses(&'static self) -> Range<usize> {
        let start = address(self);
        start..start + size_of::<Self>()
    }

    /// The value, at the first call.
    #[allow(clippy::mut_from_ref, reason = "it returns one reference in all")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        // Not `swap`, which on aarch64 is a function of a library that is not linked.
        if self.lent.load(Ordering::Relaxed) {
            return None;
        }
        self.lent.store(true, Ordering::Relaxed);
        // SAFETY: this is the only reference: a second call returns above, and there is no second thread.
        Some(unsafe { &mut *self.value.get() })
    }
}
