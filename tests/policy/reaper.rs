//! Wait statuses, as returned by wait(2).

use zinit_pid1::model::action::{Action, Actions};
use zinit_pid1::model::message::{Level, Message, Record};
use zinit_pid1::model::process::{Exit, Pid, Signal};
use zinit_pid1::reaper;

#[test]
fn an_exit_status_is_the_second_byte() {
    for status in [0, 1, 2, 126, 127, 128, 254, 255] {
        assert_eq!(reaper::exit(u32::from(status) << 8), Some(Exit::Exited(status)));
    }
}

#[test]
fn a_signal_is_the_low_seven_bits_and_a_core_dump_makes_no_difference() {
    for signal in 1..=64 {
        assert_eq!(reaper::exit(signal.into()), Some(Exit::Killed(Signal(signal))));
        assert_eq!(reaper::exit(0x80 | u32::from(signal)), Some(Exit::Killed(Signal(signal))));
    }
}

#[test]
fn a_stopped_or_continued_child_has_not_exited() {
    for signal in 1..=64 {
        assert_eq!(reaper::exit(signal << 8 | 0x7f), None, "stopped by {signal}");
    }
    assert_eq!(reaper::exit(0x137f), None, "SIGSTOP");
    assert_eq!(reaper::exit(0x857f), None, "a trap of ptrace");
    assert_eq!(reaper::exit(0xffff), None, "continued");
}

#[test]
fn every_status_means_what_the_macros_of_wait_say() {
    for status in 0..=0xffff_u32 {
        let low = status & 0x7f;
        let expected = match low {
            0 => Some(Exit::Exited((status >> 8) as u8)),
            0x7f => None,
            signal => Some(Exit::Killed(Signal(signal as u8))),
        };
        assert_eq!(reaper::exit(status), expected, "{status:#x}");
    }
}

#[test]
fn an_orphan_is_one_line_at_debug_level() {
    let (pid, exit) = (Pid::new(77).expect("it is a child's"), Exit::Exited(3));
    let mut actions = Actions::default();
    reaper::orphan(pid, exit, &mut actions);
    let note = Record::new(Message::OrphanReaped).pid(pid).exit(exit);
    assert_eq!(actions.as_slice(), [Action::Log(note)]);
    assert_eq!(note.message.level(), Level::Debug);
}

#[test]
fn no_pid_stands_for_a_group_or_all_processes_or_pid_1() {
    for raw in [i32::MIN, -2, -1, 0, 1] {
        assert_eq!(Pid::new(raw), None, "{raw}");
    }
    for raw in [2, 3, 32_768, 4_194_304, i32::MAX] {
        assert_eq!(Pid::new(raw).map(Pid::raw), Some(raw));
    }
}
