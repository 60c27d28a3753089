//! A Debian system on a disk with zinit's own boot set, under several kernels.
//!
//! The set is `etc/zinit` of the crate's source; [`DIFFERENCES`] are what it has to be told about this system.

use std::fs;

use crate::common::brought;
use crate::common::disk::{Disk, Kind, clean};
use crate::common::vm::Image;

#[test]
fn a_debian_system_runs_and_ends_clean_on_linux_5_10() {
    system(image().kernel_of("bullseye"), "Linux version 5.10.");
}

#[test]
fn a_debian_system_runs_and_ends_clean_on_linux_6_1() {
    system(image(), "Linux version 6.1.");
}

#[test]
fn a_debian_system_runs_and_ends_clean_on_linux_6_12() {
    system(image().kernel_of("trixie"), "Linux version 6.12.");
}

#[test]
fn a_debian_system_runs_and_ends_clean_on_the_newest_kernel_of_debian() {
    system(image().kernel_of("testing"), "Linux version ");
}

/// Boots the system, restarts its server, and powers off.
fn system(image: Image, kernel: &str) {
    let root = Disk::copied(Kind::Ext4, "root", &brought("target/vm/system/root.ext4"));
    let machine = image.disk(&root).before(INSTALL).hands_over_to(&root.name).boot();
    println!("{}", machine.line(kernel));
    machine.line("driver: services were ");
    let text = machine.ends("reboot: Power down");
    assert!(text.contains("driver: redis answers PONG"), "{text}");
    assert!(text.contains("driver: nginx answers HTTP/1.1 200 OK"), "{text}");
    let services = |when: &str| {
        let (_, line) =
            text.split_once(&format!("driver: services {when} ")).unwrap_or_else(|| panic!("{text}"));
        line.lines().next().unwrap_or_default().trim()
    };
    for name in PROGRAMS {
        assert!(services("were").split(' ').any(|word| word == name), "no {name} in:\n{text}");
    }
    assert_eq!(services("were"), services("are"), "{text}");
    for sign in ["CRITICAL FAILURE", "scheduling restart", "missing required dependency", "processes left"] {
        assert!(!text.contains(sign), "{sign} in:\n{text}");
    }
    clean(&[&root], &text);
}

/// An image with the boot set, two services that listen on 127.0.0.1, and the driver.
fn image() -> Image {
    let set = brought("target/zinit/etc");
    let mut image = Image::new().memory(512).copy(set.join("scripts"), "etc/zinit/scripts");
    let mut differences = DIFFERENCES.to_vec();
    for file in fs::read_dir(set.join("system")).expect("the boot set") {
        let path = file.expect("a file").path();
        let mut text = fs::read_to_string(&path).expect("a service");
        let file = path.file_name().and_then(|name| name.to_str()).expect("a name");
        differences.retain(|(name, theirs, ours)| {
            let here = file == format!("{name}.toml") && text.contains(theirs);
            if here {
                text = text.replace(theirs, ours);
            }
            !here
        });
        image = image.file(&format!("etc/zinit/system/{file}"), &text);
    }
    assert!(differences.is_empty(), "not in zinit's boot set: {differences:?}");
    for (name, command) in SERVICES {
        let service = format!(
            "[service]\nname = \"{name}\"\nexec = \"{command}\"\n[dependencies]\nrequires = [\"network\"]\n\
             [lifecycle]\nrestart = \"always\"\n"
        );
        image = image.file(&format!("etc/zinit/services/{name}.toml"), &service);
    }
    image.driver(&format!("programs={}\n{DRIVER}", PROGRAMS.join(",")))
}

/// The name of a service of the set, a part of its file, and what has to stand there on this system.
const DIFFERENCES: [(&str, &str, &str); 4] = [
    // The file says that it is to be edited; modules need no file system of their own here.
    ("fuse-mounts", "/usr/local/bin/my-fs --myflist <flist-url> /lib/modules", "/bin/true"),
    ("sshd", "/usr/sbin/sshd", "mkdir -p /run/sshd && /usr/sbin/sshd"),
    // The set has no service udev-trigger: this is what triggers.
    ("sysvol", "udev-trigger", "udevd-reload"),
    // Another udevd becomes a daemon, and the server would start it again and again.
    ("udevd", "/sbin/udevd --daemon", "/lib/systemd/systemd-udevd"),
];

const SERVICES: [(&str, &str); 2] = [
    ("nginx", "/usr/sbin/nginx -g 'daemon off;'"),
    ("redis", "/usr/bin/redis-server /etc/redis/redis.conf --daemonize no --pidfile ''"),
];

/// The programs of all services that do not end by themselves.
const PROGRAMS: [&str; 7] =
    ["systemd-udevd", "dhcpcd", "sshd", "chronyd", "haveged", "redis-server", "nginx"];

/// Copies what is not Debian's to the root.
const INSTALL: &str = "cp -a /etc/zinit /mnt/root/etc/; cp /bin/zinit /bin/driver /mnt/root/usr/bin/
    cp /sbin/zinit-pid1 /sbin/zinit-pid1ctl /sbin/zinit-server /mnt/root/usr/sbin/";

const DRIVER: &str = r#"
    # Whole lines: what is written to the console mixes with them.
    say() { echo "driver: $*" >/dev/kmsg; }
    count() { echo "$list" | grep -c "$1"; }
    # Eight processes, the driver among them, four targets and a builtin; seven programs have ended. Not asked more
    # often, because the client alone keeps this processor busy.
    up() {
        until list=$(zinit list) && [ $(count '(pid: ') = 8 ] && [ $(count 'Running$') = 5 ] && [ $(count Exited) = 7 ]
        do sleep 0.5; done
    }
    # The first process of each program.
    services() { ps -C $programs -o pid=,comm= --sort pid | awk '!seen[$2]++ { print $1, $2 }'; }
    answer() {
        name=$1; shift
        while :; do said=$("$@" 2>&1); case $said in *refused*) sleep 0.1 ;; *) break ;; esac; done
        say $name answers $said
    }
    up
    answer redis redis-cli ping
    answer nginx bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf "HEAD / HTTP/1.0\r\n\r\n" >&3; head -n 1 <&3'
    say services were $(services)
    old=$(pidof zinit-server); kill -USR1 1
    while [ -e /proc/$old ]; do sleep 0.1; done
    up
    say services are $(services)
    zinit poweroff"#;
