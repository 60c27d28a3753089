//! Disks, file systems and processes that hang at the end of a machine: the machine ends nevertheless, in a bounded
//! time that is stated here, and everything that does not hang is treated as usual.

use std::time::Instant;

use crate::common::disk::{Disk, Kind, clean, clean_and_whole, found};
use crate::common::vm::{Image, seconds};

#[test]
fn a_process_that_hangs_on_a_frozen_disk_is_left_behind() {
    let [frozen, lower, upper, healthy] =
        ["frozen", "lower", "upper", "healthy"].map(|name| Disk::new(Kind::Ext4, name));
    let machine = Image::new()
        .disk(&frozen)
        .disk(&lower)
        .drive(&upper, "")
        .disk(&healthy)
        .writer("frozen/data", "")
        .writer("lower/of-lower", "")
        .writer("healthy/data", "")
        // The upper one hides a disk; it is frozen as well, with a process that cannot be killed on it.
        .once_written(
            "mount -t ext4 /dev/vdc /mnt/lower; guest write /mnt/lower/of-upper /run/of-upper &
             until [ -e /run/of-upper ] && [ $(guest count /run/of-upper) -gt 1000000 ]; do sleep 0.1; done
             fsfreeze --freeze /mnt/lower; fsfreeze --freeze /mnt/frozen
             until [ $(hanging | grep -c guest) = 2 ]; do sleep 0.1; done
             kill -TERM 1",
        )
        .boot();
    let files = [
        machine.written(&frozen, "data"),
        machine.written(&lower, "of-lower"),
        machine.written(&healthy, "data"),
    ];
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("processes left after KILL, going on"), "{text}");
    for path in ["/mnt/frozen", "/mnt/lower"] {
        assert!(text.contains(&format!("cannot make {path} read-only: EBUSY")), "{text}");
    }
    assert!(!text.contains("cannot unmount /mnt/healthy"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 30.0, "{text}");
    clean(&[&upper], &text);
    clean_and_whole(&files, &text);
}

