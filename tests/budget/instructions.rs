//! The cost of starting the server, in instructions of a virtual machine that counts them: a benchmark against
//! BusyBox's init in the same machine, with the same mounts and the same server.
//!
//! QEMU's virtual clock advances by a nanosecond with each instruction of the machine, so the kernel's clock is an
//! instruction counter, with the same result on each computer and under each load.

use crate::common::vm::Image;

/// The early mounts of PID 1.
const MOUNTS: [[&str; 3]; 8] = [
    ["proc", "/proc", "nosuid,nodev,noexec"],
    ["sysfs", "/sys", "nosuid,nodev,noexec"],
    ["devtmpfs", "/dev", "nosuid,mode=755"],
    ["tmpfs", "/run", "nosuid,nodev,mode=755"],
    ["tmpfs", "/tmp", "nosuid,nodev"],
    ["devpts", "/dev/pts", "nosuid,noexec,gid=5,mode=620"],
    ["tmpfs", "/dev/shm", "nosuid,nodev"],
    ["cgroup2", "/sys/fs/cgroup", "nosuid,nodev,noexec"],
];

#[test]
fn with_all_mounts_in_place_the_server_starts_not_much_later_than_below_busybox() {
    let mounted = |init: &str| {
        let mounts = MOUNTS.map(|[kind, point, flags]| {
            format!("mkdir -p {point}; mountpoint -q {point} || mount -t {kind} -o {flags} {kind} {point}\n")
        });
        let before = format!("{}echo guest: begin >/dev/kmsg\nexec {init}\n", mounts.concat());
        image("::respawn:/sbin/zinit-server\n").before(&before)
    };
    compare("mounted before", &|| mounted("/sbin/zinit-pid1"), &|| mounted("/bin/init"));
}

#[test]
fn with_mounts_of_its_own_the_server_starts_earlier_than_below_busybox() {
    let mut inittab = String::new();
    for [kind, point, flags] in MOUNTS {
        inittab += &format!(
            "::sysinit:/bin/mkdir -p {point}\n::sysinit:/bin/mount -t {kind} -o {flags} {kind} {point}\n"
        );
    }
    inittab += "::respawn:/sbin/zinit-server\n";
    let ours = || image(&inittab);
    compare("own mounts", &ours, &|| ours().link("init", "bin/busybox"));
}

/// A machine whose server prints when it was started.
fn image(inittab: &str) -> Image {
    Image::new()
        .without_server()
        .counting_instructions()
        .copy(crate::common::guest(), "sbin/zinit-server")
        .file("etc/inittab", inittab)
}

/// Panics if our init takes more than 1.4 times the instructions of BusyBox. Runs differ by a few thousandths.
///
/// A quarter is for what BusyBox does not do: another program sets the host name, brings lo up and makes links in
/// `/dev`, and PID 1 locks its memory.
fn compare(what: &str, ours: &dyn Fn() -> Image, theirs: &dyn Fn() -> Image) {
    let [ours, theirs] = [ours, theirs].map(|image| thousands(image()));
    let ratio = f64::from(ours) / f64::from(theirs);
    println!("{what}: {ours} thousand instructions, {ratio:.2} times the {theirs} of BusyBox's init");
    assert!(ratio <= 1.4, "{ratio}");
}

/// The instructions from the kernel's start of PID 1 to the server's first ones.
fn thousands(image: Image) -> u32 {
    let machine = image.boot();
    let line = machine.line("guest: started after ");
    line.split(' ')
        .nth(3)
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no number: {line}"))
}
