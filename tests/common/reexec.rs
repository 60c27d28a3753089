//! The re-exec state as text.

use std::fs;

use zinit_pid1::model::reexec::ReexecState;

/// A name (argv\[0\]) with these keys and values after those that every name needs; its checksum is still `CRC`.
pub fn unsealed(words: &[(&str, &str)]) -> String {
    let mut name = String::from("zinit-pid1 3:");
    for (key, default) in [("server", "0"), ("generation", "0")] {
        let value = words.iter().find(|(known, _)| *known == key).map_or(default, |(_, value)| value);
        name.push_str(&format!(" {key}={value}"));
    }
    for (key, value) in words.iter().filter(|(key, _)| !["server", "generation"].contains(key)) {
        name.push_str(&format!(" {key}={value}"));
    }
    name.push_str(" crc=CRC");
    name
}

/// The same name with its checksum.
pub fn seal(name: &str) -> String {
    match name.strip_suffix(" crc=CRC") {
        Some(text) => format!("{text} crc={}", crc32fast::hash(text.as_bytes())),
        None => name.to_string(),
    }
}

/// Bash commands that execute the program under the name in `$HANDED`, with its checksum.
pub const EXEC_SEALED: &str = r#"
HANDED=$(python3 -c "
import os, sys, zlib
name = os.fsencode(sys.argv[1])
if name.endswith(b\" crc=CRC\"):
    name = name[:-3] + b\"%d\" % zlib.crc32(name[:-8])
sys.stdout.buffer.write(name)" "$HANDED"; printf x); HANDED=${HANDED%x}
exec -a "$HANDED" "$0" "$@""#;

/// Shell commands that execute the program under the name in `$HANDED`, in which CHILD stands for the pid of a child.
pub fn run_as_handed() -> String {
    format!("exec bash -c 'sleep 1000 & HANDED=${{HANDED//CHILD/$!}}{EXEC_SEALED}' \"$0\" \"$@\"")
}

/// The value of a key in the name of a process; 0 if the process does not have such a name. In front of the name of a
/// program that is emulated are the paths of the emulator and of the program.
pub fn number(pid: i32, key: &str) -> u32 {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("a command line");
    let emulated = line.starts_with("/usr/bin/qemu-");
    let name =
        line.split('\0').nth(if emulated { 2 } else { 0 }).filter(|name| name.starts_with("zinit-pid1 "));
    let mut words = name.unwrap_or_default().split(' ').filter_map(|word| word.split_once('='));
    words.find(|(known, _)| *known == key).and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

/// True if the name is one that an earlier PID 1 could have written.
pub fn decodes(name: &str) -> bool {
    let name = std::ffi::CString::new(name).expect("there is no NUL");
    ReexecState::decode(&name) != ReexecState::first()
}
