//! What programs expect to find on a machine.

use crate::common::vm::Image;

#[test]
fn programs_find_links_in_dev_a_loopback_interface_a_name_and_many_open_files() {
    let machine = Image::new()
        .file("etc/hostname", "\u{feff}\n   \n# a comment\n\t board-8 # the name\n")
        .driver(
            "for name in fd stdin stdout stderr core; do say link $name $(readlink /dev/$name); done
             echo driver: to stderr >/dev/stderr
             say lo $(cat /sys/class/net/lo/flags)
             say server $(grep 'open files' /proc/$(pidof zinit-server)/limits)
             say name $(cat /proc/sys/kernel/hostname)
             zinit poweroff",
        )
        .boot();
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("core", "/proc/kcore"),
    ] {
        machine.line(&format!("driver: link {name} {target}"));
    }
    machine.line("driver: to stderr");
    // IFF_UP and IFF_LOOPBACK, netdevice(7).
    machine.line("driver: lo 0x9");
    machine.line("driver: server Max open files 1024 524288 files");
    machine.line("driver: name board-8");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("zinit-pid1: cannot"), "{text}");
}

#[test]
fn what_is_there_already_is_left_as_it_is() {
    let machine = Image::new()
        .before("ulimit -n 600000; ln -s /run/mine /dev/stderr; rm -f /etc/hostname; echo '# no name' >/etc/hostname")
        .driver(
            "say link $(readlink /dev/stderr) $(readlink /dev/fd)
             say server $(grep 'open files' /proc/$(pidof zinit-server)/limits)
             zinit poweroff",
        )
        .boot();
    machine.line("driver: link /run/mine /proc/self/fd");
    machine.line("driver: server Max open files 600000 600000 files");
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("cannot take the name in /etc/hostname: EINVAL (invalid)"), "{text}");
}

#[test]
fn ctrl_c_on_a_terminal_that_pid_1_was_given_is_no_request() {
    let machine = Image::new()
        // As `setsid cttyhack` does it.
        .before("exec setsid -c /sbin/zinit-pid1 </dev/ttyS0 >/dev/ttyS0 2>&1")
        .driver(
            "say terminal $(cut -d' ' -f7 /proc/1/stat) signals $(busybox stty -a </dev/ttyS0 | grep -o '[^ ]*isig')
             read line </dev/ttyS0; say read $line; zinit poweroff",
        )
        .boot();
    // No controlling terminal, proc_pid_stat(5), and a line that turns Ctrl-C into a signal.
    machine.line("driver: terminal 0 signals isig");
    machine.types(b"\x03lost\n");
    machine.types(b"typed\n");
    machine.line("driver: read");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("reboot begins"), "{text}");
}

#[test]
fn without_dev_a_line_says_that_nothing_is_mounted() {
    let machine = Image::new()
        .file("init", "#!/bin/sh\nexec /bin/busybox env ZINIT_MOUNT=no /sbin/zinit-pid1\n")
        .without_server()
        .boot();
    machine.line("ZINIT_MOUNT=no, nothing is mounted");
    machine.monitor("sendkey ctrl-alt-delete");
    machine.ends("reboot: Restarting system");
}
