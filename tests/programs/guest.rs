//! The program that tests run inside of a machine; linked statically, because there is no libc.

#[allow(dead_code, reason = "the tests of PID 1 in namespaces use the rest")]
#[path = "../common/hold.rs"]
mod hold;
mod kernel;
mod orphans;
mod pressure;

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hold::Held;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Some inits start it by another name, a link.
    if std::env::args().next().is_some_and(|name| name.ends_with("zinit-server"))
        || std::env::current_exe().is_ok_and(|file| file.ends_with("zinit-server"))
    {
        tell_when_started();
    }
    match arguments.as_slice() {
        ["write", file, counter, options @ ..] => write(file, counter, options),
        ["fill", file, mebibytes] => fill(file, number(mebibytes) << 20),
        ["count", counter] => println!("{}", count(counter).load(Ordering::Relaxed)),
        ["check", file, bytes] => check(file, number(bytes)),
        ["mounts", number_of, folder, bound] => mounts(number(number_of), folder, bound),
        ["deep", folder] => deep(folder),
        // Acts as a candidate for an update that does not answer.
        ["--probe"] => loop {
            std::thread::park();
        },
        ["fault-after-fork", forks] => fault_after_fork(number(forks)),
        ["orphans", count] => orphans(number(count)),
        ["up-for", seconds, program] => kernel::up_for(seconds, program),
        ["without-calls", calls, program] => kernel::without_calls(calls, libc::ENOSYS, program),
        ["with-forbidden-calls", calls, program] => kernel::without_calls(calls, libc::EPERM, program),
        ["limit-memory", pid, bytes] => pressure::limit_memory(number(pid), bytes.parse().expect("a number")),
        ["without-disk", witness] => pressure::without_disk(witness),
        ["without-boot", program] => without_boot(program),
        ["with-zombie", program, words @ ..] => with_zombie(program, words),
        _ => {
            eprintln!("guest: not understood: {arguments:?}");
            exit(2)
        }
    }
}

/// Appends to a file until it is killed, and counts in another file the bytes for which write(2) returned.
///
/// The pace is some MiB/s: a disk must not be full before the end. `deaf` ignores TERM and HUP, `fsync` calls
/// fsync(2) from time to time.
fn write(path: &str, counter: &str, options: &[&str]) -> ! {
    if options.contains(&"deaf") {
        for signal in [libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: no handler is installed.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file to write");
    let count = count(counter);
    let (tag, begin) = (tag(path), Instant::now());
    loop {
        let offset = count.load(Ordering::Relaxed);
        file.write_all(&record(tag, offset)).expect("the disk takes it");
        let written = offset + RECORD;
        count.store(written, Ordering::Relaxed);
        if options.contains(&"fsync") && written.is_multiple_of(64 * RECORD) {
            file.sync_all().expect("the disk is written");
        }
        let due = Duration::from_micros(written / PACE);
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
    }
}

/// Writes as many bytes at once, as fast as it can.
fn fill(path: &str, bytes: u64) {
    let mut file = File::create(path).expect("a file to write");
    for offset in (0..bytes).step_by(RECORD as usize) {
        file.write_all(&record(tag(path), offset)).expect("the disk takes it");
    }
}

/// Checks that the first bytes of a file are those that were written there.
fn check(path: &str, bytes: u64) {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) => return println!("guest: {path} cannot be read: {error}"),
    };
    for offset in (0..bytes).step_by(RECORD as usize) {
        let mut found = [0; RECORD as usize];
        if let Err(error) = file.read_exact(&mut found) {
            return println!("guest: {path} is cut at {offset} of {bytes}: {error}");
        }
        if found != record(tag(path), offset) {
            return println!("guest: {path} is damaged at {offset} of {bytes}");
        }
    }
    println!("guest: {path} holds {bytes} bytes");
}

/// Mounts this many tmpfs and bind mounts of a folder, some of them at paths that have to be escaped.
fn mounts(count: u64, folder: &str, bound: &str) {
    const NAMES: [&str; 8] = [
        "plain",
        "two words",
        "new\nline",
        "back\\slash",
        "octal\\040",
        "tab\tstop",
        "#hash",
        "\u{1b}[2Jescape",
    ];
    for (index, name) in (0..count).zip(NAMES.iter().cycle()) {
        let path = format!("{folder}/{index} {name}");
        std::fs::create_dir(&path).expect("a folder to mount on");
        mount(if index % 3 == 0 { Some(bound) } else { None }, &path);
    }
}

/// Mounts a tmpfs at a path of 4,095 bytes, the longest one that a system call accepts, and one beside it at a path
/// that is longer by one byte.
fn deep(folder: &str) {
    std::env::set_current_dir(folder).expect("a folder");
    let mut left = 4095 - folder.len();
    while left > 250 {
        let name = "d".repeat(if left > 400 { 200 } else { 100 });
        std::fs::create_dir(&name).expect("a folder");
        std::env::set_current_dir(&name).expect("a folder");
        left -= 1 + name.len();
    }
    for length in [left - 1, left] {
        let name = "e".repeat(length);
        std::fs::create_dir(&name).expect("a folder to mount on");
        mount(None, &name);
    }
}

