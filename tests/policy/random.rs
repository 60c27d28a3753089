//! Long random runs on a virtual clock, checked by a model that follows the documents and not the code.
//!
//! The simulated world keeps the order of the real one: pids are never used twice, timers expire late and never
//! early, and an action that forks is answered before anything else happens.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use zinit_pid1::init::Init;
use zinit_pid1::model::action::Method;
use zinit_pid1::model::action::{Action, Actions};
use zinit_pid1::model::event::{Ending, Event, Request};
use zinit_pid1::model::message::{Message, Record};
use zinit_pid1::model::policy::{Orphans, Policy};
use zinit_pid1::model::process::{Errno, Exit, FileId, Pid, Role, Signal};
use zinit_pid1::model::reexec::ReexecState;
use zinit_pid1::model::task::Task;
use zinit_pid1::model::time::Instant;
use zinit_pid1::signals;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_random_run_agrees_with_the_model(
        role in prop_oneof![Just(Role::Machine), Just(Role::Container), Just(Role::Subreaper)],
        stop_timeout in prop_oneof![Just(30_000_u32), Just(1_000), 1_000..=86_400_000_u32],
        poweroff in prop_oneof![Just(Ending::Poweroff), Just(Ending::Reboot), Just(Ending::Halt)],
        policy in prop_oneof![Just(Orphans::Adopt), Just(Orphans::Keep), Just(Orphans::Stop)],
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let mut world = World::boot(Policy { role, stop_timeout, poweroff, give_up: 0, orphans: policy });
        for step in &steps {
            world.live(step);
        }
        // A shutdown ends, whatever happened before.
        world.deliver(Event::Requested(Request::End(Ending::Poweroff)), false);
        // A stage that was at work before may still be put off once.
        world.wait(2 * stop_timeout + LONGEST_END, 0, false);
        prop_assert!(world.over, "it does not end: {world:#?}");
    }
}

#[derive(Clone, Debug)]
struct Step {
    what: What,
    fork_fails: bool,
    /// How late timers are, ms.
    late: u32,
}

#[derive(Clone, Debug)]
enum What {
    CtrlAltDels(u8, u32),
    HelperEnds(Exit),
    ServerEnds(Exit),
    Signal(i32),
    StrangerEnds(Exit),
    /// Another file replaces the server: the one that ran for long, or a new one.
    Replaced(bool),
    OnlyReaders,
    Updated,
    Wait(u32),
    WaitForDeadline,
    WatcherEnds(Exit),
}

fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        1 => (1..=8_u8, 0..500_u32).prop_map(|(count, gap)| What::CtrlAltDels(count, gap)),
        20 => exit().prop_map(What::HelperEnds),
        20 => exit().prop_map(What::ServerEnds),
        20 => Just(What::Signal(10)),
        4 => (1..=64_i32).prop_map(What::Signal),
        10 => exit().prop_map(What::StrangerEnds),
        4 => any::<bool>().prop_map(What::Replaced),
        4 => Just(What::Updated),
        4 => Just(What::OnlyReaders),
        10 => exit().prop_map(What::WatcherEnds),
        20 => (0..70_000_u32).prop_map(What::Wait),
        20 => Just(What::WaitForDeadline),
    ];
    (what, prop::bool::weighted(0.1), prop_oneof![8 => Just(0_u32), 2 => 0..20_u32, 1 => 0..10_000_u32])
        .prop_map(|(what, fork_fails, late)| Step { what, fork_fails, late })
}

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        (0..=4_u8).prop_map(Exit::Exited),
        any::<u8>().prop_map(Exit::Exited),
        (1..=64_u8).prop_map(|signal| Exit::Killed(Signal(signal))),
        (1..=133_u8).prop_map(|errno| Exit::NotExecuted(Errno(errno))),
    ]
}

/// The state of PID 1 by the documents.
#[derive(Clone, Copy, Debug)]
enum Model {
    Backoff {
        until: Instant,
    },
    Ending {
        since: Instant,
        ending: Ending,
        kill_at: Instant,
    },
    Restarting {
        since: Instant,
        asked: Instant,
    },
    Starting,
    /// The watcher is given time to save the services of a server that crashed, since this time.
    Saving {
        since: Instant,
    },
    /// The processes that the last server left behind are being ended, since this time.
    Stopping {
        since: Instant,
    },
    Up {
        since: Instant,
    },
}

