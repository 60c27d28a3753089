//! argv of a process that is not PID 1: every word at every position, with or without a meaning there.

use std::ffi::{CStr, CString};

use zinit_pid1::model::event::{Ending, Request};
use zinit_pid1::model::limits::REBOOT_ARGUMENT;
use zinit_pid1::model::process::{Role, Signal};
use zinit_pid1::parse::cli::{CliMode, cli_mode, is_container_hint};
use zinit_pid1::signals;
use zinit_pid1ctl::cli::Command::{
    self, Ask, CheckUpdate, End, Force, Help, Refused, Status, StatusJson, Supervise, Version, WaitForUpdate,
    Warn,
};
use zinit_pid1ctl::cli::{Refusal, Text, parse, signal};

/// The words of a line, of which a part in quotes is one.
fn words(line: &str) -> Vec<&'static CStr> {
    let mut words = vec![];
    for (index, part) in line.split('"').enumerate() {
        let parts = if index % 2 == 1 { vec![part] } else { part.split_ascii_whitespace().collect() };
        words.extend(
            parts.into_iter().map(|word| &*Box::leak(CString::new(word).expect("no NUL").into_boxed_c_str())),
        );
    }
    words
}

/// The command that a line of argv asks for; the line begins with the program's name.
fn of(line: &str) -> Command<'static> {
    let words = words(line);
    parse(words.first().copied().unwrap_or_default(), words.into_iter().skip(1))
}

fn text(text: &str) -> Text {
    Text::from_slice(text.as_bytes()).expect("it fits")
}

const HALT: Command<'_> = End(Ending::Halt, Text::new());
const KEXEC: Command<'_> = End(Ending::Kexec, Text::new());
const POWEROFF: Command<'_> = End(Ending::Poweroff, Text::new());
const REBOOT: Command<'_> = End(Ending::Reboot, Text::new());

