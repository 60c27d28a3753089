//! The real program, the real zinit-server 0.3.9 and its client in a virtual machine.

use crate::common::vm::Image;

#[test]
fn ctrl_alt_del_is_a_request_and_not_the_end() {
    let machine = Image::new().driver("until zinit list; do sleep 0.1; done; say ready").boot();
    machine.line("driver: ready");
    machine.monitor("sendkey ctrl-alt-delete");
    let text = machine.ends("reboot: Restarting system");
    assert!(text.contains("zinit-pid1: reboot begins, asked by 0 (the kernel)"), "{text}");
    assert!(text.contains("stopping all services"), "{text}");
}

#[test]
fn an_image_without_folders_for_mounts_boots_with_any_compression() {
    // The tree has none of /dev /proc /sys /run: PID 1 makes them, because an initramfs is writable.
    for method in ["gzip", "zstd", "none"] {
        let machine = Image::new()
            .compressed_by(method)
            .driver("ls -d /dev/null /proc/1 /sys/kernel /run/driver; zinit poweroff")
            .boot();
        for path in ["/dev/null", "/proc/1", "/sys/kernel", "/run/driver"] {
            machine.line(path);
        }
        machine.ends("reboot: Power down");
    }
}

#[test]
fn the_first_mounts_can_be_left_to_another_program() {
    let machine = Image::new()
        .before("export ZINIT_MOUNT=no")
        .driver("say mounts $(cut -d' ' -f2 /proc/mounts | tr '\\n' ' '); zinit poweroff")
        .boot();
    let mounts = machine.line("driver: mounts");
    for mount in ["/tmp", "/dev/pts", "/dev/shm", "/sys/fs/cgroup"] {
        assert!(mounts.split(' ').all(|word| word != mount), "{mounts}");
    }
    machine.ends("reboot: Power down");
}

#[test]
fn a_read_only_root_and_a_bad_host_name_are_logged_and_the_machine_boots() {
    let name = "n".repeat(65);
    let machine = Image::new()
        .file("etc/hostname", &name)
        .before("mount -o remount,ro /")
        .driver("say up; zinit poweroff")
        .boot();
    machine.line("cannot mount /tmp: ENOENT (no such file or directory), going on without");
    machine.line("cannot take the name in /etc/hostname: EINVAL (invalid)");
    machine.line("driver: up");
    machine.ends("reboot: Power down");
}

#[test]
fn existing_mounts_are_left_alone() {
    let machine = Image::new()
        .file(
            "init",
            "#!/bin/sh\nmkdir -p /proc /sys /dev /run\nmount -t proc proc /proc\nmount -t sysfs sysfs /sys\n\
             mount -t tmpfs mine /dev\nmknod /dev/null c 1 3\nmknod /dev/console c 5 1\nmknod /dev/mine c 1 3\n\
             mount -t tmpfs mine /run\ntouch /run/mine\nexec /sbin/zinit-pid1\n",
        )
        .driver("ls /dev/mine /run/mine; say mounts $(cut -d' ' -f2 /proc/mounts | tr '\\n' ' '); zinit poweroff")
        .boot();
    machine.line("/dev/mine");
    machine.line("/run/mine");
    let mounts = machine.line("driver: mounts");
    for mount in ["/proc", "/sys", "/dev", "/run"] {
        assert_eq!(mounts.split(' ').filter(|word| *word == mount).count(), 1, "{mounts}");
    }
    // There is no /dev/kmsg, so standard error is used.
    machine.ends("reboot: Power down");
}

#[test]
fn without_a_server_the_machine_retries_reaps_and_handles_requests() {
    let machine = Image::new()
        .without_server()
        .file(
            "init",
            "#!/bin/sh\nmknod /dev/null c 1 3\n(sleep 1; exit 7) &\n(sleep 18; kill -TERM 1) &\nsleep 1000 &\nexec /sbin/zinit-pid1 zinitdebug=1\n",
        )
        .append("zinitdebug=1")
        .boot();
    machine.line("no zinit-server in /sbin /usr/sbin /usr/bin /usr/local/bin");
    machine.line("exited 7");
    machine.line("not executed, ENOENT (no such file or directory), respawn in 1000 ms");
    machine.line("respawn in 2000 ms");
    // The fifth failure in a row, at which a container would exit.
    machine.line("respawn in 16000 ms");
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("zinit-pid1: power off begins"), "{text}");
}

