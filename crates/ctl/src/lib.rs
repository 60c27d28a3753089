//! The parts of zinit-pid1ctl that make no system call: a library, so that tests and fuzz targets can link them.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod answer;
pub mod cli;
pub mod comment;
pub mod deadline;
pub mod hostname;
mod json;
pub mod life;
pub mod lines;
pub mod minisign;
pub mod protocol;
pub mod services;
pub mod state_file;
