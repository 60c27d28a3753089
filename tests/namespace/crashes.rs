//! Services of the real zinit-server 0.3.9 when it crashes, with `ZINIT_ORPHANS=adopt`.

use crate::common::services::{ALL, Services, StateFile, restarts};

#[test]
fn services_and_their_lines_survive_crashes_of_the_server() {
    let mut services = Services::start_with(ALL, StateFile::Any, "adopt");
    for _ in 0..restarts() {
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
