//! Programs that differ from the shipped one in some lines of their source.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::root;

/// A change of a source file: its path, a line without its indentation, and what replaces this line.
pub type Edit<'a> = (&'a str, &'a str, &'a str);

/// Builds PID 1's program with these changes as it is shipped, and returns its path; each name is one set of changes.
///
/// # Panics
/// If a line does not occur exactly once in its file: the source has changed, and the edit has to follow.
pub fn variant(name: &str, edits: &[Edit<'_>]) -> PathBuf {
    build(name, edits, "zinit-pid1")
}

/// The same for zinit-pid1ctl.
pub fn variant_of_tool(name: &str, edits: &[Edit<'_>]) -> PathBuf {
    build(name, edits, "zinit-pid1ctl")
}

fn build(name: &str, edits: &[Edit<'_>], program: &str) -> PathBuf {
    let folder = root().join("target/variants").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    // Tests run in parallel, as threads and as test programs; the end of this function, or of the process, unlocks it.
    let lock = File::create(folder.with_extension("lock")).expect("a file");
    lock.lock().expect("a lock");
    // Not .cargo: below the project's folder cargo reads that of the project.
    let mut copied = BTreeSet::new();
    for part in ["Cargo.toml", "Cargo.lock", "build.rs", "crates", "linker", "src"] {
        copy(&root().join(part), &folder.join(part), &mut copied);
    }
    for (file, ..) in edits {
        assert!(copied.contains(&folder.join(file)), "{file} is no part of the program");
    }
    for file in &copied {
        let part = file.strip_prefix(&folder).expect("below the folder");
        let mut bytes = fs::read(root().join(part)).expect("a file");
        for (_, line, by) in edits.iter().filter(|(file, ..)| Path::new(file) == part) {
            bytes = edited(&String::from_utf8(bytes).expect("text"), line, by).into_bytes();
        }
        // Cargo builds again what was written, even if its content is the same.
        if fs::read(file).ok().as_ref() != Some(&bytes) {
            fs::write(file, bytes).expect("a file");
        }
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "-p", program, "--bin", program]);
    let output = cargo.current_dir(&folder).env("CARGO_TARGET_DIR", folder.join("target")).output();
    let output = output.expect("cargo runs");
    // Not shown otherwise: there may be warnings, such as that lines behind a fault are not reached.
    assert!(output.status.success(), "{name} does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    folder.join("target/release").join(program)
}

/// Makes the folders of the copy, removes what the original no longer has, and lists the copy's files.
fn copy(from: &Path, to: &Path, files: &mut BTreeSet<PathBuf>) {
    if !from.is_dir() {
        files.insert(to.to_path_buf());
        return;
    }
    fs::create_dir_all(to).expect("a folder");
    let names = |folder: &Path| -> BTreeSet<_> {
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect()
    };
    let original = names(from);
    for name in names(to).difference(&original) {
        let old = to.join(name);
        if old.is_dir() { fs::remove_dir_all(old) } else { fs::remove_file(old) }.expect("it is removed");
    }
    for name in original {
        copy(&from.join(&name), &to.join(&name), files);
    }
}

/// The text with one line replaced.
fn edited(text: &str, line: &str, by: &str) -> String {
    let count = text.lines().filter(|known| known.trim() == line).count();
    assert_eq!(count, 1, "{line}");
    let lines = text.lines().map(|known| if known.trim() == line { by } else { known });
    lines.flat_map(|line| [line, "\n"]).collect()
}