#[derive(Debug)]
struct World {
    role: Role,
    stop_timeout: u32,
    poweroff: Ending,
    policy: Orphans,
    init: Init,
    now: Instant,
    model: Model,
    /// The deadline of the current step was found late, and has been put off.
    put_off: bool,
    /// The possible lengths of the next backoff.
    delays: Vec<u32>,
    last_pid: i32,
    /// How many servers in a row could not be executed.
    failures: u32,
    server: Option<Pid>,
    helpers: Vec<Pid>,
    tasks: Vec<Task>,
    /// Since when the child of the last task cannot be forked.
    unforked: Option<Instant>,
    over: bool,
    /// An exited server has left services that the next one would not know.
    orphans: bool,
    /// An update is pending.
    update: bool,
    /// The file that the server runs, the last one that ran for long, and when servers that ran this file ended.
    file: u32,
    last_good: u32,
    recent_exits: Vec<(Instant, u32)>,
    /// The number of files so far.
    files: u32,
    /// The helper of a soft restart, and the RPC client of the server that is to be replaced.
    restarter: Option<Pid>,
    client: Option<Pid>,
    /// The server was killed at this time, or ended at this time, in a soft restart.
    killed: bool,
    ended: Instant,
    /// The watcher runs; PID 1 expects its end.
    watcher: bool,
    watched: bool,
    /// The last action that forked.
    forked: Option<Action>,
    /// The file that the next server will run.
    next: u32,
}

impl World {
    fn boot(policy: Policy) -> Self {
        let Policy { role, stop_timeout, poweroff, orphans, give_up: _ } = policy;
        let mut actions = Actions::default();
        let mut init = Init::boot(policy, &ReexecState::first(), Instant(3_000));
        init.handle(Event::Timeout, Instant(3_000), &mut actions);
        assert_eq!(actions.as_slice(), [Action::SpawnServer]);
        let (now, model, delays) = (Instant(3_000), Model::Starting, vec![1_000]);
        let (server, helpers, tasks, last_pid, over) = (None, Vec::new(), Vec::new(), 2, false);
        let failures = 0;
        #[rustfmt::skip]
        let mut world = Self {
            role, stop_timeout, poweroff, policy: orphans, init, now, model, delays, last_pid, failures, server, helpers,
            tasks, over, unforked: None, put_off: false, orphans: false, update: false, file: 0, last_good: 0, recent_exits: vec![], files: 1, next: 1,
            client: None,             restarter: None, killed: false, ended: now, watcher: false, watched: false, forked: None,
        };
        world.perform(actions.as_slice(), false);
        world
    }

    fn live(&mut self, step: &Step) {
        let fails = step.fork_fails;
        match step.what {
            What::CtrlAltDels(count, gap) => {
                for _ in 0..count {
                    self.deliver(Event::Requested(Request::CtrlAltDel), fails);
                    self.wait(gap, step.late, fails);
                }
            }
            What::HelperEnds(exit) => {
                if let Some(pid) = self.helpers.last().copied() {
                    self.deliver(Event::Reaped(pid, exit), fails);
                } else if self.server.is_none() {
                    self.deliver(Event::NoChildren, fails);
                }
            }
            What::ServerEnds(exit) => {
                if let Some(pid) = self.server {
                    self.deliver(Event::Reaped(pid, exit), fails);
                }
            }
            What::Replaced(new) => {
                self.files += u32::from(new);
                self.next = if new { self.files } else { self.last_good };
            }
            What::OnlyReaders => self.deliver(Event::OnlyReaders, fails),
            What::Updated => self.deliver(Event::Updated, fails),
            What::WatcherEnds(exit) => {
                if std::mem::take(&mut self.watcher) {
                    self.deliver(Event::WatcherEnded(exit), fails);
                }
            }
            What::Signal(signal) => {
                if let Some(request) = signals::request(signal, self.role) {
                    self.deliver(Event::Requested(request), fails);
                }
            }
            What::StrangerEnds(exit) => {
                let pid = self.new_pid();
                self.deliver(Event::Reaped(pid, exit), fails);
            }
            What::Wait(span) => self.wait(span, step.late, fails),
            What::WaitForDeadline => {
                let left = self.init.deadline().map_or(0, |deadline| self.now.until(deadline));
                self.wait(left, step.late, fails);
            }
        }
    }

