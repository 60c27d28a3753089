//! Whatever argv[0] is: what is decoded from it is encoded and decoded again as the same state.

#![no_main]

use std::ffi::{CStr, CString};

use libfuzzer_sys::fuzz_target;
use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::reexec::ReexecState;

fuzz_target!(|input: &[u8]| {
    let length = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let name = CString::new(&input[..length]).expect("there is no NUL");
    let read = ReexecState::decode(&name);
    let mut line = Buffer::default();
    read.encode(&mut line);
    let again = CStr::from_bytes_with_nul(line.as_bytes()).expect("it ends in its only NUL");
    assert_eq!(ReexecState::decode(again), read);
});
