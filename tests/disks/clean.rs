//! Disks that are clean at the end, and contain everything that was written to them.

use crate::common::disk::{Disk, Kind, clean_and_whole, found};
use crate::common::vm::{Image, Machine, seconds};

#[test]
fn four_file_systems_that_are_written_to_are_clean_and_complete() {
    let disks = each_kind();
    // One more writer is no service, and writes until KILL ends it.
    let machine = four_writers(
        &disks,
        "setsid guest write /mnt/ext4/to-the-last /run/last deaf &
         until [ -e /run/last ] && [ $(guest count /run/last) -gt 1000000 ]; do sleep 0.1; done
         say last $(guest count /run/last); kill -TERM 1",
    );
    let mut files = disks.each_ref().map(|disk| machine.written(disk, "data")).to_vec();
    files.push((&disks[1], "to-the-last", machine.number("last")));
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("processes left after TERM, sending KILL"), "{text}");
    assert!(!text.contains("cannot"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 20.0, "{text}");
    clean_and_whole(&files, &text);
}

#[test]
fn the_disks_after_a_power_cut_do_not_count_as_clean_and_complete() {
    let disks = each_kind();
    let machine = four_writers(&disks, "");
    let files = disks.each_ref().map(|disk| machine.written(disk, "data"));
    let text = machine.unplug();
    for ((disk, ..), line) in files.iter().zip(found(&files)) {
        // If fsync was called a moment ago, nothing is lost.
        assert!(!line.contains("holds") || !disk.faults().is_empty(), "{}: {line}\n{text}", disk.name);
        assert!(disk.kind == Kind::Btrfs || !disk.faults().is_empty(), "{} is clean\n{text}", disk.name);
    }
}

#[test]
fn a_disk_is_clean_after_proc_was_unmounted() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .disk(&disk)
        .writer("disk/data", "")
        .once_written("umount -l /proc && say proc is $(ls /proc | wc -l); kill -TERM 1")
        .boot();
    machine.line("driver: proc is 0");
    let written = machine.number("disk-data");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    clean_and_whole(&[(&disk, "data", written)], &text);
}

#[test]
fn swap_is_turned_off_and_the_disk_of_a_swap_file_is_clean() {
    let swap = Disk::made(Kind::Blank, "swap", 512, &[]);
    let disk = Disk::new(Kind::Ext4, "disk");
    let device = "/dev/vda";
    let machine = Image::new()
        .memory(192)
        .drive(&swap, "")
        .disk(&disk)
        .before("dd if=/dev/zero of=/mnt/disk/swap bs=1M count=64 2>/dev/null; mkswap /mnt/disk/swap")
        .before(&format!("mkswap {device}; swapon /mnt/disk/swap; swapon {device}"))
        .before("mkdir -p /mnt/memory; mount -t tmpfs -o size=100% none /mnt/memory")
        .before("mount -o remount,size=400m /mnt/memory; guest fill /mnt/memory/data 256")
        .writer("disk/data", "")
        .once_written("sed 's/^/driver: /' /proc/swaps; kill -TERM 1")
        .boot();
    let used = ["/mnt/disk/swap", device].map(|area| machine.line(&format!("driver: {area}")));
    for line in used {
        let used = line.split_whitespace().nth(4).and_then(|word| word.parse::<u32>().ok());
        assert!(used.is_some_and(|kilobytes| kilobytes > 30_000), "{line}");
    }
    let written = machine.written(&disk, "data");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 30.0, "{text}");
    clean_and_whole(&[written], &text);
}

#[test]
fn mounts_that_are_hidden_by_other_mounts_are_clean() {
    let disks = ["a", "b", "c", "d"].map(|name| Disk::new(Kind::Ext4, name));
    let [a, b, c, d] = &disks;
    let mut image = Image::new();
    for disk in &disks {
        image = image.drive(disk, "");
    }
    // Each writer is there before its disk is hidden.
    let machine = image
        .before("mkdir -p /mnt/a /mnt/c/sub")
        .driver(
            "begin() {
                 guest write $1 $2 &
                 until [ -e $2 ] && [ $(guest count $2) -gt 1000000 ]; do sleep 0.1; done
             }
             until zinit list >/dev/null; do sleep 0.1; done
             mount -t ext4 /dev/vda /mnt/a; begin /mnt/a/of-a /run/a
             mount -t ext4 /dev/vdb /mnt/a; begin /mnt/a/of-b /run/b
             mount -t ext4 /dev/vdc /mnt/c/sub; begin /mnt/c/sub/of-c /run/c
             mount -t ext4 /dev/vdd /mnt/c; begin /mnt/c/of-d /run/d
             for name in a b c d; do say disk $name $(guest count /run/$name); done
             kill -TERM 1",
        )
        .boot();
    let count = |name: &str| machine.number(&format!("disk {name}"));
    let files =
        [(a, "of-a", count("a")), (b, "of-b", count("b")), (c, "of-c", count("c")), (d, "of-d", count("d"))];
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 20.0, "{text}");
    clean_and_whole(&files, &text);
}

