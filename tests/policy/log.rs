//! Log lines: the text of every message, every value in them, and lines that are too long.

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::event::Ending;
use zinit_pid1::model::limits::LOG_LINE;
use zinit_pid1::model::message::{Level, Message, Record, TEMPLATES};
use zinit_pid1::model::process::{Errno, Exit, Pid, Signal};
use zinit_pid1::model::task::Task;
use zinit_pid1::model::template::{PHRASE, PHRASES, pack, packed_length};
use zinit_pid1::text::line::compose;

fn composed(record: &Record, text: &[u8], kmsg: bool) -> Buffer {
    let mut line = Buffer::default();
    compose(&mut line, record, text, kmsg);
    line
}

fn line(record: Record, text: &[u8]) -> String {
    let line = composed(&record, text, false);
    let line = str::from_utf8(line.as_bytes()).expect("a line is ASCII");
    let line = line.strip_prefix("zinit-pid1: ").expect("a line says whose it is");
    line.strip_suffix('\n').expect("a line ends").to_owned()
}

/// A record with a value of every kind.
fn record(message: Message) -> Record {
    let record = Record::new(message).pid(Pid::new(42).expect("a child's")).exit(Exit::Exited(1));
    record.task(Task::Halt).errno(Errno(2)).signal(Signal::USR1).number(2_500)
}

