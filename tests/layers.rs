//! Dependencies between modules go only in the directions of `doc/architecture.md`: `main -> sys -> parse, text,
//! model, rt` and `main -> init -> decisions -> phase -> model`.
//!
//! Each file of `src` is listed with the modules that it may name; a name that is not listed fails, and so
//! does a file that is not listed, that is too long, or that holds unsafe code outside of `sys`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file or a folder, and the modules that it may name: those of the library by their first name, those of `sys`
/// and of the other crates by their file. The first row that fits counts.
const LAYERS: &[(&str, &str)] = &[
    ("lib", ""),
    ("model/mod", ""),
    ("model/", "model"),
    ("text/", "model text"),
    ("parse/", "model parse"),
    ("phase", "model"),
    // Each of them is a part of `State`, and so can call the others.
    ("reaper", "model"),
    ("server", "model phase"),
    ("shutdown", "model phase"),
    ("signals", "model"),
    ("stop", "model parse phase"),
    ("update", "model phase"),
    ("init", "model parse phase reaper"),
    ("ctl/lib", ""),
    ("main", "init model parse sys"),
    ("sys/mod", "model parse"),
    ("sys/cli", "log model parse raw reaper signal spawn"),
    ("sys/boot", "authority log model mount parse raw sender signal spawn stdio watchdog"),
    ("sys/fault", "model raw reexec signal"),
    ("sys/sender", "model raw"),
    ("sys/wait", "model raw reaper sender signal signals"),
    ("sys/raw", "model parse"),
    ("sys/reexec", "model raw spawn"),
    ("sys/server", "model raw signal spawn tasks"),
    ("sys/spawn", "log model parse raw signal stdio"),
    ("sys/tasks", "authority log memory model mount parse raw reaper signal spawn unmount"),
    ("sys/log", "authority model raw text writer"),
    ("sys/writer", "model raw signal"),
    ("sys/unmount", "authority log model mount parse raw spawn tasks"),
    // The leaves: the log, the tokens, and what uses one kernel interface.
    ("sys/authority", "model mount raw"),
    ("sys/", "authority log model parse raw text"),
    ("rt/lib", "start"),
    ("rt/start", "raw"),
    ("rt/arch/", "bytes registers start"),
    ("rt/mem", "arch"),
    ("rt/raw", "arch time"),
    ("rt/stat", "arch raw"),
    ("rt/time", "arch raw"),
    ("rt/signal", "arch raw time"),
    (
        "ctl/main",
        "adopted argument cli file force model orphans parse pipes process reader refusal remount restart rollback second status sys update watch",
    ),
    ("ctl/reader", "pipes process refusal report sys"),
    ("ctl/deadline", "model"),
    ("ctl/services", ""),
    ("ctl/json", ""),
    ("ctl/protocol", "json services"),
    ("ctl/state_file", "json services"),
    ("ctl/adopted", "ask handover model parse pipes process report sys"),
    ("ctl/orphans", "adopted file kin model parse process report sys"),
    ("ctl/kin", "file parse process"),
    ("ctl/stop", "kin model parse process report sys"),
    ("ctl/ask", "client deadline model process server"),
    ("ctl/client", "model refusal server sys"),
    ("ctl/handover", "ask pipes reader refusal report server sys"),
    ("ctl/restart", "ask client handover model parse pipes process refusal report server sys"),
    ("ctl/remount", "model parse process refusal report sys"),
    ("ctl/server", "model parse process sys"),
    ("ctl/watch", "ask client handover model pipes refusal report restart server sys"),
    ("ctl/start", "file hostname job model process refusal report sys"),
    ("ctl/rescue", "process start sys"),
    ("ctl/job", "ask client deadline life model parse process protocol refusal report restart sys"),
    ("ctl/life", "json protocol services"),
    ("ctl/hostname", ""),
    ("ctl/second", "client deadline parse print process sys"),
    ("ctl/answer", "model"),
    ("ctl/comment", "answer"),
    ("ctl/update/wait", "deadline file model parse print probe process sent status sys"),
    ("ctl/update/restore", "file install model refusal report running"),
    ("ctl/", "answer cli file model parse print probe process refusal report stat sys trial verify"),
];

/// Most lines of a file.
const LINES: usize = 300;