#[test]
fn fuse_file_systems_without_an_answer_delay_a_shutdown_only_shortly() {
    let stopped = Disk::made(Kind::Ext4, "stopped", 64, &["-O", "^has_journal"]);
    let [frozen, healthy] = ["frozen", "healthy"].map(|name| Disk::new(Kind::Ext4, name));
    let machine = Image::new()
        .drive(&stopped, "")
        .disk(&frozen)
        .disk(&healthy)
        .host_program("/usr/bin/fuse2fs")
        .modules("fuse")
        .writer("healthy/data", "")
        // A server that is stopped, and one that waits for ever for the disk that contains its image.
        .once_written(
            "mkdir -p /mnt/stopped /mnt/hung
             dd if=/dev/zero of=/mnt/frozen/image bs=1M count=64 2>/dev/null
             mke2fs -F /mnt/frozen/image >/dev/null
             fuse2fs /mnt/frozen/image /mnt/hung; guest write /mnt/hung/data /run/hung &
             fuse2fs /dev/vda /mnt/stopped; guest write /mnt/stopped/data /run/stopped &
             for name in hung stopped; do
                 until [ -e /run/$name ] && [ $(guest count /run/$name) -gt 100000 ]; do sleep 0.1; done
             done
             fsfreeze --freeze /mnt/frozen
             until [ $(hanging | grep -c fuse2fs) = 1 ]; do sleep 0.1; done
             kill -STOP $(pidof fuse2fs); kill -TERM 1",
        )
        .boot();
    let written = machine.written(&healthy, "data");
    let text = machine.ends("reboot: Power down");
    assert!(text.lines().any(|line| line.contains("cannot") && line.contains(" /mnt/hung")), "{text}");
    assert!(!text.contains("cannot unmount /mnt/healthy"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 40.0, "{text}");
    clean(&[&frozen], &text);
    clean_and_whole(&[written], &text);
}

#[test]
fn only_a_root_that_stops_answering_is_given_up() {
    let healthy = Disk::new(Kind::Ext4, "healthy");
    let root = Image::new()
        .writer("data", "")
        .writer("healthy/data", "")
        .once_written("say ready")
        .into_disk("root");
    let machine = Image::new()
        .without_server()
        .disk(&root)
        .before("mkdir -p /mnt/root/mnt/healthy; mount -t ext4 /dev/vdb /mnt/root/mnt/healthy")
        .drive(&healthy, "")
        .hands_over_to("root")
        .boot();
    let written = machine.written(&healthy, "data");
    machine.line("driver: ready");
    machine.monitor("block_set_io_throttle root 1 0 0 0 0 0");
    machine.monitor("sendkey ctrl-alt-delete");
    machine.line_within("reboot: Restarting", 220);
    let text = machine.ends("reboot: Restarting system");
    assert!(text.contains("cannot make / read-only: ETIMEDOUT"), "{text}");
    assert!(seconds(&text, "reboot begins", "reboot: Restarting system") < 170.0, "{text}");
    clean_and_whole(&[written], &text);
}

#[test]
fn a_disk_that_was_removed_delays_nothing() {
    let [gone, healthy] = ["gone", "healthy"].map(|name| Disk::new(Kind::Ext4, name));
    let machine = Image::new()
        .disk(&healthy)
        .disk(&gone)
        .writer("gone/data", "")
        .writer("healthy/data", "")
        .once_written("say ready; until [ ! -e /sys/block/vdb ]; do sleep 0.1; done; kill -TERM 1")
        .boot();
    let written = machine.written(&healthy, "data");
    machine.line("driver: ready");
    machine.monitor("device_del device-gone");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot unmount /mnt/healthy"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 30.0, "{text}");
    clean_and_whole(&[written], &text);
}

#[test]
fn a_slow_disk_is_waited_for() {
    let slow = Disk::new(Kind::Ext4, "slow");
    let machine = Image::new()
        .memory(768)
        .disk_with(&slow, ",throttling.bps-write=2097152", "")
        .before("cd /proc/sys/vm; echo 90 >dirty_ratio; echo 89 >dirty_background_ratio; cd /")
        .before("echo 0 >/proc/sys/vm/dirty_writeback_centisecs; guest fill /mnt/slow/data 200")
        .driver("say dirty $(sed -n 's/Dirty: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo); kill -TERM 1")
        .boot();
    assert!(machine.number("dirty") > 200_000);
    machine.line_within("reboot: Power down", 240);
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    let took = seconds(&text, "power off begins", "reboot: Power down");
    assert!((90.0..150.0).contains(&took), "{text}");
    clean_and_whole(&[(&slow, "data", 200 << 20)], &text);
}

#[test]
fn only_a_disk_that_stops_answering_is_given_up() {
    let [dead, healthy] = ["dead", "healthy"].map(|name| Disk::new(Kind::Ext4, name));
    let machine = Image::new()
        .disk(&healthy)
        .disk(&dead)
        .writer("dead/data", "")
        .writer("healthy/data", "")
        .once_written("say ready")
        .boot();
    let written = machine.written(&healthy, "data");
    machine.line("driver: ready");
    machine.monitor("block_set_io_throttle dead 1 0 0 0 0 0");
    machine.monitor("sendkey ctrl-alt-delete");
    machine.line_within("reboot: Restarting", 220);
    let text = machine.ends("reboot: Restarting system");
    assert!(text.contains("sync makes no progress, "), "{text}");
    assert!(text.contains("cannot unmount /mnt/dead: ETIMEDOUT"), "{text}");
    assert!(!text.contains("cannot unmount /mnt/healthy"), "{text}");
    assert!(seconds(&text, "reboot begins", "reboot: Restarting system") < 170.0, "{text}");
    clean_and_whole(&[written], &text);
}

#[test]
fn a_dead_disk_keeps_no_hidden_disk_dirty_and_one_that_stays_writable_is_named() {
    let [dead, upper, host] = ["dead", "upper", "host"].map(|name| Disk::new(Kind::Ext4, name));
    let root = Image::new()
        .writer("data", "")
        .writer("dead/data", "")
        .once_written("losetup /dev/loop0 /mnt/host/image; say ready")
        .into_disk_of("root", 160);
    let machine = Image::new()
        .without_server()
        .modules("loop")
        .modules("overlay")
        // The first file system that the kernel gets to.
        .disk(&dead)
        .disk_with(&root, "", "-o ro")
        .disk(&upper)
        .disk(&host)
        .before("dd if=/dev/zero of=/mnt/host/image bs=1M count=1; mkdir -p /mnt/upper/upper /mnt/upper/work /mnt/new")
        .before("cd /mnt; mount -t overlay -o lowerdir=root,upperdir=upper/upper,workdir=upper/work none new; cd /")
        .before("for name in dead host; do mkdir -p /mnt/new/mnt/$name; mount --move /mnt/$name /mnt/new/mnt/$name; done")
        .hands_over_to("new")
        .boot();
    let written = machine.number("data");
    machine.line("driver: ready");
    machine.monitor("block_set_io_throttle dead 1 0 0 0 0 0");
    machine.monitor("sendkey ctrl-alt-delete");
    machine.line_within("reboot: Restarting", 220);
    let text = machine.ends("reboot: Restarting system");
    for line in ["emergency remount is not done", "/dev/vda does not answer", "/dev/vdd stays writable"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("/dev/vdc"), "{text}");
    assert!(seconds(&text, "reboot begins", "reboot: Restarting system") < 180.0, "{text}");
    clean_and_whole(&[(&upper, "upper/mnt/data", written)], &text);
}

#[test]
fn a_second_fault_of_pid_1_ends_a_machine_with_a_dead_disk() {
    let dead = Disk::new(Kind::Ext4, "dead");
    let machine = Image::new()
        .disk(&dead)
        .writer("dead/data", "")
        .modules("softdog")
        .append("ZINIT_WATCHDOG=4")
        // Processes that exit all the time affect neither the wait for the disk nor the restart.
        .service("orphans", "while :; do (sleep 0.1 &); sleep 0.2; done")
        .once_written("say ready; read now </dev/console; kill -SEGV 1; sleep 2; kill -BUS 1")
        .boot();
    machine.line("driver: ready");
    machine.monitor("block_set_io_throttle dead 1 0 0 0 0 0");
    machine.types(b"\n");
    machine.line("fault, signal 11");
    machine.line("fault, signal 7");
    machine.line_within("reboot: Restarting", 120);
    let text = machine.ends("reboot: Restarting system");
    assert!(text.contains("sync makes no progress, "), "{text}");
    assert!(seconds(&text, "fault, signal 7", "reboot: Restarting system") < 60.0, "{text}");
    for sudden in ["sysrq:", "softdog: Initiating"] {
        assert!(!text.contains(sudden), "{text}");
    }
}

#[test]
fn a_fault_after_a_power_failure_powers_off_within_its_time() {
    let dead = Disk::new(Kind::Ext4, "dead");
    let machine = Image::new()
        .disk(&dead)
        .writer("dead/data", "")
        .once_written(
            "trap '' TERM; say ready; read now </dev/console; kill -PWR 1
             until dmesg | grep -q 'power off begins'; do sleep 0.1; done; sleep 0.5; kill -SEGV 1; sleep 60",
        )
        .boot();
    machine.line("driver: ready");
    machine.monitor("block_set_io_throttle dead 1 0 0 0 0 0");
    machine.types(b"\n");
    machine.line("fault, signal 11");
    machine.line_within("reboot: Power down", 120);
    let text = machine.ends("reboot: Power down");
    let took = seconds(&text, "fault, signal 11", "reboot: Power down");
    // Without a failing power a dead disk gets 45 s.
    assert!((10.0..20.0).contains(&took), "{took}: {text}");
}

#[test]
fn a_fault_without_proc_ends_a_machine_with_a_dead_disk() {
    let dead = Disk::new(Kind::Ext4, "dead");
    let machine = Image::new()
        .with_own_time()
        .disk(&dead)
        .writer("dead/data", "")
        .once_written("say ready; read now </dev/console; umount -l /proc; kill -SEGV 1")
        .boot();
    machine.line("driver: ready");
    machine.monitor("block_set_io_throttle dead 1 0 0 0 0 0");
    machine.types(b"\n");
    machine.line("fault, signal 11");
    // A slow disk cannot be told from a dead one there.
    machine.line_within("reboot: Restarting", 120);
    let text = machine.ends("reboot: Restarting system");
    let took = seconds(&text, "fault, signal 11", "reboot: Restarting system");
    assert!((299.0..310.0).contains(&took), "{text}");
}

#[test]
fn a_forced_end_writes_the_disks_when_no_process_can_be_forked() {
    let disk = Disk::made(Kind::Ext4, "disk", 64, &["-O", "^has_journal"]);
    let machine = Image::new()
        .disk(&disk)
        .before("ln -s zinit-pid1 /sbin/reboot")
        .driver(
            "until zinit list; do sleep 0.1; done
             guest fill /mnt/disk/data 8; echo +pids >/sys/fs/cgroup/cgroup.subtree_control
             cd /sys/fs/cgroup; mkdir full; echo 1 >full/pids.max; echo $$ >full/cgroup.procs
             read processes <full/pids.current; say one process of one: $processes; exec /sbin/reboot -f",
        )
        .boot();
    machine.line("driver: one process of one: 1");
    let text = machine.ends("reboot: Restarting system");
    assert!(!text.contains("reboot begins"), "PID 1 has no part in it: {text}");
    assert_eq!(
        found(&[(&disk, "data", 8 << 20)]),
        [format!("guest: /mnt/disk/data holds {} bytes", 8 << 20)]
    );
}

#[test]
fn a_second_fault_writes_the_disks_when_no_process_can_be_forked() {
    let disk = Disk::made(Kind::Ext4, "disk", 64, &["-O", "^has_journal"]);
    let machine = Image::new()
        .disk(&disk)
        .driver(
            "until zinit list; do sleep 0.1; done
             guest fill /mnt/disk/data 8; echo +pids >/sys/fs/cgroup/cgroup.subtree_control
             mkdir /sys/fs/cgroup/full; cd /sys/fs/cgroup/full; echo 1 >cgroup.procs; echo 1 >pids.max
             say processes $(cat pids.current) of $(cat pids.max); kill -SEGV 1; sleep 2; kill -BUS 1",
        )
        .boot();
    machine.line("driver: processes 1 of 1");
    machine.line("fault, signal 11");
    machine.line("fault, signal 7");
    machine.line("cannot fork: EAGAIN");
    machine.ends("reboot: Restarting system");
    assert_eq!(
        found(&[(&disk, "data", 8 << 20)]),
        [format!("guest: /mnt/disk/data holds {} bytes", 8 << 20)]
    );
}

#[test]
fn a_forced_end_waits_30_s_for_a_dead_disk_however_many_signals_come() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .disk(&disk)
        .before("ln -s zinit-pid1 /sbin/reboot")
        .driver(
            "until zinit list; do sleep 0.1; done; guest fill /mnt/disk/data 8; say ready; sleep 2
             /sbin/reboot -f & say forced; while kill -WINCH $!; do sleep 0.2; done",
        )
        .boot();
    machine.line("driver: ready");
    machine.monitor("block_set_io_throttle disk 1 0 0 0 0 0");
    machine.line("driver: forced");
    let begin = Instant::now();
    machine.ends("reboot: Restarting system");
    let seconds = begin.elapsed().as_secs_f32();
    assert!((28.0..45.0).contains(&seconds), "{seconds} s");
}