/// The messages in their order, so that none can be left out.
const MESSAGES: [(Message, Level, &str); 66] = [
    (Message::BootContainer, Level::Info, "version TEXT, PID 1 of a container"),
    (Message::BootSubreaper, Level::Warn, "version TEXT, not PID 1: it only runs the server"),
    (Message::BootMachine, Level::Info, "version TEXT, PID 1 of this machine"),
    (Message::ServerStarted, Level::Info, "server 42 started"),
    (Message::ContainerDenied, Level::Warn, "asked to be in a container, but the kernel says machine"),
    (Message::DeadEnd, Level::Error, "nothing ends this machine, reaping for ever"),
    (Message::Fault, Level::Error, "fault, signal 2500"),
    (Message::FoundLate, Level::Info, "deadline found 2500 ms late, put off once"),
    (Message::GivenUp, Level::Error, "too many servers in a row, giving up"),
    (Message::ExecFailed, Level::Error, "cannot execute TEXT: ENOENT (no such file or directory)"),
    (
        Message::ExecNoInterpreter,
        Level::Error,
        "cannot execute TEXT: no interpreter, ENOENT (no such file or directory)",
    ),
    (Message::LeftAfterKill, Level::Error, "processes left after KILL, going on"),
    (Message::LeftAfterTerm, Level::Warn, "processes left after TERM, sending KILL"),
    (Message::MemoryNotLocked, Level::Debug, "cannot lock memory: ENOENT (no such file or directory)"),
    (
        Message::MountFailed,
        Level::Error,
        "cannot mount TEXT: ENOENT (no such file or directory), going on without",
    ),
    (Message::NoUpdate, Level::Info, "no update: exited 1"),
    (Message::OrphanReaped, Level::Debug, "orphan 42 exited 1"),
    (Message::OrphansFailed, Level::Error, "end of orphans exited 1, going on"),
    (Message::OrphansTimedOut, Level::Error, "end of orphans is not done in time, going on"),
    (Message::CtrlAltDelBurst, Level::Warn, "Ctrl-Alt-Del in a burst, this stage ends now"),
    (Message::ReadFailed, Level::Error, "cannot read TEXT: ENOENT (no such file or directory)"),
    (Message::ReadOnlyFailed, Level::Error, "cannot make TEXT read-only: ENOENT (no such file or directory)"),
    (Message::ReplyGarbage, Level::Warn, "reply is garbage: TEXT"),
    (Message::ReplyPart, Level::Warn, "connection closed within the reply: TEXT"),
    (Message::ReplyRefused, Level::Warn, "server refuses: TEXT"),
    (Message::ReplyTooLong, Level::Warn, "reply is too long: TEXT"),
    (Message::Unreachable, Level::Warn, "server at TEXT: ENOENT (no such file or directory)"),
    (Message::Stranger, Level::Warn, "TEXT belongs to process 2500, not to server 42"),
    (Message::RequestFailed, Level::Warn, "request failed, sending SIGUSR1"),
    (Message::RequestTimedOut, Level::Warn, "no answer in time, sending SIGUSR1"),
    (Message::RequestUnanswered, Level::Warn, "server 42 may be exiting, it gets 2500 ms"),
    (Message::ServerEnded, Level::Info, "server 42 exited 1"),
    (Message::ServerKilled, Level::Error, "server 42 does not end, sending KILL"),
    (Message::ServerMissing, Level::Error, "no zinit-server in /sbin /usr/sbin /usr/bin /usr/local/bin"),
    (Message::ServerRespawn, Level::Warn, "server 42 exited 1, respawn in 2500 ms"),
    (Message::PutBack, Level::Error, "the update had a fault, signal 2500: it is undone"),
    (Message::ServerAdopted, Level::Info, "the server goes on"),
    (Message::SettingUnknown, Level::Warn, "TEXT: not understood, ignored"),
    (Message::NoHelper, Level::Error, "cannot fork: ENOENT (no such file or directory)"),
    (Message::RestarterFailed, Level::Warn, "restart helper exited 1, going on without"),
    (Message::SaveTimedOut, Level::Error, "services are not saved in time, going on"),
    (Message::SignalIgnored, Level::Info, "signal 2500 means nothing here, SIGTERM ends this"),
    (Message::StopTimes, Level::Debug, "the server has 2500 ms, TERM and KILL 5 s each"),
    (Message::WordIgnored, Level::Warn, "TEXT means nothing here, see docker exec and ZINIT_..."),
    (Message::SubreaperFailed, Level::Warn, "cannot adopt orphans: ENOENT (no such file or directory)"),
    (
        Message::SwapoffFailed,
        Level::Error,
        "cannot turn off swap on TEXT: ENOENT (no such file or directory)",
    ),
    (Message::SyncStuck, Level::Error, "sync makes no progress, 2500 kB not written"),
    (Message::TaskFailed, Level::Error, "halt exited 1, going on"),
    (Message::TaskNoEffect, Level::Error, "halt had no effect"),
    (Message::TaskRefused, Level::Error, "halt refused, ENOENT (no such file or directory)"),
    (Message::TaskTimedOut, Level::Error, "halt is not done in time, going on"),
    (Message::UnmountFailed, Level::Error, "cannot unmount TEXT: ENOENT (no such file or directory)"),
    (Message::RescueStarted, Level::Warn, "rescue 42 started on the console"),
    (Message::WatcherEnded, Level::Warn, "watcher exited 1, services end with their server"),
    (Message::WatchdogFailed, Level::Error, "cannot use /dev/watchdog: ENOENT (no such file or directory)"),
    (Message::WatchdogArmed, Level::Info, "/dev/watchdog is armed, 2500 s"),
    (
        Message::SpawnFailed,
        Level::Error,
        "cannot fork a server: ENOENT (no such file or directory), next try in 2500 ms",
    ),
    (Message::SyncWithoutChild, Level::Error, "cannot fork for 10 s, syncing without a deadline"),
    (Message::NotMounted, Level::Info, "ZINIT_MOUNT=no, nothing is mounted"),
    (Message::AlreadyEnding, Level::Info, "the end is under way already, asked by 2500 (TEXT)"),
    (
        Message::RestartNotNeeded,
        Level::Info,
        "a server is started already (halt of BusyBox?), asked by 2500 (TEXT)",
    ),
    (Message::UpdateBegun, Level::Info, "update begins, asked by 2500 (TEXT)"),
    (Message::ShutdownBegun, Level::Info, "halt begins, asked by 2500 (TEXT)"),
    (
        Message::RespawnNow,
        Level::Info,
        "no server runs (halt of BusyBox?), starting one, asked by 2500 (TEXT)",
    ),
    (Message::RestartBegun, Level::Info, "soft restart of server 42 begins, asked by 2500 (TEXT)"),
    (Message::StopBegun, Level::Info, "stop begins, asked by 2500 (TEXT)"),
];