    /// Lets time pass; timers on the way expire up to `late` ms late.
    fn wait(&mut self, span: u32, late: u32, fork_fails: bool) {
        let end = self.now + span;
        let mut timers = 0;
        while let Some(deadline) = self.init.deadline().filter(|deadline| *deadline <= end) {
            timers += 1;
            // The shortest delay is that to the next fork, except for a second deadline that passed together with the first.
            assert!(timers <= 2 + span / 100, "timers spin: {self:#?}");
            let due = deadline.max(self.now) + late;
            self.now = due;
            self.deliver(Event::Timeout, fork_fails);
        }
        self.now = self.now.max(end);
    }

    fn deliver(&mut self, event: Event, fork_fails: bool) {
        if self.over && self.role != Role::Machine {
            return;
        }
        let deadline = self.init.deadline();
        let mut actions = Actions::default();
        // The server's file is known by its exit at the latest.
        self.init.set_server_file(FileId(self.file));
        self.init.handle(event, self.now, &mut actions);
        let (last, rest) = actions.as_slice().split_last().unzip();
        let reexecs = last == Some(&Action::Reexec);
        let judged = if reexecs { rest.unwrap_or(&[]) } else { actions.as_slice() };
        if !self.put_off(event, judged, deadline) {
            self.judge(event, judged, deadline);
            let hurries = matches!(event, Event::OnlyReaders | Event::Requested(Request::PowerFailure));
            // A failing power and the end of all but readers only shorten a step.
            let begins = judged.iter().any(begins_step) || self.init.deadline() != deadline && !hurries;
            self.put_off &= !begins;
        }
        self.judge_reexec(reexecs);
        let actions = actions.as_slice();
        if let Event::Reaped(pid, _) = event {
            self.helpers.retain(|helper| *helper != pid);
            self.server = self.server.filter(|server| *server != pid);
        }
        self.perform(actions, fork_fails);
    }

    fn perform(&mut self, actions: &[Action], fork_fails: bool) {
        let mut answer = None;
        for action in actions {
            let quiet = matches!(action, Action::Log(_) | Action::WatchdogAbandon);
            assert!(!self.over || quiet, "{action:?} after the end");
            match action {
                Action::WatchdogStop | Action::SpawnRescue | Action::WatchdogAbandon => {
                    assert_eq!(self.role, Role::Machine)
                }
                Action::RestartNamespace => assert_eq!(self.role, Role::Container),
                Action::Exit(_) => {
                    assert_ne!(self.role, Role::Machine);
                    self.over = true;
                }
                Action::Log(note) => self.over |= *note == Record::new(Message::DeadEnd),
                Action::EndOrphans => {
                    assert!(self.policy != Orphans::Keep && self.server.is_none());
                }
                Action::SpawnWatcher => {
                    assert!(self.server.is_some() && !self.watcher);
                    self.watcher = !fork_fails;
                }
                Action::SignalWatcher(signal) => {
                    assert!(self.watcher, "{self:#?}");
                    self.watcher = *signal != Signal::KILL;
                }
                Action::RollBack(_) => {}
                Action::Sync => {
                    let since = self.unforked.take().expect("a child could not be forked");
                    assert!(since.until(self.now) >= 10_000, "it is tried for 10 s");
                    self.tasks.retain(|task| [Task::Terminate, Task::Kill].contains(task));
                    self.tasks.extend(DISKS);
                }
                Action::RunTask(task) => {
                    let all = [Task::Terminate, Task::Kill].contains(task);
                    assert!(all || self.role == Role::Machine, "{task:?}");
                    // A fork that failed is tried again.
                    if self.unforked.is_none() || self.tasks.last() != Some(task) {
                        self.tasks.push(*task);
                    }
                }
                Action::Signal(pid, _) => {
                    // No pid is used twice here, so a signal reaches exactly the process that was meant.
                    let alive = self.helpers.contains(pid) || self.server == Some(*pid);
                    assert!(alive, "{action:?} is for one that is dead or was never born");
                }
                Action::SpawnServer => {
                    assert_eq!(self.server, None, "there is one server at most");
                    assert!(matches!(self.model, Model::Starting), "no server is due: {:?}", self.model);
                }
                Action::Rpc(_) | Action::Reexec | Action::SpawnRestarter | Action::SpawnUpdater => {}
            }
            let helps = matches!(action, Action::Rpc(_) | Action::EndOrphans | Action::RunTask(_));
            if helps || matches!(action, Action::SpawnRestarter | Action::SpawnServer) {
                assert_eq!(answer.replace(*action), None, "one action at most forks");
            }
        }
        if fork_fails && actions.contains(&Action::SpawnWatcher) {
            self.deliver(Event::WatcherEnded(Exit::NotExecuted(Errno(11))), fork_fails);
        }
        self.forked = answer.or(self.forked);
        let Some(action) = answer else { return };
        if matches!(action, Action::RunTask(task) if DISKS.contains(&task)) {
            self.unforked = fork_fails.then(|| self.unforked.unwrap_or(self.now));
        }
        if fork_fails {
            self.deliver(Event::SpawnFailed(Errno(11)), fork_fails);
            return;
        }
        let pid = self.new_pid();
        if action == Action::SpawnServer {
            self.server = Some(pid);
            self.file = self.next;
        } else {
            self.helpers.push(pid);
        }
        self.deliver(Event::Spawned(pid), fork_fails);
    }

