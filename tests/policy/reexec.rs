//! An encoded re-exec state decodes to the same state, and no other name decodes to a state.

use std::ffi::{CStr, CString};

use proptest::prelude::*;
use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::process::{FileId, Pid};
use zinit_pid1::model::reexec::{FORMAT_LINE, ReexecState, ServerHistory, VERSION};
use zinit_pid1::model::time::Instant;

fn name(state: &ReexecState) -> CString {
    let mut line = Buffer::default();
    state.encode(&mut line);
    CStr::from_bytes_with_nul(line.as_bytes()).expect("it ends in its only NUL").to_owned()
}

#[test]
fn the_name_is_as_the_documents_spell_it() {
    assert_eq!(name(&ReexecState::NONE).as_c_str(), c"zinit-pid1 2: 0 1000 0 4294967236 0 0 0 0 0 0");
    let mut state = ReexecState::NONE;
    state.set_server(Pid::new(42));
    state.set_history(&ServerHistory {
        started_at: Instant(60_000),
        next_backoff: 2_000,
        last_good: FileId(8),
    });
    state.set_server_file(FileId(7));
    state.set_rescue(Pid::new(43));
    state.set_restarting(true);
    state.set_container(true);
    state.add_generation(3);
    assert!(state.record_fault(Instant(77 * 1_024)), "there was no fault before");
    assert_eq!(name(&state).as_c_str(), c"zinit-pid1 2: 42 2000 3 77 1 59 7 8 43 1");
    // Both must change together: the running program compares this line with the answer of a new program.
    assert_eq!(FORMAT_LINE, b"hand-over 2\n");
    assert_eq!(VERSION, format!("zinit-pid1 {}\nhand-over 2\n", env!("CARGO_PKG_VERSION")));
}

/// A history without any server must differ from one whose server started in the first second.
#[test]
fn a_time_is_rounded_up() {
    for (since, handed_over) in [(0, 0), (1, 1_024), (1_024, 1_024), (1_025, 2_048)] {
        let mut state = ReexecState::NONE;
        state.set_history(&ServerHistory { started_at: Instant(since), ..state.history() });
        assert_eq!(state.history().started_at, Instant(handed_over));
    }
}

#[test]
fn other_names_are_a_first_boot() {
    for other in [
        c"",
        c"/sbin/init",
        c"zinit-pid1",
        c"zinit-pid1 2:x 42 2000 3 77 1 58 7 8 43 1",
        c"zinit-pid1 1: 42 2000 3 77",
        c"zinit-pid1 3: 42 2000 3 77 1 58 7 8 43 1",
        c" zinit-pid1 2: 42 2000 3 77 1 58 7 8 43 1",
        c"zinit-pid1 2: -42 2000 3 77 1 58 7 8 43 1",
        c"zinit-pid1 2: 42 2000 3 4294967296 1 58 7 8 43 1",
        c"zinit-pid1 2: 42 2000 x 77 1 58 7 8 43 1",
        c"zinit-pid1 2: 42 2000 3 77 1 58 7 8 4_3 1",
        c"zinit-pid1 2: 42 2000 3 77 1 58 7 8",
        c"zinit-pid1 2: 42 2000 3 77 1 58 7 8 43 1 1",
        c"zinit-pid1 2: 42 2000 3 77 1 58 7 8 43 1 ",
        c"zinit-pid1 2: 042 2000 3 77 1 58 7 8 43 1",
        c"zinit-pid1 2: 42 999 3 77 1 58 7 8 43 1",
        c"zinit-pid1 2: 42 30001 3 77 1 58 7 8 43 1",
    ] {
        assert_eq!(ReexecState::decode(other), ReexecState::NONE, "{other:?}");
    }
}

#[test]
fn a_fault_is_survived_once_a_minute() {
    let mut state = ReexecState::NONE;
    for (time, survived) in [(0, true), (60_000, false), (120_416, false), (182_000, true), (242_000, false)]
    {
        assert_eq!(state.record_fault(Instant(time)), survived, "{time}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_encoded_state_decodes_to_itself(
        pids in prop::array::uniform2(prop_oneof![Just(0), 2..i32::MAX]),
        since: u32, delay in 1_000_u32..=30_000, proven: u32, program: u32, generation: i32, fault: u32, restarting: bool, container: bool,
    ) {
        let [server, rescue] = pids.map(Pid::new);
        let mut state = ReexecState::NONE;
        state.set_server(server);
        state.set_rescue(rescue);
        let memory = ServerHistory { started_at: Instant(u64::from(since) << 10), next_backoff: delay, last_good: FileId(proven) };
        state.set_history(&memory);
        state.set_server_file(FileId(program));
        state.add_generation(generation);
        state.set_restarting(restarting);
        state.set_container(container);
        let _either = state.record_fault(Instant(u64::from(fault) << 10));
        let read = ReexecState::decode(&name(&state));
        prop_assert_eq!(read, state);
        prop_assert_eq!((read.server(), read.rescue(), read.history()), (server, rescue, memory));
        prop_assert_eq!((read.server_file(), read.generation()), (FileId(program), generation.cast_unsigned()));
        prop_assert_eq!((read.restarting(), read.container()), (restarting, container));
    }

    #[test]
    fn only_an_encoded_name_is_decoded(text in "(zinit-pid1 2:( (0|[1-9][0-9]{0,10})){8,12})|((zinit-pid1 2:)?[ 0-9a-z:]{0,60})") {
        let read = ReexecState::decode(&CString::new(text).expect("there is no NUL"));
        prop_assert_eq!(ReexecState::decode(&name(&read)), read);
    }
}
