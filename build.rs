//! Links the product by linker/pid1.ld; the library, the tests and the examples link as usual.
//!
//! Each flag means the same to cc, ld and lld.

fn main() {
    let script = format!("{}/linker/pid1.ld", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    let flags = [
        "-nostdlib", // no start files and no libc: _start is ours
        "-static",   // no interpreter
        "-no-pie",   // nobody is there to relocate us
        "-T",
        &script,
    ];
    for flag in flags {
        println!("cargo::rustc-link-arg-bins={flag}");
    }
    println!("cargo::rerun-if-changed={script}");
    println!("cargo::rerun-if-changed=build.rs");
}
