//! Replays a transcript: the events of PID 1, line by line, and its actions.
//!
//! Only the inputs are replayed, and the whole text is written again from them. An action that is missing, surplus or
//! out of order is therefore a line that differs, and no line can be left over.
//!
//! ```text
//! # what it shows
//! boot machine 30000          role, the server's time to stop in ms, and `halt` or `reboot` if that is what a power
//!                             off ends with, `adopt` or `stop` if that becomes of orphans, `give-up 3` for ZINIT_GIVE_UP, `ran` if a server ran
//!                             before; and what still runs: `after 42` (or 0) a server, `restarter 43` the helper of a
//!                             soft restart, `watcher 44`
//! < spawn-server              an action of PID 1
//! > spawned 42                an event; `> signal TERM` goes through the signal table
//! > runs 7                    the server reports which file it runs
//! +1000ms                     time passes, and nothing else
//! +deadline                   time passes up to the deadline, which is delivered
//! = deadline none             what is left until the deadline
//! ```

use zinit_pid1::init::Init;
use zinit_pid1::model::action::{Action, Actions};
use zinit_pid1::model::event::{Ending, Event};
use zinit_pid1::model::policy::{Orphans, Policy};
use zinit_pid1::model::process::{FileId, Role};
use zinit_pid1::model::reexec::{Child, ReexecState, ServerHistory};
use zinit_pid1::model::time::Instant;

use crate::words;

/// Replays `text`; an error names the first line that differs from what happens.
pub fn check(text: &str) -> Result<(), String> {
    let expected: Vec<&str> = text.lines().collect();
    let mut happened = Vec::new();
    let mut replay = None;
    for (at, line) in expected.iter().enumerate() {
        input(line, &mut replay, &mut happened).map_err(|why| format!("{}: `{line}`: {why}", at + 1))?;
    }
    let end = "(the end)".to_owned();
    for at in 0..expected.len().max(happened.len()) {
        let (wanted, got) = (expected.get(at).unwrap_or(&"(the end)"), happened.get(at).unwrap_or(&end));
        if wanted != got {
            let before: Vec<String> =
                expected[at.saturating_sub(5)..at].iter().map(|line| format!("  {line}\n")).collect();
            return Err(format!("{}:\n{}- {wanted}\n+ {got}", at + 1, before.concat()));
        }
    }
    replay.map(drop).ok_or_else(|| "1: it never boots".into())
}

struct Replay {
    role: Role,
    init: Init,
    now: Instant,
    /// An action that forks must be answered before anything else can happen.
    asked: bool,
    exited: bool,
}

fn input(line: &str, replay: &mut Option<Replay>, happened: &mut Vec<String>) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut line = line.to_owned();
    let mut caused = Vec::new();
    match (words.as_slice(), replay.as_mut()) {
        ([], _) => {}
        (["<", ..], _) => return Ok(()),
        ([word, ..], _) if word.starts_with('#') => {}
        (["boot", place, stop_timeout, more @ ..], _) => {
            let (role, stop_timeout) = (words::role(place)?, words::number(stop_timeout)?);
            let mut policy =
                Policy { role, stop_timeout, poweroff: Ending::Poweroff, give_up: 0, orphans: Orphans::Keep };
            let before = ReexecState::first();
            let mut more = more.iter();
            while let Some(word) = more.next() {
                match *word {
                    "adopt" => policy.orphans = Orphans::Adopt,
                    "stop" => policy.orphans = Orphans::Stop,
                    "give-up" => {
                        policy.give_up = words::number(more.next().ok_or("no number")?)?;
                    }
                    "ran" => {
                        before.set_history(&ServerHistory { started_at: Instant(1), ..before.history() })
                    }
                    "after" => {
                        before.add_generation(1);
                        before.slot(Child::SERVER).set(words::number(more.next().ok_or("no pid")?)?);
                    }
                    "restarter" => {
                        before.set_restarting(true);
                        before.slot(Child::RESTARTER).set(words::number(more.next().ok_or("no pid")?)?);
                    }
                    "watcher" => {
                        before.slot(Child::WATCHER).set(words::number(more.next().ok_or("no pid")?)?);
                    }
                    word => policy.poweroff = words::poweroff(word)?,
                }
            }
            // A kernel needs longer than this to boot, so PID 1 never sees an earlier time.
            let now = Instant(1_000);
            let init = Init::boot(policy, &before, now);
            let new = Replay { role: policy.role, init, now, asked: false, exited: false };
            let new = replay.insert(new);
            if new.init.deadline() == Some(Instant(0)) {
                caused = new.deliver(Event::Timeout)?;
            }
        }
        ([">", "runs", program], Some(replay)) => {
            replay.init.set_server_file(FileId(words::number(program)?))
        }
        ([">", event @ ..], Some(replay)) => {
            if let Some(event) = words::event(event, replay.role)? {
                caused = replay.deliver(event)?;
            }
        }
        (["+deadline"], Some(replay)) => {
            replay.now = replay.init.deadline().ok_or("there is no deadline")?;
            caused = replay.deliver(Event::Timeout)?;
        }
        (["=", "deadline", _], Some(replay)) => {
            let left = replay.init.deadline().map(|deadline| format!("{}ms", replay.now.until(deadline)));
            line = format!("= deadline {}", left.as_deref().unwrap_or("none"));
        }
        ([span], Some(replay)) => {
            let span = span.strip_prefix('+').and_then(|span| span.strip_suffix("ms"));
            replay.now = replay.now + words::number::<u32>(span.ok_or("unknown word")?)?;
        }
        _ => return Err("unknown, or there was no `boot`".into()),
    }
    happened.push(line);
    happened.extend(caused);
    Ok(())
}

impl Replay {
    fn deliver(&mut self, event: Event) -> Result<Vec<String>, String> {
        if self.exited {
            return Err("it exited".into());
        }
        if matches!(event, Event::Spawned(_) | Event::SpawnFailed(_)) != self.asked {
            return Err("`spawned` or `spawn-failed` comes right after what forks, and only there".into());
        }
        let mut actions = Actions::default();
        self.init.handle(event, self.now, &mut actions);
        Ok(self.perform(&actions))
    }

    fn perform(&mut self, actions: &Actions) -> Vec<String> {
        use Action::{EndOrphans, Exit, Rpc, RunTask, SpawnRestarter, SpawnServer};
        let actions = actions.as_slice();
        self.asked = actions
            .iter()
            .any(|action| matches!(action, EndOrphans | Rpc(_) | RunTask(_) | SpawnRestarter | SpawnServer));
        self.exited = actions.iter().any(|action| matches!(action, Exit(_)));
        let history = self.init.history();
        actions.iter().map(|action| format!("< {}", words::action(action, history))).collect()
    }
}
