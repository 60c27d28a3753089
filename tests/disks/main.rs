//! What the end of a machine leaves on its disks: the real program and zinit-server in a virtual machine, and
//! afterwards the file systems' own tools.

#[path = "../common/mod.rs"]
mod common;

// First, as it comes to the alphabet: its tests wait for minutes, and the others can run meanwhile.
mod broken;
mod clean;
mod endings;
