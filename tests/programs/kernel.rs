//! Programs on a kernel that is as old, as small, or as long up as they do not find it here.

use std::fs;
use std::io::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{BPF_ABS, BPF_JGE, BPF_JGT, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};

/// Executes a program to which the kernel answers with this error for these system calls, seccomp(2).
///
/// `calls` are numbers and ranges, as `3 5-7`.
pub fn without_calls(calls: &str, errno: i32, program: &str) -> ! {
    let range = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        [first, last].map(|number| number.parse::<u32>().expect("the number of a call"))
    };
    let ranges: Vec<[u32; 2]> = calls.split(' ').map(range).collect();
    let refuse = libc::SECCOMP_RET_ERRNO | errno as u32;
    // The number of the call is the first word of what the filter looks at.
    let mut filter = vec![step(BPF_LD | BPF_W | BPF_ABS, 0, [0, 0])];
    for [first, last] in &ranges {
        filter.push(step(BPF_JMP | BPF_JGE | BPF_K, *first, [0, 2]));
        filter.push(step(BPF_JMP | BPF_JGT | BPF_K, *last, [1, 0]));
        filter.push(step(BPF_RET | BPF_K, refuse, [0, 0]));
    }
    filter.push(step(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW, [0, 0]));
    let length = filter.len().try_into().expect("a short filter");
    let filter = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the filter, which is as long as it says.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    assert_eq!(answer, 0, "{}", Error::last_os_error());
    for call in ranges.into_iter().flat_map(|[first, last]| first..=last) {
        // SAFETY: the filter lets no call with this number reach the kernel.
        let answer = unsafe { libc::syscall(call as libc::c_long, 0, 0, 0, 0, 0, 0) };
        assert_eq!((answer, Error::last_os_error().raw_os_error()), (-1, Some(errno)), "call {call}");
    }
    println!("guest: refused are the calls {calls}");
    panic!("{}", Command::new(program).exec())
}

/// An instruction, and how many instructions it skips if the comparison is true, and if it is not.
fn step(code: u32, value: u32, [jt, jf]: [u8; 2]) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k: value }
}

/// Executes a program as PID 1 of namespaces in which the kernel has been up for so many seconds, and prints its exit
/// status, time_namespaces(7).
pub fn up_for(seconds: &str, program: &str) {
    let namespaces = libc::CLONE_NEWTIME | libc::CLONE_NEWPID | libc::CLONE_NEWNS;
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::unshare(namespaces) }, 0, "{}", Error::last_os_error());
    let clocks = format!("monotonic {seconds} 0\nboottime {seconds} 0\n");
    fs::write("/proc/self/timens_offsets", clocks).expect("an offset that the kernel takes");
    let mut command = Command::new(program);
    // SAFETY: it makes one system call.
    unsafe {
        command.pre_exec(|| {
            let (kind, flags) = (c"proc".as_ptr(), libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC);
            let answer = libc::mount(kind, c"/proc".as_ptr(), kind, flags, std::ptr::null());
            if answer == 0 { Ok(()) } else { Err(Error::last_os_error()) }
        })
    };
    println!("guest: up for {seconds} s, it {}", command.status().expect("it is executed"));
}
