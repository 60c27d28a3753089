//! scripts/run: what it does not understand is answered by its usage, before anything is built. `scripts/test vm` runs it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::common::{Folder, program, root};

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

/// Held by tests that pack the image of scripts/run, which has one name.
static IMAGE: Mutex<()> = Mutex::new(());

#[test]
fn a_service_and_files_of_the_caller_are_in_the_machine() {
    let _alone = IMAGE.lock().unwrap_or_else(PoisonError::into_inner);
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

/// The commands of README's first hour, by blocks: those of this machine, and those of the virtual one.
fn first_hour() -> Vec<Vec<String>> {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let (_, section) = readme.split_once("\n## A first hour\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("a next section");
    let blocks = section.split("\n\n").filter(|part| part.starts_with("    "));
    blocks.map(|block| block.lines().map(|line| line.trim_start_matches("    ").into()).collect()).collect()
}

/// A program and all that it starts, which end with this.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let _ended = killpg(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
        let _status = self.0.wait();
    }
}

#[test]
fn the_first_hour_of_the_readme_is_as_it_says() {
    let _alone = IMAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new();
    let blocks = first_hour();
    let [here, there] = blocks.as_slice() else { panic!("{blocks:?}") };
    // Tests share the sources, so the newer program is another file of this version.
    let mut next = fs::read(program()).expect("a program");
    next.push(0);
    fs::write(folder.path().join("next"), next).expect("a file");
    let left_out = ["sudo ", "sed ", "cargo ", "git "];
    let here: Vec<&str> = here
        .iter()
        .map(String::as_str)
        .filter(|line| !left_out.iter().any(|word| line.starts_with(word)))
        .collect();
    let here = here.join("\n").replace("target/release/zinit-pid1", "~/next");
    let here = here.replace("~/", &format!("{}/", folder.path().display()));

    let console = folder.path().join("console");
    let file = File::create(&console).expect("a file");
    let mut bash = Command::new("bash");
    bash.args(["-e", "-c", &here]).current_dir(root()).process_group(0).stdin(Stdio::piped());
    let mut run =
        Group(bash.stdout(file.try_clone().expect("a copy")).stderr(file).spawn().expect("bash runs"));
    let mut keys = run.0.stdin.take().expect("a pipe");
    let said = || String::from_utf8_lossy(&fs::read(&console).expect("a file")).into_owned();
    // A machine that cannot boot ends the wait.
    let wait = |text: &str| {
        let begin = Instant::now();
        while !said().contains(text) {
            assert!(begin.elapsed() < Duration::from_secs(120), "no {text}: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // The path before it is not the same in all of BusyBox.
    wait(" # ");
    for (index, line) in there.iter().enumerate() {
        // A person waits for the end of an update that is undone before the next line.
        let until = match line.split_whitespace().next() {
            Some("kill") => "is what had the fault",
            _ => "",
        };
        // The sum tells the answer from the echo of what was typed.
        let mark =
            format!("until dmesg | grep -q '{until}'; do sleep 0.1; done; echo mark-$((100 + {index}))");
        if line == "zinit poweroff" {
            writeln!(keys, "{line}").expect("a line");
        } else {
            writeln!(keys, "{line}").and_then(|()| writeln!(keys, "{mark}")).expect("a line");
            wait(&format!("mark-{}", 100 + index));
        }
    }
    wait("reboot: Power down");
    assert!(run.0.wait().expect("an end").success(), "{}", said());
    let (said, version) = (said().replace("\r\n", "\n"), env!("CARGO_PKG_VERSION"));
    for line in [
        "[stdout] hello\n",
        &format!("would replace version {version} by version {version}\n"),
        &format!("PID 1 is now zinit-pid1 {version}, generation 1\n"),
        "generation 2\n",
        "/sbin/zinit-pid1 is the program before the update again, /sbin/zinit-pid1.bad is what had the fault\n",
    ] {
        assert!(said.contains(line), "no {line}: {said}");
    }
}
