//! The right to touch the whole machine, as a type.
//!
//! A program that believes it is init and is not would kill the host. So what reaches beyond the own
//! children is a method of a token, and the token exists only where the kernel says so.

use core::ffi::CStr;

use rt::arch::syscall;
use rustix::process::Signal;
use rustix::system::{RebootCommand, reboot};
use zinit_pid1::model::process::{Errno, INITIAL_NAMESPACE, Role};

use super::raw;

/// Held by PID 1 of a PID namespace, and by nobody else.
pub struct Pid1(());

/// Held by PID 1 of the kernel; see [`Authority::detect`] for a PID 1 about which nothing can be learned.
#[derive(Clone, Copy)] // to hand it on takes no byte, where a reference takes eight
pub struct Machine(());

/// What this process is.
pub enum Authority {
    /// PID 1 of a PID namespace.
    Container(Pid1),
    /// Any other process.
    Subreaper,
    /// PID 1 of the kernel.
    Machine(Pid1, Machine),
}

/// What the kernel and its files say about a PID 1 that may not call `reboot`.
pub enum Evidence {
    /// `/proc/self/ns/pid` is the initial namespace.
    Initial,
    /// `/proc/self/ns/pid` is another one.
    Nested,
    /// `/proc` is not there.
    Nothing,
}

impl Authority {
    /// Asks the kernel, once, before anything else is done; `hint` is what argv and environment say.
    ///
    /// `reboot(CAD_OFF)` is a call that PID 1 makes anyway, and it is answered by 0 on the machine, by
    /// EINVAL in a PID namespace and by EPERM without the right to it, reboot(2). Only in the last case
    /// do others have a word, and the namespace's inode before the hint: argv and environment can come
    /// from the kernel command line. Without any evidence it is a machine, because a container that never
    /// exits is a nuisance, and a PID 1 that exits by mistake is a kernel panic.
    pub fn detect(hint: bool) -> Self {
        if rustix::process::getpid() != rustix::process::Pid::INIT {
            return Self::Subreaper;
        }
        let machine = match reboot(RebootCommand::CadOff) {
            Ok(()) => true,
            Err(rustix::io::Errno::PERM) => match evidence() {
                Evidence::Initial => true,
                Evidence::Nested => false,
                Evidence::Nothing => !hint,
            },
            Err(_) => false,
        };
        if machine { Self::Machine(Pid1(()), Machine(())) } else { Self::Container(Pid1(())) }
    }

    /// The authority as policy sees it.
    pub const fn place(&self) -> Role {
        match self {
            Self::Container(_) => Role::Container,
            Self::Subreaper => Role::Subreaper,
            Self::Machine(..) => Role::Machine,
        }
    }

    /// The right to signal all processes, if this is PID 1.
    pub const fn pid1(&self) -> Option<&Pid1> {
        match self {
            Self::Container(pid1) | Self::Machine(pid1, _) => Some(pid1),
            Self::Subreaper => None,
        }
    }

    /// The right to the machine, if this is its PID 1.
    pub const fn machine(&self) -> Option<&Machine> {
        match self {
            Self::Container(_) | Self::Subreaper => None,
            Self::Machine(_, machine) => Some(machine),
        }
    }
}

impl Pid1 {
    /// Ends the namespace as if by a reboot, reboot(2); it returns only if that is refused.
    pub fn restart(&self) {
        let _refused = reboot(RebootCommand::Restart);
    }

    /// Signals every process of the namespace but PID 1 and the caller, kill(2).
    pub fn signal_all(&self, signal: Signal) {
        // Process group 1 is how rustix spells -1. ESRCH says that nobody is left.
        let _nobody = rustix::process::kill_process_group(rustix::process::Pid::INIT, signal);
    }
}

impl Machine {
    /// Writes all caches to the disks, sync(2).
    pub fn sync(&self) {
        rustix::fs::sync();
    }

    /// Takes the first word of `/etc/hostname` for the machine's name, sethostname(2); no such file is no error.
    pub fn take_name(&self) -> Errno {
        // One byte more than a name may have, so that the kernel refuses one that is too long.
        let mut text = [0; 65];
        let text = raw::read_file(c"/etc/hostname", &mut text);
        let name = text.split(|byte| *byte <= b' ').next().unwrap_or(&[]);
        if name.is_empty() {
            return Errno::NONE;
        }
        // SAFETY: the kernel reads the name and not beyond.
        raw::answer(unsafe { syscall(libc::SYS_sethostname, [raw::address(name.as_ptr()), name.len()]) })
    }

    /// Ends the machine, reboot(2); it returns what went wrong, or 0 if nothing happened.
    #[inline(always)]
    pub fn reboot(&self, command: RebootCommand) -> Errno {
        raw::status(reboot(command))
    }

    /// Brings back what was swapped out, swapoff(2).
    pub fn swapoff(&self, path: &CStr) -> Errno {
        // SAFETY: the path ends in NUL.
        raw::answer(unsafe { syscall(libc::SYS_swapoff, [raw::address(path.as_ptr())]) })
    }

    /// Presses a key of the kernel's debuggers, sysrq in its admin guide: no right is asked for.
    pub fn sysrq(&self, key: &[u8]) -> Errno {
        raw::write_file(c"/proc/sysrq-trigger", key).map_or_else(raw::errno, |_| Errno::NONE)
    }
}

fn evidence() -> Evidence {
    let mut link = [0_u8; 32];
    match raw::read_link(c"/proc/self/ns/pid", &mut link) {
        // No such link begins with another one.
        Ok(_) if link.starts_with(INITIAL_NAMESPACE) => Evidence::Initial,
        Ok(_) => Evidence::Nested,
        Err(_) => Evidence::Nothing,
    }
}
