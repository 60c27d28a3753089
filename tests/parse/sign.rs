//! `scripts/sign` writes what an update accepts.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{Folder, minisign, program, root, tool};
use zinit_pid1ctl::answer::Answer;
use zinit_pid1ctl::comment::Comment;
use zinit_pid1ctl::minisign::verify;

fn sign(folder: &Path, words: &[&str]) -> Output {
    let sign = Command::new(root().join("scripts/sign")).args(words).current_dir(folder).output();
    sign.expect("scripts/sign runs")
}

fn with_key() -> Folder {
    let folder = Folder::new();
    minisign(folder.path(), &["-G", "-W", "-p", "key", "-s", "secret"]);
    folder
}

/// A program for an architecture that nothing here can run.
fn foreign(version: &str) -> Vec<u8> {
    let said = format!("\nzinit-pid1 {version}\narch s390x\nhand-over 9\nreads 9\n");
    [b"\x7fELF\x02\xff\xfe\n\0zinit-pid1 \0behind", said.as_bytes(), b"\0\0more"].concat()
}

#[test]
fn a_program_is_signed_as_what_it_says_of_itself() {
    let folder = with_key();
    let at = |name: &str| folder.path().join(name);
    fs::copy(program(), at("own")).expect("a file");
    fs::write(at("foreign"), foreign("12.0.345")).expect("a file");
    for (name, words) in [("own", vec![]), ("foreign", vec!["other name"])] {
        let output = sign(folder.path(), &[&["secret", name], &words[..]].concat());
        assert!(output.status.success(), "{output:?}");
        let signature = words.first().map_or_else(|| format!("{name}.minisig"), ToString::to_string);
        let [key, signature, file] = ["key", &signature, name].map(|name| fs::read(at(name)).expect(name));
        let signed = verify(&key, &signature, &file).expect("it is signed");
        let comment = Comment::read(signed.comment).expect("a comment");
        let said = Answer::find(&file).expect("it says what it is");
        assert_eq!(comment.compare(said.version, said.arch), Ok(()));
        assert_eq!(comment.check(&said), Ok(()));
        let line = format!(": {}\n", String::from_utf8_lossy(signed.comment));
        assert!(String::from_utf8_lossy(&output.stdout).ends_with(&line), "{output:?}");
    }
}

#[test]
fn what_cannot_be_signed_is_a_line_with_the_reason_and_no_file() {
    let folder = with_key();
    let at = |name: &str| folder.path().join(name);
    fs::copy(tool(), at("tool")).expect("a file");
    fs::write(at("garbage"), "zinit-pid1 1.2\narch x86_64\nhand-over 3\n\0").expect("a file");
    fs::write(at("two"), [foreign("1.2.3"), foreign("1.2.4")].concat()).expect("a file");
    fs::write(at("good"), foreign("1.2.3")).expect("a file");
    for (words, status, line) in [
        (&["secret"][..], 2, "usage: scripts/sign SECRET_KEY PROGRAM"),
        (&["missing", "good"], 1, "missing: there is no such file"),
        (&["secret", "missing"], 1, "missing: there is no such file"),
        (&["secret", "tool"], 1, "tool is zinit-pid1ctl, not zinit-pid1"),
        (&["secret", "garbage"], 1, "garbage does not say a version and an architecture"),
        (&["secret", "two"], 1, "two says more than one version: version:1.2.3 arch:s390x version:1.2.4"),
        (&["key", "good"], 1, "minisign refused, see above"),
    ] {
        let output = sign(folder.path(), words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(line), "{words:?}: {text}");
        assert!(status == 2 || text.ends_with("; nothing was signed\n"), "{words:?}: {text}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(status), 0), "{words:?}");
    }
    assert!(!fs::read_dir(folder.path()).expect("a folder").any(|file| {
        file.expect("an entry").path().extension().is_some_and(|extension| extension == "minisig")
    }));
}
