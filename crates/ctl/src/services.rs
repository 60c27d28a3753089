//! The table of services: of each what the next server has to know to take it over.

use core::ops::Range;

/// The services of a server.
///
/// What does not fit is left out and counted: a service, or the configuration of one.
pub struct Services {
    list: heapless::Vec<Service, SERVICES>,
    /// Names and configurations, each at the range that its service has.
    text: heapless::Vec<u8, TEXT>,
    left_out: u32,
}

/// A service of a [`Services`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    name: Range<usize>,
    /// Empty for a service that the next server finds in a file.
    config: Range<usize>,
    /// The state by its name.
    pub state: State,
    /// The main process; 0 if there is none, and for a target.
    pub pid: u32,
    /// The last exit status, if the server tells it.
    pub exit_code: Option<i32>,
    /// How often it was restarted since it last ran for long enough.
    pub restarts: u32,
    /// The delay before its next restart, ms; `None` until the server has told it.
    pub delay: Option<u64>,
}

/// The state of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the server's words
pub enum State {
    Blocked,
    Exited,
    Failed,
    #[default]
    Inactive,
    Running,
    Starting,
    Stopping,
}

impl State {
    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        STATES.iter().find(|(known, _)| *known == name).map(|(_, state)| *state)
    }

    /// The server's name of this state.
    #[must_use]
    pub fn name(self) -> &'static str {
        STATES.iter().find(|(_, state)| *state == self).map_or("inactive", |(name, _)| name)
    }
}

impl Services {
    /// A table without services.
    #[must_use]
    pub const fn new() -> Self {
        Self { list: heapless::Vec::new(), text: heapless::Vec::new(), left_out: 0 }
    }

    /// Forgets all services.
    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
        self.left_out = 0;
    }

    /// Adds a service of this name, of which nothing else is known.
    pub fn add(&mut self, name: &str) {
        let fits = name.len() <= NAME && !self.list.is_full();
        match fits.then(|| self.store(name.as_bytes())).flatten() {
            Some(name) => drop(self.list.push(Service { name, ..Service::default() })),
            None => self.count_left_out(),
        }
    }

    /// Sets the configuration of a service that lies in no file, JSON.
    pub fn set_config(&mut self, index: usize, json: &[u8]) {
        let Some(config) = self.store(json) else { return self.count_left_out() };
        if let Some(service) = self.list.get_mut(index) {
            service.config = config;
        }
    }

    /// The services, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = &Service> {
        self.list.iter()
    }

    /// The number of services.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True if there is no service.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The service at an index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Service> {
        self.list.get(index)
    }

    /// The service at an index, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Service> {
        self.list.get_mut(index)
    }

    /// The index of the service with this name; the search begins at `near`, because two tables of one server mostly
    /// have the same order.
    #[must_use]
    pub fn position(&self, name: &str, near: usize) -> Option<usize> {
        let is_named = |service: &Service| self.name(service) == name;
        if self.list.get(near).is_some_and(is_named) {
            return Some(near);
        }
        self.list.iter().position(is_named)
    }

    /// The name of a service.
    #[must_use]
    pub fn name(&self, service: &Service) -> &str {
        let name = self.text.get(service.name.clone()).unwrap_or_default();
        core::str::from_utf8(name).unwrap_or_default()
    }

    /// The configuration of a service that lies in no file, JSON; empty for the others.
    #[must_use]
    pub fn config(&self, service: &Service) -> &[u8] {
        self.text.get(service.config.clone()).unwrap_or_default()
    }

    /// How many services, or configurations of services, did not fit.
    #[must_use]
    pub const fn left_out(&self) -> u32 {
        self.left_out
    }

    /// Counts what the caller leaves out.
    pub const fn count_left_out(&mut self) {
        self.left_out = self.left_out.saturating_add(1);
    }

    fn store(&mut self, text: &[u8]) -> Option<Range<usize>> {
        let start = self.text.len();
        self.text.extend_from_slice(text).ok()?;
        Some(start..self.text.len())
    }
}

impl Default for Services {
    fn default() -> Self {
        Self::new()
    }
}

const STATES: [(&str, State); 7] = [
    ("blocked", State::Blocked),
    ("exited", State::Exited),
    ("failed", State::Failed),
    ("inactive", State::Inactive),
    ("running", State::Running),
    ("starting", State::Starting),
    ("stopping", State::Stopping),
];

/// Services that are kept.
pub const SERVICES: usize = 1_000;

/// Bytes of a service's name: as much as a file may have, and each has one by default.
pub const NAME: usize = 255;

/// Bytes of all names and configurations: half a kilobyte for each service.
///
/// With the fixed part of each entry the state file stays below 1 MiB, which is what is read of it.
pub const TEXT: usize = 524_288;
