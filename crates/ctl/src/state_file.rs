//! The state file, from which a server takes over the services of the last one: version 1 of zinit-server's own format.

pub use nanojson::Write;
use nanojson::{Parser, SerializeError, Serializer};

use crate::json::{Key, Parsed, members};
use crate::services::{Service, Services, State};

/// What the file says about the server.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Now, ms since 1970; a server ignores a file that is older than five minutes.
    pub now: u64,
    /// The start of the last server, ms since 1970.
    pub started_at: u64,
    /// The folder of its services.
    pub config_dir: &'a [u8],
    /// Its socket.
    pub socket: &'a [u8],
}

/// Writes the file.
///
/// `started_at` is called with each service's pid: when this process was started, ms since 1970, or `None` if there is
/// none that the next server could take over. Such a service has ended for the next server, which starts it again.
///
/// # Errors
/// Those of the sink.
pub fn write<W: Write>(
    services: &Services,
    header: &Header<'_>,
    started_at: &mut dyn FnMut(u32) -> Option<u64>,
    sink: W,
) -> Result<(), SerializeError<W::Error>> {
    let mut json = Serializer::<W, 8>::new(sink);
    json.object_begin()?;
    number(&mut json, "version", VERSION)?;
    number(&mut json, "saved_at", header.now)?;
    number(&mut json, "boot_time", header.started_at)?;
    json.member("services")?;
    json.object_begin()?;
    for service in services.iter() {
        let name = services.name(service);
        json.member(name)?;
        json.object_begin()?;
        json.member("name")?;
        json.string(name)?;
        let started_at = Some(service.pid).filter(|pid| *pid != 0).and_then(&mut *started_at);
        let state = match service.state {
            State::Running | State::Starting | State::Stopping if started_at.is_none() => State::Exited,
            state => state,
        };
        json.member("state")?;
        json.string(state.name())?;
        json.member("pid")?;
        optional(&mut json, started_at.map(|_| i64::from(service.pid)))?;
        number(&mut json, "restart_count", service.restarts.into())?;
        number(&mut json, "current_restart_delay_ms", service.delay.unwrap_or(RESTART_DELAY))?;
        json.member("last_exit_code")?;
        optional(&mut json, service.exit_code.map(i64::from))?;
        json.member("last_exit_signal")?;
        json.null()?;
        json.member("started_at")?;
        optional(&mut json, started_at.and_then(|time| time.try_into().ok()))?;
        number(&mut json, "last_state_change", started_at.unwrap_or(header.now))?;
        let config = services.config(service);
        json.member("ephemeral")?;
        json.boolean(!config.is_empty())?;
        if !config.is_empty() {
            json.member("config")?;
            // Its text is written as it was read, and reading has checked it.
            json.number_raw(config)?;
        }
        json.object_end()?;
    }
    json.object_end()?;
    for (name, path) in [("config_dir", header.config_dir), ("socket_path", header.socket)] {
        json.member(name)?;
        // The file must be UTF-8, and no server reads these: each has its own options.
        json.string(core::str::from_utf8(path).unwrap_or_default())?;
    }
    json.object_end()
}

/// Reads a file, of the server or of ours; false if it is not valid, and the table is incomplete then.
pub fn read(text: &[u8], scratch: &mut [u8], services: &mut Services) -> bool {
    services.clear();
    let mut json = Parser::new(text, scratch);
    let mut seen = false;
    let read = members(&mut json, &mut |name, json| {
        if name != Key::Services {
            return Ok(false);
        }
        seen = true;
        json.object_begin()?;
        while json.member_decoded()?.is_some() {
            read_service(text, json, services)?;
        }
        json.object_end()?;
        Ok(true)
    });
    seen && read.and_then(|_| json.finish()).is_ok()
}

fn read_service(text: &[u8], json: &mut Parser<'_, '_>, services: &mut Services) -> Parsed<()> {
    let (mut read, mut config) = (Service::default(), 0..0);
    let index = services.len();
    members(json, &mut |name, json| {
        if json.is_null_ahead() {
            return Ok(false);
        }
        match name {
            Key::Config => config = members(json, &mut |_, _| Ok(false))?,
            Key::CurrentRestartDelay => read.delay = Some(json.integer()?),
            Key::LastExitCode => read.exit_code = Some(json.integer()?),
            Key::Name => services.add(json.string()?),
            Key::Pid => read.pid = json.integer()?,
            Key::RestartCount => read.restarts = json.integer()?,
            Key::State => read.state = State::named(json.string()?).unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if let Some(service) = services.get_mut(index) {
        let Service { state, pid, exit_code, restarts, delay, .. } = read;
        (service.state, service.pid, service.exit_code) = (state, pid, exit_code);
        (service.restarts, service.delay) = (restarts, delay);
        match text.get(config) {
            None | Some([]) => {}
            Some(config) => services.set_config(index, config),
        }
    }
    Ok(())
}

type Written<W> = Result<(), SerializeError<<W as Write>::Error>>;

fn number<W: Write>(json: &mut Serializer<W, 8>, name: &str, value: u64) -> Written<W> {
    json.member(name)?;
    json.unsigned(value)
}

fn optional<W: Write>(json: &mut Serializer<W, 8>, value: Option<i64>) -> Written<W> {
    match value {
        Some(value) => json.integer(value),
        None => json.null(),
    }
}

/// The version of the format.
const VERSION: u64 = 1;

/// The delay of a service whose configuration was not read, ms: the server's own default.
const RESTART_DELAY: u64 = 1_000;
