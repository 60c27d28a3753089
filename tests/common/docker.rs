//! The program as PID 1 of Docker's containers, on an engine that the test process starts for itself.
//!
//! The engine has namespaces of its own, with its own /run: it does not conflict with another engine of the machine,
//! and however the test process ends, no container, mount or process is left behind.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::namespace::Log;
use super::{Folder, brought, program, root, tool, until};

/// The engine's own folder, and the shell that keeps it.
struct Engine {
    folder: Folder,
    keeper: Mutex<Child>,
}

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// The keeper's script: the engine runs as long as the other end of standard input is open.
///
/// The engine stops its containers at TERM. A cgroup stays until it is removed.
const KEEP: &str = r#"
    folder=$1 group=$2
    shift 2
    mount -t tmpfs run /run || exit
    { "$@"; echo "the engine ended with status $?"; } &
    cat >/dev/null
    kill "$(cat /run/docker.pid)"
    wait
    find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} ';' 2>/dev/null
    rm -rf --one-file-system "$folder"
"#;

impl Engine {
    /// Starts the engine and loads the image `zinit`, which has everything that a container needs.
    fn start() -> Self {
        let folder = Folder::new();
        let at = |name: &str| folder.path().join(name).display().to_string();
        assert!(at("sock").len() <= 107, "no socket can be made at {}: take a shorter TMPDIR", at("sock"));
        let group = format!("zinit-pid1-{}", id());
        let mut keeper = as_root("unshare");
        keeper.args(["--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"]);
        keeper.args(["sh", "-c", KEEP, "keeper"]).arg(folder.path()).args([&group, installed("dockerd")]);
        keeper.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]);
        keeper.args(["--exec-opt=native.cgroupdriver=cgroupfs", &format!("--cgroup-parent=/{group}")]);
        keeper.args(["--exec-root=/run/docker", "--pidfile=/run/docker.pid", "--data-root", &at("data")]);
        // SAFETY: getgid(2) takes nothing and cannot fail.
        keeper.args([
            "--group",
            &unsafe { libc::getgid() }.to_string(),
            "-H",
            &format!("unix://{}", at("sock")),
        ]);
        // A process group of its own: Ctrl-C reaches only the test process, and the engine then ends in order.
        keeper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut keeper = keeper.spawn().expect("unshare runs: package util-linux");
        let log = Log::default();
        log.follow(keeper.stdout.take().expect("a pipe"));
        log.follow(keeper.stderr.take().expect("a pipe"));
        let engine = Self { folder, keeper: Mutex::new(keeper) };
        until("the engine", || {
            let ended = engine.keeper.lock().expect("nobody panics").try_wait().expect("a child").is_some();
            assert!(
                !ended && !log.text().contains("the engine ended"),
                "no engine, is this root?\n{}",
                log.text()
            );
            engine.client(&["version"]).output().expect("docker runs").status.success()
        });
        // SAFETY: the function exists for as long as the program runs.
        assert_eq!(unsafe { libc::atexit(end) }, 0, "the engine's end can be arranged");
        let plugins = engine.folder.path().join("client/cli-plugins");
        fs::create_dir_all(&plugins).expect("a folder");
        let compose = brought("target/compose/docker-compose");
        std::os::unix::fs::symlink(compose, plugins.join("docker-compose")).expect("a link");
        engine.image("zinit", |image| {
            let bin = engine.folder.path().join("bin");
            fs::create_dir(&bin).expect("a folder");
            for applet in ["sh", "sleep", "ps", "id"] {
                std::os::unix::fs::symlink("busybox", bin.join(applet)).expect("a link");
            }
            let service = service(engine.folder.path(), "one", "sleep 1000");
            image.arg("--server").arg(brought("target/zinit/x86_64/bin/zinit-server"));
            image.arg("--client").arg(brought("target/zinit/x86_64/bin/zinit"));
            image.arg("--service").arg(service).args(["--add", &format!("{}:bin", bin.display())]);
            image.args(["--add", "/bin/busybox:bin/busybox"]);
        });
        engine
    }

    /// Packs an image with scripts/image, and loads it.
    fn image(&self, name: &str, what: impl FnOnce(&mut Command)) {
        let file = self.folder.path().join(format!("{name}.tar"));
        let mut image = Command::new(root().join("scripts/image"));
        image
            .arg("oci")
            .arg(&file)
            .args(["--name", name])
            .arg("--init")
            .arg(program())
            .arg("--tool")
            .arg(tool());
        what(&mut image);
        told(&mut image);
        told(self.client(&["load", "--quiet", "--input"]).arg(&file));
    }

    /// A script whose client talks to this engine.
    fn script(&self, path: &Path) -> Command {
        let mut script = Command::new(path);
        let folder = self.folder.path();
        script
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DOCKER_CONFIG", folder.join("client"))
            .env("DOCKER_HOST", format!("unix://{}", folder.join("sock").display()))
            // The old builder needs no plug-in.
            .env("DOCKER_BUILDKIT", "0")
            .env("TERM", "dumb");
        script.stdin(Stdio::null());
        script
    }

    /// The client of this engine.
    fn client(&self, words: &[&str]) -> Command {
        let mut client = self.script(Path::new(installed("docker")));
        client.args(words);
        client
    }
}

