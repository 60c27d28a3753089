//! Programs of every architecture, of which only the headers are there: for what reads them and never runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The architectures by their names here, each with the class and the machine of its programs, elf(5).
pub const ARCHITECTURES: [(&str, u8, u8); 4] =
    [("x86_64", 2, 62), ("aarch64", 2, 183), ("riscv64", 2, 243), ("armv7", 1, 40)];

/// Makes a program with the interpreter `/lib/ld.so`, and returns its path. The order of its bytes is 1 for
/// little-endian.
pub fn program_for(folder: &Path, name: &str, (class, machine): (u8, u8), order: u8) -> String {
    let path = folder.join(name);
    let mut elf = vec![0_u8; 160];
    elf[..6].copy_from_slice(&[0x7F, b'E', b'L', b'F', class, order]);
    elf[if order == 1 { 18 } else { 19 }] = machine;
    // One program header at 64, of the type 3, for the eleven bytes at 128 that end in 0.
    let (start, sizes, size, offset, length) =
        if class == 2 { (32, 54, 56, 8, 32) } else { (28, 42, 32, 4, 16) };
    (elf[start], elf[sizes], elf[sizes + 2]) = (64, size, 1);
    (elf[64], elf[64 + offset], elf[64 + length]) = (3, 128, 11);
    elf[128..138].copy_from_slice(b"/lib/ld.so");
    fs::write(&path, elf).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    path.display().to_string()
}
