//! A process that drives the kernel out of memory, and then works without any disk.

use std::fs::File;
use std::io::BufRead;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::exit;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Drives everything that is not locked out of the page cache, and then obeys lines of standard input: `await-gone PATH`,
/// `await-hang DISK` and `kill SIGNAL PID`.
///
/// `witness` is a file that is mapped and, like the pages of a process that sleeps, not used.
pub fn without_disk(witness: &str) {
    // SAFETY: the call takes one number. What is mapped later is not locked, so that the witness is not.
    assert_eq!(unsafe { libc::mlockall(libc::MCL_CURRENT) }, 0);
    let witness = Mapping::new(witness);
    for _ in 0..ROUNDS {
        witness.touch();
        std::fs::write("/proc/sys/vm/drop_caches", "3").expect("caches are dropped");
        while !witness.is_dropped() {
            take_all_memory(&witness);
        }
    }
    let [resident, size] = ["Rss:", "Size:"].map(|key| number("/proc/1/smaps", key));
    let swapped = number("/proc/1/status", "VmSwap:");
    println!("guest: PID 1 has {resident} of {size} kB of its program in memory, {swapped} kB in swap");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["await-gone", path] => {
                while Path::new(path).exists() {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            ["await-hang", disk] => await_hang(disk),
            ["kill", signal, pid] => {
                let [signal, pid] = [signal, pid].map(|word| word.parse().expect("a number"));
                // SAFETY: kill(2) takes two numbers.
                assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
            }
            words => panic!("not understood: {words:?}"),
        }
        println!("guest: done {line}");
    }
}

/// Allocates memory in a child until the witness is gone, or until the kernel kills the child for want of memory.
fn take_all_memory(witness: &Mapping) {
    // SAFETY: this process has one thread.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", std::io::Error::last_os_error());
    if child == 0 {
        std::fs::write("/proc/self/oom_score_adj", "1000").expect("this child is killed first");
        while !witness.is_dropped() {
            Mapping::fresh(1 << 20);
        }
        exit(0);
    }
    // SAFETY: it waits for this child only.
    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
}

/// Reads a disk in a child until that hangs.
fn await_hang(disk: &str) {
    let pieces = crate::count("/run/pieces");
    // SAFETY: this process has one thread.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", std::io::Error::last_os_error());
    if child == 0 {
        let disk = File::open(disk).expect("a disk");
        for offset in (0..).step_by(1 << 20) {
            disk.read_exact_at(&mut [0; 4096], offset).expect("the disk is long enough");
            pieces.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut before = u64::MAX;
    while pieces.load(Ordering::Relaxed) != before {
        before = pieces.load(Ordering::Relaxed);
        std::thread::sleep(HANGS);
    }
}

/// A private mapping that stays for as long as the process lives.
struct Mapping {
    start: *mut libc::c_void,
    length: usize,
}

impl Mapping {
    /// Of a file, as of a program that runs.
    fn new(path: &str) -> Self {
        let file = File::open(path).expect("a file");
        let length = file.metadata().expect("a length").len() as usize;
        Self::map(length, libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE, file.as_raw_fd())
    }

    /// Of memory that is in use at once.
    fn fresh(length: usize) -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        Self::map(length, libc::PROT_READ | libc::PROT_WRITE, flags, -1)
    }

    fn map(length: usize, protection: i32, flags: i32, fd: i32) -> Self {
        // SAFETY: a new mapping that is never unmapped.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, fd, 0) };
        assert_ne!(start, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        Self { start, length }
    }

    fn touch(&self) {
        for offset in (0..self.length).step_by(PAGE) {
            // SAFETY: a byte of the mapping.
            unsafe { self.start.cast::<u8>().add(offset).read_volatile() };
        }
    }

    /// True if no page of it is in memory.
    fn is_dropped(&self) -> bool {
        let mut pages = vec![0; self.length.div_ceil(PAGE)];
        // SAFETY: it writes a byte for each page of the mapping.
        assert_eq!(unsafe { libc::mincore(self.start, self.length, pages.as_mut_ptr()) }, 0);
        pages.iter().all(|page| page & 1 == 0)
    }
}

/// The number in the first line that begins with `key`: of `smaps`, that of the first mapping, which is the program.
fn number(file: &str, key: &str) -> u64 {
    let text = std::fs::read_to_string(file).expect("a file of /proc");
    let line = text.lines().find(|line| line.starts_with(key)).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// How often the witness is dropped: once more than the kernel spares a page that was used.
const ROUNDS: usize = 3;

/// A disk that reads nothing for so long hangs.
const HANGS: Duration = Duration::from_secs(3);

const PAGE: usize = 4096;

/// Lets a process and its later children have no more memory than these bytes, whether or not they use them.
pub fn limit_memory(pid: u64, bytes: libc::rlim_t) {
    let pid = pid.try_into().expect("a pid");
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the kernel reads one structure.
    let answer = unsafe { libc::prlimit(pid, libc::RLIMIT_AS, &raw const limit, std::ptr::null_mut()) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
}
