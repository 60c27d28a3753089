//! The inputs of a machine's last tasks: files of `/proc` read backwards, paths, progress, deadlines.

use proptest::prelude::*;
use zinit_pid1::init::Init;
use zinit_pid1::model::action::{Action, Actions};
use zinit_pid1::model::event::{Ending, Event, Request};
use zinit_pid1::model::limits::{PATH, PROC_BUFFER, PROGRESS_TIMEOUT, STOP_TIMEOUT_S};
use zinit_pid1::model::policy::{Orphans, Policy};
use zinit_pid1::model::process::{Errno, Pid, Role};
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::model::task::Task;
use zinit_pid1::model::time::Instant;
use zinit_pid1::parse::lines;
use zinit_pid1::parse::meminfo::{Progress, unwritten};
use zinit_pid1::parse::mountinfo::{self, Path};

/// Reads `file` backwards with a buffer of `size` bytes and in pieces of `piece` bytes; `show` may change the file.
fn backwards(file: &mut String, size: usize, piece: usize, show: &mut dyn FnMut(&mut String, &[u8])) {
    let mut buf = vec![b'~'; size];
    let file = std::cell::RefCell::new(file);
    let mut reads = 0;
    let mut read = |at: usize, free: &mut [u8]| {
        let file = file.borrow();
        reads += 1;
        assert!(reads < 1_000_000, "it reads for ever");
        let rest = file.as_bytes().get(at..).unwrap_or(&[]);
        let count = rest.len().min(free.len()).min(piece);
        free[..count].copy_from_slice(&rest[..count]);
        count
    };
    lines::backwards(&mut buf, &mut read, &mut |line| show(*file.borrow_mut(), line));
}

fn shown(text: &str, size: usize, piece: usize) -> Vec<String> {
    let mut lines = vec![];
    backwards(&mut text.to_owned(), size, piece, &mut |_, line| {
        lines.push(String::from_utf8(line.to_vec()).expect("it was text"));
    });
    lines
}

#[test]
fn lines_come_from_the_last_to_the_first() {
    let lines = |text: &str, size| shown(text, size, 7);
    for size in [5, 6, 7, 8, 16, 100] {
        assert!(lines("", size).is_empty());
        assert_eq!(lines("\n", size), [""]);
        assert_eq!(lines("a\n", size), ["a"]);
        assert_eq!(lines("a\nbc\n\nd\n", size), ["d", "", "bc", "a"]);
        assert_eq!(lines("one\ntwo\nsix\nten\n", size), ["ten", "six", "two", "one"]);
        // A file whose last line has no newline is being changed: that line is read another time.
        assert_eq!(lines("one\ntwo", size), ["one"]);
    }
}

#[test]
fn a_line_that_does_not_fit_is_shown_in_pieces_and_hides_no_other_line() {
    let long = "x".repeat(50);
    for size in 4..50 {
        let lines = shown(&format!("a\n{long}\nbc\n"), size, 1_000);
        assert_eq!((lines[0].as_str(), lines[lines.len() - 1].as_str()), ("bc", "a"), "{size}");
        let pieces = &lines[1..lines.len() - 1];
        assert!(!pieces.is_empty() && pieces.iter().all(|piece| piece.contains('x')), "{size}: {lines:?}");
    }
}

/// The kernel keeps the place where the last read of `mountinfo` has ended; for any other one it begins again with the
/// first mount.
#[test]
fn the_kernel_lists_all_mounts_three_times_at_most() {
    for mounts in [50, 8_000, 60_000, 100_000] {
        let file: String = (0..mounts).map(|at| format!("{at:067}\n")).collect();
        let (mut place, mut listed, mut lines) = (0, 0, 0);
        let mut read = |at: usize, free: &mut [u8]| {
            let rest = file.as_bytes().get(at..).unwrap_or(&[]);
            let count = rest.len().min(free.len()).min(4_096);
            free[..count].copy_from_slice(&rest[..count]);
            listed += if at == place { count } else { at + count };
            place = at + count;
            count
        };
        lines::backwards(&mut vec![0; PROC_BUFFER], &mut read, &mut |_| lines += 1);
        assert_eq!(lines, mounts);
        assert!(listed <= 3 * file.len(), "{mounts} mounts: {listed} of {} bytes", file.len());
    }
}

