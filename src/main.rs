//! zinit-pid1: the boot sequence and the event loop.

// `cargo clippy --all-targets` compiles programs as tests too, where std's panic handler would be a second one.
#![cfg(not(test))]
#![no_std]
#![no_main]

mod sys;

use core::panic::PanicInfo;

use rt::start::Start;
use zinit_pid1::init::Init;
use zinit_pid1::model::action::Actions;
use zinit_pid1::model::limits::KERNEL_COMMAND_LINE;
use zinit_pid1::model::message::Message;
use zinit_pid1::model::process::{Errno, Role};

use sys::Sys;

rt::entry!(program);

/// Boots, and then runs the loop for the rest of PID 1's life.
fn program(start: Start) -> ! {
    let mut buf = [0; KERNEL_COMMAND_LINE];
    let sys = Sys::new(start);
    sys.install_fault_handler();
    sys.configure();
    sys.set_up();
    // The environment has precedence over the kernel command line. Most words are in both, because the kernel copies
    // them into the environment, and a bad one is logged only once.
    for word in sys.kernel_words(&mut buf) {
        if !start.environment().any(|known| known == word) {
            let _no_environment = sys.set(word);
        }
    }
    sys.configure();
    log_banner(&sys);
    sys.lock_memory();
    sys.enable_watchdog();
    run(&sys)
}

/// Runs the event loop. From here on no failure is fatal: each operation is retried or has a deadline.
fn run(sys: &Sys<'_>) -> ! {
    let mut actions = Actions::default();
    sys.read_clock();
    let mut init = Init::boot(sys.config().policy(sys.role()), sys.reexec_state(), sys.now());
    loop {
        // A shutdown is not handed over, and has reset what only a next server would need.
        let ending = init.ending();
        if ending.is_none() {
            sys.save(init.history());
        }
        for action in actions.as_slice() {
            sys.perform(action, ending);
        }
        let event = sys.wait(init.deadline());
        actions.clear();
        init.set_server_file(sys.server_file());
        init.handle(event, sys.now(), &mut actions);
    }
}

/// Logs the version and the role.
fn log_banner(sys: &Sys<'_>) {
    let message = match sys.role() {
        Role::Container => {
            sys.log_ignored_word();
            Message::BootContainer
        }
        Role::Subreaper => {
            sys.run_cli();
            sys.adopt_orphans();
            Message::BootSubreaper
        }
        Role::Machine => {
            if sys.config().container() {
                sys.log(Message::ContainerDenied, Errno::NONE, &[]);
            }
            Message::BootMachine
        }
    };
    sys.log(message, Errno::NONE, env!("CARGO_PKG_VERSION").as_bytes());
    sys.take_name();
    if sys.reexec_state().server().is_some() {
        sys.log(Message::ServerAdopted, Errno::NONE, &[]);
    }
}

/// In a release build the compiler must remove every call of this function; otherwise the link fails, with the
/// symbol's name as its message. A successful link proves that no panic is reachable. `scripts/why-panic` finds the
/// code that can panic.
#[cfg(not(any(debug_assertions, why_panic)))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[allow(unsafe_code)] // it is never linked, so it is never called
    unsafe extern "C" {
        #[link_name = "\n\nERROR: a panic is reachable in this optimised build\n"]
        safe fn panic_is_reachable() -> !;
    }
    panic_is_reachable()
}

#[cfg(any(debug_assertions, why_panic))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::trap()
}
