//! Every state that PID 1 can reach, and every event in it: the invariants of `init` hold.
//!
//! The search is breadth-first, so the path that a failure prints is a shortest one. Two states count as
//! one if they differ only in when things happen, to the nearest [`COARSE`] of time left; every event is
//! still tried at exact times, a millisecond on either side of each deadline.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::sync::OnceLock;

use zinit_pid1::init::Init;
use zinit_pid1::model::action::{Action, Actions};
use zinit_pid1::model::event::{Ending, Event, Request};
use zinit_pid1::model::limits::{
    DEAD_END_REMINDER, FORK_TIMEOUT, KILL_GRACE, LATE, MAX_ACTIONS, MIN_RUN_TIME, REBOOT_TIMEOUT,
    REMOUNT_TIMEOUT, RESPAWN_DELAY_MAX, SWAPOFF_TIMEOUT, SYNC_TIMEOUT, TERM_GRACE, UNMOUNT_TIMEOUT,
    UPDATE_SETTLE,
};
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::policy::{Orphans, Policy};
use zinit_pid1::model::process::{Errno, Exit, Pid, Role, Signal};
use zinit_pid1::model::rate::RateWindow;
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::model::task::Task;
use zinit_pid1::model::time::Instant;
use zinit_pid1::phase::Phase;

#[test]
fn every_state_of_a_container_keeps_the_invariants() {
    explored(Role::Container, Orphans::Keep, 0);
    explored(Role::Container, Orphans::Stop, 0);
    explored(Role::Container, Orphans::Adopt, 0);
}

#[test]
fn a_container_gives_up_after_exactly_as_many_failures_in_a_row_as_are_set() {
    explored(Role::Container, Orphans::Adopt, 2);
    explored(Role::Container, Orphans::Keep, 1);
    explored(Role::Subreaper, Orphans::Stop, 3);
}

#[test]
fn every_state_of_a_subreaper_keeps_the_invariants() {
    explored(Role::Subreaper, Orphans::Keep, 0);
    explored(Role::Subreaper, Orphans::Stop, 0);
}

#[test]
fn every_state_of_a_machine_keeps_the_invariants() {
    // After the server has agreed to a soft restart there are no orphans here either; the search of a container
    // covers the rest. A machine ignores `ZINIT_GIVE_UP`.
    explored(Role::Machine, Orphans::Stop, 2);
}

/// The result of one search: each pair of phases, and each pair of steps in `Stopping`, between which an event leads.
#[derive(Default)]
struct Edges {
    phases: BTreeSet<(String, String)>,
    steps: BTreeSet<(String, String)>,
}

/// The edges that any role can take.
pub fn edges(kind: &str) -> BTreeSet<(String, String)> {
    let searches = [
        (Role::Container, Orphans::Adopt, 0),
        (Role::Container, Orphans::Keep, 0),
        (Role::Container, Orphans::Stop, 0),
        (Role::Container, Orphans::Adopt, 2),
        (Role::Container, Orphans::Keep, 1),
        (Role::Subreaper, Orphans::Keep, 0),
        (Role::Subreaper, Orphans::Stop, 0),
        (Role::Subreaper, Orphans::Stop, 3),
        (Role::Machine, Orphans::Stop, 2),
    ];
    let all = searches.into_iter().map(|(role, orphans, give_up)| explored(role, orphans, give_up));
    all.flat_map(|found| if kind == "phases" { &found.phases } else { &found.steps }).cloned().collect()
}

/// Searches once, for all tests that ask.
fn explored(role: Role, orphans: Orphans, give_up: u32) -> &'static Edges {
    static FOUND: [OnceLock<Edges>; 18] = [const { OnceLock::new() }; 18];
    let at = (role as usize * 3 + orphans as usize) * 2 + usize::from(give_up != 0);
    FOUND[at].get_or_init(|| explore(role, orphans, give_up))
}

/// The time left of two states that count as one differs by less than this, ms.
const COARSE: u64 = 1_000;

/// Not a multiple of any other time, so that no two deadlines coincide by accident.
const STOP_TIMEOUT: u32 = 3_100;

