//! The costs of the two processes that outlive a request to save services: the reader of their pipes after a soft
//! restart, and the watcher with `ZINIT_ORPHANS=adopt`; with the real zinit-server 0.3.9.

use std::time::Duration;

use crate::common::namespace::{state, status};
use crate::common::services::{Kind, Services, StateFile};
use crate::common::until;

/// Largest resident set of each with twenty services, kB.
const RESIDENT: u64 = 256;

/// Most wake-ups of a watcher of twenty services in a second: it asks every two seconds, and waits some times for the
/// answers, which come in more pieces on a busy computer: 4 to 5 and up to 11 were seen.
const WAKE_UPS: f64 = 20.0;

/// Twenty services.
const TWENTY: [(Kind, usize); 2] = [(Kind::Shell, 10), (Kind::Python, 10)];

fn number(pid: i32, key: &str) -> u64 {
    let value = status(pid, key).expect("it runs");
    value.trim_end_matches(" kB").parse().expect("a number")
}

fn wake_ups(pid: i32) -> u64 {
    number(pid, "voluntary_ctxt_switches") + number(pid, "nonvoluntary_ctxt_switches")
}

#[test]
fn a_reader_is_small_and_costs_nothing_while_services_are_silent() {
    let mut services = Services::start(&TWENTY, StateFile::Any);
    services.restart();
    services.check();
    let small = number(services.reader(), "VmRSS");
    println!("reader of 20 services: {small} kB resident");
    assert!(small <= RESIDENT, "{small} kB");
    services.stop();

    let mut services = Services::start(&[(Kind::Silent, 20)], StateFile::Any);
    services.restart();
    let reader = services.reader();
    until("sleep", || state(reader) == Some('S'));
    let before = wake_ups(reader);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(wake_ups(reader), before, "five idle seconds");
    services.stop();
}

#[test]
fn a_watcher_is_small_and_seldom_wakes() {
    for kinds in [&TWENTY[..], &[(Kind::Silent, 20)]] {
        let mut services = Services::start_with(kinds, StateFile::Any, "adopt");
        until("the watcher", || services.are_watched());
        let watcher = services.watcher().expect("it watches");
        let before = wake_ups(watcher);
        // Some questions, and among them those for what it does not know yet.
        std::thread::sleep(Duration::from_secs(10));
        let small = number(watcher, "VmRSS");
        let wake_ups = (wake_ups(watcher) - before) as f64 / 10.0;
        println!("watcher of 20 services, {:?}: {small} kB resident, {wake_ups} wake-ups/s", kinds[0].0);
        assert!(small <= RESIDENT, "{small} kB");
        assert!(wake_ups <= WAKE_UPS, "{wake_ups} in a second");
        services.stop();
    }
}