    fn new_pid(&mut self) -> Pid {
        self.last_pid += 1;
        Pid::new(self.last_pid).expect("it is a child's")
    }

    /// True if a deadline was found more than a second late, and was put off by that time, before anybody is signalled.
    ///
    /// The model then is as if all had begun later by the time by which the deadline moved.
    fn put_off(&mut self, event: Event, actions: &[Action], deadline: Option<Instant>) -> bool {
        let passed = deadline.filter(|deadline| event == Event::Timeout && *deadline <= self.now);
        let late = passed.map_or(0, |deadline| deadline.until(self.now));
        let ends_by_signal = match self.model {
            Model::Restarting { .. } | Model::Saving { .. } | Model::Stopping { .. } => true,
            Model::Ending { .. } => {
                matches!(self.tasks[..], [] | [.., Task::Terminate | Task::Kill]) && !self.over
            }
            Model::Backoff { .. } | Model::Starting | Model::Up { .. } => false,
        };
        let happens = late > 1_000 && ends_by_signal && !self.put_off;
        let line = Action::Log(Record::new(Message::FoundLate).number(late));
        assert_eq!(actions.contains(&line), happens, "{late} ms late: {self:#?}");
        if passed.is_some() {
            self.put_off = happens;
        }
        if !happens {
            return false;
        }
        assert_eq!(actions, [line]);
        let moved =
            deadline.zip(self.init.deadline()).map(|(from, to)| from.until(to)).expect("two deadlines");
        assert!(moved > late && moved <= 2 * late, "{moved}");
        match &mut self.model {
            Model::Restarting { asked, .. } => {
                (*asked, self.ended) = (*asked + moved, self.ended + moved);
            }
            Model::Saving { since } | Model::Stopping { since } => *since = *since + moved,
            Model::Ending { since, kill_at, .. } => {
                (*since, *kill_at) = (*since + moved, *kill_at + moved);
            }
            Model::Backoff { .. } | Model::Starting | Model::Up { .. } => unreachable!("nobody is signalled"),
        }
        true
    }

