//! The words of a transcript.

use std::str::FromStr;

use zinit_pid1::model::action::Action;
use zinit_pid1::model::action::Method;
use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::event::{Ending, Event};
use zinit_pid1::model::process::{Errno, Exit, Pid, Role, Signal};
use zinit_pid1::model::reexec::ServerHistory;
use zinit_pid1::model::task::Task;
use zinit_pid1::signals;
use zinit_pid1::text::line::compose;

pub fn number<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is no number that fits here"))
}

pub fn role(word: &str) -> Result<Role, String> {
    match word {
        "container" => Ok(Role::Container),
        "subreaper" => Ok(Role::Subreaper),
        "machine" => Ok(Role::Machine),
        _ => Err("unknown role".into()),
    }
}

/// The event of a line; `None` for a signal that PID 1 ignores in its role.
pub fn event(words: &[&str], role: Role) -> Result<Option<Event>, String> {
    Ok(Some(match words {
        ["no-children"] => Event::NoChildren,
        ["reaped", child, "exit", status] => Event::Reaped(pid(child)?, Exit::Exited(number(status)?)),
        ["reaped", child, "signal", by] => Event::Reaped(pid(child)?, Exit::Killed(Signal(number(by)?))),
        ["reaped", child, "not-executed", why] => {
            Event::Reaped(pid(child)?, Exit::NotExecuted(Errno(number(why)?)))
        }
        ["signal", name] => return Ok(signals::request(signal(name)?, role).map(Event::Requested)),
        ["spawn-failed", why] => Event::SpawnFailed(Errno(number(why)?)),
        ["spawned", child] => Event::Spawned(pid(child)?),
        ["timeout"] => Event::Timeout,
        ["only-readers"] => Event::OnlyReaders,
        ["updated"] => Event::Updated,
        ["watcher-ended", status] => Event::WatcherEnded(Exit::Exited(number(status)?)),
        _ => return Err("unknown event".into()),
    }))
}

pub fn pid(word: &str) -> Result<Pid, String> {
    Pid::new(number(word)?).ok_or_else(|| "no child has this pid".into())
}

/// A signal's number, signal(7), which is the same on all machines that we build for.
fn signal(word: &str) -> Result<i32, String> {
    let known = SIGNALS.iter().find(|(name, _)| *name == word);
    known.map_or_else(|| number(word), |(_, number)| Ok((*number).into()))
}

static SIGNALS: [(&str, u8); 16] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
];

fn name(signal: Signal) -> &'static str {
    let known = SIGNALS.iter().find(|(_, number)| *number == signal.0);
    known.map(|(name, _)| *name).expect("PID 1 sends only signals that have a name")
}

/// The ending of a power-off request, in the words of `ZINIT_POWEROFF`.
pub fn poweroff(word: &str) -> Result<Ending, String> {
    match word {
        "halt" => Ok(Ending::Halt),
        "poweroff" => Ok(Ending::Poweroff),
        "reboot" => Ok(Ending::Reboot),
        _ => Err("no ending".into()),
    }
}

/// An action as a transcript names it.
pub fn action(action: &Action, history: &ServerHistory) -> String {
    match action {
        Action::Rpc(Method::PrepareRestart) => "rpc system.prepare_restart".into(),
        Action::Rpc(Method::Shutdown) => "rpc system.shutdown".into(),
        Action::Reexec => format!("re-exec {}ms", history.next_backoff),
        Action::EndOrphans => "end-orphans".into(),
        Action::Exit(0) => "exit".into(),
        Action::Exit(status) => format!("exit {status}"),
        Action::Log(note) => {
            let level = format!("{:?}", note.message.level()).to_lowercase();
            let mut line = Buffer::default();
            compose(&mut line, note, b"", false);
            let line = str::from_utf8(line.as_bytes()).expect("lines are ASCII");
            let fact = line.strip_prefix("zinit-pid1: ").and_then(|line| line.strip_suffix('\n'));
            let fact = fact.expect("a line has a prefix and a newline");
            // Who has asked is not known to the policy.
            format!("log {level}: {}", fact.strip_suffix(", asked by 0 ()").unwrap_or(fact))
        }
        Action::Sync => "sync-here".into(),
        Action::WatchdogStop => "watchdog-stop".into(),
        Action::SpawnRescue => "spawn-rescue".into(),
        Action::RestartNamespace => "restart-namespace".into(),
        Action::RollBack(file) => format!("roll-back {}", file.0),
        Action::WatchdogAbandon => "watchdog-abandon".into(),
        Action::RunTask(task) => match task {
            Task::Terminate => "terminate-all".into(),
            Task::Kill => "kill-all".into(),
            Task::Sync => "sync".into(),
            Task::Swapoff => "swapoff".into(),
            Task::Unmount => "unmount".into(),
            Task::EmergencyRemount => "remount".into(),
            Task::SyncAgain => "sync-again".into(),
            Task::Kexec => "reboot kexec".into(),
            Task::Poweroff => "reboot poweroff".into(),
            Task::Reboot => "reboot reboot".into(),
            Task::Halt => "reboot halt".into(),
            Task::SysRqPoweroff => "sysrq poweroff".into(),
            Task::SysRqReboot => "sysrq reboot".into(),
        },
        Action::Signal(pid, signal) => format!("signal {} SIG{}", pid.raw(), name(*signal)),
        Action::SignalWatcher(signal) => format!("signal watcher SIG{}", name(*signal)),
        Action::SpawnServer => "spawn-server".into(),
        Action::SpawnRestarter => "spawn-restarter".into(),
        Action::SpawnUpdater => "spawn-updater".into(),
        Action::SpawnWatcher => "spawn-watcher".into(),
    }
}