#[test]
fn two_thousand_mounts_are_unmounted_except_one_whose_path_is_too_long() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .disk(&disk)
        .before("mkdir -p /mnt/shared /mnt/mirror /mnt/alone /mnt/disk/bound")
        .before("mount -t tmpfs none /mnt/shared; mount --make-rshared /mnt/shared")
        .before("mount --bind /mnt/shared /mnt/mirror")
        .before("guest mounts 500 /mnt/shared /mnt/disk/bound; guest mounts 1000 /mnt/alone /mnt/disk/bound")
        .before("mkdir /deep; guest deep /deep")
        .writer("disk/data", "")
        .writer("disk/bound/data", "")
        .once_written("say mounts $(wc -l </proc/mounts); kill -TERM 1")
        .boot();
    let files = [machine.written(&disk, "data"), (&disk, "bound/data", machine.number("disk-bound-data"))];
    assert!(machine.number("mounts") > 2000);
    let text = machine.ends("reboot: Power down");
    let left: Vec<_> = text.lines().filter(|line| line.contains("cannot")).collect();
    assert_eq!(left.len(), 1, "{left:?}\n{text}");
    assert!(left[0].contains("cannot unmount ") && left[0].contains(" /deep/ddd"), "{left:?}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 30.0, "{text}");
    clean_and_whole(&files, &text);
}

/// The list of mounts is read in parts then, of a page each.
#[test]
fn a_disk_is_clean_where_the_kernel_gives_no_memory_for_the_list_of_mounts() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .disk(&disk)
        .before("mkdir -p /mnt/alone /mnt/disk/bound; guest mounts 300 /mnt/alone /mnt/disk/bound")
        .writer("disk/data", "")
        .once_written("guest limit-memory 1 2000000; say mounts $(wc -c </proc/self/mountinfo); kill -TERM 1")
        .boot();
    let written = machine.written(&disk, "data");
    assert!(machine.number("mounts") > 3 * 4_096);
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    assert!(!text.contains("read-only"), "each mount is gone but the root: {text}");
    clean_and_whole(&[written], &text);
}

#[test]
fn file_systems_on_file_systems_are_clean() {
    let disks = ["looped", "layered"].map(|name| Disk::new(Kind::Ext4, name));
    let mut image = Image::new().modules("loop").modules("overlay");
    for disk in &disks {
        image = image.disk(disk).writer(&format!("{}/data", disk.name), "");
    }
    let machine = image
        .once_written(
            "dd if=/dev/zero of=/mnt/looped/image bs=1M count=16 2>/dev/null
             mke2fs -F /mnt/looped/image >/dev/null
             mkdir -p /mnt/1 /mnt/2 /mnt/layered/upper /mnt/layered/work
             mount -o loop /mnt/looped/image /mnt/1
             cd /mnt/layered; mount -t overlay -o lowerdir=/bin,upperdir=upper,workdir=work none /mnt/2; cd /
             for at in 1 2; do touch /mnt/$at/file; done
             kill -TERM 1",
        )
        .boot();
    let files = disks.each_ref().map(|disk| machine.written(disk, "data"));
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 20.0, "{text}");
    clean_and_whole(&files, &text);
}

/// One disk of each kind.
fn each_kind() -> [Disk; 4] {
    [
        Disk::new(Kind::Btrfs, "btrfs"),
        Disk::new(Kind::Ext4, "ext4"),
        Disk::new(Kind::Vfat, "vfat"),
        Disk::new(Kind::Xfs, "xfs"),
    ]
}

/// A machine in which a service writes on each of these disks, before a command is run.
fn four_writers(disks: &[Disk; 4], command: &str) -> Machine {
    let mut image = Image::new();
    for disk in disks {
        // Without an unmount these file systems may be clean but old, unless fsync was called.
        let fsync = if matches!(disk.kind, Kind::Btrfs | Kind::Xfs) { "fsync" } else { "" };
        image = image.disk(disk).writer(&format!("{}/data", disk.name), fsync);
    }
    image.once_written(command).boot()
}
