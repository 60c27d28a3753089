//! Every capacity and every timeout, with its unit and its reason.

use crate::model::time::Millis;

/// First delay before a server that exited is started again, ms: one second by the specification.
pub const RESPAWN_DELAY: Millis = 1_000;

/// Longest respawn delay, ms: the delay doubles up to this value while the server keeps exiting.
///
/// Long enough to cost almost no CPU time, short enough that a repaired board comes up while its operator watches.
pub const RESPAWN_DELAY_MAX: Millis = 30_000;

/// Number of servers in a row that cannot be executed before a container exits.
///
/// The container engine then sees the exit status, and decides whether to restart the container. This takes 15 s.
pub const EXEC_ATTEMPTS: u32 = 5;

/// The rescue program is started at this respawn delay and above, ms: the delay of the fifth server in a row.
pub const RESCUE_DELAY: Millis = 16_000;

/// Run time, ms, after which the respawn delay starts again at its minimum, and the server counts as good.
pub const MIN_RUN_TIME: Millis = 60_000;

/// Number of exits of a server's new file within [`MIN_RUN_TIME`] after which the previous file is restored.
///
/// Until then, the respawn delays of a server that exits at once are 1, 2 and 4 s.
pub const ROLL_BACK_EXITS: usize = 4;

/// How long a server must have run before PID 1 is replaced, ms: by then its child has reported which file it runs.
///
/// The child reports this before it does anything else. If the report is late, the server counts as the file that ran
/// before.
pub const UPDATE_SETTLE: Millis = 250;

/// Time a server gets to exit for a soft restart before it is killed, ms: 5 s by the specification.
pub const RESTART_TIMEOUT: Millis = 5_000;

/// Time a server gets to exit after it refused a soft restart, ms.
///
/// zinit-server 0.3.9 sometimes answers that its "supervisor dropped response channel" while it is still writing its
/// state file; a signal at once would interrupt that.
pub const RESTART_GRACE: Millis = 1_000;

/// Time that saving the services may take after their server has ended, ms.
///
/// The helper of a soft restart writes the state file within this time.
pub const SAVE_TIMEOUT: Millis = 1_000;

/// Time for which the next server waits for the helper that watches services, ms: it may hold up a respawn, but not
/// for long.
pub const WATCHER_TIMEOUT: Millis = 2_000;

/// Time between two SIGKILLs of a server that hangs in the kernel, ms.
pub const KILL_AGAIN: Millis = 30_000;

/// A deadline that is found later than this is put off once, ms: this process and those that it waits for were frozen.
///
/// More than a busy computer delays PID 1. A pause that ends before the deadline is not noticed. It is put off by what
/// it was late, and by the server's time to stop at most: a pause of a day must not take as long again.
pub const LATE: Millis = 1_000;

/// Default time the server gets to stop its services, s (`ZINIT_STOP_TIMEOUT`), by the specification.
pub const STOP_TIMEOUT_S: u32 = 30;

/// Longest stop timeout that is accepted, s: a day.
pub const STOP_TIMEOUT_MAX_S: u32 = 86_400;

/// Time all processes get to end after TERM, ms.
pub const TERM_GRACE: Millis = 5_000;

/// Time that readers get to write the last lines of services when nobody else is left after TERM, ms.
pub const READER_GRACE: Millis = 500;

/// Time all processes get to end after KILL, ms: only one that hangs in the kernel needs it.
pub const KILL_GRACE: Millis = 5_000;

/// Interval of the checks, after TERM and KILL to all, whether a process without a parent in the container is left, ms.
/// In zinit-pid1ctl it doubles up to [`LEFT_CHECK_MAX`].
///
/// The kernel reports the end of a child only. A container that is idle must end at once.
pub const LEFT_CHECK: Millis = 10;

/// The longest such interval, ms: a process that takes long to end is not ended sooner by looking more often.
pub const LEFT_CHECK_MAX: Millis = 100;

/// Interval of the checks for orphans that have not ended yet, ms.
pub const ORPHANS_CHECK: Millis = 50;

/// Time that ending orphans may take, ms: as for all processes, and a second for the helper itself.
pub const ORPHANS_TIMEOUT: Millis = TERM_GRACE + KILL_GRACE + 1_000;

/// Number of orphans that are recorded as signalled; the others get the signal again at each check.
pub const ORPHANS: usize = 4_096;

/// Time a server gets to stop its services when the power is about to fail, ms.
///
/// A small UPS and most hypervisors leave minutes, some of them only half a minute; the disks need the rest of that
/// time.
pub const POWER_FAILURE_TIMEOUT: Millis = 10_000;

/// Time that writing the disks' caches may take at the very most, ms.
///
/// Only a disk that makes progress gets all of it, which is enough for 600 MiB at the 2 MiB/s of a slow card. The
/// unmount writes what is left then. It may take as long again, and so may the sync after it.
pub const SYNC_TIMEOUT: Millis = 300_000;

/// Time without any progress after which writing to the disks is given up, ms.
///
/// A card that erases blocks or a disk that remaps a bad sector pauses for several seconds; a dead disk never
/// continues. A request counts as progress only when all of it is written: QEMU was observed to merge 57 MB into one,
/// which takes 28 s at 2 MiB/s.
pub const PROGRESS_TIMEOUT: Millis = 45_000;

/// Interval of the progress checks, ms; the end of writing is noticed at once.
pub const PROGRESS_CHECK: Millis = 1_000;