    /// Compares the actions with the documents, and updates the model.
    fn judge(&mut self, event: Event, actions: &[Action], deadline: Option<Instant>) {
        use Event::{Reaped, Requested, SpawnFailed, Spawned, Timeout};
        let log = |fact| Action::Log(Record::new(fact));
        let kills = |pid| actions.contains(&Action::Signal(pid, Signal::KILL));
        let now = self.now;
        match (self.model, event) {
            (_, Reaped(pid, exit)) if Some(pid) != self.server && !self.helpers.contains(&pid) => {
                assert_eq!(
                    actions,
                    [Action::Log(orphan(pid, exit))],
                    "a stranger is reaped, and that is all"
                );
                assert_eq!(self.init.deadline(), deadline, "a stranger holds up nothing");
            }
            (Model::Ending { .. }, Requested(request)) => {
                assert_eq!(actions.first(), Some(&log(Message::AlreadyEnding)));
                self.hurry(request);
            }
            (_, Requested(Request::CtrlAltDel)) => self.begin(Ending::Reboot, actions),
            (_, Requested(Request::End(ending))) => self.begin(ending, actions),
            (_, Requested(request @ Request::PowerFailure)) => {
                self.begin(Ending::Poweroff, actions);
                self.hurry(request);
            }
            (Model::Ending { since, ending, kill_at }, _) => {
                let burst = actions.contains(&log(Message::CtrlAltDelBurst));
                let waits = now < kill_at && !burst;
                assert!(!waits || self.server.is_none_or(|server| !kills(server)), "KILL came early");
                assert!(
                    self.over || since.until(now) <= self.stop_timeout + LONGEST_END,
                    "it takes too long"
                );
                let ending = if ending == Ending::Poweroff { self.poweroff } else { ending };
                let commands: &[Ending] = match ending {
                    Ending::Halt => &[Ending::Halt],
                    Ending::Kexec => &[Ending::Kexec, Ending::Reboot, Ending::Halt],
                    Ending::Poweroff => &[Ending::Poweroff, Ending::Halt],
                    Ending::Reboot => &[Ending::Reboot, Ending::Halt],
                };
                let mut ladder = vec![Task::Terminate];
                ladder.extend(self.tasks.iter().filter(|task| **task == Task::Kill).take(1));
                ladder.extend(DISKS);
                ladder.extend(commands.iter().map(|command| Task::of(*command)));
                let restarts = matches!(ending, Ending::Kexec | Ending::Reboot);
                ladder.push(if restarts { Task::SysRqReboot } else { Task::SysRqPoweroff });
                assert!(ladder.starts_with(&self.tasks), "{:?} for {ending:?}", self.tasks);
                // The watchdog is stopped for the ending that was requested, and not for one that replaces it.
                let ends_well = matches!(ending, Ending::Halt | Ending::Poweroff)
                    && actions.contains(&Action::RunTask(Task::of(ending)));
                assert_eq!(actions.contains(&Action::WatchdogStop), ends_well, "{actions:?} for {ending:?}");
                let restarts = actions.contains(&Action::RestartNamespace);
                assert!(!restarts || ending == Ending::Reboot, "{actions:?} for {ending:?}");
                let gave_up = actions.contains(&log(Message::DeadEnd));
                assert!(!gave_up || ladder == self.tasks, "something was left out: {:?}", self.tasks);
            }
            (_, Event::OnlyReaders) => assert_eq!(actions, []),
            (_, Event::WatcherEnded(exit)) => {
                let watched = std::mem::take(&mut self.watched);
                let failed = watched && exit != Exit::Exited(0);
                let line = Action::Log(Record::new(Message::WatcherEnded).exit(exit));
                assert_eq!(actions.first() == Some(&line), failed, "{actions:?}");
                let rest = &actions[usize::from(failed)..];
                match self.model {
                    Model::Saving { .. } => self.start(rest),
                    _ => assert_eq!(rest, []),
                }
            }
            (Model::Saving { since }, Timeout) => {
                assert!(now >= since + 2_000, "it has 2 s");
                assert_eq!(actions[..2], [log(Message::SaveTimedOut), Action::SignalWatcher(Signal::KILL)]);
                self.watched = false;
                self.start(&actions[2..]);
            }
            (_, Requested(Request::Update)) => {
                assert_eq!(actions, [log(Message::UpdateBegun), Action::SpawnUpdater]);
            }
            (_, Event::Updated) => {
                self.update = true;
                assert_eq!(actions, []);
            }
            (Model::Backoff { .. }, Requested(Request::RestartServer)) => {
                assert_eq!(actions[..1], [log(Message::RespawnNow)]);
                self.start(&actions[1..]);
            }
            (Model::Backoff { until }, Timeout) => {
                assert!(now >= until, "too early by {} ms", now.until(until));
                self.start(actions);
            }
            (Model::Restarting { since, .. }, Reaped(pid, exit)) if Some(pid) == self.server => {
                self.ran(since, exit);
                self.ended = now;
                let asked = self.policy != Orphans::Keep && self.client.is_some();
                if asked || self.restarter.is_some() {
                    // It has not yet reported whether the services are saved.
                    assert_eq!(actions, [Action::Log(Record::new(Message::ServerEnded).pid(pid).exit(exit))]);
                    return;
                }
                // The next one starts at once.
                self.start(&actions[actions.len() - 1..]);
            }
            (Model::Restarting { since, .. }, Reaped(pid, exit)) if Some(pid) == self.restarter => {
                self.restarter = None;
                let reports = matches!(exit, Exit::Exited(0 | 1));
                self.orphans &= exit != Exit::Exited(0);
                let line = Action::Log(Record::new(Message::RestarterFailed).exit(exit));
                assert_eq!(actions.first() == Some(&line), !reports, "{actions:?}");
                let mut rest = &actions[usize::from(!reports)..];
                if exit == Exit::Exited(0) && std::mem::take(&mut self.watched) {
                    assert_eq!(rest[0], Action::SignalWatcher(Signal::KILL));
                    rest = &rest[1..];
                }
                match (self.server, reports || self.killed) {
                    (None, _) => self.start(rest),
                    (Some(_), true) => assert_eq!(rest, []),
                    (Some(_), false) => {
                        assert_eq!(rest, [Action::Rpc(Method::PrepareRestart)]);
                        self.model = Model::Restarting { since, asked: now };
                    }
                }
            }
            (Model::Restarting { .. }, Reaped(pid, exit)) => {
                let awaited = self.client.take_if(|client| *client == pid).is_some();
                assert_eq!(actions.contains(&Action::Log(orphan(pid, exit))), !awaited);
                self.orphans &= !awaited || exit != Exit::Exited(0);
                if awaited && self.server.is_none() {
                    self.start(actions);
                }
            }
            (Model::Restarting { .. }, Timeout) if self.server.is_none() => {
                assert!(now >= self.ended + 1_000, "the helper has a second after the server's end");
                assert_eq!(actions[0], log(Message::SaveTimedOut));
                let kills = actions.contains(&Action::SignalWatcher(Signal::KILL));
                assert_eq!(kills, std::mem::take(&mut self.watched));
                self.client = None;
                self.start(&actions[actions.len() - 1..]);
            }
            (
                Model::Restarting { .. } | Model::Saving { .. } | Model::Stopping { .. },
                Requested(Request::RestartServer),
            ) => assert_eq!(actions, [log(Message::RestartNotNeeded)]),
            (Model::Restarting { .. }, Spawned(pid)) => {
                let restarts = self.forked == Some(Action::SpawnRestarter);
                *(if restarts { &mut self.restarter } else { &mut self.client }) = Some(pid);
            }
            (Model::Restarting { since, .. }, SpawnFailed(errno))
                if self.forked == Some(Action::SpawnRestarter) =>
            {
                let failed = Record::new(Message::RestarterFailed).exit(Exit::NotExecuted(errno));
                assert_eq!(actions, [Action::Log(failed), Action::Rpc(Method::PrepareRestart)]);
                self.model = Model::Restarting { since, asked: now };
            }
            (Model::Stopping { since }, Timeout) => {
                assert!(now >= since + 11_000, "they have 5 s after TERM and 5 s after KILL");
                self.start(&actions[actions.len() - 1..]);
            }
            (Model::Stopping { .. }, SpawnFailed(errno)) => {
                // A server could not be forked either: both are retried later.
                self.orphans = true;
                self.back_off(Record::new(Message::SpawnFailed).errno(errno), actions);
            }
            (Model::Stopping { .. }, Reaped(pid, exit)) => {
                if actions != [Action::Log(orphan(pid, exit))] {
                    self.start(&actions[actions.len() - 1..]);
                }
            }
            (Model::Stopping { .. }, _) => assert_eq!(actions, []),
            (Model::Up { .. }, Timeout) => {
                // A watcher that is missing is started.
                let starts = !self.watched && self.policy == Orphans::Adopt;
                assert_eq!(*actions, [Action::SpawnWatcher][..usize::from(starts)]);
                self.watched |= starts;
            }
            (Model::Restarting { asked, .. }, Timeout) => {
                let server = self.server.expect("it is being restarted");
                self.client = None;
                self.killed |= kills(server);
                let due = deadline.expect("it passed") >= asked + 5_000;
                assert_eq!(kills(server), due, "KILL comes 5 s after the request");
            }
            (Model::Starting, Spawned(pid)) => {
                assert_eq!(actions[0], Action::Log(Record::new(Message::ServerStarted).pid(pid)));
                self.watched = self.policy == Orphans::Adopt;
                assert_eq!(actions[1..], [Action::SpawnWatcher][..usize::from(self.watched)]);
                self.model = Model::Up { since: now };
                self.orphans = true;
            }
            (Model::Starting, SpawnFailed(errno)) => {
                self.back_off(Record::new(Message::SpawnFailed).errno(errno), actions);
            }
            (Model::Up { since }, Reaped(pid, exit)) if Some(pid) == self.server => {
                self.ran(since, exit);
                let good = FileId(self.last_good);
                let worse = self.rolls_back();
                assert_eq!(actions.first() == Some(&Action::RollBack(good)), worse, "{self:#?}");
                let actions = &actions[usize::from(worse)..];
                if worse {
                    self.delays = vec![1_000];
                }
                self.failures = if matches!(exit, Exit::NotExecuted(_)) { self.failures + 1 } else { 0 };
                if self.failures == 5 && self.role != Role::Machine {
                    let ended = Action::Log(Record::new(Message::ServerEnded).pid(pid).exit(exit));
                    let status = if exit == Exit::NotExecuted(Errno(2)) { 127 } else { 126 };
                    let [Action::Log(first), rest @ ..] = actions else { panic!("{actions:?}") };
                    // The line does not tell the delay that would follow.
                    assert_eq!(Action::Log(first.number(0)), ended);
                    assert_eq!(rest, [log(Message::GivenUp), Action::Exit(status)]);
                    return;
                }
                self.back_off(Record::new(Message::ServerRespawn).pid(pid).exit(exit), actions);
            }
            (Model::Up { since }, Requested(Request::RestartServer)) => {
                let server = self.server.expect("it is up");
                let begun = Action::Log(Record::new(Message::RestartBegun).pid(server));
                let watched = self.watched;
                assert_eq!((actions.len(), actions[0]), (2 + usize::from(watched), begun));
                assert_eq!(actions.contains(&Action::SignalWatcher(Signal::STOP)), watched);
                assert_eq!(actions.last(), Some(&Action::SpawnRestarter));
                self.killed = false;
                self.model = Model::Restarting { since, asked: now };
            }
            (Model::Restarting { .. }, _) => {}
            // A helper of an earlier phase is treated like an orphan; nothing else can happen here.
            (Model::Backoff { .. } | Model::Saving { .. } | Model::Starting | Model::Up { .. }, _) => {
                assert!(actions.iter().all(|action| matches!(action, Action::Log(_))));
                assert_eq!(self.init.deadline(), deadline);
            }
        }
    }

