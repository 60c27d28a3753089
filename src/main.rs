//! zinit-pid1: boot order, and the loop.

// `cargo clippy --all-targets` looks at programs as tests too, and std's panic handler would meet ours.
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

/// The life of PID 1.
#[inline(always)]
fn program(start: Start) -> ! {
    let mut line = [0; KERNEL_COMMAND_LINE];
    let mut sys = Sys::begin(start);
    sys.configure();
    sys.settle();
    // The environment is nearer than the kernel command line, so it has the last word. Mostly it has the
    // same ones, since the kernel puts them there, and they need no second complaint.
    for word in sys.kernel_words(&mut line) {
        if !start.environment().any(|known| known == word) {
            sys.set(word);
        }
    }
    sys.configure();
    sys.survive();
    introduce(&sys);
    sys.watch();
    run(&mut sys)
}

/// From here on nothing fails: it is retried, or it has a deadline.
#[inline(never)] // what is large in the frame of its caller would be in the way of each access
fn run(sys: &mut Sys<'_>) -> ! {
    let mut actions = Actions::default();
    let mut init = Init::boot(sys.config().policy(sys.place()), sys.inheritance());
    loop {
        sys.remember(init.history());
        for action in actions.as_slice() {
            sys.perform(action);
        }
        let event = sys.wait(init.deadline());
        actions.clear();
        init.set_server_file(sys.program());
        init.handle(event, sys.now(), &mut actions);
    }
}

/// Says what this process is.
#[inline(always)]
fn introduce(sys: &Sys<'_>) {
    let fact = match sys.place() {
        Role::Container => Message::BootContainer,
        Role::Subreaper => {
            sys.obey();
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
    sys.log(fact, Errno::NONE, env!("CARGO_PKG_VERSION").as_bytes());
    if sys.inheritance().server().is_some() {
        sys.log(Message::ServerAdopted, Errno::NONE, &[]);
    }
}

/// In a release build no call of this survives, or the link fails with the symbol's name for a message:
/// that is the proof that no panic can be reached. `scripts/why-panic` names the place.
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
