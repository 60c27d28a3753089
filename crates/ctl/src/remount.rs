//! Makes read-only what is still writable after the unmount of a machine: file systems that no path leads to, or that
//! something keeps busy.
//!
//! SysRq `u` has the kernel do this, whatever keeps them busy. Most kernels begin with the file system that was mounted
//! first. One that lies in a file on that disk could not be written to any more, and would stay dirty: so those on loop
//! devices are made read-only before.

use core::cell::Cell;
use core::ffi::CStr;
use core::fmt::{self, Write};

use rt::{raw, signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change, mount_remount};
use zinit_pid1::model::time::Millis;
use zinit_pid1::model::{decimal, table};
use zinit_pid1::parse::lines::{self, Show};

use crate::refusal::errno_name;
use crate::{process, report, sys};

/// Makes all file systems on block devices read-only, and names those that stay writable; returns the exit status.
// Its frame holds the devices; in that of `main` they would be resident in each helper that lives long.
#[inline(never)]
pub fn remount() -> u8 {
    signal::block_all();
    show_proc();
    let Some(machine) = Machine::detect() else {
        report(format_args!("only PID 1 of a machine may ask for a remount"));
        return 1;
    };
    machine.each_by_itself(true, LOOPS_TIMEOUT);
    match machine.emergency_remount() {
        Ok(true) => return 0,
        Ok(false) => report(format_args!("emergency remount is not done in {KERNEL_TIMEOUT} ms")),
        Err(errno) => report(format_args!("no emergency remount: {}", errno_name(errno))),
    }
    machine.each_by_itself(false, DEVICES_TIMEOUT);
    0
}

/// Mounts `/proc` where only this process sees it: another mount may hide it.
fn show_proc() {
    if sys::unshare_mounts().is_ok()
        && mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).is_ok()
    {
        let _there_already = mount(c"proc", c"/proc", c"proc", MountFlags::empty(), c"");
    }
}

/// The right to make file systems of the machine read-only.
struct Machine(());

impl Machine {
    /// The right, if the parent is PID 1 of a machine: it starts this helper only when no other process is left.
    fn detect() -> Option<Self> {
        (process::parent() == 1 && process::is_of_machine() == Some(true)).then_some(Self(()))
    }

    /// Has the kernel make all file systems read-only; true if it says within its time that this is done.
    fn emergency_remount(&self) -> rustix::io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let log = rustix::fs::open(c"/dev/kmsg", flags, Mode::empty());
        if let Ok(log) = &log {
            // The kernel may have said it before.
            rustix::fs::seek(log, SeekFrom::End(0))?;
        }
        raw::write_file(c"/proc/sysrq-trigger", b"u").map_err(Errno::from_raw_os_error)?;
        let end = sys::now() + KERNEL_TIMEOUT;
        while sys::now() < end {
            match &log {
                Ok(log) if says_complete(log, sys::now().until(end)) => return Ok(true),
                Ok(_) => {}
                Err(_) => drop(signal::wait(Some(sys::now().until(end)))),
            }
        }
        Ok(false)
    }

    /// Makes the file system on each device read-only, in a process of its own because a disk can hang: those on loop
    /// devices that no path leads to, or all of them, and then it names what stays writable.
    fn each_by_itself(&self, only_loops: bool, timeout: Millis) {
        let mut devices = devices(only_loops);
        for device in &mut devices {
            device.child = match raw::fork(&Cell::new(0)) {
                0 => raw::exit(self.make_read_only(device).into()),
                child => child,
            };
        }
        let end = sys::now() + timeout;
        while devices.iter().any(|device| device.child > 0) {
            let (child, status) = raw::wait();
            if child > 0 {
                for device in devices.iter_mut().filter(|device| device.child == child) {
                    device.child = 0;
                    device.writable = status != 0;
                }
            } else if sys::now() < end {
                let _child = signal::wait(Some(sys::now().until(end)));
            } else {
                break;
            }
        }
        for device in devices.iter().filter(|_| !only_loops) {
            if device.child != 0 {
                report(format_args!("{device} does not answer, its file system may need a check"));
            } else if device.writable {
                report(format_args!("{device} stays writable, its file system may need a check"));
            }
        }
    }

    /// Makes the file system on a device read-only; true if it is one that stays writable.
    fn make_read_only(&self, device: &Device) -> bool {
        let flags = OFlags::RDONLY | OFlags::EXCL | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(device.path(), flags, Mode::empty());
        if opened.err() != Some(Errno::BUSY) {
            // No file system and nothing else in the kernel holds it.
            return false;
        }
        let _own_mounts = sys::unshare_mounts();
        let mut writable = None;
        read_backwards(c"/proc/filesystems", &mut |line| {
            let mut kind = heapless::Vec::<u8, 64>::new();
            if writable.is_none()
                && let Some(name) = line.strip_prefix(b"\t")
                && kind.extend_from_slice(name).is_ok()
                && kind.push(0).is_ok()
                && let Ok(kind) = CStr::from_bytes_with_nul(&kind)
                // This is a further mount of a writable file system. It fails for any other kind, for one that is
                // read-only, and for whatever else holds the device.
                && mount(device.path(), c"/proc", kind, MountFlags::empty(), c"").is_ok()
            {
                writable = Some(mount_remount(c"/proc", MountFlags::RDONLY, c"").is_err());
            }
        });
        writable.unwrap_or(false)
    }
}

