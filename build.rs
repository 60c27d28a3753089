//! Links the product by linker/pid1.ld; the library, the tests and the examples link as usual.
//!
//! Each flag means the same to cc, ld and lld.

use std::env;

fn main() {
    let script = format!("{}/linker/pid1.ld", env::var("CARGO_MANIFEST_DIR").unwrap());
    let mut flags = vec![
        "-nostdlib", // no start files and no libc: _start is ours
        "-static",   // no interpreter
        "-no-pie",   // nobody is there to relocate us
        "-T",
        &script,
    ];
    // The kernel reads segments, not sections; tools that look into a build do. An ld without this word
    // ignores it with a warning.
    let for_tools = env::var("PROFILE").unwrap() == "debug" || env::var_os("CARGO_CFG_WHY_PANIC").is_some();
    if !for_tools {
        flags.push("-Wl,-z,nosectionheader");
    }
    for flag in flags {
        println!("cargo::rustc-link-arg-bins={flag}");
    }
    println!("cargo::rerun-if-changed={script}");
    println!("cargo::rerun-if-changed=build.rs");
}
