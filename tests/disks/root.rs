//! The disk that PID 1's own program lies on is pulled out, or hangs, after the kernel has dropped everything from memory
//! that is not locked: PID 1 still obeys, and its helpers, which run from the same pages, end the machine.

use crate::common::disk::{Disk, Kind};
use crate::common::vm::{Image, Machine, seconds};

#[test]
fn a_machine_whose_root_and_swap_were_pulled_out_obeys_ctrl_alt_del() {
    let root = root();
    let swap = Disk::made(Kind::Blank, "swap", 64, &[]);
    // The disk of the root is the first one.
    let image = image(&root).drive(&swap, "").before("mkswap /dev/vdb; swapon /dev/vdb");
    let machine = boot(image.before("echo 200 >/proc/sys/vm/swappiness"), &root);
    pull_out(&machine, "root", "/sys/block/vda");
    pull_out(&machine, "swap", "/sys/block/vdb");
    machine.monitor("sendkey ctrl-alt-delete");
    let text = machine.ends_within("reboot: Restarting system", LIMIT);
    ends_in(&text, "reboot begins", "reboot: Restarting system", PULLED);
}

#[test]
fn a_server_whose_root_was_pulled_out_is_tried_again_and_again() {
    let root = root();
    // The service that sends TERM lives on.
    let machine = boot(image(&root).append("ZINIT_ORPHANS=keep"), &root);
    pull_out(&machine, "root", "/sys/block/vda");
    kill_server(&machine);
    machine.line("respawn in 2000 ms");
    machine.line("respawn in 4000 ms");
    machine.types(b"kill 15 1\n");
    let text = machine.ends_within("reboot: Power down", LIMIT);
    ends_in(&text, "power off begins", "reboot: Power down", PULLED);
}

#[test]
fn a_machine_whose_root_hangs_survives_a_fault_of_pid_1_and_obeys_term() {
    let root = root();
    let machine = boot(image(&root), &root);
    hang(&machine);
    machine.types(b"kill 11 1\n");
    machine.line("the server goes on");
    machine.types(b"kill 15 1\n");
    let text = machine.ends_within("reboot: Power down", LIMIT);
    ends_in(&text, "power off begins", "reboot: Power down", HANGING);
}

#[test]
fn helpers_and_a_server_that_hang_in_their_exec_hold_up_nothing() {
    let root = root();
    let machine = boot(image(&root), &root);
    hang(&machine);
    kill_server(&machine);
    machine.line("end of orphans is not done in time, going on");
    // The first lines are those of the start and the end of the first server.
    machine.log.nth("zinit-pid1: server ", 3);
    machine.monitor("sendkey ctrl-alt-delete");
    let text = machine.ends_within("reboot: Restarting system", LIMIT);
    ends_in(&text, "reboot begins", "reboot: Restarting system", HANGING);
}

/// A root with the server and one service, which drops everything from memory that is not locked.
fn root() -> Disk {
    let service = "until zinit list; do sleep 0.1; done; say server $(pidof zinit-server)
        exec guest without-disk /sbin/zinit-pid1ctl </dev/console";
    Image::new().driver(service).into_disk("root")
}

fn image(root: &Disk) -> Image {
    Image::new().without_server().disk(root)
}

/// Boots, and waits until PID 1 has nothing in memory but what is locked.
fn boot(image: Image, root: &Disk) -> Machine {
    let machine = image.hands_over_to(&root.name).boot();
    println!("{}", machine.line("guest: PID 1 has "));
    machine
}

fn pull_out(machine: &Machine, name: &str, device: &str) {
    machine.monitor(&format!("device_del device-{name}"));
    machine.types(format!("await-gone {device}\n").as_bytes());
    machine.line(&format!("guest: done await-gone {device}"));
}

/// QEMU lets some requests pass, so these are others than those of PID 1.
fn hang(machine: &Machine) {
    machine.monitor("block_set_io_throttle root 1 0 0 0 0 0");
    machine.types(b"await-hang /dev/vda\n");
    machine.line("guest: done await-hang");
}

fn kill_server(machine: &Machine) {
    machine.types(format!("kill 9 {}\n", machine.number("server")).as_bytes());
    machine.line("killed by signal 9, respawn in 1000 ms");
}

/// Panics unless the end took less than `limit`.
fn ends_in(text: &str, begin: &str, end: &str, limit: f64) {
    let took = seconds(text, begin, end);
    println!("{begin}: {took:.1} s");
    assert!(took < limit, "{text}");
}

/// Everything that needs the disk fails at once, s.
const PULLED: f64 = 60.0;

/// The server's time of 30 s, TERM and KILL to all of 5 s each, and 45 s without progress for each of sync, the root and
/// the second sync, s.
const HANGING: f64 = 200.0;

/// The timeout for the end of the machine, s.
const LIMIT: u64 = 400;