/// Late enough that the time 0, which stands for "never", is outside of all time windows.
const BOOT: Instant = Instant(1_000_000);

const SERVER: i32 = 2;
const HELPERS: [i32; 2] = [3, 4];
const STRANGER: i32 = 99;

/// The tasks before the first `reboot`.
const TASKS: [Task; 5] = [Task::Sync, Task::Swapoff, Task::Unmount, Task::EmergencyRemount, Task::SyncAgain];

/// With `ZINIT_GIVE_UP` the search of a container ends where a shutdown begins, which does not depend on it.
fn explore(role: Role, orphans: Orphans, give_up: u32) -> Edges {
    let mut edges = Edges::default();
    let start = World::boot(role, orphans, give_up);
    let whole = !start.gives_up();
    let mut seen = HashSet::from([start.key()]);
    // Each state with its parent, and with the event that led to it and its time.
    let mut states = vec![(start, 0, Event::NoChildren)];
    let mut next = 0;
    while let Some((world, ..)) = states.get(next).cloned() {
        // Most events change nothing: states that are equal to the millisecond are checked once.
        let mut alike = HashSet::new();
        for (event, now) in world.events() {
            let mut after = world.clone();
            let checked = after.handle(event, now);
            edges.add(world.init.phase(), after.init.phase());
            let is_new = alike.insert(after.clone()) && (whole || !after.did.begin);
            if let Err(why) = checked.and_then(|()| if is_new { after.ends_by_itself() } else { Ok(()) }) {
                panic!("{why}\nafter:\n{}{event:?} at {now:?}\n{after:#?}", path(&states, next));
            }
            if is_new && seen.insert(after.key()) {
                states.push((after, next, event));
            }
        }
        next += 1;
    }
    // A search that stops early would prove nothing.
    let reached = |what: fn(&World) -> bool| states.iter().any(|(world, ..)| what(world));
    assert!(reached(|world| world.server && !world.did.begin));
    assert!(reached(|world| world.init.history().next_backoff == RESPAWN_DELAY_MAX) == whole);
    assert!(reached(|world| world.did.begin && world.did.exit) == (whole && role != Role::Machine));
    assert!(reached(|world| !world.did.begin && world.did.exit) == (role != Role::Machine));
    assert!(reached(|world| world.did.stop_trying) == (role == Role::Machine));
    assert!(reached(|world| world.did.kill_all) == whole);
    assert!(reached(|world| world.ended_orphans) == (orphans != Orphans::Keep));
    assert!(reached(|world| world.watcher) == (orphans == Orphans::Adopt));
    println!("{role:?}, orphans {orphans:?}, give up {give_up}: {} states", states.len());
    edges
}

impl Edges {
    fn add(&mut self, from: &Phase, to: &Phase) {
        let name = |value: &dyn Debug| {
            let text = format!("{value:?}");
            text.split(' ').next().expect("a name").to_owned()
        };
        if discriminant(from) != discriminant(to) {
            self.phases.insert((name(from), name(to)));
        } else if let (Phase::Stopping { step: from, .. }, Phase::Stopping { step: to, .. }) = (from, to)
            && from != to
        {
            self.steps.insert((name(from), name(to)));
        }
    }
}

fn path(states: &[(World, usize, Event)], mut at: usize) -> String {
    let mut lines = Vec::new();
    while at != 0 {
        let (world, parent, event) = &states[at];
        lines.push(format!("{event:?} at {:?}\n", world.now));
        at = *parent;
    }
    lines.reverse();
    lines.concat()
}

/// An action that forks, and is answered before anything else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Due {
    Helper,
    Server,
}

/// PID 1, and the true state of the world, which PID 1 may not know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    role: Role,
    init: Init,
    now: Instant,
    due: Option<Due>,
    /// A server is alive.
    server: bool,
    /// The last RPC client or child of a task, and whether it is alive and was not killed.
    helper: (i32, bool),
    /// The helper that watches services runs.
    watcher: bool,
    did: Did,
    /// A deadline that was found late, and has been put off to this time.
    put_off: Option<Instant>,
    /// Orphans were ended at some time; later states do not depend on it.
    ended_orphans: bool,
    /// `ZINIT_GIVE_UP`; how many servers in a row have failed, if that ends PID 1; and when the last one was started.
    give_up: u32,
    failures: u32,
    started: Instant,
}

