//! argv of a process that is not PID 1: every word at every position, with or without a meaning there.

use std::ffi::{CStr, CString};

use zinit_pid1::model::event::{Ending, Request};
use zinit_pid1::model::process::Signal;
use zinit_pid1::parse::cli::{CliMode, cli_mode, is_container_hint};
use zinit_pid1::signals;
use zinit_pid1ctl::cli::Command::{self, Ask, Force, Help, Status, Supervise, Unknown, Version};
use zinit_pid1ctl::cli::parse;

/// The command that a line of argv asks for; the line begins with the program's name.
fn of(line: &str) -> Command<'static> {
    let word =
        |word: &str| -> &'static CStr { Box::leak(CString::new(word).expect("no NUL").into_boxed_c_str()) };
    let words: Vec<&CStr> = line.split(' ').map(word).collect();
    parse(words[0], words[1..].iter().copied())
}

const HALT: Command<'_> = Ask(Signal::HALT);
const REBOOT: Command<'_> = Ask(Signal::REBOOT);
const POWEROFF: Command<'_> = Ask(Signal::POWEROFF);

#[test]
fn each_word_has_one_meaning() {
    let table = [
        ("zinit-pid1", Supervise),
        ("/sbin/zinit-pid1 -c", Supervise),
        ("zinit-pid1 --container -c", Supervise),
        ("zinit-pid1 -h", Help),
        ("zinit-pid1 --help", Help),
        ("zinit-pid1 -V", Version),
        ("zinit-pid1 -c --version", Version),
        ("zinit-pid1 -h nonsense", Help),
        ("zinit-pid1 halt", HALT),
        ("zinit-pid1 reboot", REBOOT),
        ("zinit-pid1 poweroff", POWEROFF),
        ("zinit-pid1 shutdown", POWEROFF),
        ("zinit-pid1 restart-server", Ask(Signal::USR1)),
        ("zinit-pid1 update", Ask(Signal::USR2)),
        ("zinit-pid1 status", Status),
        ("zinit-pid1 -c reboot", REBOOT),
        ("zinit-pid1 reboot -f", Force(Ending::Reboot)),
        ("zinit-pid1 poweroff --force", Force(Ending::Poweroff)),
        ("zinit-pid1 halt -p", POWEROFF),
        ("halt", HALT),
        ("/sbin/reboot", REBOOT),
        ("./poweroff", POWEROFF),
        ("reboot -f -f", Force(Ending::Reboot)),
        ("halt -f -p", Force(Ending::Poweroff)),
        ("reboot -h", Help),
        ("reboot --help", Help),
        ("poweroff --version", Version),
        ("shutdown", POWEROFF),
        ("shutdown now", POWEROFF),
        ("shutdown -h now", POWEROFF),
        ("shutdown -P +0", POWEROFF),
        ("shutdown -r now", REBOOT),
        ("shutdown -H", HALT),
        ("shutdown -r -f", Force(Ending::Reboot)),
        ("shutdown --help", Help),
        // A name that is not that of an ending is not a command, so that an accidental link does nothing.
        ("status", Supervise),
        ("update", Supervise),
        ("init", Supervise),
        ("", Supervise),
        ("/reboot/zinit-pid1", Supervise),
    ];
    for (line, expected) in table {
        assert_eq!(of(line), expected, "{line}");
    }
}

#[test]
fn an_unknown_word_does_nothing() {
    for line in [
        "zinit-pid1 nonsense -h",
        "zinit-pid1 -C",
        "zinit-pid1 --container=1",
        "zinit-pid1 Reboot",
        "zinit-pid1 -f",
        "zinit-pid1 now",
        "zinit-pid1 -r",
        "zinit-pid1 reboot poweroff",
        "zinit-pid1 reboot -r",
        "zinit-pid1 reboot now",
        "zinit-pid1 reboot -c",
        "zinit-pid1 status -f",
        "zinit-pid1 status reboot",
        "zinit-pid1 update -f",
        "zinit-pid1 restart-server -f",
        "zinit-pid1 restart-server -p",
        "reboot 5",
        "reboot reboot",
        "halt -H",
        "shutdown +5",
        "shutdown 12:00",
        "shutdown -c",
        "shutdown -r now soon",
    ] {
        assert!(matches!(of(line), Unknown(_)), "{line}: {:?}", of(line));
    }
    assert_eq!(of("reboot -f 5"), Unknown(c"5"));
    let strange = c"\xff\xfe";
    assert_eq!(parse(c"zinit-pid1", [strange].into_iter()), Unknown(strange));
}

#[test]
fn the_program_handles_only_its_own_words_itself() {
    for (line, expected) in [
        ("zinit-pid1", CliMode::Supervise),
        ("/sbin/init -c", CliMode::Supervise),
        ("zinit-pid1 --container -c", CliMode::Supervise),
        ("", CliMode::Supervise),
        ("status", CliMode::Supervise),
        ("zinit-pid1 --probe", CliMode::Version),
        ("zinit-pid1 -c -V", CliMode::Version),
        ("zinit-pid1 --version nonsense", CliMode::Version),
        ("zinit-pid1 -h", CliMode::Help),
        ("zinit-pid1 -c --help nonsense", CliMode::Help),
        ("zinit-pid1 --supervise", CliMode::Insist),
        ("init -c --supervise -c", CliMode::Insist),
        ("zinit-pid1 --supervise=1", CliMode::Tool),
        ("zinit-pid1 -supervise", CliMode::Tool),
        ("zinit-pid1 nonsense --supervise", CliMode::Tool),
        ("reboot --supervise", CliMode::Tool),
        ("zinit-pid1 nonsense -h", CliMode::Tool),
        ("zinit-pid1 --container=1", CliMode::Tool),
        ("zinit-pid1 reboot", CliMode::Tool),
        ("zinit-pid1 reboot --help", CliMode::Tool),
        ("zinit-pid1 status", CliMode::Tool),
        ("/sbin/reboot", CliMode::Tool),
        ("poweroff --version", CliMode::Tool),
        ("shutdown", CliMode::Tool),
        ("halt -c", CliMode::Tool),
    ] {
        let words: Vec<CString> = line.split(' ').map(|word| CString::new(word).expect("no NUL")).collect();
        let found = cli_mode(&words[0], words[1..].iter().map(CString::as_c_str));
        assert_eq!(found, expected, "{line}");
        // Words that it leaves to zinit-pid1ctl have a meaning there, other than supervising.
        assert_eq!(of(line) == Supervise, expected == CliMode::Supervise, "{line}");
    }
}

#[test]
fn each_command_sends_the_signal_of_its_request() {
    for (line, request) in [
        ("halt", Request::End(Ending::Halt)),
        ("reboot", Request::End(Ending::Reboot)),
        ("poweroff", Request::End(Ending::Poweroff)),
        ("zinit-pid1 restart-server", Request::RestartServer),
        ("zinit-pid1 update", Request::Update),
    ] {
        let Ask(signal) = of(line) else { panic!("{line} asks PID 1") };
        assert_eq!(signals::request(signal.0.into()), Some(request), "{line}");
    }
}

#[test]
fn only_two_words_of_argv_are_container_hints() {
    for word in [c"-c", c"--container"] {
        assert!(is_container_hint(word));
    }
    for word in [c"", c"-", c"--", c"c", c"-h", c"--help", c"-V", c"reboot", c"-cc", c"--container=1"] {
        assert!(!is_container_hint(word), "{word:?}");
    }
}
