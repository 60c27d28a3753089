//! What the end of a machine leaves on its disks: the real program and zinit-server in a virtual machine, and
//! afterwards the file systems' own tools.

#[path = "../common/mod.rs"]
mod common;

mod clean;
mod endings;
mod stuck;
