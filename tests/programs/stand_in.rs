//! A server for the tests: it acts by the mode in STAND_IN, and records its events in a log file, the diary.

mod orphans;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::exit;
use std::time::Duration;

use orphans::Orphans;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, program] = arguments.as_slice()
        && word == "launch-without-argv"
    {
        launch_without_argv(program);
    }
    let mode = std::env::var("STAND_IN").unwrap_or_default();
    match mode.as_str() {
        "die" => {
            diary(&format!("started {} {}", std::process::id(), arguments.join(" ")));
            exit(3)
        }
        "describe" => describe(),
        "stubborn" | "silent-stubborn" => ignore_signals(),
        _ => {}
    }
    let socket = arguments.iter().skip_while(|word| *word != "-s").nth(1).expect("-s SOCKET");
    if mode == "no-socket" {
        diary(&format!("started {} {}", std::process::id(), arguments.join(" ")));
        sleep_for_ever();
    }
    let _none_before = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).expect("the socket can be made");
    if mode == "deaf" {
        fill_backlog(&listener, socket);
    }
    diary(&format!("started {} {}", std::process::id(), arguments.join(" ")));
    if mode.starts_with("storm") {
        storm(mode == "storm-and-die");
    }
    if mode == "deaf" {
        sleep_for_ever();
    }
    if std::env::var_os("STAND_IN_STOPPED").is_some() {
        let stopped = std::process::Command::new("sh").args(["-c", "kill -STOP $$"]).spawn();
        std::mem::forget(stopped.expect("sh runs"));
    }
    let mut kept = Vec::new();
    for stream in listener.incoming().flatten() {
        kept.push(serve(&mode, stream));
    }
}

/// Reads one request and answers by the mode; a connection that is returned stays open.
///
/// Before it, a helper may ask for the services: there are none, or in the mode `partial` two, of which the
/// second one is not told.
fn serve(mode: &str, mut stream: UnixStream) -> UnixStream {
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    let mut request = String::new();
    loop {
        request.clear();
        reader.read_line(&mut request).expect("a request");
        diary(&format!("request {}", request.trim_end()));
        let partial = mode == "partial" && request.contains("service.status") && request.contains("\"one\"");
        if !(request.contains("service.list") || partial) || mode.starts_with("silent") {
            break;
        }
        let id =
            request.split("\"id\":").nth(1).and_then(|rest| rest.split([',', '}']).next()).expect("an id");
        let list = match mode {
            "partial" if partial => format!(r#"{{"name":"one","pid":{},"state":"running"}}"#, sibling()),
            "partial" => r#"["one","two"]"#.to_string(),
            _ => "[]".to_string(),
        };
        let reply = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{list}}}\n");
        let _gone = stream.write_all(reply.as_bytes());
    }
    if request.is_empty() || request.contains("service.status") {
        return stream;
    }
    let restart = request.contains("prepare_restart");
    let agreed = if restart {
        r#"{"jsonrpc":"2.0","id":1,"result":{"ready":true,"state_path":"/run/zinit/state.json"}}"#
    } else {
        r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}"#
    };
    let reply = match mode {
        "refuse" | "stubborn" => r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}"#,
        "garbage" => "\u{1b}[31mnot json\0 at all",
        "decline" => r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        "spelled" if restart => {
            r#"{ "result": {"state_path":"", "ready" : true}, "id" :1, "jsonrpc":"2.0" }"#
        }
        "spelled" => r#"{ "id" :1, "x":[], "result": {"n":[1,2],	"ok":true} ,"jsonrpc":"2.0"}"#,
        "silent" | "silent-stubborn" => return stream,
        "half" => r#"{"jsonrpc":"2.0","id":1,"resu"#,
        "hang-up" => "",
        _ => agreed,
    };
    if mode == "flood" {
        // A megabyte without a newline; the RPC client stops to read early.
        let _broken = stream.write_all(&vec![b' '; 1 << 20]);
        return stream;
    }
    let _gone = stream.write_all(reply.as_bytes());
    match mode {
        "half" => drop(stream.shutdown(std::net::Shutdown::Both)),
        "hang-up" => {
            drop(stream.shutdown(std::net::Shutdown::Both));
            std::thread::sleep(Duration::from_millis(200));
            diary("left");
            exit(0)
        }
        _ => drop(stream.write_all(b"\n")),
    }
    match mode {
        "spelled" => std::thread::sleep(Duration::from_millis(300)),
        // In steps: while this process is frozen, time passes and no work is done.
        "slow" => (0..100).for_each(|_| std::thread::sleep(Duration::from_millis(10))),
        _ => {}
    }
    if !matches!(mode, "refuse" | "stubborn" | "garbage" | "decline" | "half" | "stay") {
        diary("left");
        exit(0);
    }
    stream
}

