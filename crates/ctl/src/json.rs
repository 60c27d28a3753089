//! Reads objects of JSON, and skips what they have besides.

use core::ops::Range;

use nanojson::{ParseError, Parser};

/// The result of reading a value.
pub type Parsed<T> = core::result::Result<T, ParseError>;

/// Reads an object, and returns where it is in the text: `read` is called with each member's name and reads its value,
/// or returns false to have it skipped.
pub fn members(
    json: &mut Parser<'_, '_>,
    read: &mut dyn FnMut(Key, &mut Parser<'_, '_>) -> Parsed<bool>,
) -> Parsed<Range<usize>> {
    json.object_begin()?;
    let start = json.error_offset();
    while let Some(name) = json.member_decoded()?.map(Key::from) {
        if !read(name, json)? {
            skip(json)?;
        }
    }
    json.object_end()?;
    Ok(start..json.error_offset().saturating_add(1))
}

/// Skips a value of any kind.
pub fn skip(json: &mut Parser<'_, '_>) -> Parsed<()> {
    // One bit for each container that is open, the innermost one lowest: 1 is an object. Above them is a 1 of its own.
    let mut open = 1_u64;
    loop {
        let is_object = json.is_object_ahead();
        if is_object || json.is_array_ahead() {
            if open >> 63 != 0 {
                return Err(json.unknown_field()); // deeper than anything that a server has to say
            }
            if is_object {
                json.object_begin()?
            } else {
                json.array_begin()?
            }
            open = open << 1 | u64::from(is_object);
        } else if json.is_string_ahead() {
            json.string()?;
        } else if json.is_bool_ahead() {
            json.boolean()?;
        } else if json.is_null_ahead() {
            json.null()?;
        } else {
            json.number_str()?;
        }
        // To the next value; containers that have no more of them end.
        loop {
            let more = match open {
                0 | 1 => return Ok(()),
                _ if open & 1 == 1 => json.member_decoded()?.is_some(),
                _ => json.array_item()?,
            };
            if more {
                break;
            }
            if open & 1 == 1 {
                json.object_end()?
            } else {
                json.array_end()?
            }
            open >>= 1;
        }
    }
}

/// The names of members that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the server's words
pub enum Key {
    Code,
    Config,
    CurrentRestartDelay,
    Error,
    ExitCode,
    Id,
    LastExitCode,
    Lifecycle,
    Name,
    Oneshot,
    Other,
    Output,
    Pid,
    Reason,
    Restart,
    RestartCount,
    RestartDelay,
    Result,
    Service,
    Services,
    Signal,
    State,
    Status,
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        match name {
            "code" => Self::Code,
            "config" => Self::Config,
            "current_restart_delay_ms" => Self::CurrentRestartDelay,
            "error" => Self::Error,
            "exit_code" => Self::ExitCode,
            "id" => Self::Id,
            "last_exit_code" => Self::LastExitCode,
            "lifecycle" => Self::Lifecycle,
            "name" => Self::Name,
            "oneshot" => Self::Oneshot,
            "output" => Self::Output,
            "pid" => Self::Pid,
            "reason" => Self::Reason,
            "restart" => Self::Restart,
            "restart_count" => Self::RestartCount,
            "restart_delay_ms" => Self::RestartDelay,
            "result" => Self::Result,
            "service" => Self::Service,
            "services" => Self::Services,
            "signal" => Self::Signal,
            "state" => Self::State,
            "status" => Self::Status,
            _ => Self::Other,
        }
    }
}
