//! PID 1 is replaced while it runs: the real program in namespaces, with the real minisign.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::namespace::{Log, Namespace, children, state, status};
use crate::common::trace::Trace;
use crate::common::updatable::{
    Change, HANGS, NEWER, Updatable, comment, furnish, generation, inode, inside_tool, offer, offer_as,
    offer_bytes, sign_as, write_alone,
};
use crate::common::{minisign, program, tool, until};

#[test]
fn a_signed_candidate_replaces_pid_1_and_the_server_keeps_running() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    let old = fs::read(&path).expect("the program");
    let new = offer(&path, NEWER);
    pid1.signal(libc::SIGUSR2);
    let signed = pid1.line("zinit-pid1ctl: ");
    // minisign shows the number in the untrusted comment of the key.
    let key = fs::read_to_string(pid1.folder.path().join("key")).expect("the key");
    let key = key.lines().next().and_then(|line| line.split(' ').next_back()).expect("a number");
    assert!(
        signed
            .ends_with(&format!(".new is signed by key {key:0>16}: {}", comment(env!("CARGO_PKG_VERSION")))),
        "{signed}"
    );
    pid1.line(&format!("is version {} now", env!("CARGO_PKG_VERSION")));
    pid1.line("the server goes on");
    pid1.log.nth(&format!("version {}, PID 1 of a container", env!("CARGO_PKG_VERSION")), 2);
    assert_eq!((generation(pid), pid1.server()), (1, server));
    assert_eq!(inode(&path), inode(Path::new(&format!("/proc/{pid}/exe"))));
    assert!(fs::read(&path).expect("the program") == new);
    assert!(fs::read(path.with_extension("old")).expect("the old one") == old);
    for used in ["new", "new.minisig", "verified", "old.new"] {
        assert!(!path.with_extension(used).exists(), "{used}");
    }

    // The new PID 1 does everything that the old one did: it sees the server's exit, restarts it, and is replaced
    // again.
    pid1.signal(libc::SIGUSR1);
    pid1.line("soft restart of server");
    until("another server", || pid1.server() != server);
    offer(&path, NEWER);
    pid1.signal(libc::SIGUSR2);
    until("a second update", || generation(pid) == 2);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
    assert!(pid1.diary().contains("system.shutdown"));
}