/// Actions that cannot be undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Did {
    begin: bool,
    terminate_all: bool,
    kill_all: bool,
    /// How many of the tasks before the first `reboot` were run.
    tasks: usize,
    /// The child of the last one could not be forked.
    unforked: bool,
    disarmed: bool,
    reboot: bool,
    sysrq: bool,
    exit: bool,
    stop_trying: bool,
}

type Checked = Result<(), String>;

fn check(holds: bool, invariant: &str) -> Checked {
    if holds { Ok(()) } else { Err(format!("not true: {invariant}")) }
}

impl World {
    fn boot(role: Role, orphans: Orphans, give_up: u32) -> Self {
        let mut actions = Actions::default();
        let policy =
            Policy { role, stop_timeout: STOP_TIMEOUT, poweroff: Ending::Poweroff, give_up, orphans };
        let mut init = Init::boot(policy, &ReexecState::first(), BOOT);
        init.handle(Event::Timeout, BOOT, &mut actions);
        assert_eq!(actions.as_slice(), [Action::SpawnServer]);
        let (due, did) = (Some(Due::Server), Did::default());
        let (server, helper, watcher) = (false, (HELPERS[0], false), false);
        let (now, started, put_off, ended_orphans, failures) = (BOOT, BOOT, None, false, 0);
        #[rustfmt::skip]
        let world = Self {
            role, init, now, due, server, helper, watcher, did, put_off, ended_orphans, give_up, failures, started,
        };
        world
    }

    /// Failures of servers are counted, and end PID 1.
    fn gives_up(&self) -> bool {
        self.role != Role::Machine && self.give_up != 0
    }

    /// The events that can happen next, and their times.
    fn events(&self) -> Vec<(Event, Instant)> {
        let after = |span: u32| self.now + span;
        if self.did.exit {
            return Vec::new();
        }
        if let Some(due) = self.due {
            let pid = if due == Due::Server { SERVER } else { self.next_helper() };
            let answers = [Event::Spawned(self::pid(pid)), Event::SpawnFailed(Errno(11))];
            return answers.into_iter().flat_map(|event| [(event, self.now), (event, after(1))]).collect();
        }
        let mut times = vec![self.now, after(1), after(100_000)];
        if let Some(deadline) = self.init.deadline() {
            let left = self.now.until(deadline);
            // The deadline can have passed already: then an event came first.
            times.extend([after(left.saturating_sub(1)), after(left), after(left + 1)]);
        } else {
            times.extend([after(MIN_RUN_TIME - 1), after(MIN_RUN_TIME)]);
        }
        times.sort();
        times.dedup();
        let mut events =
            vec![Event::NoChildren, Event::Timeout, Event::Updated, reaped(STRANGER, Exit::Exited(0))];
        if self.did.begin {
            events.push(Event::OnlyReaders);
        }
        if self.watcher {
            events.extend([0, 1].map(|status| Event::WatcherEnded(Exit::Exited(status))));
        }
        let exits = [0, 1, 2, 3, 4].map(Exit::Exited).into_iter().chain([Exit::Killed(Signal::KILL)]);
        for exit in exits.chain([Exit::NotExecuted(Errno(2))]) {
            // A pid that is not in use can also belong to an unknown process.
            events.extend([SERVER, HELPERS[0], HELPERS[1]].map(|pid| reaped(pid, exit)));
        }
        let endings = [Ending::Kexec, Ending::Halt, Ending::Poweroff, Ending::Reboot];
        // Once a shutdown has begun, all of them are equivalent.
        let endings = endings.into_iter().take(if self.did.begin { 1 } else { 4 });
        events.extend(endings.map(|ending| Event::Requested(Request::End(ending))));
        let others = [Request::CtrlAltDel, Request::PowerFailure, Request::RestartServer, Request::Update];
        events.extend(others.map(Event::Requested));
        times.iter().flat_map(|now| events.iter().map(|event| (*event, *now))).collect()
    }

