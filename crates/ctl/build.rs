//! Links the program without libc, by linker/ctl.ld; the library, which tests and fuzz targets use, links as usual.

#[path = "../../linker/without_libc.rs"]
mod without_libc;

fn main() {
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    without_libc::link("zinit-pid1ctl", &[&format!("-T{manifest}/../../linker/ctl.ld")]);
    println!("cargo::rerun-if-changed=../../linker");
    println!("cargo::rerun-if-changed=build.rs");
}
