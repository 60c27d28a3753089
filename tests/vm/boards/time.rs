//! Times that do not fit into 32 bits, and kernels that have only one of the two kinds of calls for them.

use crate::common::vm::{Image, seconds};
use crate::common::{board, guest};

use super::services::{SAY_SAVED, SERVER_WITH_COPY, UNSAVED};

#[test]
#[ignore = "for boards of 32 bit"]
fn a_kernel_without_calls_for_64_bit_times_is_enough() {
    lives_without(NEW);
}

#[test]
#[ignore = "for boards of 32 bit"]
fn a_container_engine_that_does_not_know_calls_for_64_bit_times_is_enough() {
    // It answers EPERM where an old kernel answers ENOSYS.
    lives_with("with-forbidden-calls", NEW);
}

/// All calls that Linux 5.1 has brought for this purpose.
const NEW: &str = "403-423";

#[test]
#[ignore = "for boards of 32 bit"]
fn a_kernel_without_calls_for_32_bit_times_is_enough() {
    // All that a kernel without CONFIG_COMPAT_32BIT_TIME lacks.
    lives_without("124 161 162 177 240 247 258 259 262-265 269 276 277 312 326 335 336 348 353 354 365 372");
}

/// Boots a kernel that refuses these calls, with a server that exits once and then ignores TERM.
fn lives_without(calls: &str) {
    lives_with("without-calls", calls);
}

/// The same with a command of `guest` that has the kernel refuse them.
fn lives_with(command: &str, calls: &str) {
    assert_eq!(board().programs, "armv7", "these are the numbers of its calls");
    let machine = Image::new()
        .without_server()
        .append("ZINIT_SERVER=/bin/other ZINIT_STOP_TIMEOUT=2")
        .file(
            "bin/other",
            "#!/bin/sh\n[ -e /run/once ] || { >/run/once; exit 3; }\ntrap '' TERM\n\
             echo \"other: again, on $(readlink /proc/$$/fd/1)\" >/dev/kmsg; kill -TERM 1; while :; do sleep 1; done\n",
        )
        .copy(guest(), "bin/guest")
        .before(&format!("exec guest {command} '{calls}' /sbin/zinit-pid1"))
        .boot();
    machine.line(&format!("guest: refused are the calls {calls}"));
    machine.line("exited 3, respawn in 1000 ms");
    let text = machine.ends("reboot: Power down");
    // Otherwise poll(2) has not said that the console accepts a byte.
    assert!(text.contains("other: again, on /dev/console"), "{text}");
    let delay = seconds(&text, "respawn in 1000 ms", "other: again");
    // Half of them: PID 1 has read the clock before it logs.
    assert!(delay > 0.5, "{delay} s: {text}");
    let patience = seconds(&text, "power off begins", "does not end, sending KILL");
    assert!(patience > 1.0, "{patience} s: {text}");
}

#[test]
fn a_pid_1_that_is_up_for_more_seconds_than_31_bits_can_count_lives_as_before() {
    if !board().time_namespaces {
        // The board armv7-on-aarch64 shows it, with the same programs.
        let machine =
            Image::new().driver("say clocks $(ls /proc/self/ns | grep -c time); zinit poweroff").boot();
        machine.line("driver: clocks 0");
        machine.ends("reboot: Power down");
        return;
    }
    let machine = Image::new()
        .copy(guest(), "bin/guest")
        .file(
            "bin/old",
            &format!(
                "#!/bin/sh\nmount -t tmpfs run /run\n{UNSAVED}\n\
                 export ZINIT_CONFIG_DIR=/etc/old ZINIT_ORPHANS=keep ZINIT_SERVER=/bin/server\nexec /sbin/zinit-pid1\n"
            ),
        )
        .file(
            "etc/old/old.toml",
            "[service]\nname = \"old\"\nexec = \"/bin/life\"\n[lifecycle]\nrestart = \"always\"\n",
        )
        .file("bin/life", &LIFE.replace("SAY_SAVED", SAY_SAVED))
        .file("bin/server", SERVER_WITH_COPY)
        .driver(&format!("guest up-for {AGE} /bin/old; zinit poweroff"))
        .boot();
    machine.line(&format!("guest: up for {AGE} s, it exit status: 0"));
    let text = machine.ends("reboot: Power down");
    let number = |before: &str, after: &str| -> u64 {
        let found = text.split(before).skip(1).find_map(|rest| rest.split_once(after)?.0.parse().ok());
        found.unwrap_or_else(|| panic!("no {before}N{after} in:\n{text}"))
    };
    assert!((AGE..AGE + 1_000).contains(&number("life: up for ", " s")), "{text}");
    assert!((2..1_000).contains(&number(" runs for ", " s")), "{text}");
    // When the first server was started, which has started the service: by the age of its process.
    let begin = number("life: begins at ", " s");
    assert!((begin - 1_000..=begin).contains(&(number("life: saved ", "\n") / 1_000)), "{text}");
    assert!(number("life: back after ", " cs") >= 99, "{text}");
    for line in ["restore complete", "zinit-pid1: the server goes on"] {
        assert_eq!(text.matches(line).count(), 1, "{line}: {text}");
    }
}

/// More than 2^31 s.
const AGE: u64 = 3_000_000_000;

/// A service of that PID 1: replaces its server, lets PID 1 have a fault, kills the next server, and ends everything.
const LIFE: &str = r#"#!/bin/sh
exec >/dev/console 2>&1
[ -e /run/life ] && exec sleep 1000
touch /run/life
up() { [ "$(pidof zinit-server | wc -w)" = 1 ] && [ "$(pidof zinit-server)" != "$old" ] && zinit list; }
await() { until up >/dev/null 2>&1; do sleep 0.1; done; }
# In hundredths of a second.
now() { read up rest </proc/uptime; echo ${up%.*}${up#*.}; }
echo "life: begins at $(busybox date +%s) s"
await
echo "life: up for $(cut -d. -f1 /proc/uptime) s"
sleep 2; old=$(pidof zinit-server); kill -USR1 1; await
say() { echo "life: $*"; }; SAY_SAVED
sleep 2; zinit-pid1ctl status
kill -SEGV 1; until tr '\0' '\n' </proc/1/cmdline | grep -q '^zinit-pid1 .* generation=1 '; do sleep 0.1; done
old=$(pidof zinit-server) begin=$(now); kill -KILL $old; await
echo "life: back after $(($(now) - begin)) cs"
kill -TERM 1
"#;