    /// A pid that differs from that of the last helper, which may not have exited yet.
    fn next_helper(&self) -> i32 {
        HELPERS.into_iter().find(|pid| *pid != self.helper.0).expect("there are two")
    }

    fn handle(&mut self, event: Event, now: Instant) -> Checked {
        let (before, was) = (self.init, self.clone());
        let due = self.due.take();
        self.now = now;
        match event {
            Event::Spawned(_) | Event::SpawnFailed(_) if self.did.terminate_all => {
                self.did.unforked = matches!(event, Event::SpawnFailed(_));
                if let Event::Spawned(pid) = event {
                    self.helper = (pid.raw(), true);
                }
            }
            Event::Spawned(pid) if due == Some(Due::Helper) => self.helper = (pid.raw(), true),
            Event::Spawned(_) => self.server = true,
            Event::Reaped(pid, _) if pid.raw() == SERVER => self.server = false,
            Event::Reaped(pid, _) if pid.raw() == self.helper.0 => self.helper.1 = false,
            Event::Requested(request) if request.ending().is_some() => self.did.begin = true,
            Event::WatcherEnded(_) => self.watcher = false,
            Event::NoChildren | Event::OnlyReaders | Event::Reaped(..) | Event::Requested(_) => {}
            Event::SpawnFailed(_) | Event::Timeout | Event::Updated => {}
        }
        let mut actions = Actions::default();
        self.init.handle(event, now, &mut actions);
        let actions = actions.as_slice();
        check(actions.len() < MAX_ACTIONS, "no event fills the list of actions")?;
        self.check_failures(&was, event, actions)?;
        for (at, action) in actions.iter().enumerate() {
            check(!self.did.exit, "an exit is the last action")?;
            let quiet = matches!(action, Action::Log(_) | Action::WatchdogAbandon);
            check(!was.did.stop_trying || quiet, "the dead end only reaps")?;
            self.perform(*action).map_err(|why| format!("{why}\naction {at} of {actions:?}"))?;
        }
        let deadline = self.init.deadline();
        if [Event::OnlyReaders, Event::Requested(Request::PowerFailure)].contains(&event)
            && was.did.begin
            && self.put_off == before.deadline()
        {
            // It may come sooner, but is not put off again.
            self.put_off = deadline;
        }
        let over = self.did.exit || self.did.stop_trying;
        if let Event::Reaped(pid, _) = event {
            // A record that does not change when this pid is set already has it.
            let names_pid =
                |action: &Action| matches!(action, Action::Log(record) if record.pid(pid) == *record);
            let logged = pid.raw() != SERVER || actions.iter().any(names_pid);
            check(logged, "the end of a server is in the log")?;
            let goes_on = self.server || deadline.is_some() || self.due.is_some() || over;
            check(goes_on, "the end of a server leads to something")?;
        }
        if let (Event::Reaped(pid, Exit::Exited(1)), Phase::Working { task, .. }) = (event, before.phase()) {
            let waits = task.waits_for_processes() && was.helper == (pid.raw(), true) && !was.did.unforked;
            let same = matches!(self.init.phase(), Phase::Working { task, .. } if task.waits_for_processes());
            check(!waits || !same, "nobody is waited for who cannot be signalled")?;
        }
        if event == Event::Timeout {
            if before.deadline().is_some_and(|deadline| deadline <= now) {
                check(deadline != before.deadline(), "a deadline that passed is over")?;
                self.check_put_off(&was, actions)?;
                // PID 1 missed two deadlines: the second one expires at once, but no third one does.
                let mut init = self.init;
                let mut _second = Actions::default();
                init.handle(event, now, &mut _second);
                let waits = init.deadline().is_none_or(|deadline| deadline > now);
                check(waits || self.due.is_some(), "no timers spin")?;
            } else {
                check(before == self.init, "an early timer changes nothing")?;
                check(actions.is_empty(), "an early timer does nothing")?;
            }
        }
        let runs = self.server && !self.did.begin;
        let rests = runs || self.due == Some(Due::Server) || self.did.exit;
        check(deadline.is_some() || rests, "what waits for anything has a deadline")?;
        check(deadline.is_none() || !self.did.exit, "after an exit nothing is waited for")?;
        let reminder = deadline.is_some_and(|deadline| self.now.until(deadline) <= DEAD_END_REMINDER);
        check(reminder || !self.did.stop_trying, "the dead end is recalled from time to time")?;
        let longest = now + SYNC_TIMEOUT.max(UNMOUNT_TIMEOUT);
        check(deadline.is_none_or(|deadline| deadline <= longest), "no deadline is too far away")
    }