fn check<const N: usize>(table: [(&str, Command<'_>); N]) {
    for (line, expected) in table {
        assert_eq!(of(line), expected, "{line}");
    }
}

#[test]
fn each_word_has_one_meaning() {
    check([
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
        ("zinit-pid1 kexec", KEXEC),
        ("zinit-pid1 shutdown", POWEROFF),
        ("zinit-pid1 shutdown -r now", REBOOT),
        ("zinit-pid1 restart-server", Ask(Signal::USR1)),
        ("zinit-pid1 update", Ask(Signal::USR2)),
        ("zinit-pid1 update --check", CheckUpdate),
        ("zinit-pid1 -c update --check --help", Help),
        ("zinit-pid1 update --wait", WaitForUpdate),
        ("zinit-pid1 -c update --wait --help", Help),
        ("zinit-pid1 status", Status),
        ("zinit-pid1 status --json", StatusJson),
        ("zinit-pid1 status --json --help", Help),
        ("zinit-pid1 status --help", Help),
        ("zinit-pid1 update -V", Version),
        ("zinit-pid1 -c reboot", REBOOT),
        ("halt", HALT),
        ("/sbin/reboot", REBOOT),
        ("./poweroff", POWEROFF),
        ("/sbin/kexec", KEXEC),
        // A name that is not that of an ending is not a command, so that an accidental link does nothing.
        ("status", Supervise),
        ("update", Supervise),
        ("init", Supervise),
        ("telinit", Supervise),
        ("", Supervise),
        ("/reboot/zinit-pid1", Supervise),
    ]);
}

/// The options of halt(8) and reboot(8) of sysvinit, of the same of systemd, and of the applets of BusyBox.
#[test]
fn halt_poweroff_and_reboot_take_the_options_of_other_inits() {
    check([
        ("reboot now", REBOOT),
        ("reboot +0", REBOOT),
        ("poweroff now", POWEROFF),
        ("poweroff --no-wall", POWEROFF),
        ("halt -p", POWEROFF),
        ("poweroff -p", POWEROFF),
        // As with both of the others: the one who says it at a distance wants the machine back.
        ("reboot -p", REBOOT),
        ("halt --poweroff", POWEROFF),
        ("halt --reboot", REBOOT),
        ("poweroff --halt", HALT),
        ("poweroff --reboot", REBOOT),
        ("reboot -d -n -i", REBOOT),
        ("reboot -ndi", REBOOT),
        ("poweroff --no-wtmp --no-sync", POWEROFF),
        ("poweroff -q", POWEROFF),
        ("halt --quiet --verbose", HALT),
        ("poweroff -d 0", POWEROFF),
        ("poweroff -d0 -n", POWEROFF),
        ("kexec -e", KEXEC),
        ("kexec --exec", KEXEC),
        // Alone it asks for help; beside others it has been an option for the disks.
        ("reboot -h", Help),
        ("reboot -nh", REBOOT),
        ("halt -d -f -i -p -h", Force(Ending::Poweroff)),
        ("reboot --help", Help),
        ("poweroff --version", Version),
        ("zinit-pid1 reboot -f", Force(Ending::Reboot)),
        ("zinit-pid1 poweroff --force", Force(Ending::Poweroff)),
        ("reboot -f -f", Force(Ending::Reboot)),
        ("reboot -ff", Force(Ending::Reboot)),
        ("reboot -nf", Force(Ending::Reboot)),
        ("halt -f -p", Force(Ending::Poweroff)),
        ("halt -fp", Force(Ending::Poweroff)),
        ("reboot -f now", Force(Ending::Reboot)),
        ("kexec -f", Force(Ending::Kexec)),
    ]);
}

#[test]
fn a_reboot_takes_an_argument_for_the_kernel() {
    let reboot = |argument| End(Ending::Reboot, text(argument));
    check([
        ("reboot bootloader", reboot("bootloader")),
        ("zinit-pid1 reboot recovery", reboot("recovery")),
        ("reboot \"0 tryboot\"", reboot("0 tryboot")),
        ("reboot 0 tryboot", reboot("0 tryboot")),
        ("reboot 5", reboot("5")),
        ("reboot -d bootloader", reboot("bootloader")),
        ("reboot bootloader --no-wall", reboot("bootloader")),
        ("reboot -- -x", reboot("-x")),
        ("reboot \"\"", REBOOT),
    ]);
    let longest = "x".repeat(REBOOT_ARGUMENT - 1);
    assert_eq!(of(&format!("reboot {longest}")), reboot(&longest));
    let long = format!("{longest}x");
    for line in [format!("reboot {long}"), format!("reboot a {}", &long[1..])] {
        assert!(matches!(of(&line), Refused(Refusal::LongArgument, _)), "{line}");
    }
}

/// The options of shutdown(8) of sysvinit and of systemd.
#[test]
fn shutdown_takes_options_a_time_and_a_message() {
    check([
        ("shutdown", POWEROFF),
        ("shutdown now", POWEROFF),
        ("shutdown 0", POWEROFF),
        ("shutdown +0", POWEROFF),
        ("shutdown -h now", POWEROFF),
        ("shutdown -h", POWEROFF),
        ("shutdown -P +0", POWEROFF),
        ("shutdown -p now", POWEROFF),
        ("shutdown -r now", REBOOT),
        ("shutdown -H", HALT),
        ("shutdown -hP now", POWEROFF),
        ("shutdown -h -H now", HALT),
        ("shutdown -Hh now", HALT),
        ("shutdown -r -h now", POWEROFF),
        ("shutdown -h -r now", REBOOT),
        ("shutdown -K now", KEXEC),
        ("shutdown --poweroff now", POWEROFF),
        ("shutdown --reboot now", REBOOT),
        ("shutdown --halt now", HALT),
        ("shutdown --kexec", KEXEC),
        // Never by force, and none of these means anything here.
        ("shutdown -r -f now", REBOOT),
        ("shutdown -r -f", REBOOT),
        ("shutdown -rf now", REBOOT),
        ("shutdown -fr 0", REBOOT),
        ("shutdown --force now", POWEROFF),
        ("shutdown -f -F -a -q -Q -n -w -r now", REBOOT),
        ("shutdown -fFaqQnwr now", REBOOT),
        ("shutdown -t 5 -r now", REBOOT),
        ("shutdown -t5 -r now", REBOOT),
        ("shutdown -rt5 now", REBOOT),
        ("shutdown -rt 5 now", REBOOT),
        ("shutdown --no-wall -r now", REBOOT),
        ("shutdown --quiet -r now", REBOOT),
        ("shutdown -r now soon", REBOOT),
        ("shutdown -h now reboot -x --y 23:00 +5 poweroff", POWEROFF),
        ("shutdown -r now -", REBOOT),
        // Options count behind the time too, as getopt(3) has it; a message may follow a `--`.
        ("shutdown now -r", REBOOT),
        ("shutdown 0 message -r", REBOOT),
        ("shutdown now -f", POWEROFF),
        ("shutdown now -- -r", POWEROFF),
        ("shutdown -r -- now -h", REBOOT),
        ("shutdown --help", Help),
        ("shutdown -V", Version),
        ("shutdown -k now \"the disk is full\"", Warn(text("the disk is full"))),
        ("shutdown -k +5 back in an hour", Warn(text("back in an hour"))),
        ("shutdown -rk now", Warn(Text::new())),
    ]);
    // A longer message is cut.
    let long = "x".repeat(300);
    assert_eq!(of(&format!("shutdown -k now {long}")), Warn(text(&long[..REBOOT_ARGUMENT - 1])));
}

/// What programs execute, word for word.
#[test]
fn the_commands_of_agents_and_daemons_do_what_they_say() {
    check([
        // The guest agent of QEMU: powerdown, halt and reboot, and the forms of its older versions.
        ("/sbin/shutdown -h -P +0 \"hypervisor initiated shutdown\"", POWEROFF),
        ("/sbin/shutdown -h -H +0 \"hypervisor initiated shutdown\"", HALT),
        ("/sbin/shutdown -h -r +0 \"hypervisor initiated shutdown\"", REBOOT),
        ("shutdown -P +0 \"hypervisor initiated shutdown\"", POWEROFF),
        ("shutdown -H +0 \"hypervisor initiated shutdown\"", HALT),
        ("shutdown -r +0 \"hypervisor initiated shutdown\"", REBOOT),
        // acpid
        ("/sbin/shutdown -h now \"Power button pressed\"", POWEROFF),
        ("/sbin/shutdown -hP now \"Power button pressed\"", POWEROFF),
        // apcupsd
        ("/sbin/shutdown -h now \"apcupsd UPS apc initiated shutdown\"", POWEROFF),
        ("/sbin/shutdown -r now \"apcupsd UPS apc initiated reboot\"", REBOOT),
        ("/sbin/shutdown -h -H now \"apcupsd UPS apc initiated shutdown\"", HALT),
        // NUT, as shipped and by distributions
        ("/sbin/shutdown -h +0", POWEROFF),
        ("/sbin/shutdown -h now", POWEROFF),
        ("/sbin/poweroff -p", POWEROFF),
        // cloud-init's power_state, and that of Alpine, whose commands are those of BusyBox
        ("shutdown -P now \"Rebooting machine\"", POWEROFF),
        ("shutdown -H +0 \"cloud-init is done\"", HALT),
        ("shutdown -r now bye", REBOOT),
        ("poweroff -d 0", POWEROFF),
        // The agents of Azure, Xen and VMware, and Hyper-V's integration
        ("shutdown -h now", POWEROFF),
        ("/sbin/shutdown -r now", REBOOT),
        ("/sbin/shutdown -h -P now", POWEROFF),
        ("reboot", REBOOT),
        // The kernel, by itself
        ("/sbin/poweroff", POWEROFF),
        ("/sbin/reboot", REBOOT),
        // Ansible, Vagrant, Packer and dracut
        ("/sbin/shutdown -r 0 \"Reboot initiated by Ansible\"", REBOOT),
        ("shutdown -h now -f", POWEROFF),
        ("shutdown -P now", POWEROFF),
        ("reboot -f -d -n", Force(Ending::Reboot)),
        ("halt -f -d -n -p", Force(Ending::Poweroff)),
    ]);
}

#[test]
fn two_runlevels_are_endings_and_the_others_are_refused() {
    check([
        ("init 0", POWEROFF),
        ("/sbin/init 6", REBOOT),
        ("telinit 0", POWEROFF),
        ("telinit 6", REBOOT),
        ("telinit -t 5 6", REBOOT),
        ("telinit -t5 0", POWEROFF),
        ("init reboot", REBOOT),
        ("init status", Status),
        ("init -c", Supervise),
    ]);
    for word in ["1", "2", "3", "5", "s", "S", "a", "q", "Q", "u", "U"] {
        for name in ["init", "/sbin/telinit"] {
            let command = of(&format!("{name} {word}"));
            assert!(matches!(command, Refused(Refusal::Runlevel, refused) if refused.to_str() == Ok(word)));
        }
    }
    // Only of these names.
    for line in ["zinit-pid1 0", "zinit-pid1 6", "zinit-pid1ctl q", "init 7", "init 0 6", "init 06"] {
        assert!(matches!(of(line), Refused(Refusal::Unknown, _)), "{line}: {:?}", of(line));
    }
}

#[test]
fn a_power_off_may_have_a_status() {
    for (line, status) in [
        ("poweroff --status 0", 0),
        ("zinit-pid1 poweroff --status 255", 255),
        ("poweroff --status=7", 7),
        ("poweroff now --status 007 --no-wall", 7),
        ("halt -p --status 9", 9),
        ("reboot --poweroff --status 9", 9),
        ("poweroff --status 1 --status 2", 2),
    ] {
        assert_eq!(of(line), Command::Poweroff(status), "{line}");
    }
}

#[test]
fn what_needs_a_clock_or_a_record_is_refused_by_its_name() {
    for (line, why, word) in [
        ("shutdown +5", Refusal::Later, "+5"),
        ("shutdown -h 5", Refusal::Later, "5"),
        ("shutdown -r 23:00 message", Refusal::Later, "23:00"),
        ("shutdown -r 23:00:30", Refusal::Later, "23:00:30"),
        ("reboot +5", Refusal::Later, "+5"),
        ("poweroff 23:00", Refusal::Later, "23:00"),
        ("halt -d 10", Refusal::Later, "10"),
        ("halt -d10", Refusal::Later, "-d10"),
        ("shutdown -c", Refusal::Cancel, "-c"),
        ("shutdown -c now", Refusal::Cancel, "-c"),
        ("shutdown -rc now message", Refusal::Cancel, "-rc"),
        ("shutdown --show", Refusal::Cancel, "--show"),
        // Both other inits write a record then, and end nothing.
        ("reboot -w", Refusal::Wtmp, "-w"),
        ("halt -fw", Refusal::Wtmp, "-fw"),
        ("poweroff --wtmp-only", Refusal::Wtmp, "--wtmp-only"),
        ("poweroff --status", Refusal::NoStatus, "--status"),
        ("poweroff --status=", Refusal::NoStatus, "--status="),
        ("poweroff --status 256", Refusal::NoStatus, "256"),
        ("poweroff --status=-1", Refusal::NoStatus, "--status=-1"),
        ("poweroff --status 3x", Refusal::NoStatus, "3x"),
        ("reboot --status 3", Refusal::Status, "3"),
        ("halt --status=3", Refusal::Status, "--status=3"),
        ("kexec --status 3", Refusal::Status, "3"),
        ("poweroff --status 3 --reboot", Refusal::Status, "3"),
        ("poweroff --status 3 -f", Refusal::Status, "3"),
        ("reboot bootloader --status 3", Refusal::Status, "3"),
    ] {
        assert!(
            matches!(of(line), Refused(found, refused) if found == why && refused.to_str() == Ok(word)),
            "{line}: {:?}",
            of(line)
        );
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
        "zinit-pid1 reboot -c",
        "zinit-pid1 status -f",
        "zinit-pid1 status --json --json",
        "zinit-pid1 status reboot",
        // Only zinit-pid1 itself answers this.
        "zinit-pid1 --probe",
        "zinit-pid1 status --probe",
        "reboot --probe",
        "shutdown --probe",
        "zinit-pid1 update -f",
        "zinit-pid1 update check",
        "zinit-pid1 update --check --check",
        "zinit-pid1 update --check now",
        "zinit-pid1 update --check --wait",
        "zinit-pid1 update --wait --check",
        "zinit-pid1 update --wait 60",
        "zinit-pid1 update wait",
        "zinit-pid1 --check update",
        "zinit-pid1 status --check",
        "zinit-pid1 restart-server -f",
        "zinit-pid1 restart-server -p",
        "reboot reboot",
        "reboot now bootloader",
        "reboot bootloader now",
        "reboot bootloader --halt",
        "reboot -nz",
        "reboot --forc",
        "reboot --recovery",
        "halt -H",
        "halt bootloader",
        "poweroff 0",
        "kexec -l /vmlinuz",
        "kexec -p",
        "kexec /vmlinuz",
        "shutdown soon",
        "shutdown -h reboot",
        "shutdown +",
        "shutdown -5",
        "shutdown \"\"",
        "shutdown :",
        "shutdown -x now",
        "shutdown -rx now",
        "shutdown --no-such now",
        "shutdown -t now",
        "shutdown -t",
        "shutdown -t5x now",
        "shutdown -i6 -g0 -y",
    ] {
        assert!(matches!(of(line), Refused(Refusal::Unknown, _)), "{line}: {:?}", of(line));
    }
    // An argument for the kernel and force do not go together.
    assert_eq!(of("reboot -f 5"), Refused(Refusal::Unknown, c"5"));
    assert_eq!(of("reboot 5 -f"), Refused(Refusal::Unknown, c"5"));
    let strange = c"\xff\xfe";
    assert_eq!(parse(c"zinit-pid1", [strange].into_iter()), Refused(Refusal::Unknown, strange));
}

#[test]
fn the_program_handles_only_its_own_words_itself() {
    for (line, expected) in [
        ("zinit-pid1", CliMode::Ask),
        ("/sbin/init -c", CliMode::Ask),
        ("zinit-pid1 --container -c", CliMode::Ask),
        ("", CliMode::Ask),
        ("status", CliMode::Ask),
        ("zinit-pid1 --probe", CliMode::Version),
        ("zinit-pid1 -c -V", CliMode::Version),
        ("zinit-pid1 --version nonsense", CliMode::Version),
        ("zinit-pid1 -h", CliMode::Tool),
        ("zinit-pid1 -c --help nonsense", CliMode::Tool),
        ("zinit-pid1 --supervise", CliMode::Supervise),
        ("init -c --supervise -c", CliMode::Supervise),
        ("zinit-pid1 --supervise=1", CliMode::Tool),
        ("zinit-pid1 -supervise", CliMode::Tool),
        ("zinit-pid1 nonsense --supervise", CliMode::Tool),
        ("reboot --supervise", CliMode::Supervise),
        ("zinit-pid1 nonsense -h", CliMode::Tool),
        ("zinit-pid1 --container=1", CliMode::Tool),
        ("zinit-pid1 reboot", CliMode::Tool),
        ("zinit-pid1 reboot --help", CliMode::Tool),
        ("zinit-pid1 status", CliMode::Tool),
        ("/sbin/reboot", CliMode::Ask),
        ("poweroff --version", CliMode::Version),
        ("shutdown", CliMode::Ask),
        ("halt -c", CliMode::Ask),
        ("kexec", CliMode::Ask),
        ("init 0", CliMode::Tool),
        ("telinit q", CliMode::Tool),
    ] {
        let words = words(line);
        let word = words.iter().skip(1).find(|word| !is_container_hint(word));
        assert_eq!(cli_mode(word.copied().unwrap_or_default()), expected, "{line}");
        // zinit-pid1ctl answers the question to which no word and no name belongs, and no other.
        let asked = expected == CliMode::Ask && !COMMANDS.iter().any(|name| line.contains(name));
        assert_eq!(of(line) == Supervise, asked, "{line}");
    }
}

const COMMANDS: [&str; 5] = ["reboot", "halt", "kexec", "shutdown", "poweroff"];

#[test]
fn each_command_sends_the_signal_of_its_request() {
    for (line, request) in [
        ("halt", Request::End(Ending::Halt)),
        ("reboot", Request::End(Ending::Reboot)),
        ("poweroff", Request::End(Ending::Poweroff)),
        ("kexec", Request::End(Ending::Kexec)),
        ("zinit-pid1 restart-server", Request::RestartServer),
        ("zinit-pid1 update", Request::Update),
    ] {
        let sent = match of(line) {
            Ask(signal) => signal,
            End(ending, _) => signal(ending),
            other => panic!("{line} asks PID 1: {other:?}"),
        };
        assert_eq!(signals::request(sent.0.into(), Role::Machine), Some(request), "{line}");
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
