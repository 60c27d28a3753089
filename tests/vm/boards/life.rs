//! The life of a machine with the real zinit-server 0.3.9 and its client.

use crate::common::vm::Image;

#[test]
fn a_machine_survives_crashes_and_a_soft_restart_and_is_powered_off() {
    let machine = Image::new()
        // The driver, which is a service, goes on after the crash.
        .append("ZINIT_ORPHANS=keep")
        .service("ticker", "echo $$ >>/run/ticker.pids; while :; do sleep 1000; done")
        .driver(
            r#"
            pids() { wc -l </run/ticker.pids; }
            await() { until "$@" 2>/dev/null; do sleep 0.1; done; }
            servers() { [ "$(pidof zinit-server | wc -w)" = 1 ] && zinit list; }
            await [ -s /run/ticker.pids ]; await servers
            say mounts $(cut -d' ' -f2,3 /proc/mounts | tr '\n' ' ')
            say pid1 $(cat /proc/1/comm) $(ls -l /proc/1/exe | sed 's/.*-> //')
            say console $(ls -l /proc/1/fd/0 | sed 's/.*-> //')
            say rate limit $(cat /proc/sys/kernel/printk_devkmsg)
            dmesg -r | grep zinit-pid1 | sed 's/^/driver: raw /'

            kill -KILL $(cat /run/ticker.pids)
            until [ "$(pids)" = 2 ]; do sleep 0.1; done
            say service restarted

            living() { for pid in $(cat /run/ticker.pids); do cut -d' ' -f1,22 /proc/$pid/stat; done 2>/dev/null; }
            before=$(living); old=$(pidof zinit-server)
            cp /sbin/zinit-server /sbin/newer; mv /sbin/newer /sbin/zinit-server
            kill -USR1 1
            until servers >/dev/null 2>&1 && [ "$(pidof zinit-server)" != "$old" ]; do sleep 0.1; done
            say server $(readlink /proc/$(pidof zinit-server)/exe) is new: $([ "$(pidof zinit-server)" != "$old" ] && echo yes)
            say services before $before and now $(living)
            zinit status ticker | sed 's/^/driver: /'

            before=$(pidof zinit-server)
            kill -KILL $before
            until servers >/dev/null 2>&1 && [ "$(pidof zinit-server)" != "$before" ]; do sleep 0.1; done
            say server respawned
            zinit list | sed 's/^/driver: /'
            zinit poweroff"#,
        )
        .boot();
    let mounts = machine.line("driver: mounts");
    for mount in ["/proc proc", "/sys sysfs", "/dev devtmpfs", "/run tmpfs"] {
        assert_eq!(mounts.matches(mount).count(), 1, "{mounts}");
    }
    machine.line("driver: pid1 zinit-pid1 /sbin/zinit-pid1");
    machine.line("driver: console /dev/console");
    machine.line("driver: rate limit on");
    // Facility 1, user, and level 6, info, by syslog(2); the kernel's own timestamp follows it.
    assert!(machine.line("driver: raw <14>").ends_with("PID 1 of this machine"));
    machine.line("driver: service restarted");
    machine.line("restore complete");
    assert!(
        machine.line("driver: server ").ends_with(" /sbin/zinit-server is new: yes"),
        "not the deleted one"
    );
    let services = machine.line("driver: services before ");
    let (before, now) = services.split_once(" and now ").expect("both");
    assert!(
        before.ends_with(&format!("before {now}")) && now.contains(' '),
        "the same processes: {services}"
    );
    let known = machine.line("driver: PID: ");
    assert!(now.split(' ').step_by(2).any(|pid| known.ends_with(&format!(" {pid}"))), "{known}, {services}");
    machine.line("driver: server respawned");
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("PID 1 of this machine"), "{text}");
    assert!(text.contains("killed by signal 9, respawn in 1000 ms"), "{text}");
    assert!(text.contains("zinit-pid1: power off begins"), "{text}");
    assert!(text.contains("stopping all services"), "{text}");
}

#[test]
fn zinit_reboot_reboots() {
    let machine = Image::new().driver("until zinit list; do sleep 0.1; done; zinit reboot").boot();
    let text = machine.ends("reboot: Restarting system");
    assert!(text.contains("zinit-pid1: reboot begins, asked by "), "{text}");
}

