//! The server that `scripts/bench` gives every init, and what needs an exact clock at the start of one; linked
//! statically, because it runs inside of machines too.
//!
//! Everything is told in `/run/bench`: the file `log` has the instants of the monotonic clock in ns, and through the
//! socket `control` the server is asked for orphans.

use std::ffi::{c_int, c_void};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};

fn main() {
    let begin = now();
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [word, program, words @ ..] if word == "launch" => launch(program, words),
        // An init gives its server words of its own, or none.
        _ => serve(begin),
    }
}

/// Writes down this instant, and becomes the init.
fn launch(program: &str, words: &[String]) -> ! {
    log("launched", now());
    panic!("{program}: {}", Command::new(program).args(words).exec())
}

/// Acts as a server that nothing keeps from exiting at once, by the request of zinit-pid1 or by TERM.
fn serve(begin: i64) -> ! {
    log("started", begin);
    let term = term();
    let rpc = listen("/run/zinit.sock");
    let control = listen("/run/bench/control");
    log("ready", now());
    loop {
        let mut wait = [term.as_raw_fd(), rpc.as_raw_fd(), control.as_raw_fd()].map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: it writes to three structures.
        unsafe { libc::poll(wait.as_mut_ptr(), 3, -1) };
        if wait[0].revents != 0 {
            leave();
        }
        if wait[1].revents != 0 {
            answer(&rpc.accept().expect("a connection").0);
        }
        if wait[2].revents != 0 {
            orphans(&control.accept().expect("a connection").0);
        }
    }
}

/// Answers the requests of zinit-pid1: there are no services, and the server is willing to exit.
fn answer(mut stream: &UnixStream) {
    let mut lines = BufReader::new(stream);
    let mut request = String::new();
    while lines.read_line(&mut request).is_ok_and(|length| length > 0) {
        let stops = request.contains("shutdown");
        let result = if stops { r#"{"ok":true}"# } else { "[]" };
        let _gone = writeln!(stream, r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        if stops {
            leave();
        }
        request.clear();
    }
}

fn leave() -> ! {
    log("left", now());
    exit(0)
}

/// Makes as many orphans as are asked for, or as the kernel has room for, and tells how many; they exit when the other
/// side hangs up.
fn orphans(mut stream: &UnixStream) {
    let mut count = String::new();
    BufReader::new(stream).read_line(&mut count).expect("a request");
    let count: usize = count.trim().parse().expect("a number");
    let (wait, release) = pipe();
    let (result, told) = pipe();
    // SAFETY: this process has one thread; the child only clones, writes a number and exits.
    let parent = unsafe { libc::fork() };
    assert!(parent >= 0);
    if parent == 0 {
        drop(release);
        let made = clone(count, wait.as_raw_fd());
        let _asked = std::fs::File::from(told).write_all(&made.to_ne_bytes());
        // SAFETY: nothing is left to be done.
        unsafe { libc::_exit(0) };
    }
    drop((wait, told));
    let mut made = [0; size_of::<usize>()];
    std::fs::File::from(result).read_exact(&mut made).expect("a number");
    // SAFETY: the pid is that of its own child; no status is written.
    unsafe { libc::waitpid(parent, std::ptr::null_mut(), 0) };
    writeln!(stream, "{}", usize::from_ne_bytes(made)).expect("somebody waits");
    let _end = stream.read(&mut [0]);
    drop(release);
}

/// Makes processes that wait for the end of a pipe, and returns their number.
///
/// They share memory and descriptors, so that the kernel has as little work as possible with them: it is PID 1 that is
/// measured.
fn clone(count: usize, wait: c_int) -> usize {
    const STACK: usize = 4096;
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_FS | libc::SIGCHLD;
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: a fresh mapping, of which each process gets a stack of its own.
    unsafe {
        let stacks = libc::mmap(std::ptr::null_mut(), count * STACK, access, kind, -1, 0);
        assert_ne!(stacks, libc::MAP_FAILED);
        (0..count)
            .take_while(|index| {
                let stack = stacks.byte_add((index + 1) * STACK);
                libc::clone(wait_for_end, stack, flags, wait as *mut c_void) > 0
            })
            .count()
    }
}

extern "C" fn wait_for_end(wait: *mut c_void) -> c_int {
    // SAFETY: it writes one byte of its own stack.
    unsafe { libc::read(wait as c_int, [0_u8].as_mut_ptr().cast(), 1) };
    0
}

/// A descriptor that TERM makes readable, instead of killing this process.
fn term() -> OwnedFd {
    // SAFETY: plain calls on a set of signals of its own.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let file = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC);
        assert!(file >= 0);
        OwnedFd::from_raw_fd(file)
    }
}

fn listen(path: &str) -> UnixListener {
    let _none_before = std::fs::remove_file(path);
    UnixListener::bind(path).expect(path)
}

/// The reading and the writing end of a pipe.
fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors, which are owned from then on.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

fn log(what: &str, instant: i64) {
    let file = OpenOptions::new().create(true).append(true).open("/run/bench/log");
    let line = format!("{what} {instant}\n");
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("/run/bench/log can be written");
}

/// The monotonic clock, ns.
fn now() -> i64 {
    // SAFETY: the kernel writes one structure.
    unsafe {
        let mut time = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
