//! The features of PID 1 for boards, in a virtual machine: a console that may be missing, a rescue shell, a hardware
//! watchdog, and the commands that users and the kernel call.

use std::time::Instant;

use crate::common::vm::{FREEZE, Image};

#[test]
fn a_server_gets_path_home_and_term_if_they_are_not_set() {
    let machine = |given: &str| {
        let server = "#!/bin/sh\necho env: $(/bin/busybox env | /bin/busybox sort)\n/bin/busybox kill -TERM 1\n\
                      exec /bin/busybox sleep 9\n";
        Image::new()
            .file("init", &format!("#!/bin/sh\nexec /bin/busybox env -i {given} /sbin/zinit-pid1\n"))
            .append("ZINIT_SERVER=/bin/other")
            .file("bin/other", server)
            .boot()
    };
    let given = machine("HOME=/root MINE=1");
    let env = given.line("env: ");
    // The shell adds PWD and other variables of its own.
    for word in ["HOME=/root", "MINE=1", "TERM=linux"] {
        assert_eq!(env.matches(word).count(), 1, "{word} in {env}");
    }
    assert!(env.contains(" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "), "{env}");
    given.ends("reboot: Power down");

    let bare = machine("");
    let env = bare.line("env: ");
    assert!(env.contains("HOME=/ ") && env.contains(" TERM=linux"), "{env}");
    bare.ends("reboot: Power down");
}

#[test]
fn without_a_console_it_boots_and_shuts_down() {
    // No console on purpose, a serial line without hardware, and a kind of terminal that this machine does not have.
    for (console, descriptor) in
        [("console=null", "/dev/null"), ("console=ttyS7", "/dev/console"), ("console=hvc0", "/dev/null")]
    {
        let machine = Image::new()
            .console(console)
            .driver(
                "for fd in 0 1 2; do say fd $(ls -l /proc/1/fd/$fd | sed 's/.*-> //'); done
                 dmesg | grep 'zinit-pid1: '
                 until zinit list; do sleep 0.1; done; zinit poweroff",
            )
            .boot();
        let fd = machine.line("driver: fd ");
        machine.log.nth(&format!("driver: fd {descriptor}"), 3);
        let text = machine.ends_silently();
        assert!(fd.ends_with(descriptor), "{console}: {fd}");
        assert!(text.contains("PID 1 of this machine"), "{text}");
        assert!(text.contains("driver Running"), "the client has listed the services: {text}");
    }
}