#[test]
fn no_word_of_the_kernel_command_line_ends_or_misleads_pid_1() {
    let machine = Image::new()
        .append(
            "splash foo=1 zinit.x=2 single ZINIT_CONTAINER=1 container=lxc ZINIT_STOP_TIMEOUT=soon \
             ZINIT_LOG_LEVEL=debug -- -c --version --help",
        )
        .driver("say server $(tr '\\0' ' ' </proc/$(pidof zinit-server)/cmdline); zinit poweroff")
        .boot();
    machine.line("asked to be in a container, but the kernel says machine");
    machine.line("ZINIT_STOP_TIMEOUT=soon: not understood, ignored");
    machine.line("PID 1 of this machine");
    let server = machine.line("driver: server");
    let expected =
        "/sbin/zinit-server -c /etc/zinit/services -s /run/zinit.sock --log-level debug --pid1-mode";
    assert!(server.contains(expected), "{server}");
    machine.ends("reboot: Power down");
}

#[test]
fn settings_are_found_on_the_kernel_command_line_without_an_environment() {
    let machine = Image::new()
        .file(
            "init",
            "#!/bin/sh\nexec /bin/busybox env -i /sbin/zinit-pid1\n",
        )
        .append("ZINIT_SERVER=/bin/other \"ZINIT_LOG_LEVEL=warn\" -- ZINIT_SERVER=/bin/no")
        .file("bin/other", "#!/bin/sh\necho other: $* >/dev/console\n/bin/busybox sleep 1\n/bin/busybox kill -38 1\n/bin/busybox sleep 9\n")
        .boot();
    machine.line("other: -c /etc/zinit/services -s /run/zinit.sock --log-level warn --pid1-mode");
    machine.ends("reboot: Power down");
}

#[test]
fn halt_halts_and_a_kexec_without_a_kernel_reboots() {
    let machine = Image::new().driver("until zinit list; do sleep 0.1; done; kill -37 1").boot();
    machine.line("zinit-pid1: halt begins");
    machine.line("reboot: System halted");
    drop(machine);

    let machine = Image::new().driver("until zinit list; do sleep 0.1; done; kill -40 1").boot();
    machine.line("zinit-pid1: kexec begins");
    machine.line("kexec refused, EINVAL");
    machine.ends("reboot: Restarting system");
}

#[test]
fn a_mount_point_that_is_a_file_is_logged_and_the_machine_boots() {
    let machine = Image::new().file("proc", "").driver("say up; sleep 1; kill -TERM 1").boot();
    machine.line("cannot mount /proc: ENOTDIR, going on without");
    machine.line("driver: up");
    machine.ends("reboot: Power down");
}

#[test]
fn the_environment_has_precedence_and_a_bad_setting_is_logged_once() {
    let machine = Image::new()
        .file("init", "#!/bin/sh\nexport ZINIT_LOG_LEVEL=warn\nexec /sbin/zinit-pid1\n")
        .append("ZINIT_LOG_LEVEL=debug ZINIT_STOP_TIMEOUT=soon")
        .driver("say server $(tr '\\0' ' ' </proc/$(pidof zinit-server)/cmdline); zinit poweroff")
        .boot();
    assert!(machine.line("driver: server").contains("--log-level warn"));
    let text = machine.ends("reboot: Power down");
    assert_eq!(text.matches("ZINIT_STOP_TIMEOUT=soon: not understood, ignored").count(), 1, "{text}");
}

