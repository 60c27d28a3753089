//! What `/proc/PID/stat` says, proc_pid_stat(5).

use crate::parse::lines;
use crate::parse::list;

/// The words behind the process's name: its state, its parent, and so on.
///
/// The name stands in brackets, and can hold brackets and spaces itself.
#[must_use]
pub fn words(stat: &[u8]) -> &[u8] {
    let behind = stat.iter().rposition(|byte| *byte == b')').map_or(stat.len(), |end| end.wrapping_add(1));
    stat.get(behind..).unwrap_or(&[])
}

/// The parent's pid; `None` for a process that is gone.
#[must_use]
pub fn parent(stat: &[u8]) -> Option<u32> {
    Some(lines::word(words(stat), 1)).filter(|word| !word.is_empty()).and_then(list::number)
}
