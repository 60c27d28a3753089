//! The lists of what is in each program are those of Cargo.lock and of cargo.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use crate::common::root;
use crate::{ARCHITECTURES, Release, VERSION};

/// Name and version of a package.
type Package = (String, String);

/// The packages of Cargo.lock with their checksums; ours have none.
fn locked() -> BTreeMap<Package, Option<String>> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    lock.split("[[package]]")
        .skip(1)
        .map(|block| {
            let package = (value(block, "name").expect("a name"), value(block, "version").expect("one"));
            (package, value(block, "checksum"))
        })
        .collect()
}

/// What cargo compiles into a package's program for an architecture, without that package.
fn compiled(package: &str, target: &str) -> BTreeSet<Package> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}"]);
    tree.args(["--package", package, "--target", target]).current_dir(root());
    let output = tree.output().expect("cargo runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let packages = text.lines().map(|line| {
        let (name, rest) = line.split_once(" v").expect("a version");
        (name.to_owned(), rest.split(' ').next().expect("a word").to_owned())
    });
    packages.filter(|(name, _)| name != package).collect()
}

/// The values of a key in a text of JSON that is written over many lines.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let key = format!("\"{key}\": \"");
    text.lines()
        .filter_map(|line| Some(line.trim().strip_prefix(&key)?.trim_end_matches(',').trim_end_matches('"')))
        .collect()
}

#[test]
fn the_list_of_contents_is_what_cargo_compiles_with_the_checksums_of_the_lock() {
    let locked = locked();
    let targets = ["x86_64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf"];
    for ((arch, _), target) in ARCHITECTURES.into_iter().zip(targets) {
        for program in ["zinit-pid1", "zinit-pid1ctl"] {
            let file = Release::get().file(&format!("{program}-VERSION-{arch}.cdx.json"));
            let text = fs::read_to_string(file).expect("a list");
            assert_eq!(values(&text, "bomFormat"), ["CycloneDX"]);
            assert_eq!(values(&text, "specVersion"), ["1.5"]);
            let (head, components) = text.split_once("\n  \"components\": [").expect("components");
            let components = components.split_once("\n  ],\n").expect("an end").0;
            assert_eq!((values(head, "name")[1], values(head, "version")[1]), (program, VERSION), "{head}");

            let mut listed = BTreeSet::new();
            for component in components.split("\n    {\n").skip(1) {
                let one = |key: &str| values(component, key).first().map(|&word| word.to_owned());
                let package = (one("name").expect("a name"), one("version").expect("a version"));
                let sum = locked.get(&package).unwrap_or_else(|| panic!("{package:?} is not in Cargo.lock"));
                assert_eq!(one("content"), *sum, "{package:?}");
                assert_eq!(one("scope").as_deref(), Some("required"), "{package:?}");
                assert!(one("expression").is_some(), "{package:?} has no licence");
                assert!(listed.insert(package), "{component} is there twice");
            }
            assert_eq!(listed, compiled(program, target), "{arch}: {program}");
            assert!(listed.len() > 5, "{listed:?}");
            // No folder of the machine that made it.
            assert!(!text.contains("file:///tmp") && !text.contains("/home/"), "{text}");
        }
    }
}

#[test]
fn the_licences_of_all_that_is_in_a_program_go_with_it() {
    for (arch, _) in ARCHITECTURES {
        let archive = Release::get().file(&format!("zinit-pid1-VERSION-{arch}.tar.gz"));
        let inner = format!("zinit-pid1-{VERSION}-{arch}/LICENSE.others");
        let text = Command::new("tar").arg("-xOf").arg(archive).arg(inner).output().expect("tar runs").stdout;
        let text = String::from_utf8(text).expect("text");
        let named: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("==== "))
            .flat_map(str::split_whitespace)
            .collect();
        let list = fs::read_to_string(Release::get().file(&format!("zinit-pid1ctl-VERSION-{arch}.cdx.json")));
        let list = list.expect("a list");
        for package in values(&list, "purl").iter().filter_map(|purl| purl.strip_prefix("pkg:cargo/")) {
            let ours = package.contains('?');
            let name = package.replace('@', "-");
            assert!(ours || named.contains(name.as_str()), "{name}: {named:?}");
        }
        // Of all others there is a text; what has none is named with what it says of itself.
        for part in text.split("==== ").filter(|part| part.contains("has no file with its licence")) {
            assert!(part.starts_with("nanojson-") && part.contains("license = \"MIT\""), "{part}");
        }
        for notice in
            ["isis agora lovecruft", "Permission is hereby granted", "Redistributions in binary form"]
        {
            assert!(text.contains(notice), "{arch}: no {notice}");
        }
    }
}