/// Time that turning off swap may take, ms.
///
/// Little is left in swap when all processes and tmpfs are gone. Swap is turned off only because a swap file keeps
/// its disk busy.
pub const SWAPOFF_TIMEOUT: Millis = 60_000;

/// Time that all unmounting may take, ms; it writes as well, see [`SYNC_TIMEOUT`].
pub const UNMOUNT_TIMEOUT: Millis = 300_000;

/// Time that the emergency remount may take, ms: a dead disk can hang it, and with little left to write it needs
/// milliseconds.
pub const REMOUNT_TIMEOUT: Millis = 10_000;

/// Time from `reboot(2)` to the end of the machine, ms: drivers stop their devices in this time.
pub const REBOOT_TIMEOUT: Millis = 30_000;

/// Bytes of the argument of a reboot with its NUL: the kernel reads no more of it, reboot(2).
pub const REBOOT_ARGUMENT: usize = 256;

/// Interval of the attempts to fork the child of a task, ms.
pub const FORK_RETRY: Millis = 100;

/// Time after which PID 1 itself syncs and ends the machine if the child of a task cannot be forked, ms: processes that
/// were killed may still end in this time.
pub const FORK_TIMEOUT: Millis = 10_000;

/// Time that the sync of `zinit-pid1 reboot -f` may take, ms: a person waits for it.
pub const FORCED_SYNC_TIMEOUT: Millis = 30_000;

/// Interval of the log lines in the dead end, ms.
pub const DEAD_END_REMINDER: Millis = 60_000;

/// Number of Ctrl-Alt-Del within [`CTRL_ALT_DEL_WINDOW`] that ends the current phase: too many for a mistake.
pub const CTRL_ALT_DELS: usize = 7;

/// The window in which Ctrl-Alt-Dels count, ms.
pub const CTRL_ALT_DEL_WINDOW: Millis = 2_000;

/// Actions that one event can cause.
///
/// `tests/policy/reachable.rs` shows that no event fills the list. In a full list the newest action is dropped; a
/// phase that loses its action still ends at its deadline.
pub const MAX_ACTIONS: usize = 8;

/// PID 1 survives a fault if the previous one was at least this long ago, in units of 1,024 ms: at least a minute,
/// whichever way both times are rounded.
pub const FAULT_INTERVAL: u32 = 60;

/// Bytes of one log line with its prefix and newline; a longer one is cut and ends in `...`.
///
/// Below `PIPE_BUF`, so that lines of several writers do not mix, pipe(7).
pub const LOG_LINE: usize = 512;

/// Readers of earlier servers' pipes whose pids PID 1 keeps; the words `reader1` and so on of the re-exec state.
///
/// There is one for each soft restart since which a service that the old server had started still runs. The end of all
/// processes waits for a reader beyond this number as it waits for a service.
pub const READERS: usize = 4;

/// Bytes of the kernel command line that are read; a word that is cut off at the end is dropped.
///
/// `COMMAND_LINE_SIZE` of x86 and arm64. A larger buffer would take a page of stack for as long as PID 1 lives.
pub const KERNEL_COMMAND_LINE: usize = 2_048;

/// The hard limit of open files that a server gets at least; its soft limit stays, mostly 1,024.
///
/// As much as systemd sets, and below what the kernel allows by default, 1,048,576 (`fs.nr_open`). A program that
/// closes all descriptors up to its soft limit is not slowed down.
pub const OPEN_FILES: u64 = 524_288;

/// Bytes of the server's reply that are read before it counts as garbage.
pub const REPLY: usize = 4_096;

/// Bytes of a path with its NUL, `PATH_MAX` of limits.h: no system call takes a longer one.
pub const PATH: usize = 4_096;

/// Bytes of the memory through which a file of `/proc` is read backwards; the kernel provides a page once it is used.
///
/// The kernel lists all mounts from the first one again for each part that is read out of order. This is enough for 60,000
/// mounts of 68 bytes; a longer list is read in parts.
///
/// It is also enough for a root, a mount point and a source of [`PATH`] bytes, each byte escaped as four bytes, and a page
/// of options. A longer line has a mount point that no system call can name: it is logged in pieces and skipped.
pub const PROC_BUFFER: usize = 4 << 20;

/// Bytes of the buffer on the stack that serves instead where the kernel gives no such memory, which it may refuse under
/// vm.overcommit_memory=2. A longer line is logged in pieces and skipped here too, although its mount point may be short
/// enough to be unmounted.
pub const PROC_BUFFER_SMALL: usize = 4_096;

/// Bytes of the stack that are locked below the state of PID 1, which is on the stack too.
///
/// PID 1 uses 10 kB of them. Its children use more, but do not inherit the locks. Together with the program and the
/// environment it has to be less than 64 kB, the limit of a container before Linux 5.16.
pub const STACK: usize = 16_384;

/// Number of children that are reaped between two checks of the signals and the clock.
///
/// Without this limit, SIGTERM would not be handled for as long as orphans keep exiting.
pub const REAP_BUDGET: u8 = 64;

/// Interval at which PID 1 of a container looks whether its log writer is done before it exits, ms, and how often it does
/// that at most: 100 ms in all.
pub const FLUSH_CHECK: Millis = 1;
/// See [`FLUSH_CHECK`].
pub const FLUSH_CHECKS: u32 = 100;
