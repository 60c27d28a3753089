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

/// A stand-in: Debian's kernels have no CONFIG_PSTORE_PMSG, so that none of them shows the lines after a reset.
#[test]
fn the_first_the_last_and_the_bad_lines_go_to_pmsg() {
    let machine = Image::new()
        .before(
            "mknod /dev/pmsg0 p
             (trap '' TERM; while read -r line; do echo \"pmsg: $line\"; done <>/dev/pmsg0 >/dev/ttyS0) &",
        )
        .driver(
            "kill -KILL $(pidof zinit-server)
             until dmesg | grep -q 'respawn in'; do sleep 0.1; done; kill -TERM 1",
        )
        .boot();
    let text = machine.ends("reboot: Power down");
    let lines: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("pmsg: ")).map(|(_, line)| line).collect();
    let wanted = [
        ("<6>zinit-pid1: version ", "PID 1 of this machine"),
        ("<4>zinit-pid1: server ", "killed by signal 9, respawn in 1000 ms"),
        ("<6>zinit-pid1: power off begins, asked by ", "(driver)"),
        ("<4>zinit-pid1: processes left after TERM", ", sending KILL"),
    ];
    assert_eq!(lines.len(), wanted.len(), "{lines:?}\n{text}");
    for (line, (start, end)) in lines.iter().zip(wanted) {
        assert!(line.starts_with(start) && line.ends_with(end), "{line}");
    }
}
