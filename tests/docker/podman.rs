//! The image `zinit` in containers of podman, which runs without a daemon.

use crate::common::podman::podman;

#[test]
fn podman_stops_a_container_within_its_ten_seconds() {
    let output = podman(
        r#"
        podman run --detach --name c --cgroups=disabled --network none localhost/zinit
        line c "service started"
        podman exec c zinit-pid1 status
        podman stop c
        podman logs c
        podman inspect --format 'ended with {{.State.ExitCode}}' c
        "#,
    );
    let lines = [
        "PID 1 of a container",
        "stop begins, asked by 0 (a process outside)",
        "zinit-server stopped",
        "ended with 0",
    ];
    for line in lines {
        assert!(output.contains(line), "no {line}:\n{output}");
    }
    assert!(!output.contains("sending"), "{output}");
}

/// The signal that podman chooses by itself for an image whose program is called init, by number.
#[test]
fn podman_stops_a_container_by_signal_37_too() {
    for option in ["--stop-signal=37", "--systemd=always"] {
        let output = podman(&format!(
            r#"
            podman run --detach --name c --cgroups=disabled --network none {option} localhost/zinit
            line c "service started"
            podman inspect --format 'signal {{{{.Config.StopSignal}}}}' c
            podman stop c
            podman logs c
            podman inspect --format 'ended with {{{{.State.ExitCode}}}}' c
            "#,
        ));
        for line in ["signal 37", "stop begins", "zinit-server stopped", "ended with 0"] {
            assert!(output.contains(line), "{option}: no {line}:\n{output}");
        }
    }
}

#[test]
fn podman_kills_a_container_whose_services_need_longer() {
    let output = podman(
        r#"
        mkdir "$folder/services"
        cat >"$folder/services/slow.toml" <<'END'
[service]
name = "slow"
exec = '''trap 'sleep 30; echo late >/shared/late' TERM; echo >/shared/ready; while :; do sleep 0.1; done'''
END
        podman run --detach --name c --cgroups=disabled --network none --volume "$folder/services:/etc/zinit/services" \
            --volume "$folder:/shared" localhost/zinit
        for i in $(seq 600); do [ ! -e "$folder/ready" ] || break; sleep 0.1; done
        podman stop --time 1 c
        podman inspect --format 'ended with {{.State.ExitCode}}' c
        [ ! -e "$folder/late" ] && echo nothing more was written
        "#,
    );
    for line in ["ended with 137", "nothing more was written"] {
        assert!(output.contains(line), "no {line}:\n{output}");
    }
}