    /// A server has failed if it could not be forked, or ended unasked before it had run for a minute.
    fn check_failures(&mut self, was: &Self, event: Event, actions: &[Action]) -> Checked {
        if self.did.begin {
            (self.failures, self.started) = (0, Instant(0));
        }
        if !self.gives_up() || self.did.begin {
            return Ok(());
        }
        let asked = matches!(was.init.phase(), Phase::Stopping { .. });
        let (failed, status) = match event {
            Event::Reaped(pid, exit) if pid.raw() == SERVER && was.server => {
                let executed = !matches!(exit, Exit::NotExecuted(_));
                let ran = executed && self.started.until(self.now) >= MIN_RUN_TIME;
                if ran {
                    self.failures = 0;
                }
                (!asked && !ran, if executed { 1 } else { 127 })
            }
            Event::SpawnFailed(_) => (!asked, 1),
            _ => (false, 1),
        };
        self.failures += u32::from(failed);
        let exit = actions.iter().find(|action| matches!(action, Action::Exit(_)));
        let expected = (failed && self.failures == self.give_up).then_some(Action::Exit(status));
        check(exit.copied() == expected, "as many failures in a row as are set end PID 1, and no fewer")
    }

    /// A deadline that passed more than a second ago is put off once, before anybody is signalled.
    fn check_put_off(&mut self, was: &Self, actions: &[Action]) -> Checked {
        let before = was.init.deadline().expect("it passed");
        let late = before.until(self.now);
        let ends_by_signal = matches!(
            was.init.phase(),
            Phase::Stopping { .. }
                | Phase::SavingServices
                | Phase::EndingOrphans
                | Phase::Working { task: Task::Terminate | Task::Kill, .. }
        );
        let line = Action::Log(Record::new(Message::FoundLate).number(late));
        let is_put_off = actions.contains(&line);
        let expected = late > LATE && ends_by_signal && was.put_off != Some(before);
        check(is_put_off == expected, "a late deadline is put off once")?;
        self.put_off = self.init.deadline().filter(|_| is_put_off);
        check(!is_put_off || actions.len() == 1, "nobody is signalled at a late deadline")?;
        let moved = self.put_off.is_none_or(|deadline| deadline == self.now + late.min(STOP_TIMEOUT));
        check(moved, "a deadline is put off by its lateness, and by the time to stop at most")?;
        let kill_at = |world: &Self| match world.init.phase() {
            Phase::Stopping { kill_at, .. } => Some(*kill_at),
            _ => None,
        };
        let kill = kill_at(was).zip(kill_at(self)).is_none_or(|(old, new)| {
            !is_put_off
                || old.0.wrapping_sub(before.0) == new.0.wrapping_sub((self.now + late.min(STOP_TIMEOUT)).0)
        });
        check(kill, "KILL is put off with the step before it")
    }

