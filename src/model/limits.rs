//! Every capacity and every timeout, with its unit and its reason.

use crate::model::time::Millis;

/// First delay before a server that ended is started again, ms: the specification's second.
pub const RESPAWN_DELAY: Millis = 1_000;

/// Longest such delay, ms: it doubles up to here while the server keeps exiting.
///
/// Long enough to cost nothing, short enough that a board that was repaired comes up while one watches.
pub const RESPAWN_DELAY_MAX: Millis = 30_000;

/// How many servers in a row cannot be executed before a container ends.
///
/// Its engine then sees the exit status, and restarts the container or not. 15 s have passed.
pub const EXEC_ATTEMPTS: u8 = 5;

/// The rescue program is started at this respawn delay and above, ms: that of the fifth server in a row.
pub const RESCUE_DELAY: Millis = 16_000;

/// How long a server must have run for the respawn delay to begin anew, and to be a good one, ms.
pub const MIN_RUN_TIME: Millis = 60_000;

/// How many times a server's new file exits within [`MIN_RUN_TIME`] before the previous file is put back.
///
/// The respawn delays of a server that exits at once are 1, 2 and 4 s up to then.
pub const ROLL_BACK_EXITS: usize = 4;

/// How long a server must have run before PID 1 is replaced, ms: by then its child has reported which file it runs.
///
/// A child reports that first of all. If it is later, the server counts as the file that ran before.
pub const UPDATE_SETTLE: Millis = 250;

/// Time a server gets to exit for a soft restart before it is killed, ms: the specification's 5 s.
pub const RESTART_TIMEOUT: Millis = 5_000;

/// Time a server gets to exit after it refused a soft restart or closed the connection, ms.
///
/// zinit-server 0.3.9 closes the connection in two of five runs while it is still writing its state file, and
/// sometimes answers that its "supervisor dropped response channel"; a signal at once would interrupt that.
pub const RESTART_GRACE: Millis = 1_000;

/// Time between two SIGKILLs of a server that hangs in the kernel, ms.
pub const KILL_AGAIN: Millis = 30_000;

/// Time an RPC to the server may take, ms; half the server's time to exit where that is less.
///
/// zinit-server answers before it acts, so this is for a board that is swapping, not for stopping services.
pub const RPC_TIMEOUT: Millis = 5_000;

/// Default time the server gets to stop its services, s (`ZINIT_STOP_TIMEOUT`): the specification's.
pub const STOP_TIMEOUT_S: u32 = 30;

/// Longest stop timeout that is accepted, s: a day.
pub const STOP_TIMEOUT_MAX_S: u32 = 86_400;

/// Time all processes get to end after TERM, ms.
pub const TERM_GRACE: Millis = 5_000;

/// Time all processes get to end after KILL, ms: only one that hangs in the kernel needs it.
pub const KILL_GRACE: Millis = 5_000;

/// Interval at which orphans that have to end are looked for, ms.
pub const ORPHANS_CHECK: Millis = 50;

/// Time that ending orphans may take, ms: as for all processes, and a second for the helper itself.
pub const ORPHANS_TIMEOUT: Millis = TERM_GRACE + KILL_GRACE + 1_000;

/// Orphans that are remembered as signalled; further ones get the signal again at each look.
pub const ORPHANS: usize = 4_096;

/// Time a server gets to stop its services when the power is about to fail, ms.
///
/// A small UPS and most hypervisors count in minutes, some in half of one; the disks need the rest of it.
pub const POWER_FAILURE_TIMEOUT: Millis = 10_000;

/// Time that writing the disks' caches may take at the very most, ms.
///
/// Only a disk that makes progress gets it: 600 MiB at the 2 MiB/s of a poor card. What is left then is written by
/// the unmount, which may take as long again, and so may the sync behind it.
pub const SYNC_TIMEOUT: Millis = 300_000;

/// Time without any progress after which writing to the disks is given up, ms.
///
/// A card that erases blocks and a disk that moves a bad sector pause for several seconds, a dead one for ever. A
/// request counts when all of it is written: QEMU was seen to merge 57 MB, 28 s at 2 MiB/s.
pub const PROGRESS_TIMEOUT: Millis = 45_000;

/// Interval at which the progress is looked at, ms; the end of writing is noticed at once.
pub const PROGRESS_CHECK: Millis = 1_000;

/// Time that turning off swap may take, ms.
///
/// Hardly anything is left in it when all processes and tmpfs are gone. It is turned off only because a swap file
/// keeps its disk busy.
pub const SWAPOFF_TIMEOUT: Millis = 60_000;

/// Time that all unmounting may take, ms; it writes as well, see [`SYNC_TIMEOUT`].
pub const UNMOUNT_TIMEOUT: Millis = 300_000;

/// Time from `reboot(2)` to the end of the machine, ms: drivers stop their devices in it.
pub const REBOOT_TIMEOUT: Millis = 30_000;

/// Time that the sync of `zinit-pid1 reboot -f` may take, ms: a person waits for it.
pub const FORCED_SYNC_TIMEOUT: Millis = 30_000;

/// Interval of the log lines in the dead end, ms.
pub const DEAD_END_REMINDER: Millis = 60_000;

/// How many Ctrl-Alt-Del within [`CTRL_ALT_DEL_WINDOW`] end the phase at hand: nobody does that by mistake.
pub const CTRL_ALT_DELS: usize = 7;

/// The window in which Ctrl-Alt-Dels count, ms.
pub const CTRL_ALT_DEL_WINDOW: Millis = 2_000;

/// Actions that one event can cause.
///
/// `tests/policy/reachable.rs` shows that no event fills the list. In a full one the newest action is dropped; a
/// phase that loses its action still ends at its deadline.
pub const MAX_ACTIONS: usize = 8;

/// A fault is survived if the last one was this long ago or longer, in units of 1,024 ms: a minute, however both are
/// rounded.
pub const FAULT_INTERVAL: u32 = 60;

/// Bytes of one log line with its prefix and newline; a longer one is cut and ends in `...`.
///
/// Below `PIPE_BUF`, so that lines of several writers do not mix, pipe(7).
pub const LOG_LINE: usize = 512;

/// Bytes of the kernel command line that are read; a word that is cut by the end is dropped.
///
/// `COMMAND_LINE_SIZE` of x86 and arm64. A larger buffer would take a page of stack for as long as PID 1 lives.
pub const KERNEL_COMMAND_LINE: usize = 2_048;

/// Bytes of the server's reply that are read before it counts as garbage.
pub const REPLY: usize = 4_096;

/// Bytes of a path with its NUL, `PATH_MAX` of limits.h: no system call takes a longer one.
pub const PATH: usize = 4_096;

/// Bytes of the buffer through which a file of `/proc` is read backwards, on the stack of a child.
///
/// Enough for a root, a mount point and a source of [`PATH`] bytes, each byte escaped by four, and a page of options. A
/// longer line has a mount point that no system call can name: it is logged in pieces and skipped.
pub const PROC_BUFFER: usize = 65_536;

/// Children that are reaped between two looks at the signals and the clock.
///
/// Without a bound TERM would wait for as long as a storm of orphans lasts.
pub const REAP_BUDGET: u8 = 64;
