//! The last tasks of a machine, as the children do them that PID 1 forks for it.
//!
//! Such a child may hang: PID 1 kills it at its deadline. What writes to a disk is done by a child of its own
//! once more, so that one dead disk does not keep the others from being unmounted.

use core::ffi::CStr;

use rustix::mount::UnmountFlags;
use rustix::process as kernel;
use rustix::system::RebootCommand;
use zinit_pid1::model::event::Event;
use zinit_pid1::model::limits::{PROC_BUFFER, PROGRESS_CHECK};
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::process::{Errno, Exit, Signal};
use zinit_pid1::model::table;
use zinit_pid1::model::task::Task;
use zinit_pid1::parse::lines;
use zinit_pid1::parse::meminfo::{self, Progress};
use zinit_pid1::parse::mountinfo::{self, Path};
use zinit_pid1::reaper;

use super::kmsg::Log;
use super::mount;
use super::power::{Authority, Machine};
use super::{raw, signal, spawn};

/// Does a task; what is lost by it is logged.
#[inline(always)]
pub fn run(task: Task, authority: &Authority, log: &Log) -> Errno {
    // Policy asks nothing of a process that it may not do.
    let Some(pid1) = authority.pid1() else { return NOT_PERMITTED };
    match (task, authority.machine()) {
        (Task::Terminate, _) => {
            pid1.signal_all(kernel::Signal::TERM);
            // A stopped process does not die of TERM before it is continued.
            pid1.signal_all(kernel::Signal::CONT);
        }
        (Task::Kill, _) => pid1.signal_all(kernel::Signal::KILL),
        (_, None) => return NOT_PERMITTED,
        (Task::Sync, Some(machine)) => Finish { machine: *machine, log }.sync(),
        (Task::Swapoff, Some(machine)) => Finish { machine: *machine, log }.swapoff(),
        (Task::Unmount, Some(machine)) => Finish { machine: *machine, log }.unmount(),
        (Task::SyncAgain, Some(machine)) => {
            let finish = Finish { machine: *machine, log };
            finish.sync();
            // Only now, since the progress of the sync is read from `/proc`.
            finish.pass(Step::Kernel);
        }
        (Task::Kexec, Some(machine)) => return machine.reboot(RebootCommand::Kexec),
        (Task::Poweroff, Some(machine)) => return machine.reboot(RebootCommand::PowerOff),
        (Task::Reboot, Some(machine)) => return machine.reboot(RebootCommand::Restart),
        (Task::Halt, Some(machine)) => return machine.reboot(RebootCommand::Halt),
        (Task::SysRqPoweroff | Task::SysRqReboot, Some(machine)) => {
            // It was taken away before.
            machine.mount_early(mount::PROC, None);
            let errno = machine.sysrq(if task == Task::SysRqReboot { b"b" } else { b"o" });
            if errno == Errno::NONE {
                // The kernel does it in its own time; PID 1 has a deadline for that.
                let _never = signal::wait(None);
            }
            return errno;
        }
    }
    Errno::NONE
}

/// What a pass over the mounts does with each of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Unmounts it if it lives in memory.
    Memory,
    /// Brings back what was swapped out to it: the one pass that is not over mounts.
    Swap,
    /// Unmounts it.
    Unmount,
    /// Makes it read-only.
    Lock,
    /// Makes it read-only and takes it out of the way, even if it is in use.
    Detach,
    /// Unmounts it, and names it if that fails: it is the last attempt.
    Name,
    /// Takes those out of the way that all steps before need.
    Kernel,
}

/// What writes to a disk, and therefore can hang.
#[derive(Clone, Copy)]
enum Write<'a> {
    /// Writes the caches of all disks.
    All,
    /// Makes a mount read-only.
    Lock(&'a CStr),
    /// Unmounts a mount.
    Unmount(&'a CStr, UnmountFlags),
}

#[derive(Clone, Copy)]
struct Finish<'a> {
    machine: Machine,
    log: &'a Log,
}