#[test]
fn every_message_has_its_text_and_its_level() {
    for (at, (message, level, words)) in MESSAGES.iter().enumerate() {
        assert_eq!(*message as usize, at, "{message:?}");
        assert_eq!(
            (record(*message).message.level(), line(record(*message), b"TEXT")),
            (*level, (*words).to_owned())
        );
    }
    assert_eq!(MESSAGES.last().map(|(message, ..)| *message), Some(Message::StopBegun), "the last of all");
}

#[test]
fn a_line_for_the_kernel_has_its_level_in_front() {
    let digits = [
        (Message::DeadEnd, 3),
        (Message::LeftAfterTerm, 4),
        (Message::NoUpdate, 6),
        (Message::OrphanReaped, 7),
    ];
    for (message, digit) in digits {
        let line = composed(&record(message), b"", true);
        let plain = composed(&record(message), b"", false);
        assert_eq!(line.as_bytes(), [format!("<{digit}>").as_bytes(), plain.as_bytes()].concat());
    }
}

#[test]
fn values_are_printed_as_words_or_decimals() {
    let exits = [
        (Exit::Exited(0), "exited 0"),
        (Exit::Exited(10), "exited 10"),
        (Exit::Exited(255), "exited 255"),
        (Exit::Killed(Signal(9)), "killed by signal 9"),
        (Exit::Killed(Signal(64)), "killed by signal 64"),
        (Exit::NotExecuted(Errno(13)), "not executed, EACCES"),
        (Exit::NotExecuted(Errno(0)), "not executed, errno 0"),
    ];
    for (exit, words) in exits {
        assert_eq!(line(record(Message::ServerEnded).exit(exit), b""), format!("server 42 {words}"));
    }
    for span in [0, 9, 10, 100, 30_000, 86_400_000, u32::MAX] {
        let expected = format!("server 42 may be exiting, it gets {span} ms");
        assert_eq!(line(record(Message::RequestUnanswered).number(span), b""), expected);
    }
    for pid in [2, 32_768, i32::MAX] {
        let record = Record::new(Message::ServerStarted).pid(Pid::new(pid).expect("a child's"));
        assert_eq!(line(record, b""), format!("server {pid} started"));
    }
    let endings = [Ending::Halt, Ending::Kexec, Ending::Poweroff, Ending::Reboot];
    let words = endings.map(|ending| line(Record::new(Message::ShutdownBegun).task(Task::of(ending)), b""));
    let begins = |word| format!("{word} begins, asked by 0 ()");
    assert_eq!(words, ["halt", "kexec", "power off", "reboot"].map(begins));
    let tasks = [
        Task::Sync,
        Task::Swapoff,
        Task::Unmount,
        Task::EmergencyRemount,
        Task::SyncAgain,
        Task::SysRqReboot,
    ];
    let words = tasks.map(|task| line(Record::new(Message::TaskNoEffect).task(task), b""));
    let expected = ["sync", "swapoff", "unmount", "remount", "sync", "SysRq"];
    assert_eq!(words, expected.map(|word| format!("{word} had no effect")));
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::USR1, "SIGUSR1"), (Signal::KILL, "SIGKILL")] {
        assert_eq!(
            line(record(Message::RequestFailed).signal(signal), b""),
            format!("request failed, sending {name}")
        );
    }
}

/// The numbers are those of errno(3), asm-generic; a wrong one would mislead a reader of the log.
const ERRNOS: [(i32, &str); 25] = [
    (libc::EPERM, "EPERM"),
    (libc::ENOENT, "ENOENT (no such file or directory)"),
    (libc::EIO, "EIO"),
    (libc::ENXIO, "ENXIO"),
    (libc::ENOEXEC, "ENOEXEC (not a program for this machine)"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::EACCES, "EACCES"),
    (libc::EBUSY, "EBUSY"),
    (libc::ENODEV, "ENODEV (no such device or file system)"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::EINVAL, "EINVAL"),
    (libc::ENFILE, "ENFILE"),
    (libc::EMFILE, "EMFILE"),
    (libc::ETXTBSY, "ETXTBSY"),
    (libc::ENOSPC, "ENOSPC"),
    (libc::EROFS, "EROFS"),
    (libc::EPIPE, "EPIPE"),
    (libc::ENAMETOOLONG, "ENAMETOOLONG"),
    (libc::ENOSYS, "ENOSYS (not in this kernel)"),
    (libc::ELOOP, "ELOOP"),
    (libc::ELIBBAD, "ELIBBAD"),
    (libc::ECONNRESET, "ECONNRESET"),
    (libc::ETIMEDOUT, "ETIMEDOUT"),
    (libc::ECONNREFUSED, "ECONNREFUSED"),
];

