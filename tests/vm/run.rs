//! scripts/run: what it does not understand is answered by its usage, before anything is built. `scripts/test vm` runs it.

use std::process::Command;

use crate::common::root;

#[test]
fn words_that_it_does_not_know_are_answered_by_the_usage() {
    for words in [
        &["boot"][..],
        &["--arch"],
        &["--arch", "sparc"],
        &["--arch", "aarch64", "--arch", "riscv64"],
        &["--check", "--check"],
        &["container", "--check"],
        &["container", "--arch", "aarch64"],
    ] {
        let run = Command::new(root().join("scripts/run")).args(words).output().expect("scripts/run runs");
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        let usage =
            "usage: scripts/run container | scripts/run [--check] [--arch x86_64|aarch64|riscv64|armv7]\n";
        assert_eq!((run.status.code(), said.as_str()), (Some(2), usage), "{words:?}");
        assert!(run.stdout.is_empty(), "{words:?}");
    }
}
