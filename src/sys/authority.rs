//! The right to act on the whole machine, as types.
//!
//! A program that wrongly takes itself for init kills the host. Therefore every call that affects more than PID 1's
//! own children is a method of a token, and a token exists only if the kernel confirms the role.

use core::ffi::CStr;

use rt::arch::syscall;
use rustix::process::Signal;
use rustix::system::{RebootCommand, reboot};
use zinit_pid1::model::limits::REBOOT_ARGUMENT;
use zinit_pid1::model::process::{Errno, INITIAL_NAMESPACE, Role};
use zinit_pid1::model::task::REBOOT_ARGUMENT_FILE;

use super::{mount, raw};

/// The token of PID 1 of a PID namespace.
#[derive(Clone, Copy)]
pub struct Pid1(());

/// The token of PID 1 of the machine; see [`Authority::detect`] for a PID 1 whose role cannot be determined.
#[derive(Clone, Copy)]
pub struct Machine(());

/// The role of this process, with the tokens for what it may do.
#[derive(Clone, Copy)]
pub enum Authority {
    /// PID 1 of a PID namespace.
    Container(Pid1),
    /// Any other process.
    Subreaper,
    /// PID 1 of the machine.
    Machine(Pid1, Machine),
}

/// The PID namespace by `/proc/self/ns/pid`.
#[derive(PartialEq, Eq)]
enum Namespace {
    Initial,
    Nested,
    /// `/proc` is not mounted.
    Unknown,
}

impl Authority {
    /// Detects the role by asking the kernel; `hint` is true if argv or the environment says container.
    ///
    /// The namespace's inode is asked first: a container may have a seccomp profile that kills whoever calls reboot(2).
    /// Where it is not readable, or is that of the machine, PID 1 makes the call `reboot(CAD_OFF)`, which a machine needs
    /// anyway, and the kernel answers 0 on the machine, EINVAL in a PID namespace, and EPERM without CAP_SYS_BOOT. Only in
    /// the last case the hint counts, because argv and environment can come from the kernel command line. Without any
    /// evidence the role is that of a machine, because a container that never exits is only a nuisance, but a PID 1 that
    /// exits by mistake causes a kernel panic.
    pub fn detect(hint: bool) -> Self {
        if rustix::process::getpid() != rustix::process::Pid::INIT {
            return Self::Subreaper;
        }
        let namespace = namespace();
        let machine = namespace != Namespace::Nested
            && match reboot(RebootCommand::CadOff) {
                Ok(()) => true,
                Err(rustix::io::Errno::PERM) => namespace == Namespace::Initial || !hint,
                Err(_) => false,
            };
        if machine { Self::Machine(Pid1(()), Machine(())) } else { Self::Container(Pid1(())) }
    }

    /// The role, for decisions.
    pub const fn role(&self) -> Role {
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

    /// The right to act on the machine, if this is its PID 1.
    pub const fn machine(&self) -> Option<&Machine> {
        match self {
            Self::Container(_) | Self::Subreaper => None,
            Self::Machine(_, machine) => Some(machine),
        }
    }
}

impl Pid1 {
    /// Ends the PID namespace as if by a reboot, reboot(2); it returns only if that is refused.
    pub fn restart(&self) {
        let _refused = reboot(RebootCommand::Restart);
    }

    /// Sends TERM to all processes.
    pub fn terminate_all(&self) {
        self.signal_all(Signal::TERM);
        // A stopped process does not die of TERM before it is continued.
        self.signal_all(Signal::CONT);
    }

    /// Sends KILL to all processes.
    pub fn kill_all(&self) {
        self.signal_all(Signal::KILL);
    }

    /// Signals every process of the namespace but PID 1 and the caller, kill(2).
    fn signal_all(&self, signal: Signal) {
        // rustix spells the -1 of kill(2) as process group 1. ESRCH: no process is left.
        let _nobody = rustix::process::kill_process_group(rustix::process::Pid::INIT, signal);
    }

    /// True if a process of the namespace is left besides PID 1 and the caller, kill(2); on a machine threads of the
    /// kernel count too.
    pub fn others_left(&self) -> bool {
        rustix::process::test_kill_process_group(rustix::process::Pid::INIT).is_ok()
    }
}

impl Machine {
    /// Writes all caches to the disks, sync(2).
    pub fn sync(&self) {
        rustix::fs::sync();
    }

    /// Ends the machine, reboot(2); it returns the error, or none if the call had no effect. A restart has an argument
    /// if there is a file with one.
    pub fn reboot(&self, command: RebootCommand) -> Errno {
        // The kernel reads one byte less than this.
        let mut argument = [0_u8; REBOOT_ARGUMENT];
        // Not below a root that may hang: the file lies on a tmpfs, which is kept for it.
        let with_argument = command == RebootCommand::Restart
            && mount::is_mount_point(c"/run")
            && !raw::read_file(REBOOT_ARGUMENT_FILE, &mut argument).is_empty();
        let arguments = [
            libc::LINUX_REBOOT_MAGIC1 as u32 as usize,
            libc::LINUX_REBOOT_MAGIC2 as usize,
            if with_argument { libc::LINUX_REBOOT_CMD_RESTART2 as u32 } else { command as u32 } as usize,
            raw::address(argument.as_ptr()),
        ];
        // SAFETY: the kernel reads the buffer and not beyond, and that only for a restart with an argument.
        raw::answer(unsafe { syscall(libc::SYS_reboot, arguments) })
    }

    /// Turns a swap off, swapoff(2).
    pub fn swapoff(&self, path: &CStr) -> Errno {
        // SAFETY: the path ends in NUL.
        raw::answer(unsafe { syscall(libc::SYS_swapoff, [raw::address(path.as_ptr())]) })
    }

    /// Sends a SysRq key, admin-guide/sysrq in the kernel's documentation; it needs no CAP_SYS_BOOT.
    pub fn sysrq(&self, key: &[u8]) -> Errno {
        raw::write_file(c"/proc/sysrq-trigger", key).map_or_else(raw::errno, |_| Errno::NONE)
    }
}

fn namespace() -> Namespace {
    let mut link = [0_u8; 32];
    match raw::read_link(c"/proc/self/ns/pid", &mut link) {
        Ok(_) if link.starts_with(INITIAL_NAMESPACE) => Namespace::Initial,
        Ok(_) => Namespace::Nested,
        Err(_) => Namespace::Unknown,
    }
}
