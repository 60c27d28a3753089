//! Podman without a daemon, from Debian's package that scripts/setup has unpacked, in namespaces of its own.

use std::fs;
use std::process::Stdio;

use super::docker::{as_root, image_file, told};
use super::{Folder, brought};

/// What runs in the namespaces before a script: a /run and a store of its own, and the image `localhost/zinit`.
///
/// crun refuses cgroups of the second version beside those of the first. Podman makes a cgroup for a Pod, which stays
/// until it is removed.
const BEGIN: &str = r#"
    set -e
    folder=$1
    mount -t tmpfs run /run
    mount -t tmpfs lib /var/lib
    umount /sys/fs/cgroup/unified 2>/dev/null || :
    export HOME=$folder CONTAINERS_CONF=$folder/containers.conf CONTAINERS_REGISTRIES_CONF=$folder/registries.conf
    podman() {
        "$PODMAN/bin/podman" --root "$folder/storage" --runroot /run/podman --tmpdir /run/libpod \
            --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "$@"
    }
    end() {
        status=$?
        podman rm --all --force --time 0 >/dev/null 2>&1 || :
        find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} ';' 2>/dev/null || :
        rm -rf --one-file-system "$folder"/* "$folder"/.[a-z]*
        exit $status
    }
    trap end EXIT
    # line CONTAINER TEXT: waits for it.
    line() {
        for i in $(seq 600); do
            ! podman logs "$1" 2>&1 | grep -qF "$2" || return 0
            sleep 0.1
        done
        podman logs "$1"
        echo "no line: $2"
        return 1
    }
    podman load --quiet --input "$IMAGE" >/dev/null
"#;

/// Runs a script of sh(1) with `set -e`, in which `podman` is a command, and returns its output.
pub fn podman(script: &str) -> String {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    let root = brought("target/podman");
    // No more than this process has: raising a limit needs a capability that root may be without.
    let conf = format!(
        "[engine]\nconmon_path = [\"{0}/bin/conmon\"]\nhelper_binaries_dir = [\"{0}/usr/bin\"]\nruntime = \"crun\"\n\
         [engine.runtimes]\ncrun = [\"{0}/bin/crun\"]\n\
         [containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n",
        root.display()
    );
    fs::write(at("containers.conf"), conf).expect("a file");
    fs::write(at("registries.conf"), "").expect("a file");
    fs::create_dir_all(at(".config/containers")).expect("a folder");
    let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
    fs::write(at(".config/containers/policy.json"), policy).expect("a file");
    let mut shell = as_root("env");
    shell.arg(format!("PODMAN={}", root.display())).arg(format!("IMAGE={}", image_file().display()));
    shell.args(["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"]);
    shell.args(["bash", "-c", &format!("{BEGIN}{script}"), "podman"]).arg(folder.path());
    shell.stdin(Stdio::null());
    let output = told(&mut shell);
    drop(folder);
    output
}

/// `doc/examples/NAME` as a path.
pub fn example(name: &str) -> String {
    super::root().join("doc/examples").join(name).display().to_string()
}
