//! The tests that run on every board, with the programs of its architecture: `tests/common/board.rs` has the boards,
//! and `ZINIT_TEST_BOARD` chooses one.

mod disk;
mod life;
mod services;
mod watchdog;