proptest! {
    #[test]
    fn every_line_is_shown_once_for_any_buffer_and_any_pieces(
        lines in prop::collection::vec("[a-z]{0,12}", 0..60), size in 14_usize..200, piece in 1_usize..200,
    ) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let expected: Vec<String> = lines.into_iter().rev().collect();
        prop_assert_eq!(shown(&text, size, piece), expected);
    }

    #[test]
    fn a_line_that_vanishes_when_it_is_shown_hides_no_other_line(
        keep in prop::collection::vec(any::<bool>(), 0..60), size in 4_usize..200, piece in 1_usize..200,
    ) {
        let name = |at: usize| format!("{at}");
        let mut file: String = (0..keep.len()).map(|at| format!("{}\n", name(at))).collect();
        let mut seen = vec![];
        backwards(&mut file, size, piece, &mut |file, line| {
            let at: usize = std::str::from_utf8(line).expect("text").parse().expect("a number");
            seen.push(at);
            if !keep[at] {
                let lines = file.lines().filter(|line| *line != name(at));
                *file = lines.map(|line| format!("{line}\n")).collect();
            }
        });
        let expected: Vec<usize> = (0..keep.len()).rev().collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn no_content_of_a_file_makes_the_reader_hang(text in "[a\n]{0,300}", size in 1_usize..64, piece in 1_usize..64) {
        shown(&text, size, piece);
    }

    #[test]
    fn a_path_that_the_kernel_escaped_is_decoded(path in prop::collection::vec(1_u8.., 0..200)) {
        let mut spelt = b"/".to_vec();
        for byte in &path {
            match byte {
                b' ' | b'\t' | b'\n' | b'\\' => spelt.extend(format!("\\{byte:03o}").bytes()),
                byte => spelt.push(*byte),
            }
        }
        let mut found = Path::new();
        prop_assert!(mountinfo::unescape(&spelt, &mut found));
        prop_assert_eq!(found.as_slice(), [b"/", path.as_slice(), b"\0"].concat());
    }

    #[test]
    fn no_bytes_break_the_parsers(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut path = Path::new();
        mountinfo::unescape(mountinfo::mount_point(&bytes), &mut path);
        let _any = mountinfo::is_tmpfs(&bytes);
        mountinfo::unescape(mountinfo::swap(&bytes), &mut path);
        let _any = unwritten(&bytes);
    }
}

#[test]
fn the_buffer_holds_the_longest_line_with_paths_that_can_be_unmounted() {
    // Root, mount point and source, each byte of them escaped, and a page of options.
    const { assert!(PROC_BUFFER > (3 * 4 + 1) * PATH) };
}

#[test]
fn a_line_of_mountinfo_has_a_path_and_a_kind() {
    let cases = [
        ("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue", "/mnt2", false),
        ("1 1 0:2 / / rw - rootfs rootfs rw", "/", false),
        ("23 1 0:5 / /dev rw,nosuid - devtmpfs devtmpfs rw", "/dev", false),
        ("24 1 0:21 / /run rw shared:3 propagate_from:2 unbindable - tmpfs - rw", "/run", true),
        (
            r"40 24 0:3 /a\040b /mnt/x\012\134y\040-\040tmpfs rw - fuse.sshfs a:/ - rw",
            r"/mnt/x\012\134y\040-\040tmpfs",
            false,
        ),
        ("41 24 0:4 net:[4026531833] /run/netns/a rw - nsfs nsfs rw", "/run/netns/a", false),
    ];
    for (line, point, in_memory) in cases {
        assert_eq!(mountinfo::mount_point(line.as_bytes()), point.as_bytes(), "{line}");
        assert_eq!(mountinfo::is_tmpfs(line.as_bytes()), in_memory, "{line}");
    }
    for line in ["", "36", "36 35 98:0 /mnt1", "    "] {
        assert_eq!(mountinfo::mount_point(line.as_bytes()), b"", "{line}");
    }
}

#[test]
fn a_path_is_absolute_and_as_long_as_a_system_call_takes() {
    let mut path = Path::new();
    for (spelt, expected) in [
        (&br"/"[..], &b"/\0"[..]),
        (br"/a\040b\011c\012d\134e", b"/a b\tc\nd\\e\0"),
        (br"/mnt/\303\244", b"/mnt/\xc3\xa4\0"),
        // The kernel does not cut an escape, but a cut escape must not break the parser.
        (br"/x\04", b"/x\x04\0"),
    ] {
        assert!(mountinfo::unescape(spelt, &mut path));
        assert_eq!(path.as_slice(), expected);
    }
    for spelt in [&b""[..], b"a", b"Filename", b"net:[4026531833]"] {
        assert!(!mountinfo::unescape(spelt, &mut path), "{spelt:?}");
    }
    let long = |length| [b"/".to_vec(), vec![b'x'; length - 1]].concat();
    assert!(mountinfo::unescape(&long(PATH - 1), &mut path));
    assert_eq!((path.len(), path.last()), (PATH, Some(&0)));
    assert!(!mountinfo::unescape(&long(PATH), &mut path));
    let escaped = [b"/".to_vec(), br"\040".repeat(PATH - 2)].concat();
    assert!(mountinfo::unescape(&escaped, &mut path));
    assert_eq!(path.len(), PATH);
}

#[test]
fn a_line_of_swaps_begins_with_a_path_and_its_headline_does_not() {
    let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                /dev/vda2                               partition\t1048572\t\t0\t\t-2\n\
                /var/swap\\040file                       file\t\t524284\t\t12\t\t-3\n";
    let swaps: Vec<&[u8]> = text.lines().map(|line| mountinfo::swap(line.as_bytes())).collect();
    assert_eq!(swaps[1..], [&b"/dev/vda2"[..], b"/var/swap\\040file"]);
    assert!(swaps[0].starts_with(b"Filename"));
}

