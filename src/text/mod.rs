//! Text for people: how a log line is made of a message.

pub mod line;
pub mod names;
