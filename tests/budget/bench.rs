//! `scripts/bench`, which compares the program with other inits: that it measures, and that what it writes agrees.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{Folder, root};

fn bench(words: &[&dyn AsRef<Path>]) -> Output {
    let words = words.iter().map(|word| word.as_ref());
    Command::new(root().join("scripts/bench"))
        .args(words)
        .output()
        .expect("scripts/bench runs: package python3")
}

#[test]
fn each_row_is_measured_for_two_inits_and_table_chart_and_json_agree() {
    let output = bench(&[&"--check"]);
    // It compares the three by itself.
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = root().join("target/bench/check");
    let [table, chart] = ["bench.md", "bench.svg"].map(|name| folder.join(name));
    let text = fs::read_to_string(&table).expect("a table");
    for name in ["zinit-pid1", "busybox"] {
        let lines = text.lines().filter(|line| line.starts_with(&format!("| {name} ")));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines.iter().all(|line| !line.contains(" - ")), "{text}");
    }
    assert!(bench(&[&"--compare", &table, &chart]).status.success());

    // The same with one figure changed.
    let changed = Folder::new();
    let wrong = changed.path().join("bench.md");
    let size = fs::metadata(crate::common::program()).expect("the program").len();
    let size = format!("| {},{:03} |", size / 1000, size % 1000);
    assert!(text.contains(&size), "{size}: {text}");
    fs::write(&wrong, text.replace(&size, "| 28 |")).expect("a file");
    let output = bench(&[&"--compare", &wrong, &chart]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("the table 28"), "{said}");
}

#[test]
fn the_documents_show_the_figures_of_the_chart() {
    for document in ["README.md", "doc/bench.md"] {
        let output = bench(&[&"--compare", &root().join(document), &root().join("doc/bench.svg")]);
        assert!(output.status.success(), "{document}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