#[test]
fn what_is_left_to_write_is_dirty_and_writeback() {
    let meminfo = "MemTotal:       24689764 kB\nMemFree:         1000000 kB\nSwapFree:              0 kB\n\
                   Dirty:               204 kB\nWriteback:          1300 kB\nAnonPages:        111111 kB\n\
                   WritebackTmp:         17 kB\nDirectMap1G:     7340032 kB\n";
    let known: Vec<u32> = meminfo.lines().filter_map(|line| unwritten(line.as_bytes())).collect();
    assert_eq!(known, [204, 1_300]);
    assert_eq!(unwritten(b"Dirty: 4294967295 kB"), Some(u32::MAX));
    for line in ["", "Dirty", "WritebackTmp: 5 kB", "Dirty: many kB", "Dirty: 4294967296 kB"] {
        assert_eq!(unwritten(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn a_slow_disk_is_waited_for_and_a_dead_one_is_not() {
    let begin = Instant(7_000);
    // 200 MiB at 2 MiB/s, checked once a second: a slow disk is waited for.
    let mut slow = Progress::begin(begin);
    assert!((0..=100).all(|second| slow.goes_on(Some(204_800 - second * 2_048), begin + second * 1_000)));
    // Then no progress: the timeout begins with the last progress.
    let last = begin + 100_000;
    assert!(slow.goes_on(Some(0), last + (PROGRESS_TIMEOUT - 1)));
    assert!(!slow.goes_on(Some(0), last + PROGRESS_TIMEOUT));
    // Pages that are written and dirtied again are no progress, and neither is an amount that grows.
    let mut dead = Progress::begin(begin);
    let amounts = [500, 700, 500, 600, 500];
    assert!((0..45).all(|second| dead.goes_on(Some(amounts[second as usize % 5]), begin + second * 1_000)));
    assert!(!dead.goes_on(Some(500), begin + 45_000));
    // Any decrease counts as progress.
    assert!(dead.goes_on(Some(499), begin + 45_000));
    // Without /proc the amount is unknown, and only the deadline of the whole task is left.
    let mut blind = Progress::begin(begin);
    assert!(blind.goes_on(None, begin + 10_000_000));
}

/// The worst-case times from the request to the first `reboot`, and to the dead end, s: the README states them.
const TO_REBOOT: u32 = 1_010;
const TO_DEAD_END: u32 = TO_REBOOT + 3 * 30;

#[test]
fn the_worst_case_is_the_sum_that_the_readme_states() {
    let pid = |raw| Pid::new(raw).expect("a child's");
    // Every phase runs to its deadline; if each fork fails, the time is shorter.
    for forks in [true, false] {
        let mut actions = Actions::default();
        let policy = Policy {
            role: Role::Machine,
            stop_timeout: STOP_TIMEOUT_S * 1_000,
            poweroff: Ending::Poweroff,
            give_up: 0,
            orphans: Orphans::Stop,
        };
        let mut init = Init::boot(policy, &ReexecState::first(), Instant(1));
        init.handle(Event::Timeout, Instant(0), &mut actions);
        let begin = Instant(5_000);
        let mut _started = Actions::default();
        init.handle(Event::Spawned(pid(2)), begin, &mut _started);
        let mut now = begin;
        let mut event = Event::Requested(Request::End(Ending::Poweroff));
        let (mut next_pid, mut tasks) = (3, vec![]);
        let mut steps = 0;
        while !matches!(tasks.last(), Some((Task::SysRqPoweroff, _))) {
            let mut actions = Actions::default();
            init.handle(event, now, &mut actions);
            steps += 1;
            assert!(steps < 300, "it does not end: {init:?}");
            let forked = actions
                .as_slice()
                .iter()
                .find(|action| matches!(action, Action::Rpc(_) | Action::RunTask(_)));
            if let Some(Action::RunTask(task)) = forked {
                tasks.push((*task, begin.until(now) / 1_000));
            }
            event = match forked {
                Some(_) if forks => Event::Spawned(pid(next_pid)),
                Some(_) => Event::SpawnFailed(Errno(11)),
                None => Event::Timeout,
            };
            next_pid += 1;
            if forked.is_none() {
                now = init.deadline().expect("each stage has a deadline").max(now);
            }
        }
        // A fork that fails is tried again.
        tasks.dedup_by_key(|(task, _)| *task);
        let times: Vec<u32> = tasks.iter().map(|(_, time)| *time).collect();
        if forks {
            let end = [TO_REBOOT, TO_REBOOT + 30, TO_REBOOT + 60];
            assert_eq!(times, [&[30, 35, 40, 340, 400, 700, 710][..], &end].concat(), "{tasks:?}");
        } else {
            assert_eq!(times, [30, 35, 40, 50, 50, 50], "{tasks:?}");
        }
        assert_eq!(tasks[if forks { 7 } else { 3 }].0, Task::Poweroff);
    }
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("at most {TO_REBOOT} s")), "the README states it");
    assert!(readme.contains(&format!("{TO_DEAD_END} s")), "and when nothing is left to try");
}
