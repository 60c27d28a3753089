//! The sizes and the form of both programs, for each architecture.

use std::fs;
use std::process::Command;

use crate::common::elf::ARCHITECTURES;
use crate::common::{program, root, tool};

/// What an architecture may cost; README shows the same limits.
struct Budget {
    arch: &'static str,
    /// Largest release binaries, bytes.
    pid1: u64,
    tool: u64,
}

const BUDGETS: [Budget; 4] = [
    Budget { arch: "x86_64", pid1: 28_672, tool: 196_608 },
    Budget { arch: "aarch64", pid1: 28_672, tool: 180_224 },
    Budget { arch: "riscv64", pid1: 28_672, tool: 180_224 },
    Budget { arch: "armv7", pid1: 24_576, tool: 155_648 },
];

#[test]
fn each_architecture_has_its_budget_in_the_readme_and_keeps_it() {
    let build = Command::new(root().join("scripts/build")).arg("all").current_dir(root()).status();
    assert!(build.expect("scripts/build runs").success());
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    for Budget { arch, pid1, tool } in BUDGETS {
        let known = ARCHITECTURES.iter().find(|(name, ..)| *name == arch);
        let (_, class, machine) = *known.expect("an architecture");
        let row = readme.lines().find(|line| line.starts_with(&format!("| {arch} |")));
        let row = row.unwrap_or_else(|| panic!("README has no row for {arch}"));
        for (name, limit) in [("zinit-pid1", pid1), ("zinit-pid1ctl", tool)] {
            let file = root().join("target/dist").join(arch).join(name);
            let image = fs::read(&file).expect("scripts/build has made it");
            println!("{arch}: {name} {} bytes", image.len());
            assert!(image.len() as u64 <= limit, "{arch}: {name} has {} bytes", image.len());
            assert_eq!(&image[..4], b"\x7fELF", "{arch}: {name}");
            assert_eq!((image[4], image[18], image[19]), (class, machine, 0), "{arch}: {name}");
            assert!(row.contains(&format!("of {}", with_commas(limit))), "README: {row}");
        }
        let headers =
            program_headers(&fs::read(root().join("target/dist").join(arch).join("zinit-pid1")).expect("it"));
        let (load, stack, read_execute, read_write) = (1, 0x6474_e551, 5, 6);
        // No interpreter, no dynamic section, no relocation, no second segment, no executable stack. But on x86_64 pages
        // may have 64 KiB.
        let page = if arch == "x86_64" { 0x1000 } else { 0x1_0000 };
        assert_eq!(headers, [(load, read_execute, page), (stack, read_write, 0)], "{arch}");
    }
}

#[test]
fn tools_find_the_code_of_the_program() {
    // The section headers, 288 bytes, are for them.
    let list = Command::new("objdump").arg("--disassemble").arg(program()).output();
    let list = String::from_utf8(list.expect("objdump runs: package binutils").stdout).expect("text");
    assert!(
        list.contains("Disassembly of section .text") && list.contains("syscall"),
        "{} bytes",
        list.len()
    );
}

#[test]
fn zinit_pid1ctl_has_no_undefined_symbols() {
    // A missing function would be taken from a libc, if there is one.
    let symbols = Command::new("readelf").args(["--dyn-syms", "--wide"]).arg(tool()).output();
    let symbols = String::from_utf8(symbols.expect("readelf runs: package binutils").stdout).expect("text");
    let elsewhere =
        |line: &&str| line.split_whitespace().nth(6) == Some("UND") && line.split_whitespace().count() > 7;
    assert_eq!(symbols.lines().find(elsewhere), None, "{symbols}");
}

/// Kind, flags and alignment of each program header, elf(5).
fn program_headers(image: &[u8]) -> Vec<(u64, u64, u64)> {
    let word = |at: usize, length: usize| {
        let mut bytes = [0; 8];
        bytes[..length].copy_from_slice(&image[at..at + length]);
        u64::from_le_bytes(bytes)
    };
    let wide = image[4] == 2; // ELFCLASS64
    let (table, size, count) = if wide { (word(32, 8), 54, 56) } else { (word(28, 4), 42, 44) };
    let (size, count) = (word(size, 2) as usize, word(count, 2) as usize);
    let header = |index: usize| {
        let at = table as usize + index * size;
        let (flags, alignment) =
            if wide { (word(at + 4, 4), word(at + 48, 8)) } else { (word(at + 24, 4), word(at + 28, 4)) };
        (word(at, 4), flags, alignment)
    };
    (0..count).map(header).collect()
}

/// A number as the README writes it.
fn with_commas(number: u64) -> String {
    assert!((1_000..1_000_000).contains(&number));
    format!("{},{:03}", number / 1_000, number % 1_000)
}