/// Copies the image to a root of its own below `/new`, as a script in an initramfs does with a disk.
const NEW_ROOT: &str = "mkdir /new; mount -t tmpfs -o mode=755 root /new
    for path in /*; do case $path in /new|/proc|/sys|/dev|/run) ;; *) cp -a $path /new ;; esac; done";

#[test]
fn a_shell_in_an_initramfs_can_leave_a_daemon_and_zombies_behind() {
    let machine = Image::new()
        // A daemon with the server's name, which keeps the old root in use.
        .file("bin/zinit-server", "#!/bin/sh\ntrap 'exit 9' USR2; read nothing </run/nobody\n")
        .before(NEW_ROOT)
        .copy(crate::common::guest(), "bin/guest")
        .before(
            "mknod /run/nobody p; setsid /bin/zinit-server & (sleep 2; exit 4) &
             for path in /proc /sys /dev /run; do mkdir /new$path; mount -o move $path /new$path; done
             exec guest with-zombie /bin/switch_root /new /sbin/zinit-pid1",
        )
        .append("zinitdebug=1")
        .driver(
            r#"
            say root $(stat -f -c %T /) $(cat /proc/mounts | cut -d' ' -f2 | tr '\n' ' ')
            until zinit list; do sleep 0.1; done
            say servers $(pidof zinit-server | wc -w), zombies $(cat /proc/[0-9]*/stat | grep -c ' Z 1 ')
            for pid in $(pidof zinit-server); do
                [ "$(readlink /proc/$pid/exe)" = /sbin/zinit-server ] || kill -USR2 $pid
            done
            sleep 2; say servers $(pidof zinit-server | wc -w), zombies $(cat /proc/[0-9]*/stat | grep -c ' Z 1 ')
            zinit poweroff"#,
        )
        .boot();
    let root = machine.line("driver: root tmpfs /");
    for path in ["/proc", "/sys", "/dev", "/run"] {
        assert_eq!(root.split(' ').filter(|word| *word == path).count(), 1, "{root}");
    }
    machine.line("driver: servers 2, zombies 0");
    machine.line("driver: servers 1, zombies 0");
    let text = machine.ends("reboot: Power down");
    assert_eq!(text.matches("respawn in").count(), 0, "no death was taken for the server's: {text}");
    for status in [3, 4, 9] {
        assert_eq!(text.matches(&format!("exited {status}\n")).count(), 1, "{status}: {text}");
    }
}

#[test]
fn a_read_only_root_without_any_folder_boots_and_shuts_down() {
    let machine = Image::new()
        .before(NEW_ROOT)
        .before("mount -o remount,ro /new; cd /new; umount /run /sys /dev /proc; exec switch_root /new /sbin/zinit-pid1")
        .boot();
    // Not even the server's socket can be created.
    machine.log.nth("Read-only file system", 3);
    machine.monitor("sendkey ctrl-alt-delete");
    machine.ends("reboot: Restarting system");
}

#[test]
fn a_machine_with_32_mib_of_memory_boots_and_shuts_down() {
    // Debian's kernel cannot unpack itself in so little memory, so the memory above 32 MiB is taken away before PID 1
    // starts. The 32 MiB contain the initramfs and everything that the kernel uses from then on, but not the real
    // server.
    let machine = Image::new()
        .without_server()
        .memory(96)
        .before(
            "mkdir /taken; mount -t tmpfs -o size=100% taken /taken; read name total unit </proc/meminfo
             dd if=/dev/zero of=/taken/all bs=1k count=$((total - 32 * 1024)) 2>/dev/null
             echo left: $((total - $(stat -c %s /taken/all) / 1024)) kB",
        )
        .append("ZINIT_SERVER=/bin/other")
        .file(
            "bin/other",
            "#!/bin/sh\ntrap 'exit 0' TERM USR1\necho other: up\n(exit 3) &\n\
             [ -e /run/once ] || { touch /run/once; kill -USR1 1; }\nwhile :; do sleep 0.1; done\n",
        )
        .boot();
    machine.line("left: 32768 kB");
    machine.line("other: up");
    machine.log.nth("other: up", 2);
    machine.monitor("sendkey ctrl-alt-delete");
    machine.ends("reboot: Restarting system");
}

#[test]
fn the_real_server_runs_on_a_machine_with_16_mib_to_spare() {
    let machine = Image::new()
        .memory(128)
        .before(
            "mkdir /taken; mount -t tmpfs -o size=100% taken /taken; spare=$(grep MemAvail /proc/meminfo | tr -dc 0-9)
             dd if=/dev/zero of=/taken/all bs=1k count=$((spare - 16 * 1024)) 2>/dev/null",
        )
        .driver(
            "until zinit list; do sleep 0.1; done; say $(grep MemAvail /proc/meminfo); kill -USR1 1; sleep 3
             until zinit list; do sleep 0.1; done; say again; zinit poweroff",
        )
        .boot();
    let memory = machine.line("driver: MemAvailable");
    let spare: u32 = memory.split_whitespace().nth(2).expect("a figure").parse().expect("kB");
    assert!(spare < 16 << 10, "{memory}");
    machine.line("driver: again");
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("soft restart"), "{text}");
    assert!(!text.contains("Out of memory") && !text.contains("zinit-pid1: cannot"), "{text}");
}
