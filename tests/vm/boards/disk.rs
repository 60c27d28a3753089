//! A root on a disk: it is clean at the end, also after PID 1 was replaced.

use crate::common::Update;
use crate::common::disk::clean_and_whole;
use crate::common::vm::{Image, seconds};

#[test]
fn a_root_on_a_disk_is_read_only_at_the_end() {
    let root = Image::new().writer("data", "").once_written("kill -TERM 1").into_disk("root");
    let machine = Image::new().without_server().disk(&root).hands_over_to("root").boot();
    let written = machine.number("data");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 20.0, "{text}");
    clean_and_whole(&[(&root, "mnt/data", written)], &text);
}

#[test]
fn a_root_is_clean_after_two_replacements_of_pid_1() {
    // First a signed candidate, and then a file from a package manager without a signature.
    let update = Update::new();
    let root = Image::new()
        .copy(update.file("key"), "etc/zinit/update.pub")
        .copy(update.file("new"), "sbin/zinit-pid1.new")
        .copy(update.file("new.minisig"), "sbin/zinit-pid1.new.minisig")
        .writer("data", "")
        .once_written(
            "chown -R 0:0 /sbin /etc; count=0
             for whose in /sbin /sbin/zinit-pid1.new /sbin/zinit-pid1.new.minisig /etc/zinit /etc/zinit/update.pub; do
                 chown 7 $whose; zinit-pid1 update; count=$((count + 1))
                 until [ $(dmesg | grep -c 'no update: exited 1') = $count ]; do sleep 0.1; done; chown 0 $whose
             done
             before=$(pidof zinit-server); generation() { tr '\\0' '\\n' </proc/1/cmdline | head -n 1; }
             zinit-pid1 update; until generation | grep -q '^zinit-pid1 .* generation=1 '; do sleep 0.1; done
             cp /sbin/zinit-pid1 /sbin/other; mv /sbin/other /sbin/zinit-pid1; say $(readlink /proc/1/exe)
             zinit-pid1 update; until generation | grep -q '^zinit-pid1 .* generation=2 '; do sleep 0.1; done
             say $(readlink /proc/1/exe), server as before: $([ $before = $(pidof zinit-server) ] && echo yes)
             zinit-pid1 status; kill -TERM 1",
        )
        .into_disk("root");
    let machine = Image::new().without_server().disk(&root).hands_over_to("root").boot();
    let written = machine.number("data");
    for whose in [
        "/sbin",
        "/sbin/zinit-pid1.new",
        "/sbin/zinit-pid1.new.minisig",
        "/etc/zinit",
        "/etc/zinit/update.pub",
    ] {
        machine.line(&format!("update refused, {whose}: it has to be root's, and writable by nobody else"));
    }
    machine.line("zinit-pid1.new is signed by key ");
    machine.line("driver: /sbin/zinit-pid1 (deleted)");
    machine.line("driver: /sbin/zinit-pid1, server as before: yes");
    let text = machine.ends("reboot: Power down");
    assert_eq!(text.matches("zinit-pid1: the server goes on").count(), 2, "{text}");
    assert_eq!(text.matches(" works as PID 1").count(), 2, "{text}");
    assert!(!text.contains("cannot"), "{text}");
    clean_and_whole(&[(&root, "mnt/data", written)], &text);
}

#[test]
fn the_boot_after_an_update_that_had_a_fault_runs_the_program_before_it() {
    let update = Update::new();
    let root = Image::new()
        .copy(update.file("key"), "etc/zinit/update.pub")
        .copy(update.file("new"), "sbin/zinit-pid1.new")
        .copy(update.file("new.minisig"), "sbin/zinit-pid1.new.minisig")
        .driver(
            "until zinit list; do sleep 0.1; done; chown -R 0:0 /sbin /etc; old=$(wc -c </sbin/zinit-pid1)
             state() { tr '\\0' '\\n' </proc/1/cmdline | head -n 1; }
             if [ ! -e /sbin/zinit-pid1.bad ]; then
                 zinit-pid1 update; until state | grep -q '^zinit-pid1 .* generation=1 '; do sleep 0.1; done
                 say $(($(wc -c </proc/1/exe) - old)) byte more; until dmesg | grep -q 'goes on'; do sleep 0.1; done
                 kill -ILL 1; until dmesg | grep -q 'is the program before the update'; do sleep 0.1; done
             fi
             say $(readlink /proc/1/exe) $(($(wc -c </proc/1/exe) - old)) more, bad $(($(wc -c </sbin/zinit-pid1.bad) - old)) more
             zinit poweroff",
        )
        .into_disk("root");
    let boot = || Image::new().without_server().disk(&root).hands_over_to("root").boot();
    let machine = boot();
    machine.line("driver: 1 byte more");
    machine.line("the update had a fault, signal 4: it is undone");
    machine.line("driver: /sbin/zinit-pid1 0 more, bad 1 more");
    machine.ends("reboot: Power down");
    let machine = boot();
    machine.line("driver: /sbin/zinit-pid1 0 more, bad 1 more");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("is undone"), "{text}");
}
