//! Disks that no path of the root leads to at the end, or that cannot be unmounted: they are clean all the same.

use crate::common::disk::{Disk, Kind, clean, clean_and_whole};
use crate::common::vm::{Image, seconds};

#[test]
fn the_upper_layer_of_an_overlay_root_is_clean_on_a_disk_of_the_initramfs() {
    let text = overlay_root("");
    assert!(!text.contains("cannot"), "{text}");
}

#[test]
fn the_upper_layer_of_an_overlay_root_is_clean_on_a_disk_that_was_moved_into_it() {
    let text = overlay_root("mkdir -p /mnt/new/mnt/upper; mount --move /mnt/upper /mnt/new/mnt/upper");
    assert!(!text.contains("cannot"), "{text}");
}

#[test]
fn the_upper_layer_of_an_overlay_root_is_clean_without_zinit_pid1ctl_too() {
    let text = overlay_root("rm /mnt/new/sbin/zinit-pid1ctl");
    assert!(text.contains("cannot execute /sbin/zinit-pid1ctl: ENOENT"), "{text}");
}

/// A root of which the upper layer is on a disk, and shell commands before the initramfs hands over to it.
fn overlay_root(before: &str) -> String {
    let (root, upper) = (writing_root(), Disk::new(Kind::Ext4, "upper"));
    let machine = Image::new()
        .without_server()
        .modules("overlay")
        .disk_with(&root, "", "-o ro")
        .disk(&upper)
        .before(&overlay("upper"))
        .before(before)
        .hands_over_to("new")
        .boot();
    let written = machine.number("data");
    let text = machine.ends("reboot: Power down");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 20.0, "{text}");
    clean_and_whole(&[(&upper, "upper/mnt/data", written)], &text);
    text
}

#[test]
fn an_ext4_disk_of_the_initramfs_is_clean_with_the_image_of_the_root_on_it() {
    loop_root(Kind::Ext4);
}

#[test]
fn a_vfat_disk_of_the_initramfs_is_clean_with_the_image_of_the_root_on_it() {
    loop_root(Kind::Vfat);
}

fn loop_root(kind: Kind) {
    let (root, host) = (writing_root(), Disk::new(kind, "host"));
    let machine = Image::new()
        .without_server()
        .modules("loop")
        .memory(512)
        .drive(&root, "")
        .disk(&host)
        .before(&image_of("/dev/vda", "root"))
        .hands_over_to("root")
        .boot();
    let written = machine.number("data");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 20.0, "{text}");
    clean(&[&host], &text);
    clean_and_whole_inside(&host, "mnt/data", written, &text);
}

#[test]
fn a_hidden_file_system_on_a_hidden_ext4_disk_is_clean_and_so_is_the_disk() {
    loop_as_upper_layer(Kind::Ext4);
}

#[test]
fn a_hidden_file_system_on_a_hidden_vfat_disk_is_clean_and_so_is_the_disk() {
    loop_as_upper_layer(Kind::Vfat);
}

/// As live systems keep what changes: in an image on the disk that they were started from.
fn loop_as_upper_layer(kind: Kind) {
    let (root, host) = (writing_root(), Disk::new(kind, "host"));
    let layer = Disk::made(Kind::Ext4, "layer", 64, &[]);
    let machine = Image::new()
        .without_server()
        .modules("loop")
        .modules("overlay")
        .memory(512)
        .disk_with(&root, "", "-o ro")
        .disk(&host)
        .drive(&layer, "")
        .before(&image_of("/dev/vdc", "layer"))
        .before(&overlay("layer"))
        .hands_over_to("new")
        .boot();
    let written = machine.number("data");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("cannot"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 20.0, "{text}");
    // On Linux 5.10 it stays dirty if the kernel comes to the disk before it.
    let [image, disk] =
        ["EXT4-fs (loop0): re-mounted", "sysrq: Emergency Remount"].map(|line| text.find(line));
    assert!(image.is_some() && image < disk, "{text}");
    clean(&[&host], &text);
    clean_and_whole_inside(&host, "upper/mnt/data", written, &text);
}