    /// A server has exited.
    fn ran(&mut self, since: Instant, exit: Exit) {
        let executed = !matches!(exit, Exit::NotExecuted(_));
        if executed && since.until(self.now) >= 60_000 {
            self.delays = vec![1_000];
            self.last_good = self.file;
            self.failures = 0;
        }
        // A server that could not be executed has left no services behind.
        self.orphans &= executed;
    }

    /// More than three exits of one file within a minute, other than the file that ran for long.
    fn rolls_back(&mut self) -> bool {
        if self.recent_exits.first().is_some_and(|(_, file)| *file != self.file) {
            self.recent_exits.clear();
        }
        self.recent_exits.push((self.now, self.file));
        let fourth = self.recent_exits.iter().rev().nth(3);
        let dying = fourth.is_some_and(|(first, _)| first.until(self.now) <= 60_000);
        if dying {
            self.recent_exits.clear();
        }
        let worse = dying && self.last_good != 0 && self.last_good != self.file;
        if worse {
            // The good file is restored, and there is no good file until one has run for long again.
            self.next = std::mem::take(&mut self.last_good);
        }
        worse
    }

    /// A server starts, or first the processes that the last one left behind are ended.
    fn start(&mut self, actions: &[Action]) {
        (self.client, self.restarter) = (None, None);
        if self.watched {
            assert_eq!(actions, [Action::SignalWatcher(Signal::CONT)]);
            self.model = Model::Saving { since: self.now };
            return;
        }
        let stops = self.policy != Orphans::Keep && self.orphans;
        let action = if stops { Action::EndOrphans } else { Action::SpawnServer };
        assert_eq!(actions, [action]);
        self.orphans &= !stops;
        self.model = if stops { Model::Stopping { since: self.now } } else { Model::Starting };
    }