#[test]
fn the_first_mounts_have_the_flags_and_modes_that_they_should() {
    let machine = Image::new()
        .file("etc/hostname", "board-7\n")
        .driver(
            r#"
            while read -r source point kind options rest; do say mount $point $kind $options,; done </proc/mounts
            say name $(cat /proc/sys/kernel/hostname)
            say modes $(stat -c %a:%n /run /tmp /dev/shm)
            zinit poweroff"#,
        )
        .boot();
    for (point, kind, options) in [
        ("/proc", "proc", "rw nosuid nodev noexec"),
        ("/sys", "sysfs", "rw nosuid nodev noexec"),
        ("/dev", "devtmpfs", "rw nosuid mode=755"),
        ("/run", "tmpfs", "rw nosuid nodev mode=755"),
        ("/tmp", "tmpfs", "rw nosuid nodev"),
        ("/dev/pts", "devpts", "rw nosuid noexec gid=5 mode=620"),
        ("/dev/shm", "tmpfs", "rw nosuid nodev"),
        ("/sys/fs/cgroup", "cgroup2", "rw nosuid nodev noexec"),
    ] {
        let line = machine.line(&format!("driver: mount {point} "));
        assert!(line.contains(&format!(" {point} {kind} ")), "{line}");
        let has =
            |option: &str| line.rsplit(' ').next().is_some_and(|all| all.split(',').any(|one| one == option));
        for option in options.split(' ') {
            assert!(has(option), "{option} in {line}");
        }
        let exec = !options.contains("noexec");
        assert_eq!(has("noexec"), !exec, "{line}");
    }
    assert!(machine.line("driver: name").ends_with("name board-7"));
    assert!(machine.line("driver: modes").contains("755:/run 1777:/tmp 1777:/dev/shm"));
    let text = machine.ends("reboot: Power down");
    assert_eq!(text.matches("driver: mount /").count(), 9, "those and the root, each once: {text}");
    assert!(!text.contains("cannot "), "{text}");
}

#[test]
fn processes_that_ignore_term_get_kill_and_the_caches_are_written() {
    let machine = Image::new()
        .service("deaf", "trap '' TERM HUP; touch /run/deaf; while :; do sleep 1; done")
        .append("ZINIT_STOP_TIMEOUT=2")
        .driver("until [ -e /run/deaf ] && zinit list; do sleep 0.1; done; say ready; kill -TERM 1")
        .boot();
    machine.line("driver: ready");
    machine.line("does not end, sending KILL");
    machine.line("processes left after TERM, sending KILL");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("left after KILL"), "{text}");
}

#[test]
fn a_machine_survives_a_fault_of_pid_1_and_restarts_after_a_second_one() {
    let machine = Image::new()
        .service("ticker", "echo $$ >>/run/ticker.pids; while :; do sleep 1000; done")
        .driver(
            "until zinit list && [ -s /run/ticker.pids ]; do sleep 0.1; done; before=$(pidof zinit-server); kill -SEGV 1
             until tr '\\0' '\\n' </proc/1/cmdline | grep -q '^zinit-pid1 .* generation=1 '; do sleep 0.1; done
             say server as before: $([ $before = $(pidof zinit-server) ] && echo yes), ticker started $(wc -l </run/ticker.pids)
             zinit-pid1 status; say mounts $(wc -l </proc/mounts); zinit poweroff",
        )
        .before("ln -s /sbin/zinit-pid1 /bin/zinit-pid1")
        .boot();
    machine.line("fault, signal 11");
    machine.line("the server goes on");
    machine.line("driver: server as before: yes, ticker started 1");
    // Twice at the starts of PID 1, at boot and after the fault, and then in the output of `status`.
    machine.log.nth("PID 1 of this machine", 3);
    machine.line("power off begins");
    machine.ends("reboot: Power down");

    let machine = Image::new()
        .driver(
            "until zinit list; do sleep 0.1; done; kill -BUS 1; sleep 2; kill -ILL 1; sleep 5; say too late",
        )
        .boot();
    machine.line("fault, signal 7");
    machine.line("fault, signal 4");
    let text = machine.ends("reboot: Restarting system");
    assert!(!text.contains("too late") && !text.contains("reboot begins"), "{text}");
}

#[test]
fn a_fault_during_a_power_off_or_a_halt_does_not_make_it_a_reboot() {
    for (signal, begins, ends) in
        [(38, "power off begins", "reboot: Power down"), (37, "halt begins", "reboot: System halted")]
    {
        let machine = Image::new()
            // It ignores the server's TERM, so that the server is still at work.
            .driver(&format!(
                "trap '' TERM; until zinit list; do sleep 0.1; done; kill -{signal} 1
                 until dmesg | grep -q '{begins}'; do sleep 0.1; done; sleep 0.5; kill -SEGV 1; sleep 60",
            ))
            .boot();
        machine.line(begins);
        machine.line("fault, signal 11");
        machine.line(ends);
        let text = machine.log.text();
        assert!(!text.contains("server goes on") && !text.contains("processes left"), "{text}");
    }
}

#[test]
fn five_hundred_orphans_that_exit_at_once_are_reaped() {
    let machine = Image::new()
        .copy(crate::common::guest(), "bin/guest")
        .driver(
            "until zinit list; do sleep 0.1; done; guest orphans 500
             say zombies $(cat /proc/[0-9]*/stat | grep -c ' Z 1 '), server $(pidof zinit-server | wc -w)
             kill -TERM 1",
        )
        .boot();
    machine.line("guest: PID 1 had 500 children more, and reaped them");
    machine.line("driver: zombies 0, server 1");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("orphan"), "no log line for an orphan: {text}");
}
