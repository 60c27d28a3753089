//! The documents agree with the code: log lines, limits, settings, signals, and the phases' edges.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::CString;
use std::fs;
use std::path::Path;

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::process::FileId;
use zinit_pid1::model::reexec::{Child, ReexecState, ServerHistory};
use zinit_pid1::model::time::Instant;

use crate::reachable;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A section of a manual page, from its `.Sh` to the next one.
fn section<'a>(page: &'a str, name: &str) -> &'a str {
    let start = page.split_once(&format!(".Sh {name}\n")).unwrap_or_else(|| panic!("no section {name}")).1;
    start.split("\n.Sh ").next().expect("a first part")
}

/// Each log line of PID 1 by its template, with its level, from the macro call `messages!`.
fn messages() -> BTreeMap<String, String> {
    let source = read("src/model/message.rs");
    let rows = source.lines().filter_map(|line| {
        let (head, text) = line.trim().strip_suffix("\";")?.split_once(" \"")?;
        let (_, level) = head.split_once(' ')?;
        Some((text.to_owned(), level.to_lowercase()))
    });
    rows.collect()
}

#[test]
fn the_manual_explains_every_log_line_and_no_other() {
    let page = read("doc/zinit-pid1.8");
    let mut items = BTreeMap::new();
    let mut lines = section(&page, "DIAGNOSTICS").lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix(".It Sy ") {
            let level = lines.next().and_then(|line| line.strip_prefix(".Em ")?.strip_suffix(" :"));
            items.insert(text.to_owned(), level.unwrap_or_else(|| panic!("no level: {text}")).to_owned());
        }
    }
    assert!(items.len() > 40, "{items:#?}");
    assert_eq!(items, messages());
}

/// The text of a line without its values: `%word` in the manual, `{...}` in the code.
fn without_values(text: &str) -> String {
    let mut rest = text;
    let mut line = String::new();
    while let Some(at) = rest.find(['%', '{']) {
        let (before, value) = rest.split_at(at);
        line += before;
        line.push('%');
        rest = if value.starts_with('{') {
            value.split_once('}').expect("an end of a value").1
        } else {
            value[1..].trim_start_matches(|c: char| c.is_ascii_lowercase())
        };
    }
    line + rest
}

#[test]
fn the_manual_of_zinit_pid1ctl_explains_every_line_for_the_log() {
    let page = read("doc/zinit-pid1ctl.8");
    let explained: BTreeSet<String> = section(&page, "DIAGNOSTICS")
        .lines()
        .filter_map(|line| line.strip_prefix(".It Sy "))
        .map(without_values)
        .collect();
    let mut written = BTreeSet::new();
    for folder in ["crates/ctl/src", "crates/ctl/src/update"] {
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a folder") {
            let Ok(source) = fs::read_to_string(file.expect("an entry").path()) else { continue };
            let calls = ["report(format_args!(", "tell(format_args!("].into_iter();
            for call in calls.flat_map(|name| source.split(name).skip(1)) {
                // Not where it is defined.
                let Some(text) = call.trim_start().strip_prefix('"') else { continue };
                let text = text.split_once('"').expect("an end of a text").0;
                // The values of these two are a file and a reason.
                written.insert(without_values(&text.replace("{refusal}", "{}: {}")));
            }
        }
    }
    assert!(written.len() > 30, "{written:#?}");
    let missing: Vec<&String> = written.difference(&explained).collect();
    assert_eq!(missing, [""; 0]);
}

/// Why a task gives up: the texts of all refusals in the code, of which each match has an arm for each reason.
#[test]
fn the_table_of_refusals_has_every_one_and_no_other() {
    let page = read("doc/zinit-pid1ctl.8");
    let table = section(&page, "DIAGNOSTICS").split_once("\n.Ss Refusals\n").expect("a table").1;
    let table = table.split("\n.Ss ").next().expect("a first part");
    let rows = table.lines().filter_map(|line| line.strip_prefix(".It Sy ")).map(without_values);
    let rows: Vec<String> = rows.collect();
    let mut reasons = BTreeSet::new();
    for (file, start) in [
        ("refusal", "\nimpl fmt::Display for Refusal {"),
        ("comment", "\nimpl fmt::Display for Refusal {"),
        ("minisign", "\nimpl Refusal {"),
    ] {
        let source = read(&format!("crates/ctl/src/{file}.rs"));
        let block = source.split_once(start).unwrap_or_else(|| panic!("{file}: no {start}")).1;
        let block = block.split("\n}\n").next().expect("a first part");
        let texts = block.split('"').skip(1).step_by(2).map(without_values);
        // The file stands in front of each; a key and its value are one text.
        let texts = texts.filter(|text| text != "%: ").map(|text| text.replace("%%", "%"));
        let before = reasons.len();
        reasons.extend(texts);
        assert!(reasons.len() >= before + 5, "{file}: {reasons:#?}");
    }
    assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), reasons);
    assert_eq!(rows.len(), reasons.len(), "a row is there twice");
}