    /// PID 1 is re-executed as soon as nothing is in progress.
    fn judge_reexec(&mut self, reexecs: bool) {
        let rests = match self.model {
            Model::Backoff { .. } => true,
            Model::Up { since } => since.until(self.now) >= 250,
            _ => false,
        };
        assert_eq!(reexecs, self.update && rests && !self.over, "{self:#?}");
        self.update &= !reexecs;
    }

    fn begin(&mut self, ending: Ending, actions: &[Action]) {
        let begun = if self.role == Role::Machine { Message::ShutdownBegun } else { Message::StopBegun };
        let begun = Record::new(begun).task(Task::of(ending));
        assert!(actions.contains(&Action::Log(begun)), "{actions:?}");
        let times = Action::Log(Record::new(Message::StopTimes).number(self.stop_timeout));
        assert_eq!(actions.contains(&times), self.role != Role::Machine, "{actions:?}");
        self.watched = false;
        self.model = Model::Ending { since: self.now, ending, kill_at: self.now + self.stop_timeout };
    }

    /// The power of a machine fails: the server has 10 s from now on.
    fn hurry(&mut self, request: Request) {
        let limit = self.now + 10_000;
        if let (Model::Ending { kill_at, .. }, Request::PowerFailure, Role::Machine) =
            (&mut self.model, request, self.role)
        {
            *kill_at = (*kill_at).min(limit);
        }
    }

