//! The requests to zinit-server, and the replies to them: JSON-RPC 2.0, one object a line.

use nanojson::{ParseError, Parser, Serializer, SliceWriter};

use crate::json::{Key, Parsed, members};
use crate::services::{Service, Services, State};

/// Why a reply has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResult {
    /// It is not JSON, not a response to our request, or its result is not what was asked for.
    Garbage,
    /// The server answers with an error.
    Refused,
}

impl From<ParseError> for NoResult {
    fn from(_: ParseError) -> Self {
        Self::Garbage
    }
}

/// The result of reading a reply.
pub type Result<T> = core::result::Result<T, NoResult>;

/// Writes a request, with its newline; `None` if it does not fit.
pub fn request<'a>(method: &str, name: Option<&str>, buf: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut writer = SliceWriter::new(buf);
    let mut json = Serializer::<_, 4>::new(&mut writer);
    let written = (|| {
        json.object_begin()?;
        json.member("jsonrpc")?;
        json.string("2.0")?;
        json.member("id")?;
        json.unsigned(ID)?;
        json.member("method")?;
        json.string(method)?;
        if let Some(name) = name {
            json.member("params")?;
            json.object_begin()?;
            json.member("name")?;
            json.string(name)?;
            json.object_end()?;
        }
        json.object_end()
    })();
    written.ok()?;
    let length = writer.pos();
    *buf.get_mut(length)? = b'\n';
    buf.get(..=length)
}

/// Reads the reply to `service.list`: adds each service to the table.
pub fn read_list(line: &[u8], scratch: &mut [u8], services: &mut Services) -> Result<()> {
    result(line, scratch, &mut |json| {
        json.array_begin()?;
        while json.array_item()? {
            services.add(json.string()?);
        }
        json.array_end()
    })
}

/// Reads the reply to `service.status`.
pub fn read_status(line: &[u8], scratch: &mut [u8], service: &mut Service) -> Result<()> {
    let (mut state, mut pid, mut exit_code) = (None, 0, None);
    result(line, scratch, &mut |json| {
        members(json, &mut |name, json| {
            match name {
                Key::ExitCode => exit_code = Some(json.integer()?),
                Key::Pid => pid = json.integer()?,
                Key::State => state = Some(State::named(json.string()?)),
                _ => return Ok(false),
            }
            Ok(true)
        })
        .map(drop)
    })?;
    service.state = state.flatten().ok_or(NoResult::Garbage)?;
    service.pid = pid;
    service.exit_code = exit_code;
    Ok(())
}

/// What the configuration of a service says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config<'a> {
    /// All of it, JSON; `None` for a target, which has none.
    pub text: Option<&'a [u8]>,
    /// The delay before the first restart, ms.
    pub delay: u64,
}

/// Reads the reply to `service.get`.
pub fn read_config<'a>(line: &'a [u8], scratch: &mut [u8]) -> Result<Config<'a>> {
    let (mut range, mut is_service, mut delay) = (0..0, false, 0);
    result(line, scratch, &mut |json| {
        range = members(json, &mut |name, json| {
            match name {
                Key::Service => is_service = true,
                Key::Lifecycle => {
                    members(json, &mut |name, json| {
                        let known = name == Key::RestartDelay;
                        if known {
                            delay = json.integer()?;
                        }
                        Ok(known)
                    })?;
                    return Ok(true);
                }
                _ => {}
            }
            Ok(false)
        })?;
        Ok(())
    })?;
    let text = line.get(range).ok_or(NoResult::Garbage)?;
    Ok(Config { text: is_service.then_some(text), delay })
}

/// Reads the reply to `debug.state`, a text for people: the restart counts and delays of services that were restarted.
pub fn read_counts(line: &[u8], scratch: &mut [u8], services: &mut Services) -> Result<()> {
    let mut near = 0;
    each_count(line, scratch, &mut |name, restarts, delay| {
        let Some(index) = services.position(name, near) else { return };
        near = index.saturating_add(1);
        if let Some(service) = services.get_mut(index) {
            (service.restarts, service.delay) = (restarts, Some(delay));
        }
    })
}

/// Reads the same reply: how often one service was restarted, and the delay before the next restart, ms; `None` if it was
/// not restarted.
pub fn read_count(line: &[u8], scratch: &mut [u8], service: &str) -> Result<Option<(u32, u64)>> {
    let mut found = None;
    each_count(line, scratch, &mut |name, restarts, delay| {
        if name == service {
            found = Some((restarts, delay));
        }
    })?;
    Ok(found)
}

/// `[+] NAME - Running (...)` is followed by `    restart_count: N, next_delay: Nms`.
fn each_count(line: &[u8], scratch: &mut [u8], show: &mut dyn FnMut(&str, u32, u64)) -> Result<()> {
    result(line, scratch, &mut |json| {
        members(json, &mut |key, json| {
            let known = key == Key::Output;
            let mut found = None;
            for line in known.then(|| json.string()).transpose()?.unwrap_or_default().lines() {
                if let Some(counts) = line.strip_prefix("    restart_count: ") {
                    let numbers = counts.split_once(", next_delay: ").and_then(|(count, delay)| {
                        Some((count.parse().ok()?, delay.strip_suffix("ms")?.parse().ok()?))
                    });
                    if let (Some(name), Some((restarts, delay))) = (found.take(), numbers) {
                        show(name, restarts, delay);
                    }
                } else if let Some((header, _state)) =
                    line.split_once(" - ").filter(|_| line.starts_with('['))
                {
                    found = header.split_once("] ").map(|(_, name)| name);
                }
            }
            Ok(known)
        })
        .map(drop)
    })
}

/// Reads one reply; `read` reads its result.
pub(crate) fn result(
    line: &[u8],
    scratch: &mut [u8],
    read: &mut dyn FnMut(&mut Parser<'_, '_>) -> Parsed<()>,
) -> Result<()> {
    let mut json = Parser::new(line, scratch);
    let (mut ours, mut refused, mut done) = (false, false, false);
    members(&mut json, &mut |name, json| {
        match name {
            Key::Error => {
                refused = true;
                return Ok(false);
            }
            Key::Id => ours = json.integer::<u64>()? == ID,
            Key::Result => {
                read(json)?;
                done = true;
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    json.finish()?;
    match (ours, refused, done) {
        (true, false, true) => Ok(()),
        (true, true, false) => Err(NoResult::Refused),
        _ => Err(NoResult::Garbage),
    }
}

/// The id of each of our requests: there is one at a time, or the replies come in the order of the requests.
const ID: u64 = 1;