/// Ends the engine, for a process that is about to exit.
extern "C" fn end() {
    if let Some(mut keeper) = ENGINE.get().and_then(|engine| engine.keeper.lock().ok()) {
        drop(keeper.stdin.take());
        let _ended = keeper.wait();
    }
}

/// A client of the engine, with its arguments.
pub fn docker(words: &[&str]) -> Command {
    ENGINE.get_or_init(Engine::start).client(words)
}

/// A script that calls `docker`.
pub fn docker_script(path: &Path) -> Command {
    ENGINE.get_or_init(Engine::start).script(path)
}

/// `docker run` without a network, with options.
pub fn run(options: &[&str]) -> Command {
    let mut run = docker(&["run", "--pull=never", "--network=none", "--env=NO_COLOR=1"]);
    run.args(options);
    run
}

/// The file of the image `zinit`, for another engine.
pub fn image_file() -> PathBuf {
    ENGINE.get_or_init(Engine::start).folder.path().join("zinit.tar")
}

/// Packs an image without a server with scripts/image, with one more file in it.
pub fn image_without_server(name: &str, file: Option<(&Path, &str)>) {
    let engine = ENGINE.get_or_init(Engine::start);
    engine.image(name, |image| {
        if let Some((source, target)) = file {
            image.args(["--add", &format!("{}:{target}", source.display())]);
        }
    });
}

/// Writes a service file into a folder.
pub fn service(folder: &Path, name: &str, command: &str) -> PathBuf {
    let file = folder.join(format!("{name}.toml"));
    let text =
        format!("[service]\nname = \"{name}\"\nexec = '''{command}'''\n[lifecycle]\nrestart = \"always\"\n");
    fs::write(&file, text).expect("a service");
    file
}

/// Writes the file of a service `job` that runs once into a folder.
pub fn job(folder: &Path, command: &str) {
    let text = format!(
        "[service]\nname = \"job\"\nexec = \'\'\'{command}\'\'\'\n[lifecycle]\nrestart = \"never\"\n"
    );
    fs::write(folder.join("job.toml"), text).expect("a service");
}

/// Runs a command, which must succeed, and returns its output.
pub fn told(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", both(&output));
    both(&output)
}

fn both(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// A program from Debian's or from Docker's own packages; a program elsewhere may be anything.
fn installed(name: &str) -> &'static str {
    let paths =
        if name == "docker" { ["/usr/bin/docker"; 2] } else { ["/usr/sbin/dockerd", "/usr/bin/dockerd"] };
    let found = paths.into_iter().find(|path| Path::new(path).exists());
    found.unwrap_or_else(|| panic!("no {name}: run scripts/setup"))
}