    fn back_off(&mut self, why: Record, actions: &[Action]) {
        // Only servers that cannot be executed, one after the other, count.
        if why.message == Message::SpawnFailed {
            self.failures = 0;
        }
        let delay = self.delays.iter().find(|delay| actions[0] == Action::Log(why.number(**delay)));
        let delay = *delay.unwrap_or_else(|| panic!("one of {:?} in {actions:?}", self.delays));
        // The fifth delay of 1, 2, 4, 8, 16, 30 s and those after it.
        let rescue = self.role == Role::Machine && delay > 10_000;
        assert_eq!(actions[1..], [Action::SpawnRescue][..usize::from(rescue)]);
        assert_eq!(self.init.deadline(), Some(self.now + delay));
        self.delays = vec![(delay * 2).min(30_000)];
        self.model = Model::Backoff { until: self.now + delay };
    }
}

/// The tasks of a machine before its last commands.
const DISKS: [Task; 5] = [Task::Sync, Task::Swapoff, Task::Unmount, Task::EmergencyRemount, Task::SyncAgain];

/// The time that a shutdown may take after the stop timeout, ms: TERM, KILL, sync, swapoff, unmount, sync, three
/// reboot(2) calls and SysRq, five times 10 s in which no child can be forked, late timers.
const LONGEST_END: u32 =
    5_000 + 5_000 + 300_000 + 60_000 + 300_000 + 10_000 + 300_000 + 4 * 30_000 + 17 * 10_000;

/// True if a step begins with this action. Its deadline is a new one, even if it is the time to which the last one was put
/// off.
fn begins_step(action: &Action) -> bool {
    match action {
        Action::Log(record) => [Message::RequestUnanswered, Message::ServerEnded].contains(&record.message),
        Action::EndOrphans | Action::Rpc(_) | Action::RunTask(_) | Action::Signal(..) => true,
        Action::SpawnRestarter | Action::SpawnServer | Action::SignalWatcher(Signal::CONT) => true,
        _ => false,
    }
}

fn orphan(pid: Pid, exit: Exit) -> Record {
    Record::new(Message::OrphanReaped).pid(pid).exit(exit)
}
