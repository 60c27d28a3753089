//! The tasks of a shutdown, as the forked child of each does them.
//!
//! Such a child may hang: PID 1 kills it at its deadline. Each call that writes to a disk is made in a further child,
//! so that one dead disk does not keep the others from being unmounted.

use core::ffi::CStr;

use rustix::mount::UnmountFlags;
use rustix::process as kernel;
use rustix::system::RebootCommand;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::limits::{LEFT_CHECK, PROGRESS_CHECK};
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, Exit, Signal};
use zinit_pid1::model::task::Task;
use zinit_pid1::parse::lines;
use zinit_pid1::parse::meminfo::{self, Progress};
use zinit_pid1::reaper;

use super::Sys;
use super::authority::{Authority, Machine, Pid1};
use super::log::Log;
use super::memory;
use super::mount;
use super::unmount::Unmount;
use super::{raw, signal, spawn};

impl Sys<'_> {
    /// Runs a task in a child, because each of its calls can block on a disk, a driver or a process that hangs. If no
    /// child can be forked, mostly because of a fork bomb, PID 1 itself makes the calls that help against it and do not
    /// write to a disk.
    pub(super) fn run_task(&self, task: Task) -> Event {
        let work = || run(task, &self.authority(), &self.log).0;
        let event = spawn::fork().unwrap_or_else(|| {
            if task == Task::EmergencyRemount {
                // Where this program is missing, the task does what it can.
                let _logged = spawn::exec_ctl(self.start, [c"remount", c""], None, &self.log);
            }
            let errno = work();
            if task.waits_for_processes() && self.authority().machine().is_none() {
                self.wait_for_processes(task);
            }
            raw::exit(errno)
        });
        if let Event::SpawnFailed(_) = event
            && (task.waits_for_processes() || task.is_final())
        {
            self.log_fork_failure(&event);
            return Event::SpawnFailed(Errno(work()));
        }
        event
    }

    /// In a child: waits until no process is left, which wait(2) does not tell of those that came from outside and have
    /// no parent here. While this child runs, the answer of wait(2) is not that there is none.
    ///
    /// On a machine everybody descends from PID 1, and kill(2) counts the kernel's threads too.
    fn wait_for_processes(&self, task: Task) {
        if spawn::exists(spawn::CTL) {
            let signal = if task == Task::Kill { c"KILL" } else { c"TERM" };
            let _logged = spawn::exec_ctl(self.start, [c"stop", signal], None, &self.log);
        }
        // A subreaper does not know whose processes these are, and nobody which of them is the log writer.
        let authority = self.authority();
        while authority.pid1().is_some_and(Pid1::others_left) && !self.log.has_writer() {
            let _nothing = signal::wait(Some(LEFT_CHECK));
        }
    }

    /// Writes all caches to the disks, in PID 1 itself: it has no deadline but that of the watchdog.
    pub(super) fn sync(&self) {
        if let Some(machine) = self.authority().machine() {
            self.watchdog.feed();
            machine.sync();
        }
    }
}

