//! Parses `/proc/PID/stat`, proc_pid_stat(5).

use crate::model::decimal;
use crate::model::table;

/// The fields after the process's name: its state, its parent, and so on.
///
/// The name is in parentheses, and can contain parentheses and spaces itself.
#[must_use]
pub fn fields(stat: &[u8]) -> &[u8] {
    let behind = stat.iter().rposition(|byte| *byte == b')').map_or(stat.len(), |end| end.wrapping_add(1));
    stat.get(behind..).unwrap_or_default()
}

/// The parent's pid; `None` for a process that is gone.
#[must_use]
pub fn parent(stat: &[u8]) -> Option<u32> {
    number(stat, 1)
}

/// The id of the process group; `None` for a process that is gone.
#[must_use]
pub fn group(stat: &[u8]) -> Option<u32> {
    number(stat, 2)
}

/// The id of the session; `None` for a process that is gone.
#[must_use]
pub fn session(stat: &[u8]) -> Option<u32> {
    number(stat, 3)
}

/// True for a process that has ended and was not reaped yet, all its threads included.
#[must_use]
pub fn is_zombie(stat: &[u8]) -> bool {
    matches!(table::field(fields(stat), 0), b"Z" | b"X")
        && number(stat, 17).is_some_and(|threads| threads < 2)
}

fn number(stat: &[u8], field: usize) -> Option<u32> {
    Some(table::field(fields(stat), field)).filter(|field| !field.is_empty()).and_then(decimal::parse)
}