#[test]
fn a_serial_line_without_a_reader_blocks_nothing() {
    // The line is full before PID 1 begins, and is the kernel's console too. The kernel itself waits 10 ms for each
    // byte that such a line does not accept, and continues.
    let machine = Image::new()
        .console("console=ttyS1")
        .deaf_line()
        .before(
            "dd if=/dev/zero of=/dev/ttyS1 bs=1k count=1024 2>/dev/null &
             while :; do old=$(cat /proc/$!/io); sleep 1; [ \"$old\" = \"$(cat /proc/$!/io)\" ] && break; done
             echo full after $old >/dev/ttyS0",
        )
        .driver(
            "say console $(cat /sys/class/tty/console/active) $(ls -l /proc/1/fd/2 | sed 's/.*-> //')
             dmesg | grep zinit-pid1
             until zinit list; do sleep 0.1; done; say listed; zinit poweroff",
        )
        .boot();
    machine.line("full after ");
    machine.line("driver: console ttyS1 /dev/console");
    machine.line("driver: listed");
    machine.ends_silently();
}

#[test]
fn a_serial_line_that_stops_during_a_write_of_the_server_blocks_no_shutdown() {
    let machine = Image::new()
        .console("console=ttyS1")
        .append("ZINIT_STOP_TIMEOUT=3 quiet")
        .deaf_line()
        .driver(
            "until zinit list; do sleep 0.1; done; ls -l /proc/$(pidof zinit-server)/fd/2
             dd if=/dev/zero of=/dev/ttyS1 bs=1k count=1024 2>/dev/null & sleep 2
             say full, the other one still $(kill -0 $! && echo waits); kill -TERM 1",
        )
        .boot();
    machine.line("/fd/2 -> /dev/console");
    machine.line("driver: full, the other one still waits");
    machine.ends_silently();
}

/// A machine with a rescue program, whose server fails again and again.
fn failing(rescue: &str) -> Image {
    Image::new()
        // What cuts each backoff short is an orphan too.
        .append(&format!("ZINIT_RESCUE={rescue} ZINIT_SERVER=/bin/bad ZINIT_ORPHANS=keep"))
        .file("bin/bad", "#!/bin/sh\nexit 3\n")
        .before("(sleep 1; while sleep 0.3; do kill -USR1 1; done) &")
}

#[test]
fn a_rescue_program_gets_the_console_once_at_a_time_while_no_server_starts() {
    let machine = failing("/bin/rescue")
        .file(
            "bin/rescue",
            "#!/bin/sh\necho \"rescue: on $(tty), session $(cut -d' ' -f6 /proc/$$/stat) of $$\"
             echo rescue: a terminal >/dev/tty; echo rescue: $(grep -E 'Sig(Blk|Ign)' /proc/$$/status)
             sleep 4\necho rescue: over\nexit 7\n",
        )
        .boot();
    machine.line("rescue: on /dev/console, session ");
    machine.line("rescue: a terminal");
    // BusyBox's shell ignores SIGQUIT by itself.
    machine.line("rescue: SigBlk: 0000000000000000 SigIgn: 0000000000000004");
    machine.line("rescue: over");
    machine.log.nth("rescue: on /dev/console, session ", 2);
    machine.log.nth("rescue: over", 2);
    machine.monitor("sendkey ctrl-alt-delete");
    let text = machine.ends("reboot: Restarting system");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("zinit-pid1: ")).collect();
    let failed = lines.iter().filter(|line| line.contains("exited 3, respawn")).count();
    let first = lines.iter().position(|line| line.contains("rescue ")).expect("it was started");
    let before = lines[..first].iter().filter(|line| line.contains("exited 3, respawn")).count();
    assert_eq!(before, 5, "after the fifth failure: {text}");
    assert!(failed > 15, "servers were tried all the while: {text}");
    // Never two of them at once.
    let turns: Vec<&str> = text.lines().filter(|line| line.contains("rescue: o")).collect();
    for (at, turn) in turns.iter().enumerate() {
        assert_eq!(turn.contains("rescue: over"), at % 2 == 1, "{turns:#?}");
    }
    for line in text.lines().filter(|line| line.contains("rescue: on ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[words.len() - 3], words[words.len() - 1], "it leads its session: {line}");
    }
}

#[test]
fn a_rescue_program_outlives_the_orphans_that_are_ended_and_an_update() {
    let machine = Image::new()
        .with_own_time()
        .append("ZINIT_RESCUE=/bin/rescue ZINIT_SERVER=/bin/bad ZINIT_ORPHANS=stop")
        .file("bin/bad", "#!/bin/sh\nsleep 1000 &\nexit 3\n")
        .file(
            "bin/rescue",
            "#!/bin/sh\necho \"rescue: up as $$\"; cp /sbin/zinit-pid1 /sbin/newer
             mv /sbin/newer /sbin/zinit-pid1; kill -USR2 1
             until tr '\\0' '\\n' </proc/1/cmdline | grep -q '^zinit-pid1 .* generation=1 '; do sleep 0.1; done
             sleep 70; echo rescue: $(ps | grep -c 'sleep 1000') sleepers at most; sleep 1000",
        )
        .boot();
    machine.line("rescue: up as ");
    machine.line("ending what the last server left behind");
    let sleepers = machine.line("sleepers at most");
    machine.log.nth("PID 1 of this machine", 2);
    machine.monitor("sendkey ctrl-alt-delete");
    let text = machine.ends("reboot: Restarting system");
    assert_eq!(text.matches("rescue: up as ").count(), 1, "{text}");
    assert_eq!(text.matches("started on the console").count(), 1, "{text}");
    // The process of the current server, the grep itself, and no others.
    let count: u32 = sleepers.split(' ').rev().nth(3).expect("a count").parse().expect("a number");
    assert!(count <= 2, "{text}");
}

#[test]
fn a_fault_as_the_fork_of_a_rescue_program_returns_does_not_lose_the_rescue_program() {
    let machine = Image::new()
        // Then the only forks are those of servers and of rescue programs.
        .append("ZINIT_RESCUE=/bin/rescue ZINIT_SERVER=/bin/bad ZINIT_ORPHANS=keep")
        .file("bin/bad", "#!/bin/sh\nexit 3\n")
        .file("bin/rescue", "#!/bin/sh\necho rescue: up\nwhile :; do sleep 1000; done\n")
        .copy(crate::common::guest(), "bin/guest")
        .before(
            "(failed() { until [ $(dmesg | grep -c 'exited 3, respawn') -ge $1 ]; do sleep 0.1; done; }
             for server in 1 2 3; do failed $server; kill -USR1 1; done
             failed 4; guest fault-after-fork 2
             for server in 6 7 8; do failed $server; kill -USR1 1; done
             failed 9; echo driver: rescue programs $(pidof rescue | wc -w)) &",
        )
        .boot();
    machine.line("respawn in 16000 ms");
    machine.line("fault, signal 11");
    let count = machine.line("driver: rescue programs ");
    machine.monitor("sendkey ctrl-alt-delete");
    let text = machine.ends("reboot: Restarting system");
    assert!(count.ends_with(" 1"), "{text}");
    assert_eq!(text.matches("rescue: up").count(), 1, "{text}");
    // PID 1 was replaced before it could log that, and had no reason for another one.
    assert_eq!(text.matches("started on the console").count(), 0, "{text}");
}

