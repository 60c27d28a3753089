//! The arguments of the linker for a program without libc; both build scripts include this file.
//!
//! cc, lld, which Rust brings along, and GNU ld take each of them.

use std::{env, fs};

/// Links this program of the package without start files and libraries, and with more arguments.
pub fn link(program: &str, more: &[&str]) {
    let out = env::var("OUT_DIR").unwrap();
    // rustc puts libc and related libraries on the link line. Empty archives replace them, so that a call of a C
    // function fails the link as an undefined symbol: in a static program without libc it would jump to address 0.
    for library in ["c", "m", "rt", "pthread", "util", "dl", "gcc_s", "gcc"] {
        fs::write(format!("{out}/lib{library}.a"), "!<arch>\n").unwrap();
    }
    // The segments can be mapped by kernels with pages of 4, 16 and 64 KiB, those of arm64 among them. x86_64 has 4 KiB only,
    // and smaller gaps make the helpers smaller.
    let page = if env::var("CARGO_CFG_TARGET_ARCH").unwrap() == "x86_64" { 4_096 } else { 65_536 };
    let flags = [
        "-nostdlib", // no start files and no libc: `rt` has _start
        "-static",   // no interpreter
        "-no-pie",   // the kernel does not relocate a program, and there is no code for it here
        "-z",
        &format!("max-page-size={page}"),
        &format!("-L{out}"),
    ];
    for flag in flags.iter().chain(more) {
        println!("cargo::rustc-link-arg-bin={program}={flag}");
    }
}

/// The target's architecture: `x86_64`, `aarch64`, `riscv64` or `armv7`. The compiler's name of the last one is `arm`, which
/// does not tell the version.
#[allow(dead_code, reason = "not every build script needs it")]
pub fn architecture() -> String {
    let [target, family] = ["TARGET", "CARGO_CFG_TARGET_ARCH"].map(|name| env::var(name).unwrap());
    if family == "arm" { target.split('-').next().unwrap().to_string() } else { family }
}
