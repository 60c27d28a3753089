//! Signatures of the real minisign are accepted, and changed ones are not.

use std::fs;

use crate::common::{Folder, minisign};
use proptest::prelude::*;
use zinit_pid1ctl::minisign::{self, Refusal};

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

/// The trusted comment of an accepted signature.
fn verify<'a>(key: &[u8], signature: &'a [u8], file: &[u8]) -> Result<&'a [u8], Refusal> {
    minisign::verify(key, signature, file).map(|signed| signed.comment)
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
fn of_several_keys_the_one_that_the_signature_names_is_used() {
    let [first, second, third] = [KINDS[0], KINDS[1], KINDS[0]].map(|kind| signed(100, kind));
    let all = [&first.key[..], &second.key, &third.key].concat();
    for one in [&first, &second, &third] {
        let signed = minisign::verify(&all, &one.signature, &one.file).expect("it is signed");
        // minisign writes the number of a key into the untrusted comment of its file.
        let shown = String::from_utf8_lossy(&one.key[..line_end(&one.key)]).into_owned();
        let (shown, mine) = (shown.rsplit(' ').next().expect("a number"), signed.key.to_string());
        // Some versions leave out zeros in front.
        assert_eq!(format!("{shown:0>16}"), mine);
    }
    let two = [&first.key[..], &third.key].concat();
    assert_eq!(verify(&two, &second.signature, &second.file), Err(Refusal::OtherKey));
    assert_eq!(verify(&all, &second.signature, b"another file"), Err(Refusal::File));
    let comment = String::from_utf8(third.signature.clone()).expect("text").replace("timestamp", "timestomp");
    assert_eq!(verify(&all, comment.as_bytes(), &third.file), Err(Refusal::Comment));
    // Each key of the file has to be one, also those that are not used.
    let text = String::from_utf8(second.key.clone()).expect("text");
    for torn in ["\n", "untrusted comment: \n", text.trim_end(), text.lines().nth(1).expect("a key")] {
        let keys = [&first.key[..], torn.as_bytes()].concat();
        assert_eq!(verify(&keys, &first.signature, &first.file), Err(Refusal::Key), "{torn}");
    }
    assert_eq!(verify(b"", &first.signature, &first.file), Err(Refusal::Key));
}

/// Nobody can make two keys of one number with minisign, but a number is only eight bytes that somebody wrote.
#[test]
fn each_key_of_the_number_is_tried() {
    let [mine, other] = [KINDS[0], KINDS[1]].map(|kind| signed(100, kind));
    let comment = String::from_utf8(mine.signature.clone()).expect("text").replace("timestamp", "timestomp");
    let twin = with_number_of(&mine.key, &other.key);
    for keys in [[&twin[..], &mine.key], [&mine.key[..], &twin]].map(|two| two.concat()) {
        assert!(verify(&keys, &mine.signature, &mine.file).is_ok());
        assert_eq!(verify(&keys, &mine.signature, b"another file"), Err(Refusal::File));
        assert_eq!(verify(&keys, comment.as_bytes(), &mine.file), Err(Refusal::Comment));
    }
    assert_eq!(verify(&twin, &mine.signature, &mine.file), Err(Refusal::File));
}

/// A key file of another key with the number of the first one.
fn with_number_of(key: &[u8], other: &[u8]) -> Vec<u8> {
    let line = |key: &[u8]| key[line_end(key) + 1..].trim_ascii_end().to_vec();
    let decoded = |key: &[u8]| base64(&line(key));
    let mut bytes = decoded(other);
    bytes[2..10].copy_from_slice(&decoded(key)[2..10]);
    [&other[..=line_end(other)], to_base64(&bytes).as_bytes(), b"\n"].concat()
}

const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decodes the 42 bytes of a key, which need no padding.
fn base64(text: &[u8]) -> Vec<u8> {
    let group = |group: &[u8]| {
        let digit = |letter: &u8| DIGITS.iter().position(|digit| digit == letter).expect("a digit") as u32;
        let bits = group.iter().fold(0, |bits, letter| bits << 6 | digit(letter));
        bits.to_be_bytes()[1..].to_vec()
    };
    text.chunks(4).flat_map(group).collect()
}

fn to_base64(bytes: &[u8]) -> String {
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    };
    bytes.chunks(3).flat_map(group).collect()
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