impl Finish<'_> {
    #[inline(never)] // two tasks do it
    fn sync(self) {
        if self.attend(Write::All) != Errno::NONE {
            self.log.note(&Record::new(Message::SyncStuck).number(unwritten().unwrap_or(0)));
        }
    }

    fn swapoff(self) {
        // Somebody may have taken it away, and from here on all is read from it.
        self.machine.mount_early(mount::PROC, None);
        // First, or what is swapped out of it would have to find room in memory.
        while self.pass(Step::Memory) {}
        self.pass(Step::Swap);
    }

    fn unmount(self) {
        if let Err(number) = raw::open(MOUNTINFO, libc::O_RDONLY) {
            self.report(Message::ReadFailed, raw::errno(number), MOUNTINFO);
        }
        loop {
            while self.pass(Step::Unmount) {}
            // All of them, before one that is taken away takes along what is mounted on it.
            self.pass(Step::Lock);
            // What lies below the one that is taken away can come to light.
            if !self.pass(Step::Detach) {
                break;
            }
        }
        self.pass(Step::Name);
        self.report(Message::ReadOnlyFailed, self.attend(Write::Lock(ROOT)), ROOT);
    }

    /// Goes over all mounts, the last one first; true if any of them is gone by it.
    #[inline(never)]
    fn pass(self, step: Step) -> bool {
        let mut progress = false;
        let mut path = Path::new();
        let file = if step == Step::Swap { c"/proc/swaps" } else { MOUNTINFO };
        read_backwards(file, &mut |line| {
            // The headline of the swaps is no path.
            let spelt = if step == Step::Swap { mountinfo::swap(line) } else { mountinfo::mount_point(line) };
            if mountinfo::unescape(spelt, &mut path) {
                let wanted = step != Step::Memory || mountinfo::is_tmpfs(line);
                progress |= wanted && self.step(step, text(&path));
            } else if step == Step::Name {
                self.log.fact(Message::UnmountFailed, TOO_LONG, line);
            }
        });
        progress
    }

    /// Does a step to one mount; true if it is gone by it.
    fn step(self, step: Step, point: &CStr) -> bool {
        if step == Step::Swap {
            self.report(Message::SwapoffFailed, self.machine.swapoff(point), point);
            return false;
        }
        let special = table::position(SPECIAL, point.to_bytes());
        if special == Some(0) || special.is_some() != (step == Step::Kernel) {
            return false;
        }
        let mut locked = Errno::NONE;
        if matches!(step, Step::Lock | Step::Detach) {
            locked = self.attend(Write::Lock(point));
            if step == Step::Lock {
                return false;
            }
        }
        let away = matches!(step, Step::Detach | Step::Kernel);
        let flags = if away { UnmountFlags::FORCE | UnmountFlags::DETACH } else { UnmountFlags::empty() };
        let errno = self.attend(Write::Unmount(point, flags));
        let gone = errno == Errno::NONE;
        if gone {
            self.report(Message::ReadOnlyFailed, locked, point);
        } else if step == Step::Name || errno == TIMED_OUT {
            // An unmount that hangs has taken the mount from the list already.
            self.report(Message::UnmountFailed, errno, point);
        }
        gone
    }

    /// Has something written by a child, and waits for it as long as the disks make progress.
    #[inline(never)]
    fn attend(self, write: Write<'_>) -> Errno {
        let mut work = || match write {
            Write::All => {
                self.machine.sync();
                0
            }
            Write::Lock(point) => self.machine.make_read_only(point).0,
            Write::Unmount(point, flags) => self.machine.unmount(point, flags).0,
        };
        let Event::Spawned(child) = spawn::child(&mut work) else {
            // PID 1 has a deadline for this process too.
            return Errno(work());
        };
        let mut progress = Progress::begin(raw::now());
        loop {
            // The child's end is a signal as well, also one that came before this call.
            let _woken = signal::wait(Some(PROGRESS_CHECK));
            match raw::wait() {
                (pid, status) if pid == child.raw() => {
                    return if let Some(Exit::Exited(errno)) = reaper::exit(status) {
                        Errno(errno)
                    } else {
                        KILLED
                    };
                }
                // One that was given up before has ended after all.
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

    /// Logs what went wrong with a path, if anything did.
    fn report(self, fact: Message, errno: Errno, path: &CStr) {
        if errno != Errno::NONE {
            self.log.fact(fact, errno, path.to_bytes());
        }
    }
}

/// What is left to write to the disks, kB.
#[inline(never)]
fn unwritten() -> Option<u32> {
    let mut sum: Option<u32> = None;
    read_backwards(c"/proc/meminfo", &mut |line| {
        if let Some(part) = meminfo::unwritten(line) {
            sum = Some(part.saturating_add(sum.unwrap_or(0)));
        }
    });
    sum
}

/// Shows the lines of a file from the last to the first; one that cannot be read has none.
#[inline(never)]
fn read_backwards(path: &CStr, show: &mut lines::Show<'_>) {
    let Ok(file) = raw::open(path, libc::O_RDONLY) else { return };
    let mut room = [0; PROC_BUFFER];
    let mut read = |at, free: &mut [u8]| raw::read_at(&file, at, free).map_or(0, |count| count as usize);
    lines::backwards(&mut room, &mut read, show);
}

/// A path as system calls take it.
fn text(path: &Path) -> &CStr {
    // SAFETY: `unescape` ended it by NUL.
    unsafe { CStr::from_ptr(path.as_ptr().cast()) }
}

const MOUNTINFO: &CStr = c"/proc/self/mountinfo";
const ROOT: &CStr = c"/";

/// The root, and what all steps need and what holds no data: that is taken away when all is over.
const SPECIAL: &[u8] = b"/\n/proc\n/sys\n/dev";

const KILLED: Errno = Errno(libc::EINTR as u8);
const NOT_PERMITTED: Errno = Errno(libc::EPERM as u8);
const TIMED_OUT: Errno = Errno(libc::ETIMEDOUT as u8);
const TOO_LONG: Errno = Errno(libc::ENAMETOOLONG as u8);
