//! Signatures of the real minisign are accepted, and changed ones are not.

use std::fs;

use crate::common::{Folder, minisign};
use proptest::prelude::*;
use zinit_pid1ctl::minisign::{Refusal, verify};

/// A key, and a file that was signed with it.
struct Signed {
    key: Vec<u8>,
    signature: Vec<u8>,
    file: Vec<u8>,
}

/// Makes a key with minisign, and signs a file of so many bytes.
fn signed(length: usize, words: &[&str]) -> Signed {
    let folder = Folder::new();
    let file: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
    fs::write(folder.path().join("file"), &file).expect("a file");
    minisign(folder.path(), &["-G", "-W", "-p", "key", "-s", "secret"]);
    minisign(folder.path(), &[&["-S", "-s", "secret", "-m", "file", "-x", "signature"], words].concat());
    let read = |name: &str| fs::read(folder.path().join(name)).expect(name);
    Signed { key: read("key"), signature: read("signature"), file }
}

const KINDS: [&[&str]; 2] = [&["-H"], &["-l"]];

#[test]
fn signatures_of_both_kinds_are_accepted_with_their_comment() {
    for kind in KINDS {
        for length in [0, 1, 127, 128, 129, 20_000] {
            let comment = ["-t", "zinit-pid1 1.0, a comment", "-c", ""];
            let Signed { key, signature, file } = signed(length, &[kind, &comment].concat());
            assert_eq!(verify(&key, &signature, &file), Ok(b"zinit-pid1 1.0, a comment".as_slice()));
        }
    }
    // By default the comment is the time and the file's name.
    let Signed { key, signature, file } = signed(9, &[]);
    let comment = verify(&key, &signature, &file).expect("it is signed");
    assert!(comment.starts_with(b"timestamp:") && comment.is_ascii(), "{}", comment.escape_ascii());
}

/// Changes each single bit of the file, the key and the signature. The text of an untrusted comment is left out:
/// minisign signs everything else.
#[test]
fn no_change_of_one_bit_is_accepted() {
    for kind in KINDS {
        let Signed { key, signature, file } = signed(700, kind);
        let mut changes = 0;
        for (index, original) in [&file, &signature, &key].into_iter().enumerate() {
            let free = if index == 0 { 0..0 } else { 19..line_end(original) };
            for bit in (0..original.len() * 8).filter(|bit| !free.contains(&(bit / 8))) {
                let mut files = [file.clone(), signature.clone(), key.clone()];
                files[index][bit / 8] ^= 1 << (bit % 8);
                let [file, signature, key] = &files;
                assert!(verify(key, signature, file).is_err(), "bit {bit} of {index}");
                changes += 1;
            }
        }
        println!("{changes} changes of one bit, {kind:?}");
        assert!(changes > 5_000);
    }
}

fn line_end(file: &[u8]) -> usize {
    file.iter().position(|byte| *byte == b'\n').expect("a line")
}

#[test]
fn each_refusal_has_its_reason() {
    let [mine, other] = [KINDS[0], KINDS[1]].map(|kind| signed(100, kind));
    let cases = [
        (&other.key, &mine.signature, &mine.file, Refusal::OtherKey),
        (&mine.signature, &mine.signature, &mine.file, Refusal::Key),
        (&mine.key, &mine.key, &mine.file, Refusal::Signature),
        (&mine.key, &mine.signature, &mine.key, Refusal::File),
    ];
    for (key, signature, file, refusal) in cases {
        assert_eq!(verify(key, signature, file), Err(refusal));
    }
    let comment = String::from_utf8(mine.signature.clone()).expect("text").replace("timestamp", "timestomp");
    assert_eq!(verify(&mine.key, comment.as_bytes(), &mine.file), Err(Refusal::Comment));
}

#[test]
fn a_file_in_another_format_is_refused() {
    let Signed { key, signature, file } = signed(100, &[]);
    let text = String::from_utf8(signature.clone()).expect("text");
    let spelled = |text: &str| verify(&key, text.as_bytes(), &file).map(drop);
    assert!(spelled(&text).is_ok());
    for other in [
        text.replace('\n', "\r\n"),
        format!("{text}\n"),
        format!("{text} "),
        text.trim_end().to_string(),
        text.replacen("untrusted", "Untrusted", 1),
        text.replace("\ntrusted comment: ", "\ntrusted comment:"),
        text.replacen("RU", "RU=", 1),
        text.lines().rev().map(|line| format!("{line}\n")).collect(),
    ] {
        assert_eq!(spelled(&other), Err(Refusal::Signature), "{other}");
    }
    for end in 0..signature.len() {
        assert_eq!(verify(&key, &signature[..end], &file), Err(Refusal::Signature));
    }
    for end in 0..key.len() {
        assert_eq!(verify(&key[..end], &signature, &file), Err(Refusal::Key));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_random_bytes_are_accepted(key in any::<Vec<u8>>(), signature in any::<Vec<u8>>(), file in any::<Vec<u8>>()) {
        prop_assert_eq!(verify(&key, &signature, &file), Err(Refusal::Key));
    }
}