    fn perform(&mut self, action: Action) -> Checked {
        let helps = matches!(action, Action::Rpc(_) | Action::EndOrphans | Action::RunTask(_));
        let forks = helps || matches!(action, Action::SpawnRestarter | Action::SpawnServer);
        check(!forks || self.due.is_none(), "there is one action at most that forks")?;
        match action {
            Action::SpawnWatcher => {
                check(self.server && !self.watcher, "one helper watches a living server")?;
                self.watcher = true;
            }
            Action::SignalWatcher(signal) => {
                check(self.watcher, "only a watcher that runs is signalled")?;
                self.watcher = signal != Signal::KILL;
            }
            Action::Rpc(_) | Action::SpawnRestarter => {
                check(self.server, "only a living server is asked")?;
                self.due = Some(Due::Helper);
            }
            Action::Exit(status) => {
                check(self.role != Role::Machine, "a machine never exits")?;
                check(self.did.begin == (status == 0), "nothing exits of itself but without a server")?;
                self.did.exit = true;
            }
            Action::Sync => {
                let fails = self.did.unforked && self.did.tasks > 0 && !self.did.reboot;
                check(fails, "PID 1 itself syncs only if no child can be forked, and before reboot")?;
                self.did.tasks = TASKS.len();
            }
            Action::WatchdogStop => {
                let at_the_end = self.did.tasks == TASKS.len() && !self.did.reboot;
                check(at_the_end && !self.did.disarmed, "the watchdog is disarmed last, and once")?;
                self.did.disarmed = true;
            }
            Action::SpawnRescue => {
                let alone = !self.server && !self.did.begin;
                check(self.role == Role::Machine && alone, "the console is for a machine without a server")?;
            }
            Action::Reexec => {
                check(!self.did.begin, "no PID 1 is replaced once the end has begun")?;
                check(self.due.is_none(), "none is replaced while an answer is due")?;
            }
            Action::RollBack(_) => check(!self.server && !self.did.begin, "a dead server is rolled back")?,
            Action::SpawnUpdater => check(!self.did.begin, "no update is looked for once the end has begun")?,
            Action::RestartNamespace => {
                let container = self.role == Role::Container && self.did.terminate_all;
                check(container, "a namespace is restarted in its end, after TERM")?;
            }
            Action::WatchdogAbandon => {
                check(self.did.stop_trying, "the watchdog is fed until nothing is left to try")?;
            }
            Action::Log(record) => self.did.stop_trying |= record == Record::new(Message::DeadEnd),
            Action::EndOrphans => {
                check(!self.did.begin && !self.server, "orphans are ended before a next server")?;
                self.ended_orphans = true;
                self.due = Some(Due::Helper);
            }
            Action::RunTask(task) => {
                let of_a_machine = self.role == Role::Machine && self.did.terminate_all;
                check(
                    task.waits_for_processes() || of_a_machine,
                    "a task is for the end of a machine, after TERM",
                )?;
                self.due = Some(Due::Helper);
                match task {
                    Task::Terminate => {
                        check(
                            self.did.begin && !self.did.terminate_all,
                            "TERM to all comes in the end, once",
                        )?;
                        self.did.terminate_all = true;
                    }
                    Task::Kill => {
                        check(
                            self.did.terminate_all && !self.did.kill_all,
                            "KILL comes after TERM, and once",
                        )?;
                        check(self.did.tasks == 0, "KILL comes before the other tasks")?;
                        self.did.kill_all = true;
                    }
                    Task::Kexec | Task::Poweroff | Task::Reboot | Task::Halt => {
                        check(self.did.tasks == TASKS.len(), "all tasks come before reboot")?;
                        check(!self.did.sysrq, "reboot comes before SysRq")?;
                        self.did.reboot = true;
                    }
                    Task::SysRqPoweroff | Task::SysRqReboot => {
                        check(self.did.reboot && !self.did.sysrq, "SysRq comes after reboot, and once")?;
                        self.did.sysrq = true;
                    }
                    // A fork that failed is tried again.
                    task if self.did.unforked && TASKS.get(self.did.tasks.wrapping_sub(1)) == Some(&task) => {
                    }
                    task => {
                        check(TASKS.get(self.did.tasks) == Some(&task), "tasks come in order, and once")?;
                        self.did.tasks += 1;
                    }
                }
            }
            // A pid that was reaped may belong to any process.
            Action::Signal(pid, signal) if pid.raw() == SERVER => {
                check(self.server, &format!("signal {} is for a living server", signal.0))?;
            }
            Action::Signal(pid, signal) => {
                check(self.helper == (pid.raw(), true), "a signal is for a living helper")?;
                check(signal == Signal::KILL, "a helper is killed")?;
                self.helper.1 = false;
            }
            Action::SpawnServer => {
                check(!self.server, "there is one server at most")?;
                check(!self.did.begin, "no server is started once the end has begun")?;
                self.due = Some(Due::Server);
                self.started = self.now;
            }
        }
        Ok(())
    }