#[test]
fn a_newer_server_that_keeps_exiting_is_replaced_by_the_one_that_ran_for_a_minute() {
    let machine = Image::new()
        .with_own_time()
        // The server is relative to PID 1's working directory, which is the root; the driver has to survive crashes.
        .append("ZINIT_SERVER=zinit-server ZINIT_ORPHANS=keep")
        .before("mv /sbin/zinit-server /zinit-server")
        .service("ticker", "echo $$ >>/run/ticker.pids; while :; do sleep 1000; done")
        .driver(
            "until zinit list && [ -s /run/ticker.pids ]; do sleep 0.1; done; sleep 61
             mv /zinit-server /zinit-server.old
             printf '#!/bin/sh\\nexit 3\\n' >/zinit-server; chmod 755 /zinit-server; kill -USR1 1
             until [ -e /zinit-server.bad ]; do sleep 0.1; done; say rolled back
             until zinit list; do sleep 0.1; done
             say server $(cat /zinit-server.bad | tail -n 1), old $(ls / | grep -c server.old)
             zinit poweroff",
        )
        .boot();
    machine.line_within("driver: rolled back", 120);
    machine.line("zinit-pid1ctl: zinit-server keeps dying, zinit-server.old is put back");
    machine.line("driver: server exit 3, old 0");
    let text = machine.ends("reboot: Power down");
    assert_eq!(text.matches("exited 3, respawn").count(), 4, "{text}");
    assert_eq!(text.matches("is put back").count(), 1, "{text}");
}

#[test]
fn ctrl_c_reaches_the_rescue_program_and_not_pid_1() {
    let machine = failing("/bin/rescue")
        .file(
            "bin/rescue",
            "#!/bin/sh\ntrap 'echo rescue: interrupted' INT\necho rescue: ready\nsleep 30\nread line\necho rescue: $line\nsleep 30",
        )
        .boot();
    machine.line("rescue: ready");
    machine.types(b"\x03");
    machine.line("rescue: interrupted");
    machine.types(b"typed\n");
    machine.line("rescue: typed");
    machine.monitor("sendkey ctrl-alt-delete");
    let text = machine.ends("reboot: Restarting system");
    assert_eq!(text.matches("rescue: ready").count(), 1, "{text}");
}

