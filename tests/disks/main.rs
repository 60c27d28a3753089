//! The disks after the end of a machine: the real program and zinit-server in a virtual machine, and afterwards the
//! checks of the file systems' own tools.

#[path = "../common/mod.rs"]
mod common;

// First, also in alphabetical order: its tests wait for minutes, and the others can run meanwhile.
mod broken;
mod clean;
mod endings;
mod hidden;
mod root;