    /// A shutdown without any event but timeouts ends in time, whether forks succeed or not.
    fn ends_by_itself(&self) -> Checked {
        let disks = 2 * SYNC_TIMEOUT + SWAPOFF_TIMEOUT + UNMOUNT_TIMEOUT + REMOUNT_TIMEOUT + FORK_TIMEOUT;
        let tasks = disks + 4 * REBOOT_TIMEOUT;
        let tasks = if self.role == Role::Machine { tasks } else { 0 };
        // The first deadline was put off, or will be.
        let late = self.init.deadline().map_or(0, |deadline| deadline.until(self.now)).min(STOP_TIMEOUT);
        let put_off = match self.init.phase() {
            Phase::Stopping { kill_at, .. } => Some(*kill_at),
            _ => self.put_off,
        };
        let put_off = put_off.map_or(0, |deadline| self.now.until(deadline));
        let limit = self.now + (late + put_off + STOP_TIMEOUT + TERM_GRACE + KILL_GRACE + tasks);
        for forks in [false, true] {
            let (mut world, mut steps) = (self.clone(), 0);
            while world.did.begin && !world.did.exit && !world.did.stop_trying {
                let event = match world.due {
                    Some(_) if forks => Event::Spawned(pid(world.next_helper())),
                    Some(_) => Event::SpawnFailed(Errno(11)),
                    None => Event::Timeout,
                };
                let deadline = world.init.deadline().filter(|_| event == Event::Timeout);
                let now = deadline.unwrap_or(world.now).max(world.now);
                steps += 1;
                // A fork that fails for 10 s is tried a hundred times.
                check(now <= limit && steps <= 250, "a shutdown ends in time")?;
                world.handle(event, now)?;
            }
        }
        Ok(())
    }

    /// The state, without differences in time that are less than [`COARSE`].
    fn key(&self) -> Vec<u8> {
        let mut key = CoarseKey { now: self.now, bytes: Vec::new() };
        (self.init, self.due, self.server, self.helper, self.watcher, self.did, self.failures).hash(&mut key);
        key.bytes
    }
}

/// Takes what `Hash` feeds it: each [`Instant`] as the time that is left or has passed, all else as it is.
struct CoarseKey {
    now: Instant,
    bytes: Vec<u8>,
}

impl CoarseKey {
    fn left(&self, until: u64) -> u64 {
        until.saturating_sub(self.now.0).div_ceil(COARSE)
    }
}

impl Hasher for CoarseKey {
    /// Everything but single numbers of 64 bits. An array of those comes in one piece: a sliding window.
    fn write(&mut self, bytes: &[u8]) {
        if bytes.len() == size_of::<RateWindow>() {
            for time in bytes.chunks_exact(8) {
                let until = u64::from_ne_bytes(time.try_into().expect("eight bytes"));
                self.bytes.extend(self.left(until).to_ne_bytes());
            }
        } else {
            self.bytes.extend(bytes);
        }
    }

    /// An [`Instant`]: a deadline, or the start of a server.
    fn write_u64(&mut self, time: u64) {
        let age = Instant(time).until(self.now);
        let coarse = match time {
            u64::MAX => u64::MAX,
            _ if age == 0 => self.left(time) + 3,
            _ => u64::from(age >= UPDATE_SETTLE) + u64::from(age >= MIN_RUN_TIME),
        };
        self.bytes.extend(coarse.to_ne_bytes());
    }

    fn finish(&self) -> u64 {
        unreachable!("the bytes are the key")
    }
}

fn pid(raw: i32) -> Pid {
    Pid::new(raw).expect("it is a child's")
}

fn reaped(child: i32, exit: Exit) -> Event {
    Event::Reaped(pid(child), exit)
}
