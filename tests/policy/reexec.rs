//! An encoded re-exec state decodes to the same state, and no other name decodes to a state.

use std::ffi::{CStr, CString};

use proptest::prelude::*;
use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::limits::{LOG_LINE, READERS, RESPAWN_DELAY};
use zinit_pid1::model::process::{FileId, Pid};
use zinit_pid1::model::reexec::{Child, ReexecState, ServerHistory};
use zinit_pid1::model::time::Instant;
use zinit_pid1::model::version::VERSION;

fn name(state: &ReexecState) -> CString {
    let mut line = Buffer::default();
    state.encode(&mut line);
    CStr::from_bytes_with_nul(line.as_bytes()).expect("it ends in its only NUL").to_owned()
}

#[test]
fn the_name_is_as_the_documents_spell_it() {
    let none = c"zinit-pid1 3: server=0 generation=0 crc=3837610870";
    assert_eq!(name(&ReexecState::first()).as_c_str(), none);
    let state = ReexecState::first();
    for (child, pid) in
        [(Child::SERVER, 42), (Child::RESCUE, 43), (Child::RESTARTER, 44), (Child::WATCHER, 45)]
    {
        state.slot(child).set(pid);
    }
    state.add_reader(Pid::new(46).expect("a pid"));
    state.set_history(&ServerHistory {
        started_at: Instant(60_000),
        next_backoff: 2_000,
        last_good: FileId(8),
    });
    state.set_server_file(FileId(7));
    state.set_restarting(true);
    state.set_container(true);
    state.set_saved(true);
    state.add_generation(3);
    assert!(state.record_fault(Instant(77 * 1_024)), "there was no fault before");
    state.record_update(Instant(78 * 1_024), FileId(9));
    state.set_put_back(11);
    let all =
        c"zinit-pid1 3: server=42 rescue=43 restarter=44 watcher=45 reader1=46 generation=3 backoff=2000 \
        fault=77 restarting=1 started=59 file=7 good=8 container=1 saved=1 updated=78 before=9 putback=11 crc=3281545762";
    assert_eq!(name(&state).as_c_str(), all);
    assert_eq!(ReexecState::decode(all), state);
    // What a program says of itself has to fit to what it does.
    let said = format!(
        "zinit-pid1 {}\narch {}\nhand-over 3\nreads 3\nprobe-pid1\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    );
    assert_eq!(VERSION.to_str(), Ok(said.as_str()));
}

#[test]
fn the_program_before_an_update_is_told_once_and_only_for_a_minute() {
    for (later, told) in
        [(0, FileId(9)), (59, FileId(9)), (60, FileId::NONE), (u64::from(u32::MAX), FileId::NONE)]
    {
        let state = ReexecState::first();
        assert_eq!(state.take_before(Instant(0)), FileId::NONE, "there was no update");
        state.record_update(Instant(5_000 * 1_024), FileId(9));
        let now = Instant((5_000 + later) * 1_024);
        assert_eq!([state.take_before(now), state.take_before(now)], [told, FileId::NONE], "{later}");
    }
}

#[test]
fn a_child_that_was_reaped_is_forgotten_and_its_place_is_free() {
    let state = ReexecState::first();
    let pids = (100..).map(|pid| Pid::new(pid).expect("a pid"));
    for pid in pids.take(READERS + 1) {
        state.add_reader(pid);
    }
    let readers = |state: &ReexecState| -> Vec<i32> {
        Child::all().filter_map(|child| state.child(child)).map(Pid::raw).collect()
    };
    assert_eq!(readers(&state), [100, 101, 102, 103], "one too many is not known");
    state.forget(Pid::new(102).expect("a pid"));
    state.add_reader(Pid::new(105).expect("a pid"));
    assert_eq!(readers(&state), [100, 101, 105, 103]);
    assert_eq!(state.readers(), READERS);
    state.slot(Child::SERVER).set(42);
    state.slot(Child::RESTARTER).set(43);
    assert_eq!(state.readers(), READERS, "a phase waits for these");
    state.slot(Child::WATCHER).set(44);
    assert_eq!(state.readers(), READERS + 1);
    state.forget(Pid::new(42).expect("a pid"));
    assert_eq!(state.server(), None);
}

/// A history without any server must differ from one whose server started in the first second.
#[test]
fn a_time_is_rounded_up() {
    for (since, handed_over) in [(0, 0), (1, 1_024), (1_024, 1_024), (1_025, 2_048)] {
        let state = ReexecState::first();
        state.set_history(&ServerHistory { started_at: Instant(since), ..state.history() });
        assert_eq!(state.history().started_at, Instant(handed_over));
    }
}

/// The state of a name with this text before its checksum.
fn read(text: &str) -> ReexecState {
    ReexecState::decode(&CString::new(seal(text)).expect("there is no NUL"))
}

fn seal(text: &str) -> String {
    format!("{text} crc={}", crc32fast::hash(text.as_bytes()))
}

#[test]
fn unknown_keys_are_ignored_and_missing_ones_have_the_value_of_a_first_boot() {
    let known = read("zinit-pid1 3: server=42 generation=3");
    assert_eq!(known.server(), Pid::new(42));
    assert_eq!((known.generation(), known.history().next_backoff), (3, RESPAWN_DELAY));
    for unknown in ["zebra=1", "zebra=-x=\u{ff10}", "zebra", "=", "", "SERVER=1", "server2=9", "crc=1"] {
        let more = read(&format!("zinit-pid1 3: server=42 {unknown} generation=3"));
        assert_eq!(more, known, "{unknown:?}");
    }
}

#[test]
fn other_names_are_a_first_boot() {
    let good = "zinit-pid1 3: server=42 generation=3 good=8";
    assert_ne!(read(good), ReexecState::first());
    for other in [
        "",
        "/sbin/init",
        "zinit-pid1",
        "zinit-pid1 3:",
        "zinit-pid1 3: server=42",
        "zinit-pid1 3: generation=3",
        "zinit-pid1 3: server=42 server=42",
        "zinit-pid1 3: server=42 generation=3 server=42",
        "zinit-pid1 2: server=42 generation=3",
        "zinit-pid1 4: server=42 generation=3",
        " zinit-pid1 3: server=42 generation=3",
        "zinit-pid1 3: server=-42 generation=3",
        "zinit-pid1 3: server=4_2 generation=3",
        "zinit-pid1 3: server=42 generation=4294967296",
        "zinit-pid1 3: server=42 generation=3 fault=x",
        "zinit-pid1 3: server=42 generation=3 fault",
        "zinit-pid1 3: server=42 generation=3 backoff=999",
        "zinit-pid1 3: server=42 generation=3 backoff=30001",
    ] {
        assert_eq!(read(other), ReexecState::first(), "{other:?}");
    }
    let long = format!("{good} {}", "x".repeat(LOG_LINE));
    assert_eq!(read(&long), ReexecState::first(), "longer than any name that is written");
}

#[test]
fn every_truncation_and_every_change_of_a_byte_is_a_first_boot() {
    let good = seal("zinit-pid1 3: server=42 generation=3 started=59").into_bytes();
    let decode = |name: &[u8]| ReexecState::decode(&CString::new(name).expect("there is no NUL"));
    assert_ne!(decode(&good), ReexecState::first());
    for length in 0..good.len() {
        assert_eq!(decode(&good[..length]), ReexecState::first(), "{length}");
    }
    for index in 0..good.len() {
        for byte in (1..=u8::MAX).filter(|byte| *byte != good[index]) {
            let mut other = good.clone();
            other[index] = byte;
            assert_eq!(decode(&other), ReexecState::first(), "{}", other.escape_ascii());
        }
    }
}

#[test]
fn a_fault_is_survived_once_a_minute() {
    let state = ReexecState::first();
    for (time, survived) in [(0, true), (60_000, false), (120_416, false), (182_000, true), (242_000, false)]
    {
        assert_eq!(state.record_fault(Instant(time)), survived, "{time}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_encoded_state_decodes_to_itself(
        pids in prop::array::uniform8(prop_oneof![Just(0), 2..=i32::MAX.unsigned_abs()]),
        since: u32, delay in 1_000_u32..=30_000, good: u32, file: u32, generation: i32, fault: u32,
        restarting: bool, container: bool,
    ) {
        let state = ReexecState::first();
        for (child, pid) in Child::all().zip(pids) {
            state.slot(child).set(pid);
        }
        let history = ServerHistory {
            started_at: Instant(u64::from(since) << 10), next_backoff: delay, last_good: FileId(good),
        };
        state.set_history(&history);
        state.set_server_file(FileId(file));
        state.add_generation(generation);
        state.set_restarting(restarting);
        state.set_container(container);
        let _either = state.record_fault(Instant(u64::from(fault) << 10));
        prop_assert_eq!(name(&state).as_bytes().last().map(u8::is_ascii_digit), Some(true), "it fits");
        let read = ReexecState::decode(&name(&state));
        prop_assert_eq!(&read, &state);
        for (child, pid) in Child::all().zip(pids) {
            prop_assert_eq!(read.child(child), Pid::new(pid.cast_signed()));
        }
        prop_assert_eq!(read.history(), history);
        prop_assert_eq!((read.server_file(), read.generation()), (FileId(file), generation.cast_unsigned()));
        prop_assert_eq!((read.restarting(), read.container()), (restarting, container));
    }

    #[test]
    fn whatever_is_decoded_encodes_to_a_name_with_the_same_meaning(
        text in "zinit-pid1 3: server=[0-9]{1,3} generation=[0-9]{1,3}( [a-z]{0,9}=[0-9]{0,4}){0,4}",
    ) {
        let state = read(&text);
        prop_assert_eq!(ReexecState::decode(&name(&state)), state);
    }
}