#[test]
fn without_zinit_pid1ctl_a_rescue_program_runs_without_a_terminal_of_its_own() {
    let machine = failing("/bin/rescue")
        .file(
            "bin/rescue",
            "#!/bin/sh\n(: </dev/tty) 2>/dev/null || echo rescue: no terminal, reads $(readlink /proc/$$/fd/0)
             echo \"rescue: session $(cut -d' ' -f6 /proc/$$/stat) of $$, $(grep SigBlk: /proc/$$/status)\"
             sleep 1000\n",
        )
        .before("rm /sbin/zinit-pid1ctl")
        .boot();
    machine.line("rescue: no terminal, reads /dev/console");
    let session = machine.line("rescue: session ");
    // The first server needs it too.
    machine.log.nth("cannot execute /sbin/zinit-pid1ctl: ENOENT", 2);
    machine.monitor("sendkey ctrl-alt-delete");
    machine.ends("reboot: Restarting system");
    let words: Vec<&str> = session.split_whitespace().collect();
    let [.., session, _of, leader, _name, blocked] = words[..] else { panic!("{words:?}") };
    assert_eq!((format!("{session},"), u64::from_str_radix(blocked, 16)), (leader.into(), Ok(0)));
}

#[test]
fn a_rescue_program_that_cannot_be_executed_is_logged_and_not_needed() {
    for (path, reason) in [("/bin/none", "ENOENT"), ("/bin/lost", "no interpreter, ENOENT")] {
        let machine = failing(path).file("bin/lost", "#!/bin/none\n").boot();
        machine.line(&format!("cannot execute {path}: {reason} (no such file or directory)"));
        machine.log.nth("exited 3, respawn", 8);
        machine.monitor("sendkey ctrl-alt-delete");
        machine.ends("reboot: Restarting system");
    }
}

/// A machine with the kernel's own watchdog in software, of 2 s.
fn watched() -> Image {
    Image::new().modules("softdog").append("ZINIT_WATCHDOG=2")
}

#[test]
fn a_watchdog_stays_enabled_during_a_shutdown_that_hangs() {
    let hang = format!("trap '' TERM; kill -TERM 1; sleep 0.5\n{FREEZE}\nsleep 1000");
    let machine = watched().driver(&hang).boot();
    machine.line("power off begins");
    machine.ends("softdog: Initiating system reboot");
}

#[test]
fn a_watchdog_restarts_a_machine_in_the_dead_end() {
    let machine = watched()
        // Without /proc PID 1 cannot lift the kernel's limit of ten lines.
        .append("ZINIT_WATCHDOG=2 printk.devkmsg=on")
        .driver("until zinit list; do sleep 0.1; done; kill -39 1")
        .before("umount /proc; rmdir /proc; echo >/proc")
        .copy(crate::common::guest(), "bin/guest")
        .before("exec guest without-boot /sbin/zinit-pid1")
        .boot();
    machine.line("nothing ends this machine, reaping for ever");
    let text = machine.ends("softdog: Initiating system reboot");
    assert!(text.contains("watchdog0: watchdog did not stop!"), "it was closed, and not disarmed: {text}");
}

#[test]
fn a_late_watchdog_is_enabled_and_a_missing_one_is_logged() {
    let machine = Image::new()
        .append("ZINIT_WATCHDOG=4")
        .copy(crate::common::brought("target/vm/kernels/x86_64/modules/watchdog.ko"), "watchdog.ko")
        .copy(crate::common::brought("target/vm/kernels/x86_64/modules/softdog.ko"), "softdog.ko")
        .driver("insmod /watchdog.ko; insmod /softdog.ko; sleep 6; zinit poweroff")
        .boot();
    machine.line("cannot use /dev/watchdog: ENOENT (no such file or directory)");
    machine.line("/dev/watchdog is armed, 4 s");
    machine.ends("reboot: Power down");
}

/// A machine on which the program also has its other names.
fn called() -> Image {
    let link = "for name in reboot poweroff halt shutdown kexec init; do ln -s zinit-pid1 /sbin/$name; done";
    Image::new().before(link)
}

#[test]
fn each_command_name_requests_its_ending() {
    for (command, begins, last) in [
        ("/sbin/reboot", "reboot begins", "reboot: Restarting system"),
        ("/sbin/poweroff", "power off begins", "reboot: Power down"),
        ("/sbin/halt", "halt begins", "reboot: System halted"),
        ("/sbin/shutdown -r -f now", "reboot begins", "reboot: Restarting system"),
        ("/sbin/shutdown -h -P +0 'hypervisor initiated shutdown'", "power off begins", "reboot: Power down"),
        ("/sbin/init 6", "reboot begins", "reboot: Restarting system"),
        ("/sbin/kexec", "kexec begins", "kexec refused, EINVAL"),
        ("/sbin/zinit-pid1 poweroff", "power off begins", "reboot: Power down"),
    ] {
        // Without the stop, the server would end the process that prints the status.
        let held =
            format!("freeze $(pidof zinit-server); {command}; say $?; kill -CONT $(pidof zinit-server)");
        let machine = called().driver(&format!("until zinit list; do sleep 0.1; done; {held}")).boot();
        machine.line("driver: 0");
        machine.line(begins);
        machine.line("stopping all services");
        machine.line(last);
    }
}

