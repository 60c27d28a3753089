//! A watchdog: the card that QEMU emulates where the kernel has a driver for it, else the kernel's timer.

use crate::common::board;
use crate::common::board::Watchdog;
use crate::common::vm::{FREEZE, Image};

#[test]
fn a_watchdog_is_pinged_in_operation_and_disabled_by_a_power_off() {
    // Long enough that a busy computer, which delays the whole machine, does not make it expire.
    let machine = Image::new().watchdog(4).driver("sleep 9; say well; zinit poweroff").boot();
    machine.line("/dev/watchdog is armed, 4 s");
    machine.line("driver: well");
    let text = machine.ends("reboot: Power down");
    assert!(!text.contains("did not stop"), "the magic letter was there: {text}");
    assert!(!text.contains(TIMER), "{text}");
}

#[test]
fn a_watchdog_restarts_a_machine_whose_pid_1_is_stuck() {
    let machine = Image::new().watchdog(2).driver(FREEZE).boot();
    machine.line("driver: freezing");
    let text = machine.ends_silently();
    // The card needs no kernel to reset the machine.
    assert_eq!(text.contains(TIMER), board().watchdog == Watchdog::Timer, "{text}");
    assert!(!text.contains("reboot: "), "{text}");
}

/// The last line of the kernel's timer.
const TIMER: &str = "softdog: Initiating system reboot";
