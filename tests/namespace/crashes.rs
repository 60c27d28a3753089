//! Services of the real zinit-server 0.3.9 when it crashes, with `ZINIT_ORPHANS=adopt`.

use std::time::{Duration, Instant};

use crate::common::hold::Held;
use crate::common::namespace::{freeze, state};
use crate::common::services::{ALL, Kind, Services, StateFile, kill, processes, rounds};
use crate::common::until;

#[test]
fn services_and_their_lines_survive_crashes_of_the_server() {
    let mut services = Services::start_with(ALL, StateFile::Any, "adopt");
    for _ in 0..rounds(10) {
        services.crash();
    }
    services.check();
    services.stop();
}

#[test]
fn a_crash_after_a_soft_restart_and_a_soft_restart_after_a_crash_lose_nothing() {
    let mut services = Services::start_with(ALL, StateFile::Any, "adopt");
    services.restart();
    services.crash();
    services.restart();
    services.check();
    services.stop();
}

#[test]
fn a_watcher_that_dies_or_hangs_is_a_line_and_no_service_runs_twice() {
    for (dies, line) in [
        (true, "watcher killed by signal 9, services end with their server"),
        (false, "services are not saved in time, going on"),
    ] {
        let mut services = Services::start_with(TWO, StateFile::Any, "adopt");
        until("the watcher", || services.are_watched());
        let watcher = services.watcher().expect("just seen");
        let mut held = None;
        if dies {
            kill(watcher, libc::SIGKILL);
            services.pid1.line(line);
        } else {
            // A tracer holds it: PID 1 would continue one that is only stopped.
            held = Some(Held::seize(watcher));
        }
        let begin = Instant::now();
        kill(services.pid1.server_named("zinit-server"), libc::SIGKILL);
        services.pid1.line(line);
        // Its parent is not told of its end before the tracer is.
        held.as_mut().map(Held::kill);
        services.pid1.line("ending what the last server left behind");
        for name in ["shell0", "silent0"] {
            until(&format!("another {name}"), || services.starts(name) == 2);
            until(&format!("{name} once"), || processes(&services.pid1.folder.path().join(name)).len() == 1);
        }
        // The delay, the time of the watcher, and the end of services, which takes no time.
        assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
        assert!(state(watcher).is_none());
        services.pid1.signal(libc::SIGTERM);
        services.pid1.ends_well();
    }
}

#[test]
fn services_survive_crashes_at_the_begin_of_a_soft_restart() {
    let mut services = Services::start_with(TWO, StateFile::Any, "adopt");
    for _ in 0..rounds(4) {
        services.crash_at_a_restart(false);
        services.crash_at_a_restart(true);
    }
    services.check();
    services.stop();
}

#[test]
fn a_fault_of_pid_1_after_a_crash_loses_no_saved_services() {
    let mut services = Services::start_with(TWO, StateFile::Any, "adopt");
    until("the watcher", || services.are_watched());
    let watcher = services.watcher().expect("just seen");
    services.crash_by(|pid1| {
        until("the end of the watcher", || state(watcher).is_none());
        // PID 1 has taken notice when it waits again; the delay of the next server has not passed yet.
        let held = Held::waiting(pid1.pid1());
        pid1.signal(libc::SIGSEGV);
        drop(held);
        pid1.line("fault, signal 11");
    });
    services.check();
    services.stop();
}

#[test]
fn services_survive_a_soft_restart_of_a_server_that_hangs() {
    let mut services = Services::start_with(TWO, StateFile::Any, "adopt");
    until("the watcher", || services.are_watched());
    let server = services.pid1.server_named("zinit-server");
    services.restart_by(|pid1| {
        freeze(server);
        pid1.signal(libc::SIGUSR1);
    });
    // The helper cannot read the table of services, and has nothing to save: the watcher has.
    services.pid1.line("no whole table of services");
    services.check();
    services.crash();
    services.check();
    services.stop();
}

/// One that writes all the time, and one that does not.
const TWO: &[(Kind, usize)] = &[(Kind::Shell, 1), (Kind::Silent, 1)];
