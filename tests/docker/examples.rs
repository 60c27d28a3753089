//! The files in doc/examples, as they stand there.

use std::fs;
use std::path::Path;
use std::process::Command;

use zinit_pid1::model::limits::{KILL_GRACE, TERM_GRACE};

use crate::common::docker::{docker, docker_script, told};
use crate::common::podman::{example, podman};
use crate::common::{Folder, program, root, tool, until};

/// What follows `key` in the first line that begins with it.
fn value(file: &str, key: &str) -> String {
    let text = fs::read_to_string(example(file)).expect("an example");
    let mut lines = text.lines().map(str::trim_start);
    let value = lines.find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("{file}: no {key}"));
    value.trim().trim_matches('"').to_owned()
}

fn seconds(text: &str) -> u32 {
    text.trim_end_matches('s').parse().unwrap_or_else(|_| panic!("no seconds: {text}"))
}

/// The stages of the end of a container, s: the server's time, TERM and KILL.
fn stages(server: &str) -> u32 {
    seconds(server) + (TERM_GRACE + KILL_GRACE) / 1_000
}

#[test]
fn the_compose_file_runs_and_stops_within_its_grace_period() {
    let compose = |words: &[&str]| -> Command {
        let mut compose =
            docker(&["compose", "--file", &example("compose.yaml"), "--project-name", "example"]);
        compose.args(words);
        compose
    };
    told(&mut compose(&["up", "--detach"]));
    let logs = || told(&mut compose(&["logs", "--no-color"]));
    until("the service", || logs().contains("service started"));
    let container = told(&mut compose(&["ps", "--quiet"])).trim().to_owned();
    let state = |what: &str| {
        told(&mut docker(&["inspect", "--format", &format!("{{{{{what}}}}}"), &container])).trim().to_owned()
    };
    let grace = value("compose.yaml", "stop_grace_period:");
    assert_eq!(state(".Config.StopTimeout"), seconds(&grace).to_string());
    assert!(seconds(&grace) > stages(&value("compose.yaml", "ZINIT_STOP_TIMEOUT:")), "{grace}");
    told(&mut compose(&["stop"]));
    let text = logs();
    assert_eq!(state(".State.ExitCode"), "0", "{text}");
    let server = seconds(&value("compose.yaml", "ZINIT_STOP_TIMEOUT:"));
    let times = format!("the server has {server}000 ms, TERM and KILL 5 s each");
    for line in ["stop begins", &times, "zinit-server stopped", "exited 0"] {
        assert!(text.contains(line), "no {line}:\n{text}");
    }
    assert!(!text.contains("sending"), "{text}");
    told(&mut compose(&["down"]));
}

#[test]
fn the_dockerfile_is_built_from_scratch_without_a_network_and_runs() {
    let folder = Folder::new();
    // Where the script takes them from.
    let _programs = (program(), tool());
    let mut script = docker_script(Path::new(&example("container")));
    let text = told(script.arg(folder.path()).env("ZINIT_IMAGE", "from-dockerfile"));
    for line in ["hello: started", "zinit-pid1: stop begins", "hello: stopped", "zinit-server stopped"] {
        assert!(text.contains(line), "no {line}:\n{text}");
    }
    assert!(text.contains("check: from-dockerfile ended with status 0"), "{text}");
    assert!(!text.contains("sending KILL"), "{text}");
}

#[test]
fn the_readme_shows_the_dockerfile() {
    let lines = |text: &str| -> Vec<String> {
        let words = ["FROM ", "COPY ", "ENTRYPOINT "];
        let lines = text.lines().map(str::trim_start);
        lines.filter(|line| words.iter().any(|word| line.starts_with(word))).map(str::to_owned).collect()
    };
    let [file, readme] = [example("Dockerfile").into(), root().join("README.md")]
        .map(|path| fs::read_to_string(path).expect("a file"));
    assert_eq!(lines(&file).len(), 5);
    assert_eq!(lines(&readme), lines(&file));
}

/// No cluster can be had for a test: podman makes the Pod of the file, and is told to make the calls of a kubelet.
#[test]
fn the_pod_shares_its_processes_and_ends_after_its_pre_stop() {
    let grace = value("pod.yaml", "terminationGracePeriodSeconds:");
    let text = fs::read_to_string(example("pod.yaml")).expect("an example");
    let mut lines = text.lines().skip_while(|line| line.trim() != "preStop:");
    let command = lines.find_map(|line| line.trim().strip_prefix("command: [")).expect("a command");
    let words: Vec<String> =
        command.trim_end_matches(']').split(", ").map(|word| word.replace('"', "'")).collect();
    let server = {
        let mut lines = text.lines().skip_while(|line| line.trim() != "- name: ZINIT_STOP_TIMEOUT");
        lines
            .find_map(|line| line.trim().strip_prefix("value: "))
            .expect("a value")
            .trim_matches('"')
            .to_owned()
    };
    let before: u32 = words.last().map(|word| seconds(word.trim_matches('\''))).expect("a time");
    assert!(seconds(&grace) > before + stages(&server), "{grace}");

    let output = podman(&format!(
        r#"
        podman kube play --network none {file}
        line zinit-services "service started"
        podman exec zinit-services ps
        podman exec zinit-services {pre_stop}
        echo "after preStop: $(podman inspect --format '{{{{.State.Status}}}}' zinit-services)"
        podman stop --time {grace} zinit-services
        podman logs zinit-services
        podman inspect --format 'ended with {{{{.State.ExitCode}}}}' zinit-services
        "#,
        file = example("pod.yaml"),
        pre_stop = words.join(" "),
    ));
    let pid1 = output.lines().find(|line| line.trim_start().starts_with("1 "));
    assert!(pid1.is_some_and(|line| !line.contains("zinit")), "PID 1 is the pause program:\n{output}");
    let times = format!("the server has {server}000 ms, TERM and KILL 5 s each");
    for line in [
        "not PID 1: it only runs the server",
        "after preStop: running",
        "stop begins",
        &times,
        "zinit-server stopped",
        "ended with 0",
    ] {
        assert!(output.contains(line), "no {line}:\n{output}");
    }
}
