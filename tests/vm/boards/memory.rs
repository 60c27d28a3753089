//! Memory of PID 1 at idle: the kernel puts the stack at a random place, so it is the median of fifteen starts that
//! counts.

use crate::common::board;
use crate::common::vm::Image;

use super::CONTAINER;

#[test]
fn at_idle_it_is_small_at_any_stack_address() {
    let machine = Image::new()
        .file("bin/memory", MEMORY)
        .file("bin/idle", SERVER)
        .driver(&format!(
            "until zinit list; do sleep 0.1; done; say of the machine: $(memory)
             for start in $(busybox seq 15); do {CONTAINER} ZINIT_SERVER=/bin/idle /sbin/zinit-pid1; done
             say page $(grep -m 1 KernelPageSize /proc/1/smaps); zinit poweroff"
        ))
        .boot();
    println!("{}", machine.line("driver: of the machine: "));
    let page = machine.line("driver: page KernelPageSize: ");
    let text = machine.ends("reboot: Power down");
    let starts: Vec<[u64; 2]> =
        text.lines().filter_map(|line| line.split_once("idle: ")).map(numbers).collect();
    assert_eq!(starts.len(), 15, "{text}");
    let sorted = |index: usize| {
        let mut values: Vec<u64> = starts.iter().map(|start| start[index]).collect();
        values.sort_unstable();
        values
    };
    let [resident, anonymous] = [0, 1].map(sorted);
    println!("{page}");
    println!("resident, kB: median {}, worst {}", resident[7], resident[14]);
    println!("anonymous, kB: median {}, worst {}", anonymous[7], anonymous[14]);
    assert!(page.ends_with(&format!(" {} kB", board().page)), "{page}");
    assert!(resident[7] <= board().resident, "{resident:?}");
    let [median, worst] = board().anonymous;
    assert!(anonymous[7] <= median && anonymous[14] <= worst, "{anonymous:?}");
}

/// The resident set and its anonymous part, kB.
fn numbers((_, line): (&str, &str)) -> [u64; 2] {
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().unwrap_or_else(|_| panic!("no numbers: {line}"))
}

/// Prints the resident set of PID 1 and its anonymous part.
const MEMORY: &str = r#"#!/bin/sh
busybox awk '/^Rss:/ { resident = $2 } /^Anonymous:/ { print resident, $2 }' /proc/1/smaps_rollup
"#;

/// A server that waits until PID 1 sleeps and nothing wakes it, and ends the container.
const SERVER: &str = r#"#!/bin/sh
switches() { grep ctxt_switches /proc/1/status; }
old=
until [ "$old" = "$(switches)" ]; do old=$(switches); sleep 0.3; done
echo "idle: $(memory)"
kill -TERM 1
exec sleep 1000
"#;
