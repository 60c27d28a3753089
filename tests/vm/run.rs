//! scripts/run: what it does not understand is answered by its usage, before anything is built. `scripts/test vm` runs it.

use std::fs;
use std::process::Command;

use crate::common::{Folder, root};

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
        &["container", "--service", "mine.toml"],
        &["--service"],
        &["--add"],
    ] {
        let run = Command::new(root().join("scripts/run")).args(words).output().expect("scripts/run runs");
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        let usage = "usage: scripts/run container | scripts/run [--check] [--arch x86_64|aarch64|riscv64|armv7] \
                     [--service FILE]... [--add SRC:DST]...\n";
        assert_eq!((run.status.code(), said.as_str()), (Some(2), usage), "{words:?}");
        assert!(run.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn a_service_and_files_of_the_caller_are_in_the_machine() {
    let folder = Folder::new();
    fs::write(folder.path().join("mine.toml"), "[service]\nname = \"mine\"\nexec = \"sleep 1000\"\n")
        .expect("a file");
    fs::write(folder.path().join("key"), "a key").expect("a file");
    let mut run = Command::new(root().join("scripts/run"));
    // The files are named from another folder than that of the sources.
    run.args(["--check", "--service", "mine.toml", "--add", "key:etc/zinit/update.pub"]);
    let run = run.current_dir(folder.path()).output().expect("scripts/run runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    let log = fs::read_to_string(root().join("target/vm/check.x86_64.log")).expect("a log");
    assert!(log.contains("total_services=4"), "{log}");
    let list = "gzip -dc target/vm/run.x86_64.cpio.gz | cpio --list --quiet";
    let list = Command::new("sh").args(["-c", list]).current_dir(root()).output().expect("cpio runs");
    let list = String::from_utf8(list.stdout).expect("a list");
    assert!(
        list.contains("etc/zinit/services/mine.toml\n") && list.contains("etc/zinit/update.pub\n"),
        "{list}"
    );
}
