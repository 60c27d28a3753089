//! From the first instruction to a process that knows what it is and has a place for its log lines.

use core::ffi::CStr;

use zinit_pid1::config::{Config, KernelWords};
use zinit_pid1::limits::REAP_BATCH;
use zinit_pid1::log::Fact;
use zinit_pid1::process::Errno;

use super::Sys;
use super::kmsg::Log;
use super::mount;
use super::power::Standing;
use super::start::Start;
use super::stdio::{self, Given};
use super::{raw, signal};

/// This process before it knows what it is: it has touched nothing but itself.
pub struct Boot {
    start: Start,
    given: Given,
}

impl Boot {
    /// Blocks all signals, closes what others left open, and leaves the folder it was started in, which
    /// would pin a mount.
    pub fn begin(start: Start) -> Self {
        signal::block_all();
        let given = stdio::claim();
        let _stays_where_it_is = rustix::process::chdir(c"/");
        Self { start, given }
    }

    /// Asks the kernel what this process is, and makes it at home there.
    ///
    /// `config` is what argv and environment say; that this is a container is only a hint.
    /// On a machine `words` gets the kernel command line. In a container that is the host's.
    #[inline(always)] // the result is made where it stays
    pub fn settle<'a>(self, config: Config<'a>, words: &mut KernelWords) -> Sys<'a> {
        let standing = Standing::claim(config.container);
        let rows = if config.mount { mount::ALL } else { 0 };
        if let Some(machine) = standing.machine() {
            machine.mount_early(rows, &mut |_, _| {});
            read_kernel_words(words);
        }
        stdio::furnish(self.given, standing.machine().is_some());
        let log = Log::open(standing.machine().is_some(), self.given.stderr());
        let start = self.start;
        let sys = Sys {
            standing,
            log,
            config,
            start,
            event: None,
            server: None,
            unreaped: true,
            batch: REAP_BATCH,
        };
        // Once more, because the log needs what was mounted the first time: what failed fails again.
        if let Some(machine) = sys.standing.machine() {
            let errno = machine.take_name();
            if errno != Errno::NONE {
                sys.log(Fact::HostNameFailed, errno, &[]);
            }
            machine
                .mount_early(rows, &mut |target, errno| sys.log(Fact::MountFailed, errno, target.to_bytes()));
        }
        sys
    }
}

/// The words as the strings that they are.
pub fn strings(words: &KernelWords) -> impl Iterator<Item = &CStr> {
    // SAFETY: each ends in its only NUL. To let `CStr` look for it takes 200 bytes.
    words.iter().map(|word| unsafe { CStr::from_bytes_with_nul_unchecked(word) })
}

fn read_kernel_words(words: &mut KernelWords) {
    let Ok(file) = raw::open(c"/proc/cmdline", libc::O_RDONLY) else { return };
    let mut piece = [0; 256];
    while let Ok(taken @ 1..) = raw::read(&file, &mut piece) {
        words.feed(piece.get(..taken as usize).unwrap_or(&[]));
    }
}