/// A block device.
#[derive(Default)]
struct Device {
    /// Its path, with a NUL.
    path: heapless::String<40>,
    /// Its major and minor number, as in `mountinfo`.
    number: heapless::String<24>,
    /// The process that looks at it; 0 once that has exited, and negative if it could not be forked.
    child: i32,
    /// It holds a file system that could not be made read-only.
    writable: bool,
}

impl Device {
    fn path(&self) -> &CStr {
        CStr::from_bytes_with_nul(self.path.as_bytes()).unwrap_or(c"")
    }
}

impl fmt::Display for Device {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().to_bytes().escape_ascii().fmt(to)
    }
}

/// All block devices, or only the loop devices without a visible mount: PID 1 has made what it sees read-only.
fn devices(only_loops: bool) -> heapless::Vec<Device, DEVICES> {
    let mut devices = heapless::Vec::<Device, DEVICES>::new();
    read_backwards(c"/proc/partitions", &mut |line| {
        let [major, minor, _blocks, name] = [0, 1, 2, 3].map(|index| table::field(line, index));
        let [Some(major), Some(minor)] = [major, minor].map(decimal::parse) else { return };
        if let Ok(name) = str::from_utf8(name)
            && !name.is_empty()
            && (!only_loops || major == LOOP)
        {
            let mut device = Device::default();
            let _fits = write!(device.number, "{major}:{minor}");
            // The kernel writes `!` for a slash in a name.
            let mut parts = name.split('!');
            let start = parts.next().unwrap_or_default();
            let path = write!(device.path, "/dev/{start}");
            let path = parts.fold(path, |path, part| path.and_then(|()| write!(device.path, "/{part}")));
            if path.is_ok() && device.path.push('\0').is_ok() {
                let _further_ones_are_left = devices.push(device);
            }
        }
    });
    if only_loops {
        read_backwards(c"/proc/self/mountinfo", &mut |line| {
            devices.retain(|device| device.number.as_bytes() != table::field(line, 2));
        });
    }
    devices
}

/// Reads the next record of the kernel's log, or waits for one; true if it tells of the end of an emergency remount.
fn says_complete(log: &OwnedFd, timeout: Millis) -> bool {
    // A record that does not fit is skipped by the kernel.
    let mut record = [0; 256];
    match rustix::io::read(log, &mut record[..]) {
        Ok(length) => record[..length].ends_with(b";Emergency Remount complete\n"),
        Err(Errno::AGAIN) => {
            let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(timeout.min(999)) * 1_000_000 };
            let _more = poll(&mut [PollFd::new(log, PollFlags::IN)], Some(&timeout));
            false
        }
        Err(_) => false,
    }
}

/// Calls `show` with each line of a file, from the last to the first.
fn read_backwards(path: &CStr, show: &mut Show<'_>) {
    let Ok(file) = raw::open(path, libc::O_RDONLY) else { return };
    let mut buf = [0; 16_384];
    let mut read = |at, free: &mut [u8]| raw::read_at(&file, at, free).map_or(0, |count| count as usize);
    lines::backwards(&mut buf, &mut read, show);
}

/// The major number of loop devices, admin-guide/devices in the kernel's documentation.
const LOOP: u32 = 7;

/// Block devices that are looked at.
const DEVICES: usize = 64;

/// Time for file systems on loop devices, ms; together with the following two it is less than PID 1's `REMOUNT_TIMEOUT`.
const LOOPS_TIMEOUT: Millis = 2_000;

/// Time that the kernel gets for the emergency remount, ms.
const KERNEL_TIMEOUT: Millis = 4_000;

/// Time for what the kernel has not done by then, ms.
const DEVICES_TIMEOUT: Millis = 3_000;
