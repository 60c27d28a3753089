//! What is handed over is what is read, and no other name is read as a hand-over.

use std::ffi::{CStr, CString};

use proptest::prelude::*;
use zinit_pid1::handover::{ANSWER, HandOver};
use zinit_pid1::line::Line;
use zinit_pid1::process::Pid;

fn name(handed: &HandOver) -> CString {
    let mut line = Line::default();
    handed.compose(&mut line);
    CStr::from_bytes_with_nul(line.as_bytes()).expect("it ends in its only NUL").to_owned()
}

#[test]
fn the_name_is_as_the_documents_spell_it() {
    let handed = HandOver { server: Pid::new(42), delay: 2_000, generation: 3, fault: 77 };
    assert_eq!(name(&handed).as_c_str(), c"zinit-pid1 1: 42 2000 3 77");
    assert_eq!(name(&HandOver::NONE).as_c_str(), c"zinit-pid1 1: 0 1000 0 4294967236");
    // A change of one is a change of the other: what a new program understands is what an old one says.
    assert_eq!(ANSWER, b"hand-over 1\n");
}

#[test]
fn other_names_hand_nothing_over() {
    for other in [
        c"",
        c"/sbin/init",
        c"zinit-pid1",
        c"zinit-pid1 1:x 42 2000 3 77",
        c"zinit-pid1 2: 42 2000 3 77",
        c" zinit-pid1 1: 42 2000 3 77",
        c"zinit-pid1 1: -42 2000 3 77",
        c"zinit-pid1 1: 42 2000 3 4294967296",
        c"zinit-pid1 1: 42 2000 x 77",
    ] {
        assert_eq!(HandOver::read(other), HandOver::NONE, "{other:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_handed_over_is_what_is_read(server in 2..i32::MAX, delay: u32, generation: u32, fault: u32) {
        let handed = HandOver { server: Pid::new(server), delay, generation, fault };
        prop_assert_eq!(HandOver::read(&name(&handed)), handed);
    }

    #[test]
    fn no_name_is_read_in_two_ways(text in "(zinit-pid1 1:)?[ 0-9a-z:]{0,60}") {
        let read = HandOver::read(&CString::new(text).expect("there is no NUL"));
        prop_assert_eq!(HandOver::read(&name(&read)), read);
    }
}
