//! The tests that run on every board, with the programs of its architecture: `tests/common/board.rs` has the boards,
//! and `ZINIT_TEST_BOARD` chooses one.

mod disk;
mod large;
mod life;
mod memory;
mod services;
mod time;
mod watchdog;

/// Runs a program as PID 1 of namespaces, whose socket is not that of the machine's server.
const CONTAINER: &str = "unshare -p -m -f --mount-proc busybox env ZINIT_SOCKET=/run/container.sock";
