//! How a machine ends if the kernel refuses, if a setting changes the ending, and if time is short.

use crate::common::disk::{Disk, Kind, clean_and_whole};
use crate::common::vm::{Image, seconds};

#[test]
fn without_the_right_to_reboot_sysrq_ends_the_machine() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .disk(&disk)
        .writer("disk/data", "")
        .once_written("kill -TERM 1")
        .before("exec guest without-boot /sbin/zinit-pid1")
        .boot();
    let written = machine.written(&disk, "data");
    let text = machine.ends("reboot: Power down");
    let lines = ["power off refused, EPERM", "halt refused, EPERM", "sysrq: Power Off"];
    let found: Vec<_> = lines.iter().map(|line| text.find(line)).collect();
    assert!(found.is_sorted() && !found.contains(&None), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 30.0, "{text}");
    clean_and_whole(&[written], &text);
}

#[test]
fn if_nothing_can_be_forked_any_more_pid_1_itself_syncs() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .disk(&disk)
        // The kernel's own threads are more than this limit allows.
        .driver(
            "busybox seq 100000 | sed 's/$/ of the last lines/' >/mnt/disk/late
             say written; echo 20 >/proc/sys/kernel/threads-max; kill -TERM 1",
        )
        // The kernel itself writes nothing meanwhile.
        .before("echo 0 >/proc/sys/vm/dirty_writeback_centisecs")
        .boot();
    machine.line("driver: written");
    machine.line("cannot fork: EAGAIN");
    // Requests are taken, and named, while the fork is tried again.
    machine.log.nth("cannot fork: EAGAIN", 2);
    machine.monitor("sendkey ctrl-alt-delete");
    machine.line("the end is under way already, asked by 0 (the kernel)");
    machine.line("cannot fork for 10 s, syncing without a deadline");
    let text = machine.ends("reboot: Power down");
    let tried = seconds(&text, "killed by signal 15", "syncing without a deadline");
    assert!((10.0..20.0).contains(&tried), "{tried} s\n{text}");
    assert!(disk.holds("100000 of the last lines"), "{text}");
}

#[test]
fn after_a_second_fault_sysrq_restarts_a_machine_without_the_right_to_reboot() {
    let machine = Image::new()
        .copy(crate::common::guest(), "bin/guest")
        .driver("until zinit list; do sleep 0.1; done; kill -SEGV 1; sleep 2; kill -BUS 1")
        .before("exec guest without-boot /sbin/zinit-pid1")
        .boot();
    machine.line("fault, signal 11");
    machine.line("the server goes on");
    machine.line("fault, signal 7");
    machine.ends("sysrq: Resetting");
}

#[test]
fn a_machine_that_cannot_be_ended_reaps_for_ever() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .disk(&disk)
        .append("sysrq_always_enabled")
        .writer("disk/data", "")
        .once_written(
            "fsfreeze --freeze /mnt/disk
             until before=$now; now=$(guest count /run/disk-data); [ \"$before\" = $now ]; do sleep 0.5; done
             kill -TERM 1",
        )
        .before("umount /proc; rmdir /proc; echo >/proc; export ZINIT_LOG_LEVEL=debug")
        .before("exec guest without-boot /sbin/zinit-pid1")
        .boot();
    let dead_end = "nothing ends this machine, reaping for ever";
    machine.line_within(dead_end, 120);
    // The hanging writer gets its signal when the kernel thaws all disks, and its parent reaps it.
    let orphans = machine.log.text().matches("zinit-pid1: orphan ").count();
    machine.monitor("sendkey alt-sysrq-j");
    machine.log.nth("zinit-pid1: orphan ", orphans + 1);
    machine.log.nth_within(dead_end, 2, std::time::Duration::from_secs(90));
    let text = machine.unplug();
    for line in ["power off refused, EPERM", "halt refused, EPERM"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("Kernel panic"), "{text}");
    assert_eq!(text.matches(dead_end).count(), 2, "{text}");
}

#[test]
fn power_off_can_be_set_to_reboot() {
    powers_off_as("reboot", "reboot: Restarting system");
}

#[test]
fn power_off_can_be_set_to_halt() {
    powers_off_as("halt", "reboot: System halted");
}

#[test]
fn power_off_with_an_invalid_setting_is_power_off() {
    let text = powers_off_as("sleep", "reboot: Power down");
    assert!(text.contains("ZINIT_POWEROFF=sleep: not understood, ignored"), "{text}");
}

fn powers_off_as(word: &str, last: &str) -> String {
    let machine = Image::new()
        .append(&format!("ZINIT_POWEROFF={word}"))
        .driver("until zinit list; do sleep 0.1; done; zinit poweroff")
        .boot();
    machine.line(last);
    machine.unplug()
}

#[test]
fn a_power_failure_leaves_services_less_time() {
    let deaf = "trap '' TERM HUP; echo >>/run/deaf; while :; do sleep 1; done";
    // The server stops one after the other, and gives each of them five seconds.
    let machine = Image::new()
        .service("deaf-1", deaf)
        .service("deaf-2", deaf)
        .service("deaf-3", deaf)
        .driver("until [ \"$(wc -l </run/deaf)\" = 3 ] && zinit list; do sleep 0.1; done; kill -PWR 1")
        .boot();
    let text = machine.ends("reboot: Power down");
    let waited = seconds(&text, "power off begins", "does not end, sending KILL");
    assert!((9.5..11.0).contains(&waited), "{waited} s\n{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 25.0, "{text}");
}
