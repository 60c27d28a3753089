//! The processes that belong to the services in the state file: the next server takes them over.

use rustix::process::getpid;
use zinit_pid1::model::decimal;
use zinit_pid1::model::table;
use zinit_pid1::parse::procstat;
use zinit_pid1ctl::services::{SERVICES, Services};

use crate::ask::Buffers;
use crate::handover::load;
use crate::pipes::pipe_inode;
use crate::{process, report, sys};

/// The services in the state file.
pub struct Adopted {
    services: Services,
    /// The pipes that their processes write to.
    pipes: heapless::Vec<u64, { 2 * SERVICES }>,
    buffers: Buffers,
}

impl Adopted {
    /// Reads the state file; `None` if it is not there or not valid, which is logged.
    pub fn load() -> Option<&'static Self> {
        static ADOPTED: sys::Lent<Adopted> = sys::Lent::new(Adopted {
            services: Services::new(),
            pipes: heapless::Vec::new(),
            buffers: Buffers::NEW,
        });
        let adopted = ADOPTED.take()?;
        let Self { services, pipes, buffers } = adopted;
        if !load(services, buffers) {
            report(format_args!("there is no valid state file, no service is spared"));
            return None;
        }
        // Every process may write to the log of PID 1.
        let log = pipe_inode(getpid().as_raw_pid().unsigned_abs(), libc::STDERR_FILENO.unsigned_abs());
        for service in services.iter().filter(|service| service.pid != 0) {
            for inode in [libc::STDOUT_FILENO, libc::STDERR_FILENO]
                .map(|fd| pipe_inode(service.pid, fd.unsigned_abs()))
            {
                let _two_each = inode.filter(|_| inode != log).map(|inode| pipes.push(inode));
            }
        }
        Some(adopted)
    }

    /// True if a process belongs to a service, or descends from one that does.
    pub fn has(&self, mut pid: u32) -> bool {
        let mut buf = [0; 512];
        for _ in 0..GENERATIONS {
            let stat = process::read(pid, "stat", &mut buf);
            let field = |index| decimal::parse(table::field(procstat::fields(stat), index)).unwrap_or(0);
            // Itself, its group, and its session.
            if [pid, field(2), field(3)].iter().any(|id| self.is_listed(*id)) || self.writes_to_its_pipe(pid)
            {
                return true;
            }
            match procstat::parent(stat) {
                Some(parent @ 2..) => pid = parent,
                _ => return false,
            }
        }
        false
    }

    fn is_listed(&self, pid: u32) -> bool {
        pid > 1 && self.services.iter().any(|service| service.pid == pid)
    }

    fn writes_to_its_pipe(&self, pid: u32) -> bool {
        let writes =
            |fd: i32| pipe_inode(pid, fd.unsigned_abs()).is_some_and(|inode| self.pipes.contains(&inode));
        writes(libc::STDOUT_FILENO) || writes(libc::STDERR_FILENO)
    }
}

/// Ancestors of a process that are looked at.
const GENERATIONS: usize = 64;