/// The first child of PID 1, which is not this process.
fn sibling() -> String {
    let children = std::fs::read_to_string("/proc/1/task/1/children").expect("children");
    children.split(' ').next().expect("a child").to_string()
}

/// Records the properties that this process got from PID 1.
fn describe() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let status = read("/proc/self/status");
    for key in ["SigBlk", "SigIgn", "SigCgt"] {
        let value = status.lines().find(|line| line.starts_with(key)).unwrap_or("none");
        diary(value);
    }
    // SAFETY: it only asks.
    diary(&format!("session {} pid {}", unsafe { libc::getsid(0) }, std::process::id()));
    let mut descriptors: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .expect("/proc")
        .flatten()
        .filter_map(|entry| Some((entry.file_name(), std::fs::read_link(entry.path()).ok()?)))
        // Without the folder that is being read.
        .filter(|(_, link)| !link.to_string_lossy().ends_with("/fd"))
        .map(|(name, link)| format!("{}={}", name.to_string_lossy(), link.display()))
        .collect();
    descriptors.sort();
    diary(&format!("descriptors {}", descriptors.join(" ")));
    diary(&format!("folder {}", std::env::current_dir().expect("a folder").display()));
    diary(&format!("path {}", std::env::var("PATH").unwrap_or_default()));
}

/// Makes orphans that all exit at the same moment, and perhaps exits with them.
fn storm(and_die: bool) {
    let count = std::env::var("STAND_IN_ORPHANS").ok().and_then(|count| count.parse().ok());
    let orphans = Orphans::new(count.expect("a count"));
    diary("orphans made");
    // The test counts them, and then releases them.
    let release = std::env::var("STAND_IN_RELEASE").expect("a file");
    while !std::path::Path::new(&release).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    orphans.release();
    diary("orphans released");
    if and_die {
        exit(5);
    }
}

/// Makes the backlog as small as possible, and connects until no further connection is accepted: the system's longest
/// backlog, 4096, would need more descriptors than a process usually may have.
fn fill_backlog(listener: &UnixListener, socket: &str) {
    // SAFETY: it takes two numbers.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    loop {
        // SAFETY: plain system calls; the descriptors are leaked on purpose, they fill the backlog.
        unsafe {
            let connection = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0);
            let mut address: libc::sockaddr_un = std::mem::zeroed();
            address.sun_family = libc::AF_UNIX as u16;
            for (to, from) in address.sun_path.iter_mut().zip(socket.bytes()) {
                *to = from.cast_signed();
            }
            let length = size_of::<libc::sockaddr_un>() as u32;
            if libc::connect(connection, (&raw const address).cast(), length) != 0 {
                let error = std::io::Error::last_os_error();
                assert_eq!(error.raw_os_error(), Some(libc::EAGAIN), "the backlog is full");
                break;
            }
        }
    }
}

/// Executes a program without any argument, not even its name.
fn launch_without_argv(program: &str) -> ! {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    let program = std::ffi::CString::new(program).expect("a path");
    let nothing = [std::ptr::null()];
    // SAFETY: both arrays end in NULL.
    unsafe { libc::execve(program.as_ptr(), nothing.as_ptr(), environ) };
    exit(1)
}

fn ignore_signals() {
    for signal in [libc::SIGTERM, libc::SIGUSR1] {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

fn sleep_for_ever() -> ! {
    let mut nothing = [0];
    let (reader, _writer) = UnixStream::pair().expect("two sockets");
    loop {
        let _never = (&reader).read(&mut nothing);
    }
}

fn diary(line: &str) {
    let Ok(path) = std::env::var("STAND_IN_DIARY") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the diary can be written");
    writeln!(file, "{line}").expect("the diary can be written");
}