#[test]
fn each_limit_is_in_a_manual_by_its_name() {
    let pages = read("doc/zinit-pid1.8") + &read("doc/zinit-pid1ctl.8");
    let words: BTreeSet<&str> = pages.split_whitespace().map(|word| word.trim_matches(',')).collect();
    let source = read("src/model/limits.rs");
    let names = source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    let missing: Vec<&str> = names.clone().filter(|name| !words.contains(name)).collect();
    assert!(names.count() > 30);
    assert_eq!(missing, [""; 0]);
}

#[test]
fn each_setting_is_in_the_manual() {
    let page = read("doc/zinit-pid1.8");
    let environment = section(&page, "ENVIRONMENT");
    let items: BTreeSet<&str> = environment
        .lines()
        .filter_map(|line| line.strip_prefix(".It Ev "))
        .flat_map(|names| names.split(" , "))
        .collect();
    let source = read("src/parse/config.rs");
    let settings: BTreeSet<&str> = source
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("ZINIT_") || ["zinitdebug", "container"].contains(word))
        .collect();
    assert_eq!(items, settings);
}

#[test]
fn each_test_that_the_security_policy_names_exists() {
    let text = read("SECURITY.md");
    let named: Vec<(&str, &str)> = text
        .split("`tests/")
        .skip(1)
        .map(|rest| {
            let name = rest.split('`').next().expect("a name");
            name.split_once(": ").unwrap_or_else(|| panic!("tests/{name} names no test"))
        })
        .collect();
    for (file, name) in &named {
        let source = read(&format!("tests/{file}"));
        let at = source.find(&format!("fn {name}()")).unwrap_or_else(|| panic!("tests/{file} has no {name}"));
        let before = source[..at].trim_end();
        assert!(before.ends_with("#[test]"), "{file}: {name} is no test");
    }
    // Each row of what is not trusted has at least two.
    let table = text.split_once("\n|---|---|---|\n").expect("a table").1;
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        assert!(row.matches("`tests/").count() >= 2, "{row}");
    }
    assert!(named.len() > 30, "{named:?}");
}

#[test]
fn each_document_names_the_oldest_compiler_of_cargo() {
    let manifest = read("Cargo.toml");
    let version = manifest.split_once("\nrust-version = \"").expect("a version").1;
    let version = version.split('"').next().expect("a word");
    for (path, text) in [
        ("README.md", "with Rust % or later, which zinit needs"),
        ("README.md", "the oldest compiler that `Cargo.toml` allows, %,"),
        ("CONTRIBUTING.md", "# Rust % or later"),
        ("scripts/setup", "a Rust toolchain, % or later"),
    ] {
        let text = text.replace('%', version);
        assert!(read(path).contains(&text), "{path}: {text}");
    }
}

#[test]
fn the_phase_diagram_has_the_edges_of_the_code_and_no_other() {
    assert_eq!(edges("phases"), reachable::edges("phases"));
    assert_eq!(edges("steps"), reachable::edges("steps"));
}

/// The edges in the fenced blocks of doc/architecture.md: `phases`, and `steps` of the phase `Stopping`.
fn edges(block: &str) -> BTreeSet<(String, String)> {
    let text = read("doc/architecture.md");
    let start = text.split_once(&format!("```{block}\n")).unwrap_or_else(|| panic!("no block {block}")).1;
    let lines = start.split("```").next().expect("an end").lines();
    lines
        .map(|line| {
            let (edge, _why) = line.split_once(" : ").unwrap_or_else(|| panic!("no reason: {line}"));
            let (from, to) = edge.split_once(" -> ").unwrap_or_else(|| panic!("no arrow: {line}"));
            (from.to_owned(), to.to_owned())
        })
        .collect()
}

#[test]
fn the_example_of_a_re_exec_state_is_what_its_table_says() {
    let text = read("doc/reexec.md");
    let example = text.lines().find_map(|line| line.strip_prefix("    zinit-pid1 3: ")).expect("an example");
    let state = ReexecState::decode(&CString::new(format!("zinit-pid1 3: {example}")).expect("no NUL"));
    let words: HashMap<&str, u32> = example
        .split(' ')
        .filter_map(|word| word.split_once('='))
        .map(|(key, value)| (key, value.parse().expect("a number")))
        .collect();
    assert_eq!(state.server().map(|pid| pid.raw().unsigned_abs()), Some(words["server"]));
    assert_eq!(state.generation(), words["generation"]);
    assert_eq!(state.history().started_at, Instant(u64::from(words["started"]) << 10));
    assert_eq!(state.server_file().0, words["file"]);
    assert_eq!(words.len(), 5, "and the checksum");

    // The table has the keys that a full state has, in this order.
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let rows: Vec<&str> = rows.map(|(key, _)| key).collect();
    let full = ReexecState::first();
    for child in Child::all() {
        full.slot(child).set(2);
    }
    full.set_history(&ServerHistory { started_at: Instant(1), next_backoff: 2_000, last_good: FileId(1) });
    full.set_server_file(FileId(1));
    full.set_restarting(true);
    full.set_container(true);
    full.set_saved(true);
    full.add_generation(1);
    full.record_update(Instant(1_024), FileId(1));
    full.set_put_back(1);
    let _first = full.record_fault(Instant(1));
    let mut name = Buffer::default();
    full.encode(&mut name);
    let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
    let keys: Vec<&str> = name.split(' ').filter_map(|word| Some(word.split_once('=')?.0)).collect();
    assert_eq!(rows, keys);
}