#[test]
fn a_disk_is_clean_that_only_a_process_which_cannot_be_killed_has_mounted() {
    let [frozen, held] = ["frozen", "held"].map(|name| Disk::new(Kind::Ext4, name));
    let machine = Image::new()
        .disk(&frozen)
        .drive(&held, "")
        .writer("frozen/data", "")
        .once_written(
            "mkdir -p /mnt/held
             unshare -m sh -c 'mount -t ext4 /dev/vdb /mnt/held
                 guest write /mnt/held/data /run/held & exec guest write /mnt/frozen/other /run/other' &
             until [ -e /run/held ] && [ $(guest count /run/held) -gt 1000000 ]; do sleep 0.1; done
             fsfreeze --freeze /mnt/frozen
             until [ $(hanging | grep -c guest) = 2 ]; do sleep 0.1; done
             say held $(guest count /run/held); kill -TERM 1",
        )
        .boot();
    let files = [machine.written(&frozen, "data"), (&held, "data", machine.number("held"))];
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("processes left after KILL, going on"), "{text}");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 30.0, "{text}");
    clean_and_whole(&files, &text);
}

#[test]
fn a_disk_is_clean_with_a_loop_device_that_nobody_detaches() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .modules("loop")
        .disk(&disk)
        .writer("disk/data", "")
        .once_written(
            "dd if=/dev/zero of=/mnt/disk/image bs=1M count=16 2>/dev/null; mke2fs -F /mnt/disk/image >/dev/null
             losetup /dev/loop0 /mnt/disk/image; mkdir -p /mnt/1; mount -t ext4 /dev/loop0 /mnt/1; touch /mnt/1/file
             kill -TERM 1",
        )
        .boot();
    let written = machine.written(&disk, "data");
    let text = machine.ends("reboot: Power down");
    assert!(seconds(&text, "power off begins", "reboot: Power down") < 20.0, "{text}");
    clean_and_whole(&[written], &text);
}

#[test]
fn a_disk_is_clean_though_another_mount_hides_proc() {
    let disk = Disk::new(Kind::Ext4, "disk");
    let machine = Image::new()
        .disk(&disk)
        .writer("disk/data", "")
        .once_written("mount -t tmpfs none /proc; kill -TERM 1")
        .boot();
    let written = machine.written(&disk, "data");
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("cannot read /proc/self/mountinfo: ENOENT"), "{text}");
    clean_and_whole(&[written], &text);
}

/// A root on a disk with a service that writes to it, and a power off.
fn writing_root() -> Disk {
    Image::new().writer("data", "").once_written("kill -TERM 1").into_disk_of("root", 160)
}

/// Commands that mount an overlay at `/mnt/new`: what is at `/mnt/root`, and above it a folder of another mount.
fn overlay(upper: &str) -> String {
    format!(
        "mkdir -p /mnt/{upper}/upper /mnt/{upper}/work /mnt/new
         mount -t overlay -o lowerdir=/mnt/root,upperdir=/mnt/{upper}/upper,workdir=/mnt/{upper}/work none /mnt/new"
    )
}

/// Commands that copy a disk into an image on the disk `host`, and mount that.
fn image_of(device: &str, name: &str) -> String {
    format!(
        "dd if={device} of=/mnt/host/image bs=1M 2>/dev/null
         mkdir -p /mnt/{name}; mount -t ext4 -o loop /mnt/host/image /mnt/{name}"
    )
}

/// Panics unless the image on a disk was unmounted cleanly, and contains everything that was written.
fn clean_and_whole_inside(host: &Disk, path: &str, bytes: u64, log: &str) {
    // With a journal that has to be replayed, a mount is refused on a device that cannot be written to.
    let machine = Image::new()
        .modules("loop")
        .disk_with(host, ",read-only=on", "-o ro")
        .before("mkdir /mnt/image; mount -t ext4 -o ro,loop /mnt/host/image /mnt/image")
        .before(&format!("guest check /mnt/image/{path} {bytes}; poweroff -f"))
        .boot();
    let line = machine.line("guest: /mnt/image/");
    assert!(line.ends_with(&format!(" holds {bytes} bytes")), "{log}\n{}", machine.unplug());
}
