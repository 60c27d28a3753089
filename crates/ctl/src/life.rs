//! What the server says of one service, and whether that is the end of it.

use crate::json::{Key, Parsed, members};
use crate::protocol::{NoResult, Result, result};
use crate::services::State;
use nanojson::Parser;

/// What a service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It has ended, and may be started again.
    Ended(End),
    /// It has this process; 0 if it has none yet, and for a target.
    Goes(u32),
}

/// How a service has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The server counts that as a failure.
    pub failed: bool,
    /// Its exit status, 128+n for signal n; `None` if the server does not tell it.
    pub status: Option<u8>,
}

/// Reads the reply to `service.status_full`.
pub fn read_life(line: &[u8], scratch: &mut [u8]) -> Result<Life> {
    let (mut state, mut pid, mut status) = (None, 0, None);
    result(line, scratch, &mut |json| {
        members(json, &mut |name, json| {
            let known = name == Key::State && json.is_object_ahead();
            if known {
                members(json, &mut |name, json| {
                    match name {
                        Key::State => state = State::named(json.string()?),
                        Key::Pid => pid = json.integer()?,
                        Key::ExitCode if !json.is_null_ahead() => status = Some(json.integer()?),
                        Key::Reason => status = reason(json)?,
                        _ => return Ok(false),
                    }
                    Ok(true)
                })?;
            }
            Ok(known)
        })
        .map(drop)
    })?;
    let status = status.and_then(|status: i64| u8::try_from(status).ok());
    Ok(match state.ok_or(NoResult::Garbage)? {
        State::Exited => Life::Ended(End { failed: false, status }),
        State::Failed => Life::Ended(End { failed: true, status }),
        State::Blocked | State::Inactive | State::Running | State::Starting | State::Stopping => {
            Life::Goes(pid)
        }
    })
}

/// Reads why a service has failed: its exit status, or `None` if it is not by its process.
fn reason(json: &mut Parser<'_, '_>) -> Parsed<Option<i64>> {
    let mut status = None;
    members(json, &mut |name, json| {
        match name {
            Key::Code => status = Some(json.integer()?),
            Key::Signal => status = Some(json.integer::<i64>()?.saturating_add(128)),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(status)
}

/// When the server starts a service again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    oneshot: bool,
    /// It is to be kept running.
    started: bool,
    after_success: bool,
    after_failure: bool,
    /// The first delay, ms.
    delay: u64,
}

/// Reads the reply to `service.get`; a target is never started again.
pub fn read_restarts(line: &[u8], scratch: &mut [u8]) -> Result<Restarts> {
    let mut restarts = Restarts::default();
    result(line, scratch, &mut |json| {
        members(json, &mut |name, json| {
            match name {
                Key::Service => {
                    members(json, &mut |name, json| {
                        match name {
                            Key::Oneshot => restarts.oneshot = json.boolean()?,
                            Key::Status => restarts.started = json.string()? == "start",
                            _ => return Ok(false),
                        }
                        Ok(true)
                    })?;
                }
                Key::Lifecycle => {
                    members(json, &mut |name, json| {
                        match name {
                            Key::Restart => {
                                let policy = json.string()?;
                                restarts.after_success = policy == "always";
                                restarts.after_failure = policy != "never";
                            }
                            Key::RestartDelay => restarts.delay = json.integer()?,
                            _ => return Ok(false),
                        }
                        Ok(true)
                    })?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })
        .map(drop)
    })?;
    Ok(restarts)
}

impl Restarts {
    /// True if the server may start the service again after this end, unless it has done so too often.
    #[must_use]
    pub const fn may_follow(&self, end: End) -> bool {
        self.started && !self.oneshot && (self.after_success || self.after_failure && end.failed)
    }

    /// For how long an end has to last to be the last one, ms: zinit-server 0.3.9 does not tell whether it is about to
    /// start the service again. `counted` is how often it has done so and the delay after the next end, if it has.
    #[must_use]
    pub fn patience(&self, end: End, counted: Option<(u32, u64)>) -> u64 {
        match counted {
            Some((1.., next)) if self.may_follow(end) => next.max(self.delay).saturating_add(RESTART_MARGIN),
            // A person has stopped it, or the server is ending: that is seen by its silence.
            _ if end.status.is_none() => UNKNOWN,
            // A restart that a person asks for looks like an end for a moment.
            _ => CONFIRM,
        }
    }
}

/// Time that an end has to last which the server follows by no restart of its own, ms.
pub const CONFIRM: u64 = 100;

/// The same for one whose status is not known, ms.
pub const UNKNOWN: u64 = 5_000;

/// Time by which a restart may come late, ms.
pub const RESTART_MARGIN: u64 = 2_000;
