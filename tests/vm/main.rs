//! The real program as PID 1 of virtual machines, and the images that these boot.

#[path = "../common/mod.rs"]
mod common;

mod boards;
mod examples;
mod features;
mod image;
mod machine;
mod programs;
mod run;
mod system;
