//! What is logged: the messages with their levels and texts, and the values of one line.

use crate::model::limits::{KILL_GRACE, TERM_GRACE};
use crate::model::process::{Errno, Exit, Pid, Signal};
use crate::model::task::Task;
use crate::model::{table, template};

/// The severity of a line, most severe first, in the order of the words in `ZINIT_LOG_LEVEL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something is lost or does not work.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What an operator wants to read later.
    Info,
    /// Every orphan.
    Debug,
    /// Same as `Debug` for PID 1; only the server makes a difference.
    Trace,
}

impl Level {
    /// The digit in front of a line for the kernel's log, syslog(2).
    #[must_use]
    pub const fn digit(self) -> u8 {
        match self {
            Self::Error => b'3',
            Self::Warn => b'4',
            Self::Info => b'6',
            Self::Debug | Self::Trace => b'7',
        }
    }
}

macro_rules! messages {
    ($($(#[$doc:meta])* $message:ident $level:ident $template:literal;)*) => {
        /// What is logged.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Message { $($(#[$doc])* $message,)* }

        impl Message {
            /// The severity of this message.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$message => Level::$level,)* }
            }

            /// True for a line that is to survive a reset: the first and the last of a life, and what went wrong.
            #[must_use]
            pub fn is_breadcrumb(self) -> bool {
                self.level() <= Level::Warn || matches!(self, Self::BootMachine | Self::ShutdownBegun)
            }

            /// True if the line also names who has sent the last request.
            #[must_use]
            pub fn names_sender(self) -> bool {
                self >= Self::AlreadyEnding
            }

            /// The text of the line, with a byte of [`template`] for each of its values.
            #[must_use]
            pub fn template(self) -> &'static [u8] {
                #[allow(clippy::as_conversions)] // the variant's number is the index of its template
                table::nth(&PACKED, self as usize)
            }
        }

        /// The texts of all lines, with placeholders for their values.
        pub const TEMPLATES: &str = concat!($($template, "\n",)*);
    };
}