#[test]
fn no_module_uses_a_module_of_an_upper_layer() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in all() {
        let name = name(&path);
        let text = fs::read_to_string(&path).expect("a file");
        let allowed = allowed(&name);
        for module in named(&text) {
            seen += 1;
            if !allowed.split(' ').any(|known| known == module) {
                wrong.push(format!("{name} names {module}"));
            }
        }
        if !may_name_the_kernel(&name) && names_the_kernel(&text) {
            wrong.push(format!("{name} names the kernel"));
        }
        if text.lines().count() > LINES {
            wrong.push(format!("{name} has {} lines", text.lines().count()));
        }
        if !name.starts_with("sys/")
            && !name.starts_with("rt/")
            && !name.starts_with("ctl/sys")
            && name != "main"
            && code(&text).contains("unsafe ")
        {
            wrong.push(format!("{name} holds unsafe code"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 80, "only {seen} names were found: the search is broken");
}

/// A call that affects more than PID 1's own children is a method of a token, and occurs only in the token's file.
#[test]
fn machine_wide_calls_occur_only_in_the_files_of_the_tokens() {
    let calls = [
        "kill_process_group(",
        "fs::sync(",
        " reboot(R",
        "(reboot(",
        "mount::mount(",
        "mount::mount_remount(",
        "mount::unmount(",
        "sysrq-trigger",
        "SYS_mount",
        "SYS_reboot",
        "SYS_swapoff",
        "SYS_umount",
    ];
    let mut found = 0;
    for path in all() {
        let text = code(&fs::read_to_string(&path).expect("a file"));
        // Signal 0 harms nobody.
        let text = text.replace("test_kill_process_group(", "");
        // The last one mounts in namespaces that it has made for that.
        let homes = ["sys/authority.rs", "sys/mount.rs", "src/force.rs", "src/remount.rs", "update/trial.rs"];
        let home = homes.iter().any(|home| path.ends_with(home));
        for call in calls.iter().filter(|call| text.contains(**call)) {
            assert!(home, "{} holds {call}", path.display());
            found += 1;
        }
    }
    assert!(found >= 9, "only {found} were found: the search is broken");
}

/// Assembly and what depends on an architecture are in one short file per architecture.
#[test]
fn only_the_files_of_architectures_depend_on_one() {
    let mut architectures = 0;
    for path in all() {
        let text = fs::read_to_string(&path).expect("a file");
        let (name, code) = (name(&path), code(&text));
        architectures += u32::from(code.contains("naked_asm!("));
        if name.starts_with("rt/arch/") {
            assert!(text.lines().count() < ARCHITECTURE_LINES, "{name} is too long");
            continue;
        }
        for word in ["target_arch", "asm!"] {
            assert!(!code.contains(word), "{name} holds {word}");
        }
    }
    assert!(architectures >= 4, "only {architectures} were found: the search is broken");
}

/// More lines than the file of an architecture may have.
const ARCHITECTURE_LINES: usize = 100;

#[test]
fn the_search_finds_every_kind_of_name() {
    let text = "use crate::{event::{Event, Request}, log};\nuse zinit_pid1::parse::rpc::{self, Method};\n// crate::no\n\
                fn a() -> super::raw::Result<crate::time::Instant> { super::arch::trap() }";
    assert!(
        names_the_kernel("fn a() { rt::raw::exit(0) }") && !names_the_kernel("start::rt_main(); // rt::raw")
    );
    let found: Vec<String> = named(text).into_iter().collect();
    assert_eq!(found, ["arch", "event", "log", "parse", "raw", "time"]);
}

/// True outside of the library: `forbid(unsafe_code)` does not keep it from the safe functions of `rt` and rustix.
fn may_name_the_kernel(name: &str) -> bool {
    name == "main" || ["sys/", "rt/", "ctl/"].iter().any(|folder| name.starts_with(folder))
}

fn names_the_kernel(text: &str) -> bool {
    let code = code(text);
    let paths = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':');
    let crates = ["rt::", "rustix::", "libc::", "::rt", "::rustix", "::libc"];
    paths.into_iter().any(|path| crates.iter().any(|name| path.starts_with(name)))
}

/// What a file may name.
fn allowed(name: &str) -> &'static str {
    let fits = |row: &&(&str, &str)| row.0 == name || row.0.ends_with('/') && name.starts_with(row.0);
    LAYERS.iter().find(fits).unwrap_or_else(|| panic!("{name} is not listed")).1
}

/// The modules after each `crate::`, `super::` and `zinit_pid1::`.
fn named(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut found = BTreeSet::new();
    for root in ["crate::", "super::", "zinit_pid1::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(group_heads(group)),
                None => found.extend(head(rest)),
            }
        }
    }
    found.retain(|name| name.starts_with(char::is_lowercase) && !["self", "clippy"].contains(&name.as_str()));
    found
}

/// The first names of the paths in a group, up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let (mut heads, mut depth, mut start) = (vec![], 0, true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            letter if start && letter.is_alphabetic() => {
                heads.extend(head(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    heads
}

fn head(path: &str) -> Option<String> {
    let end = path.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    (end > 0).then(|| path[..end].to_string())
}

/// The text without comments, which may link to modules of upper layers.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every source file of the product.
fn all() -> Vec<PathBuf> {
    ["src", "crates"]
        .iter()
        .flat_map(|folder| files(&root().join(folder)))
        .filter(|path| is_source(path))
        .collect()
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// The file's path below `src`, after the name of its package, unless that is the package of PID 1.
fn name(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("below the root").with_extension("").display().to_string();
    path.replace("/src/", "/").trim_start_matches("src/").trim_start_matches("crates/").to_string()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            files.extend(self::files(&entry.path()))
        } else {
            files.push(entry.path())
        }
    }
    files
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
