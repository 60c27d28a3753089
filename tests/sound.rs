//! What the fault handler and the loop both refer to, as `sys` shares it: `scripts/test miri` has Miri look for what the
//! language forbids there.

use std::cell::Cell;
use std::ffi::CStr;
use std::ptr;

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::event::Ending;
use zinit_pid1::model::process::FileId;
use zinit_pid1::model::reexec::{Child, ReexecState};
use zinit_pid1::model::time::Instant;

/// As in `Sys`.
struct Shared {
    record: ReexecState,
    ending: Cell<Option<Ending>>,
}

/// As the fault handler does, which has only the address; it returns here.
fn handle_fault(address: usize, now: Instant) -> ReexecState {
    // SAFETY: the address is that of a `Shared` that still lives, and was exposed.
    let shared = unsafe { &*ptr::with_exposed_provenance::<Shared>(address) };
    assert!(shared.ending.get().is_none() && shared.record.record_fault(now));
    shared.record.set_put_back(11);
    shared.record.add_generation(1);
    shared.ending.set(Some(Ending::Reboot));
    let mut name = Buffer::default();
    shared.record.encode(&mut name);
    ReexecState::decode(CStr::from_bytes_with_nul(name.as_bytes()).expect("it ends in its only NUL"))
}

#[test]
fn the_handler_may_change_what_the_loop_holds() {
    let shared = Shared { record: ReexecState::first(), ending: Cell::new(None) };
    let address = (&raw const shared).expose_provenance();
    // The loop holds these throughout, and the kernel writes the pid of a child.
    let (record, slot) = (&shared.record, shared.record.slot(Child::SERVER));
    // SAFETY: the pointer is that of a cell.
    unsafe { slot.as_ptr().write(42) };
    record.record_update(Instant(5_000_000), FileId(7));
    let handed = handle_fault(address, Instant(5_010_000));
    assert_eq!(
        (handed.server().map(|pid| pid.raw()), handed.generation(), handed.put_back()),
        (Some(42), 1, 11)
    );
    assert_eq!(handed, *record);
    // What the loop holds is as good as before.
    slot.set(0);
    record.set_restarting(true);
    assert_eq!((record.server(), record.generation(), shared.ending.get()), (None, 1, Some(Ending::Reboot)));
    assert_eq!(record.take_before(Instant(5_020_000)), FileId(7));
}

#[test]
fn a_handed_over_state_is_read_whole_or_not_at_all() {
    let state = ReexecState::first();
    for (child, pid) in Child::all().zip(2..) {
        state.slot(child).set(pid);
    }
    let mut name = Buffer::default();
    state.encode(&mut name);
    let name = name.as_bytes();
    let decode = |name: &[u8]| ReexecState::decode(&std::ffi::CString::new(name).expect("no NUL"));
    let text = name.strip_suffix(b"\0").expect("it ends in NUL");
    assert_eq!(decode(text), state);
    for length in 0..text.len() {
        assert_eq!(decode(&text[..length]), ReexecState::first());
    }
}
