//! The first instant of PID 1: what the kernel does with a signal then.

use std::fs;

use crate::common::hold::Held;
use crate::common::namespace::Setup;
use crate::common::program;

/// No order of PID 1's own steps can change that: the manual says it, and this shows when it becomes untrue.
#[test]
fn the_kernel_drops_a_term_before_the_first_system_call_and_none_after_it() {
    for early in [true, false] {
        let setup = Setup::stand_in("obey");
        let go = setup.folder.path().join("go");
        let wait = format!("until [ -e {} ]; do sleep 0.1; done", go.display());
        let mut pid1 = setup.before(&wait).start();
        let shell = pid1.shell();
        let mut held = Held::seize(shell);
        fs::write(&go, "").expect("a file");
        // It may not have become the shell yet.
        while fs::read_link(format!("/proc/{shell}/exe")).expect("a program") != program() {
            while held.next().expect("it lives") != libc::SYS_execve {}
            held.finish_call();
        }
        if !early {
            assert_eq!(held.next(), Some(libc::SYS_rt_sigprocmask), "the first call blocks signals");
            held.finish_call();
        }
        // SAFETY: a signal to a process that this test started.
        assert_eq!(unsafe { libc::kill(shell, libc::SIGTERM) }, 0);
        held.next().expect("it lives");
        drop(held);
        if early {
            pid1.is_up();
            assert!(!pid1.log.text().contains("stop begins"), "{}", pid1.log.text());
            pid1.signal(libc::SIGTERM);
        }
        pid1.line("stop begins");
        pid1.ends_well();
    }
}
