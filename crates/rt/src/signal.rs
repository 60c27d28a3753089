//! Signal masks, dispositions, and the wait for the next signal.
//!
//! # Safety
//! The structures are those of the kernel and not of libc: a sigset has 64 bits, on all architectures but MIPS.

use core::ptr;

use crate::arch::{RESTORER_WORDS, syscall};
use crate::raw::{Result, address, checked, word};
use crate::time::{self, Time};

/// Blocks all signals but those of a fault, sigprocmask(2).
pub fn block_all() {
    set_mask(WAITED_FOR);
}

/// Sets all dispositions to default, but those of faults to `handler` if there is one, sigaction(2), sigaltstack(2).
///
/// An ignored signal stays ignored across `execve`: SIGCHLD would break `wait`, and services would inherit SIGPIPE.
///
/// The handler runs on a stack of its own of 256 kB, or three eighths of the stack's limit if that is less: enough for
/// the last sync's reading of `/proc`. It lies in the area into which the initial stack can grow, and its own size below
/// anything in use, so it takes no memory until then. So the handler finds `state` without a global:
/// [`Interrupted::state`].
pub fn set_dispositions<T>(handler: Option<Handler>, state: *const T) {
    let size = fault_stack();
    let stack = [state.expose_provenance().wrapping_sub(2 * size), 0, size];
    // SAFETY: the kernel reads one structure.
    unsafe { syscall(libc::SYS_sigaltstack, [address(stack.as_ptr()), 0]) };
    for signal in 1..65 {
        let of_fault = WAITED_FOR >> (signal - 1) & 1 == 0;
        let action = Action {
            handler: handler.filter(|_| of_fault),
            flags: (libc::SA_ONSTACK | libc::SA_SIGINFO | SA_RESTORER) as usize,
            // The handler never returns to it, so any address does.
            restorer: [1; RESTORER_WORDS],
            mask: [0; MASK_WORDS],
        };
        // SAFETY: the kernel reads one structure. SIGKILL and SIGSTOP answer EINVAL.
        unsafe { syscall(libc::SYS_rt_sigaction, [signal, address(&raw const action), 0, SET]) };
    }
}

/// A handler: its arguments are the signal, its siginfo, and what was interrupted.
pub type Handler = extern "C" fn(i32, *const libc::siginfo_t, *const Interrupted) -> !;

/// The `struct sigaction` of the kernel.
#[repr(C)]
struct Action {
    /// None is the default disposition.
    handler: Option<Handler>,
    flags: usize,
    restorer: [usize; RESTORER_WORDS],
    mask: [usize; MASK_WORDS],
}

/// The first members of the kernel's `struct ucontext`, the same on all architectures.
#[repr(C)]
pub struct Interrupted {
    flags: usize,
    link: usize,
    /// The lowest address of the handler's stack.
    stack: usize,
    stack_flags: i32,
    stack_size: usize,
}

impl Interrupted {
    /// The address that was passed to [`set_dispositions`] as `state`.
    pub fn state<T>(&self) -> *const T {
        ptr::with_exposed_provenance(self.stack.wrapping_add(2 * self.stack_size))
    }
}

/// Unblocks all signals: for a child that is about to execute another program.
pub fn unblock_all() {
    set_mask(0);
}

/// Waits for a signal, and for no longer than `timeout` ms if that is given: EAGAIN then, sigtimedwait(2).
pub fn wait(timeout: Option<u32>) -> Result<i32> {
    wait_info(timeout, ptr::null_mut())
}

/// The same, and writes who has sent the signal, sigaction(2), unless `info` is null.
pub fn wait_info(timeout: Option<u32>, info: *mut libc::siginfo_t) -> Result<i32> {
    let all = WAITED_FOR;
    let time = timeout.map(Time::from_millis);
    // SAFETY: the kernel reads a set and, if there is one, a time, and may write a siginfo.
    checked(unsafe { time::wait(address(&raw const all), address(info), time.as_ref(), SET) })
}

fn set_mask(mask: u64) {
    let how = word(libc::SIG_SETMASK);
    // SAFETY: the kernel reads a set.
    unsafe { syscall(libc::SYS_rt_sigprocmask, [how, address(&raw const mask), 0, SET]) };
}

/// The signals that are blocked and waited for: all but those of a fault, by which the kernel ends a process that
/// blocks them.
const WAITED_FOR: u64 = !(bit(libc::SIGILL)
    | bit(libc::SIGTRAP)
    | bit(libc::SIGABRT)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGSEGV));

/// The bit of a signal in the kernel's sigset.
const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// asm/signal.h, where the architecture has it; libc has no name for it.
const SA_RESTORER: i32 = if RESTORER_WORDS == 0 { 0 } else { 0x0400_0000 };

/// The size of the handler's stack, bytes; getrlimit(2).
fn fault_stack() -> usize {
    // The soft limit and the hard one; where the call is refused, there is none.
    let mut limit = [u64::MAX; 2];
    let arguments = [0, libc::RLIMIT_STACK as usize, 0, address(limit.as_mut_ptr())];
    // SAFETY: the kernel writes two numbers.
    unsafe { syscall(libc::SYS_prlimit64, arguments) };
    // The stack is aligned to 16 bytes.
    limit[0].min(FAULT_STACK * 8 / 3) as usize / 128 * 3 * 16
}

/// Bytes of the handler's stack at most.
const FAULT_STACK: u64 = 0x4_0000;

/// Words of the kernel's sigset.
const MASK_WORDS: usize = SET / size_of::<usize>();

/// Bytes of the kernel's sigset.
const SET: usize = size_of::<u64>();
