//! Many processes that lose their parent, and then exit at the same moment.

/// Children of PID 1 that wait; both ends of the pipe by which they do.
pub struct Orphans([i32; 2]);

impl Orphans {
    /// Forks so many, which are orphans when this returns.
    pub fn new(count: usize) -> Self {
        let (wait, ready) = (pipe(), pipe());
        // SAFETY: one thread, so fork is sound; the children only read, write one byte and exit.
        unsafe {
            let parent = libc::fork();
            assert!(parent >= 0);
            if parent == 0 {
                let mut made = 0;
                while made < count {
                    match libc::fork() {
                        0 => {
                            libc::close(wait[1]);
                            let mut byte = 0_u8;
                            libc::read(wait[0], (&raw mut byte).cast(), 1);
                            libc::_exit(0)
                        }
                        -1 => {
                            libc::usleep(1000);
                        }
                        _ => made += 1,
                    }
                }
                libc::write(ready[1], [1_u8].as_ptr().cast(), 1);
                libc::_exit(0)
            }
            let mut byte = 0_u8;
            assert_eq!(libc::read(ready[0], (&raw mut byte).cast(), 1), 1);
            let mut status = 0;
            libc::waitpid(parent, &raw mut status, 0);
        }
        Self(wait)
    }

    /// Lets all of them exit.
    pub fn release(self) {
        for end in self.0 {
            // SAFETY: a descriptor that is not used again.
            unsafe { libc::close(end) };
        }
    }
}

fn pipe() -> [i32; 2] {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two numbers.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    ends
}
