//! What PID 1 decides: the library alone, without a process.

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
