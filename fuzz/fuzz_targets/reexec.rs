//! Whatever argv[0] is: what is decoded from it is encoded and decoded again as the same state.
//!
//! Few inputs have a right checksum by chance, so each is also read with the one that is right for it. Then no
//! truncation and no change of one byte may mean anything else than the same state or a first boot.

#![no_main]

use std::ffi::{CStr, CString};

use libfuzzer_sys::fuzz_target;
use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::reexec::ReexecState;

fuzz_target!(|input: &[u8]| {
    let text: Vec<u8> = input.iter().copied().take_while(|byte| *byte != 0).collect();
    let _either = read(&text);
    let mut name = text.clone();
    name.extend(format!(" crc={}", crc32fast::hash(&text)).bytes());
    let state = read(&name);
    if state == ReexecState::first() {
        return;
    }
    // The input chooses what is changed: all changes of each input would take too long.
    let (place, byte) =
        (input.len().wrapping_mul(31) + usize::from(text[0]), input.last().copied().unwrap_or(0));
    let place = place % name.len();
    assert!([state.clone(), ReexecState::first()].contains(&read(&name[..place])));
    if byte != 0 {
        name[place] = byte;
        assert!([state.clone(), ReexecState::first()].contains(&read(&name)));
    }
});

/// What a name decodes to, after a check that its encoding means the same.
fn read(name: &[u8]) -> ReexecState {
    let name = CString::new(name).expect("there is no NUL");
    let read = ReexecState::decode(&name);
    let mut line = Buffer::default();
    read.encode(&mut line);
    let again = CStr::from_bytes_with_nul(line.as_bytes()).expect("it ends in its only NUL");
    assert_eq!(ReexecState::decode(again), read);
    read
}
