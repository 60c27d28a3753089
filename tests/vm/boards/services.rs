//! Services of the real zinit-server 0.3.9 on a machine while servers are replaced: their output goes to the kernel's log.
//!
//! A counter proves that no line is lost: a service writes each number to a file first, and then to its output.

use crate::common::services::rounds;
use crate::common::vm::{Image, seconds};

/// What the services do: one counts, the child of one counts, one is silent.
const SERVICES: [(&str, &str); 3] = [
    ("counter", "count"),
    ("forks", "count &\necho $! >>/run/forks.child; while :; do sleep 1000; done"),
    ("silent", "while :; do sleep 1000; done"),
];

/// The begin of a service: `count` counts.
const SERVICE: &str = r#"name=${0##*/}; echo $$ >>/run/$name.pids
    count() { i=0; while :; do i=$((i + 1)); echo $i >>/run/$name.count; echo counter $i; sleep 0.2; done; }"#;

/// The begin of the driver: `soft` and `crash` replace the server, and `check` tells what became of the services.
const DRIVER: &str = r#"
    # Whole lines: what is written to the console mixes with them.
    say() { echo "driver: $*" >/dev/kmsg; }
    last() { tail -n 1 /run/$1.count; }
    await() { until "$@" >/dev/null 2>&1; do sleep 0.05; done; }
    up() { [ "$(pidof zinit-server | wc -w)" = 1 ] && zinit list; }
    run() { [ -s /run/silent.pids ] && [ -s /run/counter.count ] && [ -s /run/forks.count ]; }
    ended() {
        await [ ! -e /proc/$old ]
        # The pipes of the first server are those of its services, to their end.
        [ "$since" ] || since="$(last counter) $(last forks)"
    }
    wrote() { [ $(last $1) -gt $2 ]; }
    taken_over() {
        set -- $(last counter) $(last forks)
        await up; await wrote counter $(($1 + 1)); await wrote forks $(($2 + 1))
    }
    soft() {
        old=$(pidof zinit-server); kill -USR1 1
        ended; taken_over; say replaced $1 by $(pidof zinit-server)
    }
    watched() {
        for process in /proc/[0-9]*; do
            [ "$(cat $process/comm)" = zinit-pid1ctl ] || continue
            # The server, three services and the driver.
            [ $(grep -h ^Pid: $process/fdinfo/* | wc -l) -ge 5 ] && return
        done
        return 1
    }
    crashed() { [ $(dmesg | grep -c 'killed by signal 9, respawn') -ge $crash ]; }
    crash() {
        crash=$1; old=$(pidof zinit-server)
        await watched; kill -KILL $old; await crashed; kill -USR1 1
        ended; taken_over; say replaced $1 by $(pidof zinit-server)
    }
    check() {
        # A fast machine replaces the server within fewer lines than are asserted.
        await wrote counter $((${since% *} + 5)); await wrote forks $((${since#* } + 5))
        for name in counter forks; do
            to=$(last $name); await logged
            dmesg -r | busybox awk -v name=$name -v since=${since%% *} -v to=$to '
                !index($0, "] zinit-service " name ": ") { next }
                !/^<14>/ { level++ }
                { sub(/.*zinit-service [a-z]*: /, "") }
                /^\.\.\./ { torn++; sub(/^\.\.\./, "") }
                /^counter [0-9]+$/ { if (seen[$2]++) doubled++; if ($2 > since && $2 <= to) found++ }
                END { printf "driver: %s lost %d of %d, doubled %d, torn %d, of other levels %d\n",
                    name, to - since - found, to - since, doubled, torn, level }' >/dev/kmsg
            since=${since#* }
        done
        live=0; for pid in $(cat /run/*.pids /run/forks.child); do [ ! -e /proc/$pid ] || live=$((live + 1)); done
        say starts $(cat /run/*.pids /run/forks.child | wc -l), live $live
    }
    logged() { dmesg | grep -q "zinit-service $name: counter $to\$"; }
    since=
    await run; await up
"#;

fn machine(append: &str, commands: &str) -> Image {
    let image = Image::new().append(&format!("log_buf_len=1M {append}"));
    SERVICES
        .iter()
        .fold(image, |image, (name, work)| image.service_with_pipes(name, &format!("{SERVICE}\n{work}")))
        .driver(&format!("{DRIVER}\n{commands}"))
}

/// Asserts that each service is the process that it was, that its lines are in the log, and that the machine ends at
/// once.
fn check(text: &str) {
    for name in ["counter", "forks"] {
        let line = text.lines().find(|line| line.contains(&format!("driver: {name} lost ")));
        let line = line.unwrap_or_else(|| panic!("no check of {name} in:\n{text}"));
        let words: Vec<u32> = line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        println!("{line}");
        let [lost, of, doubled, torn, other] = words[words.len() - 5..] else { panic!("{line}") };
        assert!(lost == 0 && doubled == 0 && other == 0 && of > 5 && torn <= 1, "{line}\n{text}");
    }
    assert!(text.contains("driver: starts 4, live 4"), "{text}");
    assert!(!text.contains("processes left"), "{text}");
    let time = seconds(text, "power off begins", "reboot: Power down");
    println!("power off in {time} s");
    assert!(time < 5.0, "{time} s: as long as the stage of TERM can last\n{text}");
}

/// Lets the services be replaced by these commands, which say so as often, and ends the machine.
fn replace(append: &str, commands: &str, rounds: usize) -> String {
    replace_on(machine(append, &format!("{commands}; {CHECK}")), rounds)
}

/// The same on a machine whose driver does all that.
fn replace_on(image: Image, rounds: usize) -> String {
    let machine = image.boot();
    // As long as each may take on a busy computer.
    for round in 1..=rounds {
        machine.line(&format!("driver: replaced {round} "));
    }
    let text = machine.ends("reboot: Power down");
    check(&text);
    text
}

/// The end of the driver.
const CHECK: &str = "check; zinit-pid1 poweroff";

#[test]
fn services_survive_soft_restarts_and_their_lines_go_to_the_kernels_log() {
    let rounds = rounds(10);
    let text = replace("", &format!("for round in $(busybox seq {rounds}); do soft $round; done"), rounds);
    assert_eq!(text.matches("soft restart of server").count(), rounds, "{text}");
    assert!(!text.contains("respawn in"), "{text}");
}

#[test]
fn services_survive_soft_restarts_after_2038() {
    let commands = format!("say year $(busybox date +%Y); soft 1; {SAY_SAVED}; soft 2; {SAY_SAVED}; {CHECK}");
    let set = format!("busybox date -u -s @{IN_2040}; touch /bin/server; {UNSAVED}");
    let image =
        machine("ZINIT_SERVER=/bin/server", &commands).file("bin/server", SERVER_WITH_COPY).before(&set);
    let text = replace_on(image, 2);
    assert!(text.contains("driver: year 2040"), "{text}");
    assert!(!text.contains("respawn in"), "{text}");
    // When the server before was started, ms.
    let starts: Vec<u64> =
        text.split("driver: saved ").skip(1).filter_map(|rest| rest.lines().next()?.parse().ok()).collect();
    assert_eq!(starts.len(), 2, "{text}");
    for start in starts {
        assert!((IN_2040..IN_2040 + 1_000).contains(&(start / 1_000)), "{start}: {text}");
    }
}

/// A second of the year 2040, since 1970.
const IN_2040: u64 = 2_208_988_800;

/// Shell commands that keep the server from saving its state, so that zinit-pid1ctl does it: the server writes to this
/// name first.
pub const UNSAVED: &str = "mkdir -p /run/zinit/state.json.tmp";

/// The server, which takes the saved state away: this keeps a copy.
pub const SERVER_WITH_COPY: &str =
    "#!/bin/sh\ncp /run/zinit/state.json /run/saved 2>/dev/null\nexec /sbin/zinit-server \"$@\"\n";

/// Tells when the server before was started, by that copy, ms since 1970.
pub const SAY_SAVED: &str = r#"say saved $(sed 's/.*"boot_time":\([0-9]*\).*/\1/' /run/saved)"#;

#[test]
fn services_survive_crashes_of_the_server_where_they_are_adopted() {
    let rounds = rounds(10);
    let commands =
        format!("for round in $(busybox seq {rounds}); do crash $round; done; soft {}", rounds + 1);
    let text = replace("ZINIT_ORPHANS=adopt", &commands, rounds + 1);
    assert_eq!(text.matches("killed by signal 9, respawn").count(), rounds, "{text}");
}

#[test]
fn without_zinit_pid1ctl_pid_1_sends_the_request_itself() {
    // If zinit-server 0.3.9 exits before it has saved its state, the next one starts this driver a second time.
    let commands = "[ -e /run/once ] && exec sleep 1000; >/run/once
        old=$(pidof zinit-server); kill -USR1 1; ended; await up; say replaced; kill -TERM 1";
    let machine = machine("ZINIT_ORPHANS=keep", commands).before("rm /sbin/zinit-pid1ctl").boot();
    machine.line("cannot execute /sbin/zinit-pid1ctl: ENOENT (no such file or directory)");
    machine.line("restart helper exited 127, going on without");
    machine.line("driver: replaced");
    let text = machine.ends("reboot: Power down");
    assert_eq!(text.matches("soft restart of server").count(), 1, "{text}");
    assert!(!text.contains("sending SIG") && !text.contains("killed by signal"), "{text}");
}
