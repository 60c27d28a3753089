//! No bytes make the reader of keys and signatures panic, and none that nobody signed are taken.
//!
//! The first byte says which of the three files the rest is; the others are a real key, signature and file, made by
//! minisign for this purpose.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zinit_pid1ctl::minisign::verify;

const KEY: &[u8] = include_bytes!("../seeds/key");
const SIGNATURE: &[u8] = include_bytes!("../seeds/file.minisig");
const FILE: &[u8] = include_bytes!("../seeds/file");

fuzz_target!(|input: &[u8]| {
    let Some((which, bytes)) = input.split_first() else { return };
    let (key, signature, file, original) = match which % 3 {
        0 => (bytes, SIGNATURE, FILE, KEY),
        1 => (KEY, bytes, FILE, SIGNATURE),
        _ => (KEY, SIGNATURE, bytes, FILE),
    };
    if verify(key, signature, file).is_ok() {
        // Only the text of an untrusted comment, which ends the first line, may be another one; and beside the key there
        // may be others.
        let second = |file: &[u8]| file.split(|byte| *byte == b'\n').nth(1).map(<[u8]>::to_vec);
        let behind =
            |file: &[u8]| file.iter().position(|byte| *byte == b'\n').map(|end| file[end..].to_vec());
        assert!(match which % 3 {
            0 => bytes.split(|byte| *byte == b'\n').any(|line| Some(line) == second(KEY).as_deref()),
            1 => behind(bytes) == behind(original),
            _ => bytes == original,
        });
    }
});
