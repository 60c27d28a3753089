//! Every capacity and every timeout, with its unit and its reason.

use crate::model::time::Millis;

/// First delay before a server that ended is started again, ms: the specification's second.
pub const RESPAWN_DELAY: Millis = 1_000;

/// Longest such delay, ms: it doubles up to here while the server keeps ending.
///
/// Long enough to cost nothing, short enough that a mended board comes up while one watches.
pub const RESPAWN_DELAY_MAX: Millis = 30_000;

/// How many servers in a row cannot be executed before a container ends.
///
/// Its engine sees the status then, and restarts it or not; 15 s are over.
pub const EXEC_ATTEMPTS: u8 = 5;

/// The delay from which on the rescue program is started too, ms: that of the fifth server in a row.
pub const RESCUE_DELAY: Millis = 16_000;

/// How long a server must have run for its end to count as a first one again, ms.
pub const MIN_RUN_TIME: Millis = 60_000;

/// How many ends within [`MIN_RUN_TIME`] a server's new file has before the one before it is put back: more than three.
///
/// The delays of a server that ends at once are 1, 2 and 4 s up to then.
pub const ROLL_BACK_EXITS: usize = 4;

/// Time that a server has to run before PID 1 is replaced, ms: until then it is still to say what it runs.
///
/// A child does so first of all. One that is later than that is taken for what ran before.
pub const UPDATE_SETTLE: Millis = 250;

/// Time a server gets to exit for a soft restart before it is killed, ms: the specification's 5 s.
pub const RESTART_TIMEOUT: Millis = 5_000;

/// Time a server gets to exit after it refused a soft restart or hung up without a word, ms.
///
/// zinit-server 0.3.9 hangs up in two of five runs while it is still writing its state file, and sometimes says
/// that its "supervisor dropped response channel"; a signal at once would cut that short.
pub const RESTART_GRACE: Millis = 1_000;

/// Time between two KILLs of a server that does not die, ms: it hangs in the kernel.
pub const KILL_AGAIN: Millis = 30_000;

/// Time a request to the server may take, ms; half the stop timeout where that is less.
///
/// zinit-server answers before it acts, so this is for a board that is swapping, not for the stop.
pub const RPC_TIMEOUT: Millis = 5_000;

/// Default time the server gets to stop its services, s (`ZINIT_STOP_TIMEOUT`): the specification's.
pub const STOP_TIMEOUT_S: u32 = 30;

/// Longest stop timeout that is accepted, s: a day.
pub const STOP_TIMEOUT_MAX_S: u32 = 86_400;

/// Time all processes get to end after TERM, ms.
pub const TERM_GRACE: Millis = 5_000;

/// Time all processes get to vanish after KILL, ms: only one that hangs in the kernel needs it.
pub const KILL_GRACE: Millis = 5_000;

/// Time between two looks at the orphans of a server that are to end, ms.
pub const ORPHANS_CHECK: Millis = 50;

/// Time that ending them may take, ms: as for all processes, and a second for who does it.
pub const ORPHANS_TIMEOUT: Millis = TERM_GRACE + KILL_GRACE + 1_000;

/// Orphans that are remembered, and so are told only once to end.
pub const ORPHANS: usize = 4_096;

/// Time a server gets to stop its services once the power is about to fail, ms.
///
/// A small UPS and most hypervisors count in minutes, some in half of one; the disks need the rest of it.
pub const POWER_FAILURE_TIMEOUT: Millis = 10_000;

/// Time that writing the disks' caches may take at the very most, ms.
///
/// A disk that goes on writing gets it: 600 MiB at the 2 MiB/s of a poor card. What is left then is written by
/// the unmount, which has as much again, and so has the sync behind it.
pub const SYNC_TIMEOUT: Millis = 300_000;

/// Time without any progress after which writing to the disks is given up, ms.
///
/// A card that cleans up and a disk that moves a bad sector are silent for several seconds; a dead one for
/// ever. A request counts when all of it is written: QEMU was seen to merge 57 MB, 28 s at 2 MiB/s.
pub const PROGRESS_TIMEOUT: Millis = 45_000;

/// Time between two looks at the progress, ms: writing that is done is noticed at once.
pub const PROGRESS_CHECK: Millis = 1_000;

/// Time that bringing back swapped memory may take, ms.
///
/// Hardly anything is left when all processes and tmpfs are gone, and nothing of it is worth keeping: it is
/// done only because a swap file keeps its disk busy.
pub const SWAPOFF_TIMEOUT: Millis = 60_000;

/// Time that all unmounting may take, ms; see [`SYNC_TIMEOUT`], as it writes as well.
pub const UNMOUNT_TIMEOUT: Millis = 300_000;

/// Time that the kernel gets from `reboot(2)` to the end, ms: drivers stop their devices in it.
pub const REBOOT_TIMEOUT: Millis = 30_000;

/// Time that writing the disks' caches gets where a person ends the machine by `-f`, ms: one who does that waits.
pub const FORCED_SYNC_TIMEOUT: Millis = 30_000;

/// Time between two lines of a PID 1 that could not end its machine, ms.
pub const DEAD_END_REMINDER: Millis = 60_000;

/// Most events that a [`RateWindow`](crate::model::rate::RateWindow) counts.
pub const RATE_EVENTS: usize = CTRL_ALT_DELS;

/// How many Ctrl-Alt-Del within [`CTRL_ALT_DEL_WINDOW`] end the phase at hand: nobody does that by mistake.
pub const CTRL_ALT_DELS: usize = 7;

/// The window in which Ctrl-Alt-Dels count, ms.
pub const CTRL_ALT_DEL_WINDOW: Millis = 2_000;

/// Actions that one event can cause.
///
/// `tests/reachable.rs` shows that no event fills it; were it full, the newest action would be
/// dropped, and every stage that lost its action would still end at its deadline.
pub const MAX_ACTIONS: usize = 8;

/// A fault within this time of the last one is not survived, in units of 1,024 ms: a minute, however both are rounded.
pub const FAULT_INTERVAL: u32 = 60;

/// Bytes of one log line with its prefix; what is longer is cut and ends in `...`.
///
/// Below `PIPE_BUF`, so that lines of several writers never mix (pipe(7)).
pub const LOG_LINE: usize = 512;

/// Bytes of the kernel command line that are read; a word that is cut by the end is dropped.
///
/// `COMMAND_LINE_SIZE` of x86 and arm64. A larger buffer would cost a page for as long as PID 1 lives.
pub const KERNEL_COMMAND_LINE: usize = 2_048;

/// Bytes of the server's reply that are read before it counts as garbage.
pub const REPLY: usize = 4_096;

/// Bytes of a path with its NUL, `PATH_MAX` of limits.h: no system call takes a longer one.
pub const PATH: usize = 4_096;

/// Bytes of a file in `/proc` that are held at a time while it is read backwards, on the stack of a child.
///
/// Enough for a root, a mount point and a source of [`PATH`] bytes, each of them escaped by four, and a page of
/// options. A longer line is of a mount point that no call can reach: it is named in pieces and passed.
pub const PROC_BUFFER: usize = 65_536;

/// Children that are reaped between two looks at the signals and the clock.
///
/// Without a bound a storm of orphans would keep TERM waiting for as long as it lasts.
pub const REAP_BUDGET: u8 = 64;
