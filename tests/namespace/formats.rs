//! An update across a change of the format in which PID 1 hands over: the real program, and variants of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::namespace::Namespace;
use crate::common::updatable::{Updatable, copy_alone, furnish, offer_bytes};
use crate::common::variant::{Edit, variant, variant_of_tool};
use crate::common::{program, until};

const NAME: &str = r#"const NAME: &[u8] = b"zinit-pid1 3:";"#;
const SAYS: &str = r#""\nhand-over 3\nreads 3\nprobe-pid1\n\0""#;
const READS: &str = "for word in table::split(text.strip_prefix(NAME)?, b' ') {";

/// It writes the next format, and reads that only.
const NEXT: [Edit<'_>; 2] = [
    ("src/model/reexec.rs", NAME, r#"const NAME: &[u8] = b"zinit-pid1 4:";"#),
    ("src/model/version.rs", SAYS, r#""\nhand-over 4\nreads 4\nprobe-pid1\n\0""#),
];

/// It writes the next format, and reads this one too.
fn next_that_reads_this() -> PathBuf {
    let edits = [
        NEXT[0],
        ("src/model/version.rs", SAYS, r#""\nhand-over 4\nreads 3\nreads 4\nprobe-pid1\n\0""#),
        (
            "src/model/reexec.rs",
            READS,
            "for word in table::split(text.strip_prefix(NAME).or_else(|| text.strip_prefix(b\"zinit-pid1 3:\"))?, b' ') {",
        ),
    ];
    variant("format-3-and-4", &edits)
}

/// It knows the format before this one only.
fn earlier() -> PathBuf {
    let edits = [
        ("src/model/reexec.rs", NAME, r#"const NAME: &[u8] = b"zinit-pid1 2:";"#),
        ("src/model/version.rs", SAYS, r#""\nhand-over 2\nreads 2\nprobe-pid1\n\0""#),
    ];
    variant("format-2", &edits)
}

/// The generation in the name of a PID 1 that writes this format.
fn generation(pid1: &mut Namespace, format: u32) -> Option<u32> {
    let line = fs::read(format!("/proc/{}/cmdline", pid1.pid1())).expect("a command line");
    let name = String::from_utf8_lossy(&line).split('\0').next()?.to_string();
    let words = name.strip_prefix(&format!("zinit-pid1 {format}:"))?;
    words.split(' ').find_map(|word| word.strip_prefix("generation=")?.parse().ok())
}

/// Nobody but the first server has been started.
fn has_one_server(pid1: &mut Namespace, server: i32) {
    assert_eq!(pid1.server(), server);
    assert_eq!(pid1.diary().matches("started").count(), 1, "{}", pid1.log.text());
}

fn offer(path: &Path, program: &Path) {
    offer_bytes(path, &fs::read(program).expect("a program"));
}

#[test]
fn a_program_that_reads_the_running_format_takes_over_and_another_one_is_refused() {
    let (both, earlier) = (next_that_reads_this(), earlier());
    let (mut pid1, path) = Updatable::new().start();
    let server = pid1.server();
    let refuses = |pid1: &mut Namespace, count| {
        pid1.signal(libc::SIGUSR2);
        pid1.log.nth("it does not understand this version's hand-over", count);
        pid1.log.nth("no update: exited 1", count);
        has_one_server(pid1, server);
    };
    offer(&path, &earlier);
    refuses(&mut pid1, 1);
    offer(&path, &both);
    pid1.signal(libc::SIGUSR2);
    pid1.line("the server goes on");
    // Its predecessor has written the name, and it writes the next one.
    assert_eq!(generation(&mut pid1, 3), Some(1));
    has_one_server(&mut pid1, server);
    // After a fault it is not undone: the program before it could not read what it hands over.
    pid1.signal(libc::SIGSEGV);
    pid1.log.nth("the server goes on", 2);
    assert_eq!(generation(&mut pid1, 4), Some(2));
    has_one_server(&mut pid1, server);
    for (count, back) in [(2, program()), (3, earlier)] {
        offer(&path, &back);
        refuses(&mut pid1, count);
    }
    offer(&path, &both);
    pid1.signal(libc::SIGUSR2);
    pid1.log.nth("the server goes on", 3);
    assert_eq!(generation(&mut pid1, 4), Some(3));
    has_one_server(&mut pid1, server);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_package_manager_that_replaces_both_files_across_a_change_starts_no_second_server() {
    let (next, tool) = (variant("format-4", &NEXT), variant_of_tool("format-4", &NEXT));
    let mut updatable = Updatable::new();
    let before = furnish(updatable.setup.folder.path());
    updatable.setup = updatable.setup.before(&format!("{before}; cp {} /sbin/zinit-pid1ctl", tool.display()));
    let (mut pid1, path) = updatable.start();
    let server = pid1.server();
    let package = path.with_extension("package");
    let put = |program: &Path| {
        copy_alone(program, &package);
        fs::set_permissions(&package, fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::rename(&package, &path).expect("another file");
    };
    put(&next);
    pid1.signal(libc::SIGUSR2);
    pid1.line("it does not understand this version's hand-over");
    pid1.line("no update: exited 1");
    has_one_server(&mut pid1, server);
    put(&next_that_reads_this());
    pid1.signal(libc::SIGUSR2);
    pid1.line("the server goes on");
    until("the take-over", || generation(&mut pid1, 3) == Some(1));
    has_one_server(&mut pid1, server);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}
