//! What the program says of itself.

use core::ffi::CStr;

/// What the program prints for `--version` and `--probe`, and tells the helper that looks for its successor: its version,
/// its architecture, the format that it writes, and each format that it reads.
///
/// The last word says that it can be tried as PID 1 of namespaces that hold nothing else: there it is its own server,
/// by the setting `ZINIT_CONFIG_DIR=--probe`.
pub static VERSION: &CStr = text(
    concat!(
        "zinit-pid1 ",
        env!("CARGO_PKG_VERSION"),
        "\narch ",
        env!("ZINIT_ARCH"),
        "\nhand-over 3\nreads 3\nprobe-pid1\n\0"
    )
    .as_bytes(),
);

const fn text(bytes: &'static [u8]) -> &'static CStr {
    match CStr::from_bytes_with_nul(bytes) {
        Ok(text) => text,
        Err(_) => c"",
    }
}