/// A command that root runs.
pub fn as_root(program: &str) -> Command {
    // SAFETY: geteuid(2) takes nothing and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["--non-interactive", program]);
    sudo
}

/// A container, which is removed when this is dropped.
pub struct Container {
    pub name: String,
    follower: Child,
    log: Log,
}

impl Container {
    /// Runs the image `zinit` with options of `docker run`.
    pub fn zinit(options: &[&str]) -> Self {
        Self::run(options, "zinit", &[])
    }

    /// Runs the image `zinit` with a folder of services, which is /shared as well.
    pub fn services(folder: &Folder, options: &[&str]) -> Self {
        let volume = |to: &str| format!("--volume={}:{to}", folder.path().display());
        Self::zinit(&[options, &[&volume("/etc/zinit/services"), &volume("/shared")]].concat())
    }

    /// Runs an image with options of `docker run`, and arguments for its program.
    pub fn run(options: &[&str], image: &str, words: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("c{}", COUNT.fetch_add(1, Ordering::Relaxed));
        told(run(&["--detach", "--name", &name]).args(options).arg(image).args(words));
        let mut follow = docker(&["logs", "--follow", &name]);
        let mut follower = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("docker runs");
        let log = Log::default();
        log.follow(follower.stdout.take().expect("a pipe"));
        log.follow(follower.stderr.take().expect("a pipe"));
        Self { name, follower, log }
    }

    /// Waits for the `count`th line that contains `text`; only of the container's first run, if there is a second
    /// one.
    pub fn nth(&self, text: &str, count: usize) -> String {
        self.log.nth(text, count)
    }

    /// Waits for the first line that contains `text`.
    pub fn line(&self, text: &str) -> String {
        self.nth(text, 1)
    }

    /// All lines so far: of the server, and of the program, which writes to standard error.
    pub fn logs(&self) -> (String, String) {
        let output = docker(&["logs", &self.name]).output().expect("docker runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(output.stdout), text(output.stderr))
    }

    /// The output of `docker VERB OPTIONS CONTAINER WORDS`, whether or not it succeeds.
    pub fn ask(&self, verb: &[&str], words: &[&str]) -> String {
        both(&docker(verb).arg(&self.name).args(words).output().expect("docker runs"))
    }

    /// Waits until `zinit list` shows a service as running, and returns its pid.
    pub fn running(&self, service: &str) -> String {
        let mut pid = None;
        until(&format!("{service} to run"), || {
            let list = self.ask(&["exec"], &["zinit", "list"]);
            pid = list.split_once(&format!("{service} Running (pid: ")).map(|(_, rest)| rest.to_string());
            pid.is_some()
        });
        pid.and_then(|pid| Some(pid.split_once(')')?.0.to_string())).expect("a pid")
    }

    /// A value of the engine's state of the container, such as `ExitCode`.
    pub fn state(&self, what: &str) -> String {
        self.ask(&["inspect", "--format", &format!("{{{{{what}}}}}")], &[]).trim().to_string()
    }

    /// Stops the container as a user does, and asserts exit status 0 and that no deadline of PID 1 was reached.
    /// Returns the time that it took, which on a busy computer is mostly that of the engine.
    pub fn stops(&self) -> Duration {
        let begin = Instant::now();
        told(&mut docker(&["stop", &self.name]));
        let time = begin.elapsed();
        let (server, program) = self.logs();
        assert_eq!(self.state(".State.ExitCode"), "0", "{program}{server}");
        assert!(program.contains("zinit-pid1: stop begins"), "{program}");
        for late in ["no answer in ", "sending KILL", "not done in time"] {
            assert!(!program.contains(late), "{program}{server}");
        }
        assert!(!server.contains("zinit-pid1:"), "the program's lines belong on standard error:\n{server}");
        time
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _gone = self.ask(&["rm", "--force"], &[]);
        let _ended = self.follower.kill();
        let _reaped = self.follower.wait();
    }
}
