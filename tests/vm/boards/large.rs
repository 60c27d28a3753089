//! Files above 2 GiB on ext4, which refuses them to a program of 32 bit that does not ask for such; all have holes.

use crate::common::disk::{Disk, clean};
use crate::common::vm::{Image, Machine};
use crate::common::{Update, program};

use super::CONTAINER;

#[test]
fn a_server_of_3_gib_runs_and_a_candidate_of_3_gib_is_refused() {
    let update = Update::new();
    let root = Image::new()
        .copy(update.file("key"), "etc/zinit/update.pub")
        .copy(update.file("new"), "sbin/zinit-pid1.new")
        .copy(update.file("new.minisig"), "sbin/zinit-pid1.new.minisig")
        .driver(
            "up() { [ \"$(pidof zinit-server | wc -w)\" = 1 ] && [ $(pidof zinit-server) != \"$old\" ] && zinit list; }
             until up; do sleep 0.1; done; old=$(pidof zinit-server); chown -R 0:0 /sbin /etc
             say server has $(stat -L -c %s /proc/$old/exe) bytes; zinit-pid1 update
             until dmesg | grep -q 'no update'; do sleep 0.1; done
             kill -USR1 1; until up; do sleep 0.1; done; kill -SEGV 1
             until tr '\\0' '\\n' </proc/1/cmdline | grep '^zinit-pid1 .* generation=1 .* file='; do sleep 0.1; done
             zinit poweroff",
        )
        .into_disk("root");
    let machine = boot(&root, "/sbin/zinit-server /sbin/zinit-pid1.new");
    machine.line("driver: server has 3221225472 bytes");
    machine.line("update refused, /sbin/zinit-pid1.new: it is empty, or larger than 262144 bytes");
    let text = machine.ends("reboot: Power down");
    assert_eq!(text.matches("soft restart of server").count(), 1, "{text}");
    assert!(!text.contains("respawn in"), "{text}");
    clean(&[&root], &text);
}

#[test]
fn a_program_of_3_gib_takes_over_and_its_log_goes_on_beyond_2_gib() {
    let server = "#!/bin/sh\nmv /opt/large /opt/zinit-pid1; kill -USR2 1\n\
        until tr '\\0' '\\n' </proc/1/cmdline | grep -q '^zinit-pid1 .* generation=1 '; do sleep 0.1; done\n\
        echo driver: program has $(stat -L -c %s /proc/1/exe) bytes; zinit-pid1ctl status | sed 's/^/status: /'\n\
        kill -TERM 1; exec sleep 1000\n";
    let root = Image::new()
        .copy(program(), "opt/zinit-pid1")
        .copy(program(), "opt/large")
        .file("bin/other", server)
        // 16 bytes less than 2 GiB: the first line crosses the limit.
        .driver(&format!(
            "dd if=/dev/zero of=/log bs=1 count=0 seek=2147483632 2>/dev/null; chown -R 0:0 /opt
             {CONTAINER} ZINIT_SERVER=/bin/other /opt/zinit-pid1 2>>/log
             say ended with $?; dd if=/log bs=16 skip=134217727 | sed 's/^/driver: /'; zinit poweroff"
        ))
        .into_disk("root");
    let machine = boot(&root, "/opt/large");
    machine.line("driver: program has 3221225472 bytes");
    // It is read in the program.
    machine.line(&format!("status: zinit-pid1: version {}, PID 1 of a container", env!("CARGO_PKG_VERSION")));
    machine.line("driver: ended with 0");
    for line in ["version ", "the server goes on", "stop begins"] {
        machine.line(&format!("driver: zinit-pid1: {line}"));
    }
    let text = machine.ends("reboot: Power down");
    clean(&[&root], &text);
}

/// Makes these files as large as 3 GiB, and boots.
fn boot(root: &Disk, files: &str) -> Machine {
    Image::new()
        .without_server()
        .disk(root)
        .before(&format!(
            "for file in {files}; do dd if=/dev/zero of=/mnt/root$file bs=1 count=0 seek=3G; done"
        ))
        .hands_over_to("root")
        .boot()
}
