//! The decisions of PID 1: only the library, without a process.

#[path = "../common/transcript.rs"]
mod transcript;
#[path = "../common/words.rs"]
mod words;

mod documents;
mod log;
mod random;
mod reachable;
mod reaper;
mod reexec;
mod transcripts;
