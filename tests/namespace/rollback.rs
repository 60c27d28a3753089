//! A newer file of the server that keeps exiting is replaced by the previous one, in namespaces; `tests/vm/features.rs`
//! has the real server, and the minute that a server has to run.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::common::namespace::{Namespace, Setup};
use crate::common::reexec;
use crate::common::trace::Trace;
use crate::common::updatable::{copy_alone, write_alone};
use crate::common::{stand_in, until, with_tool};
use zinit_pid1::model::process::FileId;

const BAD: &str = "#!/bin/sh\nexit 3\n";

fn write(path: &Path, text: &str) {
    write_alone(path, text.as_bytes());
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

fn good(server: &Path) -> String {
    format!("#!/bin/sh\n# {}\nexec {} \"$@\"\n", server.display(), stand_in().display())
}

/// A PID 1 that adopted a server which has run since the boot, and that server's file.
fn start(before: &str) -> (Namespace, PathBuf) {
    let setup = Setup::stand_in("obey").with("ZINIT_ORPHANS", "keep");
    let server = setup.folder.path().join("zinit-server");
    write(&server, &good(&server));
    let file = fs::metadata(&server).expect("a file");
    let id = FileId::new(file.ino(), file.mtime().cast_unsigned(), file.mtime_nsec().cast_unsigned())
        .0
        .to_string();
    let name = reexec::unsealed(&[("server", "CHILD"), ("generation", "1"), ("file", &id)]);
    let setup = setup.with("ZINIT_SERVER", &server).with("HANDED", name).before(before);
    let pid1 = setup.run(&reexec::run_as_handed()).start();
    pid1.line("the server goes on");
    (pid1, server)
}

/// Kills the server; each next one exits by itself. Each backoff is cut short.
fn dies(pid1: &mut Namespace, server: &Path, times: usize) {
    let old = pid1.children()[0];
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(old, libc::SIGKILL) };
    pid1.line("killed by signal 9, respawn in 1000 ms");
    for count in 1..=times {
        pid1.signal(libc::SIGUSR1);
        pid1.log.nth("exited 3, respawn", count);
    }
    assert!(server.with_extension("old").exists() || times >= 4);
}

/// Puts another file at the server's path, as a package manager does.
fn replace(server: &Path) {
    let new = server.with_extension("package");
    write(&new, BAD);
    fs::rename(&new, server).expect("another file");
}

#[test]
fn the_previous_file_is_restored_once_after_four_exits() {
    for linked in [false, true] {
        let (mut pid1, server) = start(&with_tool());
        let (old, bad) = (server.with_extension("old"), server.with_extension("bad"));
        let kept = fs::read(&server).expect("a file");
        if linked {
            fs::hard_link(&server, &old).expect("another name");
        } else {
            fs::rename(&server, &old).expect("another name");
        }
        replace(&server);
        dies(&mut pid1, &server, 3);
        assert!(old.exists() && !pid1.log.text().contains("put back"));
        pid1.signal(libc::SIGUSR1);
        pid1.line(&format!("zinit-pid1ctl: {} keeps dying, {} is put back", server.display(), old.display()));
        pid1.line("exited 3, respawn in 1000 ms");
        pid1.diary_line("started");
        assert_eq!((fs::read(&server).expect("a file"), old.exists()), (kept, false));
        assert_eq!(fs::read_to_string(&bad).expect("it is kept"), BAD);

        // This server may exit any number of times, because it is not the new one.
        if !linked {
            write(&old, BAD);
            for count in 2..7 {
                let running = pid1.server();
                // SAFETY: a signal to a process that this test started.
                unsafe { libc::kill(running, libc::SIGKILL) };
                until("its end", || !pid1.children().contains(&running));
                pid1.signal(libc::SIGUSR1);
                until("the next one", || pid1.diary().matches("started").count() == count);
            }
            assert!(old.exists(), "{}", pid1.log.text());
        }
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

/// A copy has another inode, and a file that was written to has another time.
#[test]
fn another_file_than_the_one_that_ran_is_not_put_back() {
    let copied: fn(&Path, &Path) = |server, old| copy_alone(server, old);
    let touched: fn(&Path, &Path) = |server, old| {
        fs::rename(server, old).expect("another name");
        let file = fs::File::options().append(true).open(old).expect("a file");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("a time");
    };
    for keep in [copied, touched] {
        let (mut pid1, server) = start(&with_tool());
        let old = server.with_extension("old");
        keep(&server, &old);
        let kept = fs::read(&old).expect("a file");
        replace(&server);
        dies(&mut pid1, &server, 4);
        let why = "it is not the file that ran for 60 s, which ln or mv keeps, and cp does not";
        pid1.line(&format!("zinit-pid1ctl: no roll-back of the server, {}: {why}", old.display()));
        pid1.log.nth("exited 3, respawn", 4);
        assert_eq!(
            (fs::read_to_string(&server).expect("a file"), fs::read(&old).expect("a file")),
            (BAD.into(), kept)
        );
        assert!(!server.with_extension("bad").exists() && !pid1.log.text().contains("put back"));
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn without_a_previous_file_nothing_is_done() {
    let (mut pid1, server) = start(&with_tool());
    replace(&server);
    dies(&mut pid1, &server, 6);
    assert_eq!(fs::read_to_string(&server).expect("a file"), BAD);
    assert!(!pid1.log.text().contains("zinit-pid1ctl"), "{}", pid1.log.text());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_file_that_cannot_be_restored_is_logged() {
    for (before, line) in [
        (with_tool(), "zinit-pid1ctl: no roll-back of the server, "),
        ("mount -t tmpfs none /sbin".to_string(), "cannot execute /sbin/zinit-pid1ctl: ENOENT"),
    ] {
        let (mut pid1, server) = start(&before);
        fs::create_dir(server.with_extension("old")).expect("a folder");
        write(&server, BAD);
        dies(&mut pid1, &server, 4);
        pid1.line(line);
        pid1.log.nth("exited 3, respawn", 4);
        assert_eq!(fs::read_to_string(&server).expect("a file"), BAD);
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
    }
}

#[test]
fn a_rollback_that_cannot_be_forked_is_logged() {
    let (mut pid1, server) = start(&with_tool());
    let old = server.with_extension("old");
    fs::rename(&server, &old).expect("another name");
    write(&server, BAD);
    dies(&mut pid1, &server, 3);
    // The first fork is that of the server.
    let trace = Trace::attach(pid1.pid1(), &["-e", "inject=clone:error=EAGAIN:when=2"]);
    pid1.signal(libc::SIGUSR1);
    pid1.line("cannot fork: EAGAIN");
    pid1.log.nth("exited 3, respawn", 4);
    drop(trace);
    assert!(old.exists() && !pid1.log.text().contains("zinit-pid1ctl"), "{}", pid1.log.text());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_removed_program_is_restored_too() {
    let (mut pid1, server) = start(&with_tool());
    fs::rename(&server, server.with_extension("old")).expect("another name");
    let running = pid1.children()[0];
    // SAFETY: a signal to a process that this test started.
    unsafe { libc::kill(running, libc::SIGKILL) };
    pid1.line("killed by signal 9");
    for count in 1..=4 {
        pid1.signal(libc::SIGUSR1);
        pid1.log.nth("not executed, ENOENT", count);
    }
    pid1.line("is put back");
    pid1.diary_line("started");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}
