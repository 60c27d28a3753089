//! Asks a server for its table of services.

use zinit_pid1::model::time::Millis;
use zinit_pid1ctl::deadline::Deadline;
use zinit_pid1ctl::protocol::{self, NoResult};
use zinit_pid1ctl::services::{Service, Services};

use crate::client::{Client, REPLY, Result};
use crate::process;
use crate::server::Server;

/// The buffers of a conversation with a server.
pub struct Buffers {
    /// Replies; the state file is written through it afterwards.
    pub reply: [u8; REPLY],
    /// The strings of a reply, decoded.
    pub scratch: [u8; REPLY],
}

impl Buffers {
    /// Zeros, which take no memory before they are used.
    pub const NEW: Self = Self { reply: [0; REPLY], scratch: [0; REPLY] };
}

/// Reads the table of services by the deadline, or returns why there is none.
///
/// What `last` says of a service that has the same process still is true, and is not asked for again. Configurations,
/// delays and restart counts that did not come in time are left at their defaults; a service that is lost by that counts
/// as left out. After a failure the table has the
/// services whose state came in time.
pub fn services(
    server: &Server<'_>,
    services: &mut Services,
    last: &Services,
    buffers: &mut Buffers,
    deadline: Deadline,
) -> Result<()> {
    services.clear();
    let Buffers { reply, scratch } = buffers;
    let mut client = Client::connect(server, reply, deadline)?;
    let request = protocol::request("service.list", None, scratch).unwrap_or_default();
    client.send(request)?;
    protocol::read_list(client.receive()?, scratch, services)?;
    let mut question = Question { client, scratch };

    question.each("service.status", services, &mut |_, _| true, &mut |line, scratch, services, index| {
        let Some(service) = services.get_mut(index) else { return Ok(()) };
        match protocol::read_status(line, scratch, service) {
            // It was deleted since; the next server does not know it either.
            Err(NoResult::Refused) => Ok(()),
            result => result,
        }
    })?;
    let mut changed = false;
    for index in 0..services.len() {
        changed |= !keep(services, last, index);
    }
    // Defaults will do for the others.
    if changed && question.details(server, services).is_err() {
        count_without_config(server, services);
    }
    Ok(())
}

/// Counts the services that the next server cannot know: they lie in no file, and their configuration did not come.
fn count_without_config(server: &Server<'_>, services: &mut Services) {
    for index in 0..services.len() {
        let unknown = |service: &&Service| {
            service.pid != 0
                && service.delay.is_none()
                && services.config(service).is_empty()
                && !server.has_file(services.name(service))
        };
        if services.get(index).filter(unknown).is_some() {
            services.count_left_out();
        }
    }
}

/// Takes what the last table says of a service; false if it has another process now.
fn keep(services: &mut Services, last: &Services, index: usize) -> bool {
    let Some(service) = services.get(index) else { return true };
    let known = last.position(services.name(service), index).and_then(|at| last.get(at));
    let Some(known) = known.filter(|known| known.pid == service.pid) else { return false };
    let config = last.config(known);
    if let Some(service) = services.get_mut(index) {
        (service.restarts, service.delay) = (known.restarts, known.delay);
    }
    if !config.is_empty() {
        services.set_config(index, config);
    }
    known.delay.is_some()
}

struct Question<'a> {
    client: Client<'a>,
    scratch: &'a mut [u8],
}

/// Takes in the reply for the service at an index.
type Read<'a> = &'a mut dyn FnMut(&[u8], &mut [u8], &mut Services, usize) -> protocol::Result<()>;

impl Question<'_> {
    /// Asks for configurations, those in no file first, and for restart counts.
    fn details(&mut self, server: &Server<'_>, services: &mut Services) -> Result<()> {
        for in_file in [false, true] {
            let mut wanted = |services: &Services, index| {
                let service = services.get(index).filter(|service| service.delay.is_none());
                service.is_some_and(|service| server.has_file(services.name(service)) == in_file)
            };
            self.each("service.get", services, &mut wanted, &mut |line, scratch, services, index| {
                let config = match protocol::read_config(line, scratch) {
                    Err(NoResult::Refused) => return Ok(()),
                    result => result?,
                };
                if let Some(service) = services.get_mut(index) {
                    service.delay = Some(config.delay);
                }
                if let Some(text) = config.text.filter(|_| !in_file) {
                    services.set_config(index, text);
                }
                Ok(())
            })?;
        }
        if lookups(services) > LOOKUPS {
            return Ok(());
        }
        self.client.send(protocol::request("debug.state", None, self.scratch).unwrap_or_default())?;
        Ok(protocol::read_counts(self.client.receive()?, self.scratch, services)?)
    }

    /// Sends a request for each service that is wanted, several at a time, and reads the replies.
    fn each(
        &mut self,
        method: &str,
        services: &mut Services,
        wanted: &mut dyn FnMut(&Services, usize) -> bool,
        read: Read<'_>,
    ) -> Result<()> {
        let mut asked = heapless::Vec::<usize, BATCH>::new();
        let mut requests = heapless::Vec::<u8, REQUESTS>::new();
        let mut index = 0;
        while index < services.len() || !asked.is_empty() {
            if index < services.len() {
                if !wanted(services, index) {
                    index += 1;
                    continue;
                }
                let name = services.get(index).map(|service| services.name(service));
                let request = protocol::request(method, name, self.scratch).unwrap_or_default();
                if requests.len() + request.len() <= REQUESTS && asked.push(index).is_ok() {
                    let _fits = requests.extend_from_slice(request);
                    index += 1;
                    continue;
                }
            }
            self.client.send(&requests)?;
            for index in &asked {
                read(self.client.receive()?, self.scratch, services, *index)?;
            }
            asked.clear();
            requests.clear();
        }
        Ok(())
    }
}

/// How many processes zinit-server 0.3.9 looks at before it tells restart counts: all of them for each service.
fn lookups(services: &Services) -> usize {
    let mut processes = 0;
    process::all(&mut |_| processes += 1);
    processes * services.iter().filter(|service| service.pid != 0).count()
}

/// Requests that are sent before the first of their replies is read: each wait is shared by so many.
const BATCH: usize = 16;

/// Bytes of these requests: the longest of one name, each of whose bytes has an escape, is 1,600.
const REQUESTS: usize = 4_096;

/// Lookups in `/proc` for which restart counts are asked: about 200 ms, in which the server answers nothing else.
const LOOKUPS: usize = 10_000;

/// Time that the table may take, ms.
pub const TIMEOUT: Millis = 1_000;
