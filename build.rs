//! Links PID 1 by linker/pid1.ld; the library, the tests and the examples link as usual.

#[path = "linker/without_libc.rs"]
mod without_libc;

fn main() {
    println!("cargo::rustc-env=ZINIT_ARCH={}", without_libc::architecture());
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    without_libc::link("zinit-pid1", &[&format!("-T{manifest}/linker/pid1.ld")]);
    println!("cargo::rerun-if-changed=linker");
    println!("cargo::rerun-if-changed=build.rs");
}