// Placeholders: `%pid`, `%exit` (how a process ended), `%errno`, `%ms` (a time with its unit), `%number`, `%signal`,
// `%task`, `%text` (bytes from outside).
messages! {
    /// PID 1 of a container.
    BootContainer Info "version %text, PID 1 of a container";
    /// Not PID 1.
    BootSubreaper Warn "version %text, not PID 1: it only runs the server";
    /// PID 1 of a machine.
    BootMachine Info "version %text, PID 1 of this machine";
    /// A server was forked.
    ServerStarted Info "server %pid started";
    /// argv or the environment says container, the kernel says machine.
    ContainerDenied Warn "asked to be in a container, but the kernel says machine";
    /// Every way to end this machine failed: PID 1 continues as a reaper.
    DeadEnd Error "nothing ends this machine, reaping for ever";
    /// PID 1 got SIGSEGV or another fault signal; `%number` is the signal.
    Fault Error "fault, signal %number";
    /// The deadline of a step that ends by a signal passed long before PID 1 could see that.
    FoundLate Info "deadline found %ms late, put off once";
    /// Too many servers in a row could not be executed, or failed otherwise: the container exits.
    GivenUp Error "too many servers in a row, giving up";
    /// The server's program cannot be executed.
    ExecFailed Error "cannot execute %text: %errno";
    /// The server's program needs an interpreter that does not exist.
    ExecNoInterpreter Error "cannot execute %text: no interpreter, %errno";
    /// Processes are left after KILL.
    LeftAfterKill Error "processes left after KILL, going on";
    /// Processes are left after TERM.
    LeftAfterTerm Warn "processes left after TERM, sending KILL";
    /// The kernel does not lock PID 1's memory, or a part of it.
    MemoryNotLocked Debug "cannot lock memory: %errno";
    /// A mount failed.
    MountFailed Error "cannot mount %text: %errno, going on without";
    /// The updater found no update that may be used, and has logged why.
    NoUpdate Info "no update: %exit";
    /// An orphan or a helper of an earlier phase was reaped.
    OrphanReaped Debug "orphan %pid %exit";
    /// The child that ends orphans failed in a way that it could not log itself.
    OrphansFailed Error "end of orphans %exit, going on";
    /// The child that ends orphans did not exit in time.
    OrphansTimedOut Error "end of orphans is not done in time, going on";
    /// Seven Ctrl-Alt-Del.
    CtrlAltDelBurst Warn "Ctrl-Alt-Del in a burst, this stage ends now";
    /// A file of `/proc` cannot be read.
    ReadFailed Error "cannot read %text: %errno";
    /// A mount that stays may still be written to.
    ReadOnlyFailed Error "cannot make %text read-only: %errno";
    /// The server's reply is not valid.
    ReplyGarbage Warn "reply is garbage: %text";
    /// The server closed the connection before the end of its reply; it may be exiting.
    ReplyPart Warn "connection closed within the reply: %text";
    /// The reply is an error.
    ReplyRefused Warn "server refuses: %text";
    /// The server's reply does not end within the buffer.
    ReplyTooLong Warn "reply is too long: %text";
    /// The RPC client could not connect to the server, or could not send the request.
    Unreachable Warn "server at %text: %errno";
    /// Another process than the server listens on its socket: `%number`.
    Stranger Warn "%text belongs to process %number, not to server %pid";
    /// The server refused a request or did not get it, and gets a signal instead.
    RequestFailed Warn "request failed, sending %signal";
    /// The server did not answer in time, and gets a signal instead.
    RequestTimedOut Warn "no answer in time, sending %signal";
    /// The server refused a soft restart, closed the connection or sent garbage: it may be exiting.
    RequestUnanswered Warn "server %pid may be exiting, it gets %ms";
    /// Not PID 1, and there is a server already: `%text` says where.
    /// The server exited as requested.
    ServerEnded Info "server %pid %exit";
    /// The server did not exit in time and is killed.
    ServerKilled Error "server %pid does not end, sending KILL";
    /// There is no server at any of the default paths.
    ServerMissing Error "no zinit-server in /sbin /usr/sbin /usr/bin /usr/local/bin";
    /// The server exited, and the next one is started after a delay.
    ServerRespawn Warn "server %pid %exit, respawn in %ms";
    /// An update had a fault, and this is the program before it.
    PutBack Error "the update had a fault, signal %number: it is undone";
    /// This PID 1 was re-executed and continues with the same server.
    ServerAdopted Info "the server goes on";
    /// A setting is not valid, and is ignored.
    SettingUnknown Warn "%text: not understood, ignored";
    /// A helper could not be forked; the next line says what follows.
    NoHelper Error "cannot fork: %errno";
    /// The helper of a soft restart failed before the server ended.
    RestarterFailed Warn "restart helper %exit, going on without";
    /// The services could not be saved in time.
    SaveTimedOut Error "services are not saved in time, going on";
    /// A signal that is no request came for the first time.
    SignalIgnored Info "signal %number means nothing here, SIGTERM ends this";
    /// How long the stages of a container's stop may take: `TERM_GRACE` and `KILL_GRACE` are in the text.
    StopTimes Debug "the server has %ms, TERM and KILL 5 s each";
    /// The first word of argv that means nothing.
    WordIgnored Warn "%text means nothing here, see docker exec and ZINIT_...";
    /// The process cannot adopt orphans.
    SubreaperFailed Warn "cannot adopt orphans: %errno";
    /// A swap cannot be turned off.
    SwapoffFailed Error "cannot turn off swap on %text: %errno";
    /// Writing to the disks makes no progress; `%number` is what is left to write, kB.
    SyncStuck Error "sync makes no progress, %number kB not written";
    /// A task failed in a way that its child could not log.
    TaskFailed Error "%task %exit, going on";
    /// A system call to end the machine returned without an error, and had no effect.
    TaskNoEffect Error "%task had no effect";
    /// The kernel refused a system call to end the machine.
    TaskRefused Error "%task refused, %errno";
    /// A task did not finish in time.
    TaskTimedOut Error "%task is not done in time, going on";
    /// A file system is still mounted at the end.
    UnmountFailed Error "cannot unmount %text: %errno";
    /// The rescue program was started.
    RescueStarted Warn "rescue %pid started on the console";
    /// The helper that watches services ended without having saved them.
    WatcherEnded Warn "watcher %exit, services end with their server";
    /// The watchdog cannot be used.
    WatchdogFailed Error "cannot use /dev/watchdog: %errno";
    /// The watchdog is enabled.
    WatchdogArmed Info "/dev/watchdog is armed, %number s";
    /// A server could not be forked.
    SpawnFailed Error "cannot fork a server: %errno, next try in %ms";
    /// No child can be forked to sync.
    SyncWithoutChild Error "cannot fork for 10 s, syncing without a deadline";
    /// The early mounts are left to another program.
    NotMounted Info "ZINIT_MOUNT=no, nothing is mounted";

    // From here on the line also names who has sent the request.

    /// A further request during a shutdown.
    AlreadyEnding Info "the end is under way already";
    /// A soft restart while a server is started or replaced already.
    RestartNotNeeded Info "a server is started already (halt of BusyBox?)";
    /// An update was asked for.
    UpdateBegun Info "update begins";
    /// The shutdown of the machine has begun.
    ShutdownBegun Info "%task begins";
    /// A soft restart while there is no server: the delay is cut short.
    RespawnNow Info "no server runs (halt of BusyBox?), starting one";
    /// A soft restart has begun.
    RestartBegun Info "soft restart of server %pid begins";
    /// The shutdown of a container, or of a process that is not PID 1, has begun.
    StopBegun Info "stop begins";
}

const _: () = assert!(TERM_GRACE == 5_000 && KILL_GRACE == 5_000, "see the text of StopTimes");

static PACKED: [u8; template::packed_length(TEMPLATES.as_bytes())] = template::pack(TEMPLATES.as_bytes()).0;

/// A message with its values; those that its template does not use keep their values from [`Record::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The message.
    pub message: Message,
    /// `%pid`
    pub pid: Option<Pid>,
    /// `%exit`
    pub exit: Exit,
    /// `%errno`
    pub errno: Errno,
    /// `%ms` or `%number`
    pub number: u32,
    /// `%signal`
    pub signal: Signal,
    /// `%task`
    pub task: Task,
}

impl Record {
    /// A message without values.
    #[must_use]
    pub const fn new(message: Message) -> Self {
        Self {
            message,
            pid: None,
            exit: Exit::Exited(0),
            errno: Errno::NONE,
            number: 0,
            signal: Signal(0),
            task: Task::Terminate,
        }
    }

    /// Sets how a process ended.
    #[must_use]
    pub const fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Sets the error.
    #[must_use]
    pub const fn errno(self, errno: Errno) -> Self {
        Self { errno, ..self }
    }

    /// Sets a time in ms, or another number.
    #[must_use]
    pub const fn number(self, number: u32) -> Self {
        Self { number, ..self }
    }

    /// Sets the process.
    #[must_use]
    pub const fn pid(self, pid: Pid) -> Self {
        Self { pid: Some(pid), ..self }
    }

    /// Sets the signal.
    #[must_use]
    pub const fn signal(self, signal: Signal) -> Self {
        Self { signal, ..self }
    }

    /// Sets the task.
    #[must_use]
    pub const fn task(self, task: Task) -> Self {
        Self { task, ..self }
    }
}
