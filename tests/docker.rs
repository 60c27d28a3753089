//! The real program and the real zinit-server in containers of a real engine, Docker.

mod common;

use std::time::Duration;

use common::Folder;
use common::docker::{Container, service};

/// What the engine and its client may take beside what they wait for.
const ENGINE: Duration = Duration::from_secs(1);

#[test]
fn a_container_runs_its_services_and_stops_with_0() {
    let container = Container::zinit(&[]);
    container.line("version 0.1.0, PID 1 of a container");
    container.running("one");
    let time = container.stops();
    println!("docker stop: {time:?}");
    assert!(time < ENGINE, "{time:?}");
    let (server, program) = container.logs();
    assert!(server.contains("stopping all services") && server.contains("zinit-server stopped"), "{server}");
    assert!(!program.contains("sending"), "nothing but the request was needed:\n{program}");
}

#[test]
fn a_stop_waits_for_a_slow_service_and_not_longer() {
    let folder = Folder::new();
    service(
        folder.path(),
        "slow",
        "trap 'sleep 2; exit' TERM; echo >/shared/ready; while :; do sleep 0.1; done",
    );
    let container = Container::services(&folder, &[]);
    common::until("the trap", || folder.path().join("ready").exists());
    let time = container.stops();
    println!("docker stop: {time:?}");
    let slow = Duration::from_secs(2);
    assert!(time >= slow && time < slow + ENGINE, "{time:?}");
}