#[test]
fn every_error_is_printed_as_text_or_as_a_number() {
    for errno in 0..=255 {
        let known = ERRNOS.iter().find(|(number, _)| *number == i32::from(errno));
        let words = known.map_or_else(|| format!("errno {errno}"), |(_, words)| (*words).to_owned());
        let record = Record::new(Message::SubreaperFailed).errno(Errno(errno));
        assert_eq!(line(record, b""), format!("cannot adopt orphans: {words}"));
    }
}

#[test]
fn external_text_can_neither_break_a_line_nor_control_a_terminal() {
    for byte in 0..=255_u8 {
        let kept = if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '?' };
        let expected = format!("server refuses: a{kept}b");
        assert_eq!(line(Record::new(Message::ReplyRefused), &[b'a', byte, b'b']), expected, "{byte}");
    }
    // The placeholder marks of the templates are ordinary text there.
    let marks = "#%!@$&~ <0>";
    assert_eq!(line(record(Message::ReplyRefused), marks.as_bytes()), format!("server refuses: {marks}"));
    let forged = line(Record::new(Message::ReplyRefused), b"x\nzinit-pid1: server 7 started");
    assert_eq!(forged, "server refuses: x?zinit-pid1: server 7 started");
}

#[test]
fn each_phrase_of_the_templates_takes_less_space_than_it_saves() {
    let all = packed_length(TEMPLATES.as_bytes());
    let packed = pack::<4_096>(TEMPLATES.as_bytes()).0;
    for (byte, phrase) in
        (PHRASE..).zip(PHRASES.strip_suffix(b"\n").expect("lines").split(|byte| *byte == b'\n'))
    {
        let count = packed[..all].iter().filter(|packed| **packed == byte).count();
        let saved = count * (phrase.len() - 1);
        // Its line has a newline.
        assert!(saved > phrase.len() + 1, "{:?}: {count} times", str::from_utf8(phrase));
    }
}

#[test]
fn a_line_that_is_too_long_ends_in_dots() {
    for (kernel, prefix) in
        [(false, "zinit-pid1: server refuses: "), (true, "<4>zinit-pid1: server refuses: ")]
    {
        // The length that fits with the newline and one spare byte; a full line counts as cut.
        let longest = LOG_LINE - prefix.len() - 1;
        for length in 0..LOG_LINE * 2 {
            let text = "x".repeat(length);
            let line = composed(&Record::new(Message::ReplyRefused), text.as_bytes(), kernel);
            let expected = if length <= longest {
                format!("{prefix}{text}\n")
            } else {
                format!("{prefix}{}...\n", &text[..longest - 3])
            };
            assert_eq!(str::from_utf8(line.as_bytes()), Ok(expected.as_str()), "{length}");
            assert!(line.as_bytes().len() <= LOG_LINE);
        }
    }
}

#[test]
fn words_after_a_long_text_are_cut_off_too() {
    let long = vec![b'\xff'; 128 << 10];
    for (message, ..) in MESSAGES {
        for kernel in [false, true] {
            let line = composed(&record(message), &long, kernel);
            let full = line.as_bytes().len() == LOG_LINE;
            assert!(!full || line.as_bytes().ends_with(b"?...\n"), "{message:?}");
            assert_eq!(full, line.as_bytes().contains(&b'?'), "{message:?}");
            assert_eq!(line.as_bytes().iter().filter(|byte| **byte == b'\n').count(), 1, "{message:?}");
        }
    }
}
