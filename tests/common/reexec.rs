//! The re-exec state as text: only this file knows the index of each number in it.

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::reexec::ReexecState;

pub const SERVER: usize = 0;
pub const DELAY: usize = 1;
pub const GENERATION: usize = 2;
pub const STARTED_AT: usize = 5;
pub const PROGRAM: usize = 6;
pub const CONTAINER: usize = 9;

/// The name (argv\[0\]) whose numbers are 0, except for the given ones, by index.
pub fn name(changes: &[(usize, &str)]) -> String {
    let mut line = Buffer::default();
    ReexecState::NONE.encode(&mut line);
    let text = String::from_utf8_lossy(line.as_bytes()).trim_end_matches('\0').to_string();
    let (version, numbers) = text.split_once(": ").expect("a version and numbers");
    let mut numbers: Vec<&str> = numbers.split(' ').collect();
    for (index, number) in changes {
        numbers[*index] = number;
    }
    format!("{version}: {}", numbers.join(" "))
}

/// A number in the name of a process; 0 if the process does not have such a name.
pub fn number(pid: i32, index: usize) -> u32 {
    let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("a command line");
    let numbers = line.split('\0').next().and_then(|name| name.strip_prefix("zinit-pid1 ")?.split_once(": "));
    let number = numbers.and_then(|(_, numbers)| numbers.split(' ').nth(index)?.parse().ok());
    number.unwrap_or(0)
}

/// Shell commands that execute the program under a name, in which CHILD stands for the pid of a child.
pub fn run_as(name: &str) -> String {
    format!(
        "sleep 1000 & child=$!; exec bash -c 'exec -a \"$1\" \"$0\" \"${{@:2}}\"' \"$0\" \"$(echo '{name}' | sed s/CHILD/$child/)\" \"$@\""
    )
}
