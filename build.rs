//! Links the product by linker/pid1.ld; the library, the tests and the examples link as usual.
//!
//! For lld, which Rust brings along: GNU ld looks into the libraries that std would need, and refuses them.

use std::env;

fn main() {
    let folder = format!("{}/linker", env::var("CARGO_MANIFEST_DIR").unwrap());
    // Tools that look into a build want sections and symbols.
    let for_tools = env::var("PROFILE").unwrap() == "debug" || env::var_os("CARGO_CFG_WHY_PANIC").is_some();
    let (script, format) = if for_tools { ("tools.ld", "elf64-x86-64") } else { ("pid1.ld", "binary") };
    let flags = [
        "-nostdlib", // no start files and no libc: _start is ours
        "-static",   // no interpreter
        "-no-pie",   // nobody is there to relocate us
        &format!("-L{folder}"),
        &format!("-T{folder}/{script}"),
        &format!("-Wl,--oformat={format}"),
        "-Wl,-O2", // strings may end in each other
    ];
    for flag in flags {
        println!("cargo::rustc-link-arg-bin=zinit-pid1={flag}");
    }
    // It may have globals and sections: the linker lays it out as usual.
    for flag in ["-nostdlib", "-static", "-no-pie"] {
        println!("cargo::rustc-link-arg-bin=zinit-verify={flag}");
    }
    println!("cargo::rerun-if-changed={folder}");
    println!("cargo::rerun-if-changed=build.rs");
}
