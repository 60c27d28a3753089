//! Services of the real zinit-server 0.3.9 in soft restarts: none ends, none runs twice, and no line is lost that was
//! written after the old server's end.

use crate::common::services::{ALL, Kind, Services, StateFile, rounds};

#[test]
fn services_and_their_lines_survive_soft_restarts_in_a_row() {
    let mut services = Services::start(ALL, StateFile::Any);
    // Both kinds of soft restart have to be among them.
    while services.restarts < rounds(10) || services.restarts == services.saved() || services.saved() == 0 {
        assert!(
            services.restarts < 2 * rounds(10) + 20,
            "{} of {} saved",
            services.saved(),
            services.restarts
        );
        services.restart();
    }
    services.check();
    services.stop();
}

#[test]
fn services_survive_soft_restarts_without_a_state_file_of_the_server() {
    let mut services = Services::start(ALL, StateFile::Never);
    for _ in 0..rounds(10) {
        services.restart();
    }
    assert_eq!(services.saved(), 0);
    services.check();
    services.stop();
}

#[test]
fn two_hundred_services_survive_a_soft_restart() {
    let kinds = [(Kind::Slow, 120), (Kind::Silent, 60), (Kind::Forks, 10), (Kind::Python, 10)];
    let mut services = Services::start(&kinds, StateFile::Any);
    services.restart();
    services.check();
    services.restart();
    services.check();
    services.stop();
}