/// Does a task; failures are logged.
pub fn run(task: Task, authority: &Authority, log: &Log) -> Errno {
    // A subreaper signals only its children, and leaves that to the program that this process executes next. Without
    // that, this error says that there is nothing to wait for.
    let Some(pid1) = authority.pid1() else { return Errno::PERM };
    match (task, authority.machine()) {
        (Task::Terminate, _) => pid1.terminate_all(),
        (Task::Kill, _) => pid1.kill_all(),
        // Never the case: the policy gives a process no task that it may not do.
        (_, None) => return Errno::PERM,
        (Task::Sync, Some(machine)) => sync(*machine, log),
        (Task::Swapoff, Some(machine)) => Unmount { machine: *machine, log }.swapoff(),
        (Task::Unmount, Some(machine)) => Unmount { machine: *machine, log }.unmount(),
        (Task::EmergencyRemount, Some(machine)) => {
            // The kernel works asynchronously. Only the program that could not be executed can tell when it is done.
            let _not_in_this_kernel = machine.sysrq(b"u");
            let _signal = signal::wait(Some(PROGRESS_CHECK));
        }
        (Task::SyncAgain, Some(machine)) => {
            sync(*machine, log);
            // Only now, because the progress of the sync is read from `/proc`.
            Unmount { machine: *machine, log }.detach_kernel_mounts();
        }
        (Task::Kexec, Some(machine)) => return machine.reboot(RebootCommand::Kexec),
        (Task::Poweroff, Some(machine)) => return machine.reboot(RebootCommand::PowerOff),
        (Task::Reboot, Some(machine)) => return machine.reboot(RebootCommand::Restart),
        (Task::Halt, Some(machine)) => return machine.reboot(RebootCommand::Halt),
        (Task::SysRqPoweroff | Task::SysRqReboot, Some(machine)) => {
            // `/proc` was detached before.
            machine.mount_early(mount::PROC, None);
            let errno = machine.sysrq(if task == Task::SysRqReboot { b"b" } else { b"o" });
            if errno == Errno::NONE && kernel::getpid() != kernel::Pid::INIT {
                // The kernel ends the machine later, asynchronously; PID 1 has a deadline for that.
                let _never = signal::wait(None);
            }
            return errno;
        }
    }
    Errno::NONE
}

fn sync(machine: Machine, log: &Log) {
    if run_with_progress(machine, Write::All) != Errno::NONE {
        log.record(&Record::new(Message::SyncStuck).number(unwritten().unwrap_or(0)));
    }
}

/// A call that writes to a disk, and therefore can hang.
#[derive(Clone, Copy)]
pub enum Write<'a> {
    /// Write the caches of all disks.
    All,
    /// Make a mount read-only.
    MakeReadOnly(&'a CStr),
    /// Unmount a mount.
    Unmount(&'a CStr, UnmountFlags),
}

/// Makes a call in a child, and waits for the child as long as the disks make progress; ETIMEDOUT if they do not.
pub fn run_with_progress(machine: Machine, write: Write<'_>) -> Errno {
    let work = || match write {
        Write::All => {
            machine.sync();
            0
        }
        Write::MakeReadOnly(point) => machine.make_read_only(point).0,
        Write::Unmount(point, flags) => machine.unmount(point, flags).0,
    };
    let Event::Spawned(child) = spawn::fork().unwrap_or_else(|| raw::exit(work())) else {
        // No child could be forked. PID 1 has a deadline for this process too.
        return Errno(work());
    };
    let mut progress = Progress::begin(raw::now());
    loop {
        // The exit of the child is a signal too, even if it came before this call.
        let _woken = signal::wait(Some(PROGRESS_CHECK));
        match raw::wait() {
            (pid, status) if pid == child.raw() => {
                return match reaper::exit(status) {
                    Some(Exit::Exited(errno)) => Errno(errno),
                    _ => INTERRUPTED,
                };
            }
            // A child that was given up earlier has exited after all.
            (1.., _) => {}
            _ => {
                if !progress.goes_on(unwritten(), raw::now()) {
                    signal::send(child, Signal::KILL);
                    return TIMED_OUT;
                }
            }
        }
    }
}

/// What is left to write to the disks, kB.
fn unwritten() -> Option<u32> {
    let mut sum: Option<u32> = None;
    read_backwards(c"/proc/meminfo", &mut |line| {
        if let Some(part) = meminfo::unwritten(line) {
            sum = Some(part.saturating_add(sum.unwrap_or(0)));
        }
    });
    sum
}

/// Calls `show` with each line of a file, from the last to the first; a file that cannot be read has no lines.
pub fn read_backwards(path: &CStr, show: &mut lines::Show<'_>) {
    let Ok(file) = raw::open(path, libc::O_RDONLY) else { return };
    let mut read = |at, free: &mut [u8]| raw::read_at(&file, at, free).map_or(0, |count| count as usize);
    memory::with_proc_buffer(|buf| lines::backwards(buf, &mut read, show));
}

const INTERRUPTED: Errno = Errno(libc::EINTR as u8);
/// The disks made no progress.
pub const TIMED_OUT: Errno = Errno(libc::ETIMEDOUT as u8);
