//! Links the program without libc; the library, which tests and fuzz targets use, links as usual.
//!
//! No linker script: unlike PID 1 it may have globals and several segments.

fn main() {
    let flags = [
        "-nostdlib", // no start files and no libc: `rt` has _start
        "-static",   // no interpreter
        "-no-pie",   // nothing relocates it at its start
    ];
    for flag in flags {
        println!("cargo::rustc-link-arg-bin=zinit-pid1ctl={flag}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
