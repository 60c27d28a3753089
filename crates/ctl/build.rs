//! Links the program without libc; the library, which tests and fuzz targets use, links as usual.
//!
//! No linker script: unlike PID 1 it may have globals and several segments.

#[path = "../../linker/without_libc.rs"]
mod without_libc;

fn main() {
    without_libc::link("zinit-pid1ctl", &[]);
    println!("cargo::rerun-if-changed=../../linker");
    println!("cargo::rerun-if-changed=build.rs");
}