#[test]
fn the_argument_of_a_reboot_reaches_the_kernel_by_a_file_that_only_root_can_write() {
    let machine = called()
        .host_program("/usr/bin/setpriv")
        .driver(
            "until zinit list; do sleep 0.1; done; freeze $(pidof zinit-server)
             rm -rf /run/zinit; ln -s /etc /run/zinit; /sbin/reboot recovery; say link $?
             rm /run/zinit; mkdir -m 777 /run/zinit; /sbin/reboot recovery; say others $?
             chmod 755 /run/zinit; chown 1 /run/zinit; /sbin/reboot recovery; say owner $?; chown 0 /run/zinit
             mount -t sysfs lasting /run/zinit; /sbin/reboot recovery; say lasting $?; umount /run/zinit
             /usr/bin/setpriv --reuid 65534 --clear-groups /sbin/reboot recovery; say nobody $?
             ln -s /run/elsewhere /run/zinit/reboot-argument; umask 0; /sbin/reboot 0 tryboot; say written $?
             say file $(stat -c '%a %u %F' /run/zinit/reboot-argument), elsewhere $(ls /run | grep -c elsewhere)
             kill -CONT $(pidof zinit-server)",
        )
        .boot();
    machine.line("/run/zinit: cannot open it: ELOOP (a symbolic link), nothing was sent");
    machine.line("driver: link 1");
    machine.log.nth("/run/zinit: it has to be root's, and writable by nobody else, nothing was sent", 2);
    machine.line("driver: owner 1");
    // What is no tmpfs and no ramfs counts as a disk.
    machine.line("zinit: it is on a disk, and would count at the next reboot too, nothing was sent");
    machine.line("driver: lasting 1");
    machine.line("/run/zinit/reboot-argument: cannot write it: EACCES (no permission), nothing was sent");
    machine.line("driver: nobody 1");
    machine.line("driver: written 0");
    machine.line("driver: file 600 0 regular file, elsewhere 0");
    let text = machine.ends("reboot: Restarting system with command '0 tryboot'");
    assert!(text.contains("stopping all services") && !text.contains("cannot unmount"), "{text}");
}

#[test]
fn a_reboot_by_any_request_reads_the_argument_after_the_server_has_stopped() {
    let machine = Image::new()
        .driver(
            "until zinit list; do sleep 0.1; done; mkdir -p /run/zinit
             printf bootloader >/run/zinit/reboot-argument; zinit reboot",
        )
        .boot();
    let text = machine.ends("reboot: Restarting system with command 'bootloader'");
    assert!(text.contains("zinit-pid1: reboot begins") && text.contains("stopping all services"), "{text}");
}

#[test]
fn a_reboot_without_an_argument_forgets_that_of_an_earlier_one() {
    let machine = called()
        .driver(
            "until zinit list; do sleep 0.1; done; mkdir -p /run/zinit; echo old >/run/zinit/reboot-argument
             /sbin/shutdown -r now",
        )
        .boot();
    let text = machine.ends("reboot: Restarting system");
    assert!(!text.contains("with command"), "{text}");
}

#[test]
fn the_kernel_calls_sbin_poweroff_in_its_own_way() {
    // Like orderly_poweroff(), and with the same call: a program without a terminal, started by the kernel.
    let machine = called()
        .driver(
            "say command $(cat /proc/sys/kernel/poweroff_cmd); until zinit list; do sleep 0.1; done
             echo '|/sbin/poweroff' >/proc/sys/kernel/core_pattern; ulimit -c unlimited; sh -c 'kill -SEGV $$'",
        )
        .boot();
    machine.line("driver: command /sbin/poweroff");
    machine.line("power off begins");
    machine.ends("reboot: Power down");
}

