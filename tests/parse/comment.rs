//! Trusted comments: which program was signed, and for which it may be installed.

use zinit_pid1ctl::answer::{Answer, Version};
use zinit_pid1ctl::comment::{Comment, Refusal};

/// The line of a refusal, or nothing.
fn line(result: Result<(), Refusal>) -> String {
    result.err().map(|refusal| refusal.to_string()).unwrap_or_default()
}

fn read(text: &str) -> Result<(), Refusal> {
    Comment::read(text.as_bytes()).map(drop)
}

fn version(text: &str) -> Version {
    Version::read(text.as_bytes()).expect("a version")
}

#[test]
fn a_comment_has_three_words_and_may_have_more() {
    for text in [
        "file:zinit-pid1 version:1.20.3 arch:riscv64",
        "arch:riscv64\tfile:zinit-pid1\tversion:1.20.3",
        " timestamp:1700000000\tfile:zinit-pid1 \t hashed version:1.20.3  arch:riscv64 archive:no fil:e ",
    ] {
        let comment = Comment::read(text.as_bytes()).expect(text);
        assert_eq!((comment.file, comment.arch), (&b"zinit-pid1"[..], &b"riscv64"[..]), "{text}");
        assert_eq!(comment.version, version("1.20.3"));
    }
}

#[test]
fn a_word_that_is_missing_or_is_there_twice_is_refused() {
    let all = ["file:zinit-pid1", "version:0.2.0", "arch:x86_64"];
    for (index, key) in ["file:", "version:", "arch:"].into_iter().enumerate() {
        let mut less = all.to_vec();
        less.remove(index);
        let missing = format!("its trusted comment has no word {key}");
        assert_eq!(line(read(&less.join(" "))), missing);
        // Only spaces and tabs separate words, and a key is the beginning of one.
        let other = [&less[..], &["x", all[index]]].concat();
        for glue in ["\u{a0}", ",", "\r", "\0", ""] {
            assert_ne!(line(read(&other.join(glue))), "", "{glue:?}");
        }
        less.push(all[index]);
        less.push(all[index]);
        let twice = format!("its trusted comment has the word {key} twice");
        assert_eq!(line(read(&less.join("\t"))), twice);
    }
    assert_eq!(line(read("")), "its trusted comment has no word file:");
    for no in ["1.2", "", "1.2.3-rc1", "v1.2.3", "99999999999.0.0"] {
        let text = format!("file:zinit-pid1 version:{no} arch:x86_64");
        assert_eq!(line(read(&text)), format!("it is signed as version:{no}, not version:X.Y.Z"));
    }
}

#[test]
fn another_file_another_architecture_and_an_older_version_are_refused() {
    let running = Answer::read(b"zinit-pid1 0.10.0\narch aarch64\nhand-over 3\n").expect("an answer");
    let check = |text: &str| line(Comment::read(text.as_bytes()).expect(text).check(&running));
    let older = "below the running 0.10.0, and /etc/zinit/update.allow-downgrade is not there";
    for (text, refusal) in [
        ("file:zinit-pid1 version:0.10.0 arch:aarch64", String::new()),
        ("file:zinit-pid1 version:0.10.1 arch:aarch64", String::new()),
        ("file:zinit-pid1 version:1.0.0 arch:aarch64", String::new()),
        ("file:zinit-pid1 version:0.9.99 arch:aarch64", format!("it is signed as version:0.9.99, {older}")),
        ("file:zinit-pid1 version:0.0.0 arch:aarch64", format!("it is signed as version:0.0.0, {older}")),
        (
            "file:zinit-pid1 version:0.10.0 arch:x86_64",
            "it is signed as arch:x86_64, not arch:aarch64".to_string(),
        ),
        (
            "file:zinit-pid1 version:0.10.0 arch:aarch6",
            "it is signed as arch:aarch6, not arch:aarch64".to_string(),
        ),
        // An allowed downgrade would allow no other file: the version is the last thing that is compared.
        (
            "file:zinit-server version:0.0.1 arch:aarch64",
            "it is signed as file:zinit-server, not file:zinit-pid1".to_string(),
        ),
        ("file:zinit-pid1 version:0.0.1 arch:", "it is signed as arch:, not arch:aarch64".to_string()),
    ] {
        assert_eq!(check(text), refusal, "{text}");
    }
    let long = format!("file:{}\x1b version:0.10.0 arch:aarch64", "é".repeat(100));
    let shown = check(&long);
    assert!(shown.is_ascii() && shown.len() < 300 && shown.ends_with(", not file:zinit-pid1"), "{shown}");
}

#[test]
fn the_program_has_to_answer_what_it_is_signed_as() {
    let comment = Comment::read(b"file:zinit-pid1 version:1.2.3 arch:armv7").expect("a comment");
    assert_eq!(comment.compare(version("1.2.3"), b"armv7"), Ok(()));
    assert_eq!(
        line(comment.compare(version("1.2.4"), b"armv7")),
        "it is signed as version:1.2.3, and answers 1.2.4 to --probe"
    );
    assert_eq!(
        line(comment.compare(version("1.2.3"), b"armv6")),
        "it is signed as arch:armv7, and answers armv6 to --probe"
    );
}