/// Requests an update, which succeeds, and then the end.
fn is_replaced_and_obeys(pid1: &mut Namespace) {
    let pid = pid1.pid1();
    pid1.signal(libc::SIGUSR2);
    until("the update", || generation(pid) == 1);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn without_a_candidate_there_is_a_line_and_nothing_else() {
    let (mut pid1, path) = Updatable::new().start();
    let server = pid1.server();
    pid1.signal(libc::SIGUSR2);
    pid1.line(&format!("zinit-pid1ctl: no update is there: {}.new", path.display()));
    pid1.line("no update: exited 3");
    assert_eq!((generation(pid1.pid1()), pid1.server()), (0, server));
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_file_from_a_package_manager_is_run_after_a_probe() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    // First a file that does not answer the probe.
    let replace = |bytes: &[u8]| {
        let other = path.with_extension("package");
        write_alone(&other, bytes);
        fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::rename(&other, &path).expect("another file");
    };
    replace(b"\x7fELF and nothing behind it");
    pid1.signal(libc::SIGUSR2);
    pid1.line("cannot execute it: ENOEXEC (no program for this machine)");
    pid1.line("no update: exited 1");
    // A file that another user than root can change or remove is refused too.
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    let folder = path.parent().expect("a folder");
    replace(&fs::read(program()).expect("the program"));
    for (count, (changed, open)) in [(path.as_path(), 0o775), (folder, 0o777)].into_iter().enumerate() {
        mode(changed, open);
        pid1.signal(libc::SIGUSR2);
        pid1.line(&format!("update refused, {}: it has to be root's", changed.display()));
        pid1.log.nth("no update: exited 1", count + 2);
        mode(changed, 0o755);
    }
    assert_eq!((generation(pid), pid1.server()), (0, server));
    replace(&fs::read(program()).expect("the program"));
    let deleted = fs::read_link(format!("/proc/{pid}/exe")).expect("a link");
    assert!(deleted.display().to_string().ends_with(" (deleted)"));
    pid1.signal(libc::SIGUSR2);
    pid1.line("the server goes on");
    assert_eq!((generation(pid), pid1.server()), (1, server));
    assert_eq!(fs::read_link(format!("/proc/{pid}/exe")).expect("a link"), path, "the old inode is free");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn each_refusal_has_its_reason_and_changes_nothing() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server, running) = (pid1.pid1(), pid1.server(), inode(&path));
    let (new, signature) = (path.with_extension("new"), path.with_extension("new.minisig"));
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    let mut refused = 0;
    let mut refuses = |pid1: &mut Namespace, reason: &str| {
        let said = pid1.log.text().len();
        pid1.signal(libc::SIGUSR2);
        refused += 1;
        pid1.log.nth("no update: exited 1", refused);
        let text = pid1.log.text();
        assert!(text[said..].contains(reason), "{reason}:\n{text}");
        assert_eq!((generation(pid), pid1.server(), inode(&path)), (0, server, running), "{reason}");
        assert!(!path.with_extension("verified").exists(), "{reason}");
    };

    offer(&path, NEWER);
    write_alone(&new, b"something else");
    refuses(&mut pid1, "the file is not what was signed");
    offer(&path, NEWER);
    fs::remove_file(&signature).expect("a file");
    refuses(&mut pid1, ".new.minisig: cannot open it: ENOENT");
    offer(&path, NEWER);
    mode(&new, 0o664);
    refuses(&mut pid1, ".new: it has to be root's, and writable by nobody else");
    offer(&path, NEWER);
    mode(path.parent().expect("a folder"), 0o775);
    refuses(&mut pid1, "/bin: it has to be root's, and writable by nobody else");
    mode(path.parent().expect("a folder"), 0o755);
    offer(&path, NEWER);
    fs::rename(&new, new.with_extension("elsewhere")).expect("a file");
    symlink(new.with_extension("elsewhere"), &new).expect("a link");
    refuses(&mut pid1, ".new: cannot open it: ELOOP");
    offer(&path, NEWER);
    let writer = OpenOptions::new().append(true).open(&new).expect("a file");
    refuses(&mut pid1, "somebody is writing to it");
    drop(writer);

    // All of these are signed.
    let half: Change = |bytes| bytes.truncate(3000);
    offer(&path, half);
    refuses(&mut pid1, "it did not answer to --probe, wait status 7");
    offer(&path, |bytes| bytes[18] = 183);
    refuses(&mut pid1, "cannot execute it: ENOEXEC (no program for this machine)");
    offer(&path, |bytes| {
        let at = bytes.windows(9).position(|window| window == b"\nreads 3\n").expect("an answer");
        bytes[at + 7] = b'9';
    });
    refuses(&mut pid1, "it does not understand this version's hand-over");
    offer(&path, |bytes| bytes.clear());
    refuses(&mut pid1, "it is empty, or larger than 262144 bytes");
    offer(&path, |bytes| bytes.resize(262_145, 0));
    refuses(&mut pid1, ".new: it is empty, or larger");
    // zinit-pid1ctl knows the same version, but is no PID 1.
    offer_as(&path, &fs::read(tool()).expect("the tool"), &comment(env!("CARGO_PKG_VERSION")));
    refuses(&mut pid1, "it did not answer to --probe, wait status 512");
    offer_bytes(&path, b"#!/bin/sh\nexit 1\n");
    refuses(&mut pid1, "cannot execute it: ENOENT");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

/// The path of a file in the mount namespace of PID 1.
fn inside(pid1: &mut Namespace, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{path}", pid1.pid1()))
}

/// The program, as another version of it; both have the same length.
pub fn as_version(version: &str) -> Vec<u8> {
    let mut bytes = fs::read(program()).expect("the program");
    let running = format!("zinit-pid1 {}\narch ", env!("CARGO_PKG_VERSION")).into_bytes();
    let other = format!("zinit-pid1 {version}\narch ").into_bytes();
    let at = bytes.windows(running.len()).position(|window| window == running).expect("an answer");
    bytes[at..at + other.len()].copy_from_slice(&other);
    bytes
}

#[test]
fn a_signature_for_something_else_is_refused_before_it_is_executed() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    let (version, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let good = comment(version);
    // This one would hang in its probe.
    let mut hangs = fs::read(program()).expect("the program");
    HANGS(&mut hangs);
    let cases = [
        ("a newer one".to_string(), ".new.minisig: its trusted comment has no word file:".to_string()),
        (
            good.replace("arch:", "timestamp:"),
            ".new.minisig: its trusted comment has no word arch:".to_string(),
        ),
        (
            format!("{good} version:9.9.9"),
            ".new.minisig: its trusted comment has the word version: twice".to_string(),
        ),
        (good.replace(version, "9.9"), ".new: it is signed as version:9.9, not version:X.Y.Z".to_string()),
        (
            format!("file:zinit-server version:0.0.1 arch:{arch}"),
            ".new: it is signed as file:zinit-server, not file:zinit-pid1".to_string(),
        ),
        (good.replace(arch, "s390x"), format!(".new: it is signed as arch:s390x, not arch:{arch}")),
        (
            comment("0.0.9"),
            format!(
                ".new: it is signed as version:0.0.9, below the running {version}, and /etc/zinit/update.allow-downgrade is not there"
            ),
        ),
    ];
    for (count, (comment, refusal)) in cases.into_iter().enumerate() {
        offer_as(&path, &hangs, &comment);
        let said = pid1.log.text().len();
        pid1.signal(libc::SIGUSR2);
        pid1.log.nth("no update: exited 1", count + 1);
        let text = pid1.log.text();
        assert!(text[said..].contains(&format!("{}{refusal}\n", path.display())), "{refusal}:\n{text}");
    }
    // What is signed as another version or architecture than it is can be told only by a probe.
    let mut foreign = fs::read(program()).expect("the program");
    let text = format!("\narch {arch}\n").into_bytes();
    let at = foreign.windows(text.len()).position(|window| window == text).expect("an answer");
    foreign[at + 6] = b'Y';
    let answer = format!("Y{}", &arch[1..]);
    let own = fs::read(program()).expect("the program");
    for (count, (bytes, signed, refusal)) in [
        (&own, comment("9.9.9"), format!("version:9.9.9, and answers {version} to --probe")),
        (&as_version("0.9.9"), good.clone(), format!("version:{version}, and answers 0.9.9 to --probe")),
        (&foreign, good, format!("arch:{arch}, and answers {answer} to --probe")),
    ]
    .into_iter()
    .enumerate()
    {
        offer_as(&path, bytes, &signed);
        pid1.signal(libc::SIGUSR2);
        pid1.line(&format!(".new: it is signed as {refusal}"));
        pid1.log.nth("no update: exited 1", count + 8);
    }
    assert_eq!((generation(pid), pid1.server()), (0, server));
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_long_comment_is_cut_and_its_line_ends() {
    let (mut pid1, path) = Updatable::new().start();
    let long = format!("{} {}", comment(env!("CARGO_PKG_VERSION")), "x".repeat(4_000));
    let bytes = [&fs::read(program()).expect("the program")[..], b"\0"].concat();
    offer_as(&path, &bytes, &long);
    let (status, text) = check(&mut pid1, &[]);
    assert_eq!((status, text.lines().count()), (Some(0), 3), "{text}");
    pid1.signal(libc::SIGUSR2);
    let line = pid1.line(" is signed by key ");
    assert!(line.ends_with("xxx") && line.len() < 1_000, "{line}");
    let line = pid1.line(" now");
    assert!(line.starts_with("zinit-pid1ctl: "), "{line}");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn an_older_version_is_installed_only_where_root_allows_it() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    let allow = inside(&mut pid1, "/etc/zinit/update.allow-downgrade");
    offer_bytes(&path, &as_version("0.0.9"));
    let mut count = 0;
    let mut refuses = |pid1: &mut Namespace, line: &str| {
        pid1.signal(libc::SIGUSR2);
        pid1.line(line);
        count += 1;
        pid1.log.nth("no update: exited 1", count);
    };
    refuses(&mut pid1, ".new: it is signed as version:0.0.9, below the running ");
    let named = "update refused, /etc/zinit/update.allow-downgrade: ";
    fs::create_dir(&allow).expect("a folder");
    refuses(&mut pid1, &format!("{named}it is no regular file"));
    fs::remove_dir(&allow).expect("a folder");
    symlink("/dev/null", &allow).expect("a link");
    refuses(&mut pid1, &format!("{named}cannot open it: ELOOP"));
    fs::remove_file(&allow).expect("a link");
    fs::write(&allow, "").expect("a file");
    fs::set_permissions(&allow, fs::Permissions::from_mode(0o664)).expect("a mode");
    refuses(&mut pid1, &format!("{named}it has to be root's, and writable by nobody else"));
    assert_eq!(generation(pid), 0);

    fs::set_permissions(&allow, fs::Permissions::from_mode(0o400)).expect("a mode");
    pid1.signal(libc::SIGUSR2);
    pid1.line("is version 0.0.9 now");
    until("the update", || generation(pid) == 1);
    assert_eq!(pid1.server(), server);
    // The version that runs now is the older one, which tells it: back to the newer one is no downgrade.
    fs::remove_file(&allow).expect("a file");
    offer(&path, NEWER);
    pid1.signal(libc::SIGUSR2);
    until("the update", || generation(pid) == 2);
    assert_eq!(pid1.server(), server);
    offer_bytes(&path, &as_version("0.0.9"));
    refuses(&mut pid1, &format!("below the running {}", env!("CARGO_PKG_VERSION")));
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_file_from_a_package_manager_has_to_be_signed_where_that_is_required() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    let folder = pid1.folder.path().to_path_buf();
    let require = inside(&mut pid1, "/etc/zinit/update.require-signature");
    // Whatever has this name counts.
    symlink("nowhere", &require).expect("a link");
    let signature = PathBuf::from(format!("{}.minisig", path.display()));
    let install = |bytes: &[u8], comment: &str| {
        let other = path.with_extension("package");
        write_alone(&other, bytes);
        fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).expect("a mode");
        sign_as(&folder, &other, &signature, comment);
        fs::rename(&other, &path).expect("another file");
    };
    let (own, good) = (fs::read(program()).expect("the program"), comment(env!("CARGO_PKG_VERSION")));
    let mut count = 0;
    let mut refuses = |pid1: &mut Namespace, line: &str| {
        pid1.signal(libc::SIGUSR2);
        pid1.line(&format!("update refused, {}{line}", path.display()));
        count += 1;
        pid1.log.nth("no update: exited 1", count);
        assert_eq!(generation(pid), 0);
    };
    install(&own, &good);
    fs::remove_file(&signature).expect("a file");
    refuses(&mut pid1, ".minisig: cannot open it: ENOENT");
    fs::write(&signature, "nothing").expect("a file");
    refuses(&mut pid1, ".minisig: the signature is no signature of minisign");
    let mut hangs = own.clone();
    HANGS(&mut hangs);
    install(&hangs, &comment("0.0.9"));
    refuses(&mut pid1, ": it is signed as version:0.0.9, below the running ");
    install(&hangs, &good.replace("zinit-pid1", "zinit-server"));
    refuses(&mut pid1, ": it is signed as file:zinit-server, not file:zinit-pid1");
    install(&own, &comment("9.9.9"));
    refuses(&mut pid1, ": it is signed as version:9.9.9, and answers ");
    install(&own, &good);
    let mut file = OpenOptions::new().append(true).open(&path).expect("a file");
    file.write_all(b"more").expect("a file");
    drop(file);
    refuses(&mut pid1, ".minisig: the file is not what was signed");

    install(&own, &good);
    pid1.signal(libc::SIGUSR2);
    pid1.line(&format!("{} is signed by key ", path.display()));
    until("the update", || generation(pid) == 1);
    assert_eq!(pid1.server(), server);
    assert!(signature.exists(), "it is the package manager's");
    // Without the rule it is as before.
    fs::remove_file(&require).expect("a link");
    install(&as_version("0.0.9"), "none");
    pid1.signal(libc::SIGUSR2);
    pid1.line("is version 0.0.9 now");
    until("the update", || generation(pid) == 2);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

/// A person asks in the namespaces of PID 1 what an update would do: exit status, and all that is printed.
fn check(pid1: &mut Namespace, trace: &[&str]) -> (Option<i32>, String) {
    let output = inside_tool(pid1, trace, &["update", "--check"]).output().expect("nsenter runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_check_says_what_an_update_would_do_and_does_nothing() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    let version = env!("CARGO_PKG_VERSION");
    let folder = path.parent().expect("a folder").to_path_buf();
    let files = || {
        let files = fs::read_dir(&folder).expect("a folder").map(|file| {
            let file = file.expect("an entry");
            let data = file.metadata().expect("a file");
            (file.file_name(), data.ino(), data.ctime(), data.ctime_nsec())
        });
        let folder = fs::metadata(&folder).expect("a folder");
        let mut files: Vec<_> = files.collect();
        files.push(("folder".into(), 0, folder.ctime(), folder.ctime_nsec()));
        files.sort();
        files
    };
    let checks = |pid1: &mut Namespace, trace: &[&str], status: i32, lines: &[String]| {
        let before = files();
        let (code, text) = check(pid1, trace);
        let expected: String = lines.iter().map(|line| format!("zinit-pid1: {line}\n")).collect();
        assert_eq!((code, text), (Some(status), expected));
        assert_eq!(files(), before, "{lines:?}");
    };
    let shown = path.display();
    checks(&mut pid1, &[], 3, &[format!("no update is there: {shown}.new")]);

    offer(&path, NEWER);
    // It need not be executable, as in an update.
    fs::set_permissions(path.with_extension("new"), fs::Permissions::from_mode(0o600)).expect("a mode");
    let key = fs::read_to_string(pid1.folder.path().join("key")).expect("the key");
    let key = key.lines().next().and_then(|line| line.split(' ').next_back()).expect("a number");
    let signed = |comment: &str| format!("{shown}.new is signed by key {key:0>16}: {comment}");
    let good = [
        signed(&comment(version)),
        format!("{shown}.new works as PID 1"),
        format!("{shown}.new would replace version {version} by version {version}"),
    ];
    checks(&mut pid1, &[], 0, &good);
    // The kernel may refuse files in memory that can be executed.
    let strace = [
        "strace",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=memfd_create",
        "-e",
        "inject=memfd_create:error=EACCES",
    ];
    let refused = format!("update refused, {shown}.new: cannot execute it: EACCES (no permission)");
    checks(&mut pid1, &strace, 1, &[good[0].clone(), refused]);
    fs::set_permissions(path.with_extension("new"), fs::Permissions::from_mode(0o700)).expect("a mode");
    checks(&mut pid1, &strace, 0, &good);

    let older = comment("0.0.9");
    offer_as(&path, b"none", &older);
    let refused = format!(
        "it is signed as version:0.0.9, below the running {version}, and /etc/zinit/update.allow-downgrade is not there"
    );
    checks(&mut pid1, &[], 1, &[signed(&older), format!("update refused, {shown}.new: {refused}")]);
    let newer = comment("9.9.9");
    offer_as(&path, &fs::read(program()).expect("the program"), &newer);
    let refused = format!("it is signed as version:9.9.9, and answers {version} to --probe");
    checks(&mut pid1, &[], 1, &[signed(&newer), format!("update refused, {shown}.new: {refused}")]);
    for used in ["new", "new.minisig"] {
        fs::remove_file(path.with_extension(used)).expect("a file");
    }

    // A file from a package manager; the version that runs is not in that file.
    let other = path.with_extension("package");
    write_alone(&other, &as_version("0.9.9"));
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::rename(&other, &path).expect("another file");
    let good = [
        format!("{shown} works as PID 1"),
        format!("{shown} would replace version {version} by version 0.9.9"),
    ];
    checks(&mut pid1, &[], 0, &good);
    fs::write(inside(&mut pid1, "/etc/zinit/update.require-signature"), "").expect("a file");
    let refused =
        format!("update refused, {shown}.minisig: cannot open it: ENOENT (no such file or directory)");
    checks(&mut pid1, &[], 1, &[refused]);
    assert_eq!((generation(pid), pid1.server()), (0, server));
    assert!(!pid1.log.text().contains("update"), "{}", pid1.log.text());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn without_a_key_that_only_root_can_write_no_candidate_is_accepted() {
    for (change, refused) in [
        (
            "echo one more >>/etc/zinit/update.pub",
            "/etc/zinit/update.pub: the key is no public key of minisign",
        ),
        ("rm /etc/zinit/update.pub", "/etc/zinit/update.pub: cannot open it: ENOENT"),
        (
            "chmod 664 /etc/zinit/update.pub",
            "/etc/zinit/update.pub: it has to be root's, and writable by nobody else",
        ),
        ("chmod 757 /etc/zinit", "/etc/zinit: it has to be root's, and writable by nobody else"),
    ] {
        let mut updatable = Updatable::new();
        let run = format!("{change}; exec {} \"$@\"", updatable.path.display());
        updatable.setup = updatable.setup.run(&run);
        let (mut pid1, path) = updatable.start();
        offer(&path, NEWER);
        pid1.signal(libc::SIGUSR2);
        pid1.line(&format!("update refused, {refused}"));
        pid1.line("no update: exited 1");
        assert_eq!(generation(pid1.pid1()), 0);
    }
}

#[test]
fn a_candidate_may_be_signed_with_any_key_of_the_file() {
    let mut updatable = Updatable::new();
    let folder = updatable.setup.folder.path().to_path_buf();
    minisign(&folder, &["-G", "-W", "-p", "other", "-s", "another secret"]);
    let run = format!(
        "cat {0}/other {0}/key >/etc/zinit/update.pub; exec {1} \"$@\"",
        folder.display(),
        updatable.path.display()
    );
    updatable.setup = updatable.setup.run(&run);
    let (mut pid1, path) = updatable.start();
    offer(&path, NEWER);
    is_replaced_and_obeys(&mut pid1);
}

/// A process other than PID 1 does the same, and its arguments are not those of the command line tool.
#[test]
fn a_subreaper_is_replaced_too_and_remains_a_subreaper() {
    let Updatable { setup, path } = Updatable::new();
    let run = format!(
        "{} --supervise & subreaper=$!; until grep -q started \"$STAND_IN_DIARY\" 2>/dev/null; do sleep 0.1; done; echo ready
         until [ -e {}.minisig ]; do sleep 0.1; done; kill -USR2 $subreaper
         until tr '\\0' '\\n' </proc/$subreaper/cmdline | grep -q '^zinit-pid1 .* generation=1 '; do sleep 0.1; done
         kill -TERM $subreaper; wait $subreaper; echo subreaper ended with $?",
        path.display(),
        path.with_extension("new").display()
    );
    let mut shell = setup.run(&run).start();
    shell.line("ready");
    offer(&path, NEWER);
    shell.line("the server goes on");
    shell.line("subreaper ended with 0");
    shell.end();
    assert_eq!(shell.log.text().matches("not PID 1").count(), 2, "{}", shell.log.text());
}

#[test]
fn orphans_are_reaped_and_requests_handled_while_a_candidate_hangs() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, HANGS);
    let begin = Instant::now();
    pid1.signal(libc::SIGUSR2);
    pid1.line("is signed");
    pid1.signal(libc::SIGUSR2);
    pid1.line("it did not answer to --probe in time");
    pid1.line("no update: exited 1");
    // The log line gives the reason, so a busy computer may take longer.
    assert!(begin.elapsed().as_secs_f32() > 4.5, "{:?}", begin.elapsed());
    until("the probe's end", || pid1.children().len() == 1);

    pid1.signal(libc::SIGUSR2);
    pid1.log.nth("is signed", 2);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn without_proc_the_program_is_found_by_the_name_it_was_started_with() {
    let Updatable { setup, path } = Updatable::new();
    let run = format!("mount -t tmpfs none /proc; exec {} \"$@\"", path.display());
    let mut pid1 = setup.run(&run).start();
    pid1.diary_line("started");
    offer(&path, NEWER);
    is_replaced_and_obeys(&mut pid1);
}

#[test]
fn two_updaters_never_install_at_the_same_time() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, old) = (pid1.pid1(), fs::read(&path).expect("the program"));
    offer(&path, HANGS);
    pid1.signal(libc::SIGUSR2);
    pid1.line("is signed");
    // The next PID 1 does not know that an updater is running.
    pid1.signal(libc::SIGSEGV);
    until("the next PID 1", || generation(pid) == 1);
    pid1.signal(libc::SIGUSR2);
    pid1.line("zinit-pid1: another update of it is at work");
    pid1.line("it did not answer to --probe in time");
    assert!(fs::read(&path).expect("the program") == old);
    offer(&path, NEWER);
    until("the first one's end", || pid1.children().len() == 1);
    pid1.signal(libc::SIGUSR2);
    until("the update", || generation(pid) == 2);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn no_other_user_can_block_an_update() {
    let (mut pid1, path) = Updatable::new().start();
    // A process that can read them can lock them.
    let folder = File::open(path.parent().expect("a folder")).expect("a folder");
    let running = File::open(&path).expect("the program");
    folder.lock().expect("a lock");
    running.lock().expect("a lock");
    // The lock file that an earlier, killed updater left behind.
    let lock = path.with_extension("lock");
    fs::write(&lock, "").expect("a file");
    offer(&path, NEWER);
    is_replaced_and_obeys(&mut pid1);
    assert!(!lock.exists(), "{}", pid1.log.text());
}

#[test]
fn the_running_program_keeps_a_name_until_pid_1_knows_its_successor() {
    let (mut pid1, path) = Updatable::new().start();
    let (running, old) = (inode(&path), path.with_extension("old"));
    // The state after an update whose updater was killed after its last rename.
    fs::hard_link(&path, &old).expect("another name");
    let other = path.with_extension("verified");
    fs::copy(&path, &other).expect("a copy");
    fs::rename(&other, &path).expect("its name");
    let candidate = offer(&path, NEWER);
    is_replaced_and_obeys(&mut pid1);
    assert_eq!(inode(&old), running, "what ran is not lost");
    assert!(fs::read(&path).expect("a program") == candidate);
}

#[test]
fn a_failed_sync_of_the_folder_is_logged_and_pid_1_is_replaced() {
    let (mut pid1, path) = Updatable::new().start();
    let pid = pid1.pid1();
    offer(&path, NEWER);
    // The first fsync is that of the file.
    let trace = Trace::attach(pid, &["-f", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=2+"]);
    pid1.signal(libc::SIGUSR2);
    pid1.line("bin to the disk: errno 5");
    until("the update", || generation(pid) == 1);
    drop(trace);
    assert!(!path.with_extension("new").exists(), "{}", pid1.log.text());
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn an_update_works_without_a_reader_of_the_log() {
    let Updatable { setup, path } = Updatable::new();
    let (reading, writing) = std::io::pipe().expect("a pipe");
    let mut pid1 = setup.stderr(writing.into()).start();
    pid1.diary_line("started");
    drop(reading);
    offer(&path, NEWER);
    is_replaced_and_obeys(&mut pid1);
}

#[test]
fn an_update_does_not_wait_for_a_reader_of_the_log() {
    let Updatable { setup, path } = Updatable::new();
    let (reader, mut log) = UnixStream::pair().expect("sockets");
    log.set_nonblocking(true).expect("a socket");
    for size in [4_096, 1] {
        while log.write(&vec![b'x'; size]).is_ok() {}
    }
    log.set_nonblocking(false).expect("a socket");
    let mut pid1 = setup.stderr(log.into()).start();
    pid1.diary_line("started");
    offer(&path, NEWER);
    let begin = Instant::now();
    is_replaced_and_obeys(&mut pid1);
    assert!(begin.elapsed() < Duration::from_secs(30), "no alarm has ended it: {:?}", begin.elapsed());
    drop(reader);
}

#[test]
fn a_hanging_candidate_ends_even_if_its_updater_was_killed() {
    let (mut pid1, path) = Updatable::new().start();
    offer(&path, HANGS);
    let server = pid1.server();
    pid1.signal(libc::SIGUSR2);
    pid1.line("is signed");
    let mut probe = None;
    until("the probe", || {
        let updater = pid1.children().into_iter().find(|child| *child != server);
        probe = updater.and_then(|updater| Some((updater, children(updater).first().copied()?)));
        probe.is_some_and(|(_, candidate)| {
            fs::read_link(format!("/proc/{candidate}/exe"))
                .is_ok_and(|exe| exe.ends_with("zinit-pid1.verified"))
        })
    });
    let (updater, candidate) = probe.expect("just found");
    // SAFETY: a signal to a process that this test has had started.
    unsafe { libc::kill(updater, libc::SIGKILL) };
    pid1.line("no update: killed by signal 9");
    // The candidate would never exit by itself.
    until("its end", || state(candidate).is_none() && pid1.children() == [server]);
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn an_update_that_cannot_be_forked_is_logged_and_can_be_requested_again() {
    let (mut pid1, path) = Updatable::new().start();
    let pid = pid1.pid1();
    offer(&path, NEWER);
    let trace = Trace::attach(pid, &["-e", "inject=clone:error=EAGAIN"]);
    pid1.signal(libc::SIGUSR2);
    pid1.line("cannot fork: EAGAIN");
    drop(trace);
    is_replaced_and_obeys(&mut pid1);
}

#[test]
fn after_a_failed_execve_the_old_program_gets_its_name_back() {
    let (mut pid1, path) = Updatable::new().start();
    let (pid, server) = (pid1.pid1(), pid1.server());
    let old = fs::read(&path).expect("the program");
    offer(&path, NEWER);
    let trace = Trace::attach(pid, &["-e", "inject=execve:error=EIO"]);
    pid1.signal(libc::SIGUSR2);
    pid1.line(&format!("cannot execute {}: EIO", path.display()));
    drop(trace);
    assert_eq!((generation(pid), pid1.server()), (0, server));
    until("the old one has its name again", || fs::read(&path).expect("the program") == old);

    // Everything continues as if nothing had happened, including the next update.
    offer(&path, NEWER);
    pid1.signal(libc::SIGUSR2);
    pid1.line("the server goes on");
    assert_eq!((generation(pid), pid1.server()), (1, server));
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_request_at_any_instant_of_an_update_is_handled() {
    for step in 0..40_u64 {
        let (mut pid1, path) = Updatable::new().start();
        offer(&path, NEWER);
        pid1.signal(libc::SIGUSR2);
        // The whole update takes some 40 ms.
        std::thread::sleep(Duration::from_micros(step * 1_200));
        pid1.signal(libc::SIGTERM);
        pid1.ends_well();
        assert_eq!(pid1.diary().matches("system.shutdown").count(), 1, "{}", pid1.log.text());
    }
}

#[test]
fn a_thousand_updates_leave_nothing_behind() {
    let Updatable { setup, path } = Updatable::new();
    // A background process leaves orphans to PID 1 all the time.
    let orphans = "(while sleep 0.002; do (echo >>\"$STAND_IN_DIARY.orphans\" &); done) &";
    let mut pid1 = setup.run(&format!("{orphans}\nexec {} \"$@\"", path.display())).start();
    pid1.diary_line("started");
    let pid = pid1.pid1();
    let servers = |pid1: &mut Namespace| -> Vec<i32> {
        let all = pid1.children();
        all.into_iter().filter(|pid| status(*pid, "Name").is_some_and(|name| name == "stand-in")).collect()
    };
    let server = servers(&mut pid1);
    assert_eq!(server.len(), 1);
    offer(&path, NEWER);
    let (new, signature) = (path.with_extension("new"), path.with_extension("new.minisig"));
    let (kept, kept_signature) = (path.with_extension("kept"), path.with_extension("kept.minisig"));
    fs::rename(&new, &kept).expect("a file");
    fs::rename(&signature, &kept_signature).expect("a file");
    let descriptors = || fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors").count();
    // The CPU time of the process, ns, which continues across execve.
    let own_time = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("schedstat");
        stat.split(' ').next().and_then(|time| time.parse::<u64>().ok()).expect("a time")
    };
    let begun = own_time();
    let (mut before, mut random) = (None, 1_u64);
    for update in 1..=1_000 {
        // Links, so that no process has the files open for writing when they are checked.
        fs::hard_link(&kept_signature, &signature).expect("a link");
        fs::hard_link(&kept, &new).expect("a link");
        pid1.signal(libc::SIGUSR2);
        let begin = Instant::now();
        while generation(pid) != update {
            // Signals without a meaning, and orphans, at random instants.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            pid1.signal(
                [libc::SIGCHLD, libc::SIGHUP, libc::SIGWINCH, libc::SIGALRM][(random >> 62) as usize],
            );
            std::thread::sleep(Duration::from_micros(random >> 54));
            assert!(begin.elapsed() < Duration::from_secs(20), "update {update}:\n{}", pid1.log.text());
        }
        if update == 10 || update == 1_000 {
            // Before PID 1 has finished its start, it has not opened all descriptors that it keeps open.
            pid1.log.nth("the server goes on", update as usize);
            // The server, and the process that makes the orphans; from time to time an orphan.
            until("no zombie that stays", || pid1.children().len() == 2);
            let now = (descriptors(), status(pid, "VmStk"), status(pid, "VmSize"));
            assert_eq!(*before.get_or_insert_with(|| now.clone()), now);
            // The depth of the stack so far is random; the file-backed part of the memory depends on the page cache.
            let anonymous = status(pid, "RssAnon").expect("memory");
            assert!(["4 kB", "8 kB", "12 kB", "16 kB"].contains(&anonymous.as_str()), "{anonymous}");
        }
    }
    let each = (own_time() - begun) / 1_000;
    println!("own time of PID 1 for an update, and for what else it heard meanwhile: {} us", each / 1_000);
    assert!(each < 10_000_000, "{each} ns");
    let orphans = fs::read(pid1.folder.path().join("diary.orphans")).expect("a file").len();
    println!("{orphans} orphans");
    assert!(orphans > 100, "{orphans}");
    assert_eq!(servers(&mut pid1), server);
    assert_eq!(pid1.diary().matches("started").count(), 1, "one server throughout");
    pid1.signal(libc::SIGTERM);
    pid1.ends_well();
}

#[test]
fn a_crash_at_any_system_call_leaves_a_complete_program() {
    let updatable = Updatable::new();
    let (path, old) =
        (updatable.path.clone(), fs::read("/usr/bin/strace").expect("strace: scripts/setup packages"));
    let new = offer(&path, NEWER);
    let (candidate, signature) = (path.with_extension("new"), path.with_extension("new.minisig"));
    let kept = [&candidate, &signature].map(|file| fs::read(file).expect("a file"));
    // strace under the program's name is the parent that is to be replaced, and kills its child at one system call.
    let script = "while read inject; do
            \"$0\" -o \"$0.calls\" $inject /sbin/zinit-pid1ctl --helper update none >/dev/null
            echo \"<$inject> status $?\"
        done";
    let folder = updatable.setup.folder.path().to_path_buf();
    let before = furnish(&folder);
    let mut shell = Command::new("unshare");
    shell.args(["-U", "-r", "-p", "-m", "-f", "--mount-proc", "--kill-child=KILL", "--", "sh", "-c"]);
    shell.arg(format!("{before}\n{script}")).arg(&path);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut shell = shell.spawn().expect("unshare runs: package util-linux");
    let log = Log::default();
    log.follow(shell.stdout.take().expect("a pipe"));
    let mut orders = shell.stdin.take().expect("a pipe");
    let mut run = |inject: &str| {
        let _running = fs::remove_file(&path);
        write_alone(&path, &old);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        write_alone(&candidate, &kept[0]);
        write_alone(&signature, &kept[1]);
        std::io::Write::write_all(&mut orders, format!("{inject}\n").as_bytes()).expect("the shell reads");
        let line = log.line(&format!("<{inject}> status "));
        let found = fs::read(&path).expect("there is always a program");
        assert!(found == old || found == new, "{inject}: {} bytes", found.len());
        assert_ne!(fs::metadata(&path).expect("a file").mode() & 0o111, 0, "{inject}");
        (line.ends_with("status 0"), found == new)
    };
    assert_eq!(run("-e trace=all"), (true, true));
    let calls = fs::read_to_string(path.with_extension("calls")).expect("calls");
    let mut counts = std::collections::BTreeMap::new();
    let (mut olds, mut news) = (0, 0);
    // The number of checks whether the probe has ended is random.
    for call in calls.lines().filter_map(|line| line.split('(').next()) {
        let count = counts.entry(call).and_modify(|count| *count += 1).or_insert(1);
        if ["execve", "exit_group", "wait4", "ppoll", "clock_gettime", "+++", "---"]
            .iter()
            .any(|no| call.starts_with(no))
        {
            continue;
        }
        let (well, replaced) = run(&format!("-e inject={call}:signal=KILL:when={count}"));
        if well {
            // It read the pipe fewer times than in the first run.
            assert_eq!(call, "read", "{count}");
            continue;
        }
        *if replaced { &mut news } else { &mut olds } += 1;
    }
    println!("ended at each of {} system calls: {news} times with the new program", olds + news);
    assert!(olds > 30 && news > 3, "{olds} {news}");
    drop(orders);
    let _ended = shell.wait();
}