/// Mounts a folder once more, or else a new tmpfs.
fn mount(bound: Option<&str>, path: &str) {
    let [from, to, kind] =
        [bound.unwrap_or("none"), path, "tmpfs"].map(|text| CString::new(text).expect("no NUL"));
    let flags = if bound.is_some() { libc::MS_BIND } else { 0 };
    // SAFETY: three strings that end in NUL.
    let answer = unsafe { libc::mount(from.as_ptr(), to.as_ptr(), kind.as_ptr(), flags, std::ptr::null()) };
    assert_eq!(answer, 0, "{path}: {}", std::io::Error::last_os_error());
}

/// Makes so many orphans, lets them exit at the same moment, and waits until PID 1 has reaped them.
fn orphans(count: u64) {
    let children = || {
        let list = std::fs::read_to_string("/proc/1/task/1/children").expect("CONFIG_PROC_CHILDREN");
        list.split_whitespace().count()
    };
    let before = children();
    let orphans = orphans::Orphans::new(count as usize);
    let during = children();
    orphans.release();
    while children() != before {
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("guest: PID 1 had {} children more, and reaped them", during - before);
}

/// Sends PID 1 USR1, and lets a fault come before its first instruction after the last of so many forks.
fn fault_after_fork(forks: u64) {
    let mut held = Held::waiting(1);
    // SAFETY: kill(2) takes two numbers.
    let send = |signal| assert_eq!(unsafe { libc::kill(1, signal) }, 0);
    send(libc::SIGUSR1);
    for _ in 0..forks {
        while held.next().expect("it lives") != libc::SYS_clone {}
    }
    // Only now: the kernel forks no child for a process that has a pending signal.
    held.finish_call();
    send(libc::SIGSEGV);
}

/// Executes a program that, like all its children, may not call reboot(2).
fn without_boot(program: &str) -> ! {
    // SAFETY: prctl(2) takes numbers.
    let answer = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
    panic!("{}", Command::new(program).exec())
}

/// Executes a program that already has a child, which has exited and was not reaped.
#[expect(clippy::zombie_processes, reason = "that is what it is for")]
fn with_zombie(program: &str, words: &[&str]) -> ! {
    let child = Command::new("/bin/sh").args(["-c", "exit 3"]).spawn().expect("a shell");
    // SAFETY: it writes one structure; with WNOWAIT the child stays a zombie.
    let answer = unsafe {
        let mut info = std::mem::zeroed();
        libc::waitid(libc::P_PID, child.id(), &raw mut info, libc::WEXITED | libc::WNOWAIT)
    };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
    panic!("{}", Command::new(program).args(words).exec())
}

/// Prints how much of the kernel's time has passed since the last program before PID 1, µs, or since the kernel
/// started PID 1: acts as a server that is only started.
fn tell_when_started() -> ! {
    let mut log = OpenOptions::new();
    let mut log = log.read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").expect("a log");
    log.write_all(b"guest: started\n").expect("a line");
    let (mut begin, mut end) = (0, 0);
    let mut record = [0; 8192];
    while let Ok(length) = log.read(&mut record) {
        // Level, number, time, flags, and then the text.
        let line = String::from_utf8_lossy(&record[..length]);
        let time = number(line.split(',').nth(2).expect("a time"));
        if line.contains(";Run /init as") || line.contains(";guest: begin") {
            begin = time;
        } else if line.contains(";guest: started") {
            end = time;
        }
    }
    // Some inits give their services no standard output.
    let mut console = OpenOptions::new().write(true).open("/dev/console").expect("a console");
    writeln!(console, "guest: started after {} us", end - begin).expect("a line");
    loop {
        std::thread::park();
    }
}

/// A piece of a file: each word of it is different from all others in all files.
fn record(tag: u64, offset: u64) -> [u8; RECORD as usize] {
    let mut record = [0; RECORD as usize];
    for (word, index) in record.chunks_exact_mut(8).zip(offset / 8..) {
        word.copy_from_slice(&(tag << 40 | index).to_le_bytes());
    }
    record
}

/// A number derived from the last part of a path.
fn tag(path: &str) -> u64 {
    let name = Path::new(path).file_name().unwrap_or_default();
    name.as_encoded_bytes().iter().fold(0, |tag, byte| (tag * 31 + u64::from(*byte)) % 0xffff)
}

/// A number in a file that another process can read whole at any moment.
fn count(path: &str) -> &'static AtomicU64 {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
    let file = file.expect("a counter");
    file.set_len(8).expect("a counter of eight bytes");
    let (read_write, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: a fresh mapping of eight bytes, aligned to a page and never unmapped.
    unsafe {
        let file = std::os::fd::AsRawFd::as_raw_fd(&file);
        let page = libc::mmap(std::ptr::null_mut(), 8, read_write, shared, file, 0);
        assert_ne!(page, libc::MAP_FAILED);
        &*page.cast::<AtomicU64>()
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// The timeout for PID 1's next system call.
const PATIENCE: Duration = Duration::from_secs(60);

const RECORD: u64 = 4096;

/// capabilities(7); the libc crate does not define it.
const CAP_SYS_BOOT: libc::c_ulong = 22;

/// Bytes that are written in a microsecond.
const PACE: u64 = 4;
