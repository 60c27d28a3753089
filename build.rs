//! Links PID 1 by linker/pid1.ld; the library, the tests and the examples link as usual.
//!
//! lld, which Rust brings along, and GNU ld both do it.

use std::{env, fs};

fn main() {
    let manifest = env::var("CARGO_MANIFEST_DIR").unwrap();
    let out = env::var("OUT_DIR").unwrap();
    // The crate `libc` puts libc and related libraries on the link line. Empty archives replace them, so that a call
    // of a C function fails the link as an undefined symbol: in a static program without libc it would jump to
    // address 0.
    for library in ["c", "m", "rt", "pthread", "util", "dl"] {
        fs::write(format!("{out}/lib{library}.a"), "!<arch>\n").unwrap();
    }
    let flags = [
        "-nostdlib", // no start files and no libc: _start is ours
        "-static",   // no interpreter
        "-no-pie",   // the kernel does not relocate a program, and PID 1 has no code for it
        &format!("-L{out}"),
        &format!("-T{manifest}/linker/pid1.ld"),
    ];
    for flag in flags {
        println!("cargo::rustc-link-arg-bin=zinit-pid1={flag}");
    }
    println!("cargo::rerun-if-changed=linker/pid1.ld");
    println!("cargo::rerun-if-changed=build.rs");
}