#[test]
fn force_ends_a_machine_whose_pid_1_is_stuck_and_refuses_invalid_words() {
    let nobody = "/usr/bin/setpriv --reuid 65534 --clear-groups";
    let machine = called()
        .host_program("/usr/bin/setpriv")
        .driver(&format!(
            "/sbin/halt soon; say status $?; /sbin/shutdown -r 23:00; say later $?; /sbin/shutdown -c; say cancel $?
             /sbin/init q; say runlevel $?; /sbin/reboot -w; say wtmp $?; /sbin/shutdown -k now no end yet; say warned $?
             {nobody} /sbin/reboot; say status $?
             {nobody} /sbin/reboot -f; say status $?\n{FREEZE}\n/sbin/poweroff -f"
        ))
        .boot();
    machine.line("soon: unknown word, nothing was started, try --help");
    machine.line("driver: status 2");
    machine.line("23:00: no clock here, nothing was sent, try: sleep 300; shutdown now, or at(1)");
    machine.line("driver: later 1");
    machine.line("-c: nothing is ever pending here, end the sleep(1), or use atrm(1)");
    machine.line("driver: cancel 1");
    machine.line("q: no runlevels here, try poweroff, reboot, ");
    machine.line("driver: runlevel 1");
    machine.line("-w: no wtmp here, nothing was done");
    machine.line("driver: wtmp 0");
    assert!(machine.line("no end yet").ends_with("no end yet"));
    machine.line("driver: warned 0");
    machine.line("cannot signal PID 1: EPERM (not permitted)");
    machine.line("reboot(2) refused: EPERM (not permitted)");
    machine.log.nth("driver: status 1", 2);
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("power off begins"), "{text}");
}

#[test]
fn without_proc_only_force_is_accepted() {
    let machine = called()
        // A FIFO, whose open would block if PID 1 opened it without O_NONBLOCK.
        .before("rm -f /etc/hostname; mknod /etc/hostname p")
        .driver(
            "until zinit list; do sleep 0.1; done; umount -l /proc
             /sbin/poweroff; say status $?; zinit-pid1 status; say status $?; trap '' CHLD; say now; exec /sbin/poweroff -f",
        )
        .boot();
    machine.log.nth("PID 1 is unknown, /proc is not mounted, nothing was sent to it", 2);
    machine.log.nth("driver: status 1", 2);
    // The caller ignores SIGCHLD; the program must not, because this signal reports that the disks are written.
    machine.line("driver: now");
    let begin = Instant::now();
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("power off begins"), "{text}");
    assert!(begin.elapsed().as_secs() < 8, "{:?}", begin.elapsed());
}

#[test]
fn status_prints_the_state_of_pid_1_and_requests_reach_it() {
    let machine = called()
        .service("parent", "sleep 0.1 & exec sleep 1000")
        .driver(
            "until zinit list; do sleep 0.1; done; sleep 3
             zinit-pid1 status; say status $?
             before=$(pidof zinit-server); zinit-pid1 restart-server
             until [ \"$(pidof zinit-server)\" != \"$before\" ] && zinit list; do sleep 0.1; done; say restarted
             zinit-pid1 update
             mv /sbin/zinit-server /sbin/gone
             kill -STOP $(pidof zinit-server); kill -KILL $(pidof zinit-server); sleep 0.3; zinit-pid1 status
             say status $?; zinit-pid1 poweroff",
        )
        .boot();
    // The first line is that of the boot.
    machine.log.nth(&format!("zinit-pid1: version {}, PID 1 of this machine", env!("CARGO_PKG_VERSION")), 2);
    let server = machine.line(" runs for ");
    let age: u32 = server.split(' ').nth(5).expect("an age").parse().expect("a number");
    assert!((3..20).contains(&age), "{server}");
    machine.line("zinit-pid1: 1 children");
    machine.line("zinit-pid1: 1 zombies");
    machine.line("driver: status 0");
    machine.line("driver: restarted");
    machine.line("zinit-pid1ctl: no update is there: /sbin/zinit-pid1.new");
    machine.line("no update: exited 3");
    machine.line("zinit-pid1: no server runs");
    machine.line("driver: status 3");
    machine.ends("reboot: Power down");
}
