//! scripts/image: its images boot and are reproducible, it needs no root, and it names what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::common::{Folder, brought, program, root, tool};

/// Packs an initramfs with the files of `scripts/setup` and with more arguments, as another user if there is a
/// wrapper.
fn pack(wrapper: &[&str], out: &str, words: &[&str]) -> Output {
    let image = root().join("scripts/image").display().to_string();
    let (server, client) =
        (brought("target/zinit/x86_64/bin/zinit-server"), brought("target/zinit/x86_64/bin/zinit"));
    let line: Vec<&str> = wrapper.iter().copied().chain([image.as_str(), "initramfs", out]).collect();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).arg("--init").arg(program()).arg("--tool").arg(tool());
    command.arg("--server").arg(server).arg("--client").arg(client).args(words);
    command.output().expect("scripts/image runs")
}

#[test]
fn the_same_files_make_the_same_bytes_and_the_demo_is_small() {
    let folder = Folder::new();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).expect("a folder");
    let add = format!("{}:/opt", tree.display());
    let busybox = "/bin/busybox:bin/busybox";
    let mut images = Vec::new();
    for (name, mode) in [("one", 0o640), ("two", 0o664)] {
        // Another order on the disk, other times, and other modes except for the right to execute.
        for file in if name == "one" { ["a", "b"] } else { ["b", "a"] } {
            let path = tree.join(file);
            let _new = fs::remove_file(&path);
            fs::write(&path, file).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let out = folder.path().join(name).display().to_string();
        let packed = pack(&["env"], &out, &["--add", &add, "--add", busybox]);
        let said = String::from_utf8_lossy(&packed.stderr).into_owned();
        let warning = "image: warning: /bin/busybox has halt, poweroff, reboot, which send PID 1 other signals and \
                       which its shell may prefer: type /sbin/reboot or zinit reboot\n";
        assert!(packed.status.success() && said == warning, "{said}");
        images.push(fs::read(out).expect("an image"));
    }
    assert!(images[0] == images[1]);
    println!("the demo image has {} bytes", images[0].len());
    assert!(images[0].len() < 8 << 20, "{}", images[0].len());
}

#[test]
fn it_needs_no_root_and_makes_device_nodes() {
    let folder = Folder::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
    let out = folder.path().join("image").display().to_string();
    // Without any capability: this test may be root itself.
    let wrapper = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    let packed = pack(&wrapper, &out, &["--compress", "zstd", "--level", "1"]);
    assert!(packed.status.success(), "{packed:?}");
    let list = format!("zstd --quiet --decompress --stdout {out} | cpio --list --verbose --quiet");
    let list = Command::new("sh").args(["-c", &list]).output().expect("cpio runs");
    let list = String::from_utf8(list.stdout).expect("a list");
    for line in ["crw-------   1 root     root       5,   1", "crw-rw-rw-   1 root     root       1,   3"] {
        assert!(list.contains(line), "{list}");
    }
    for link in ["init -> sbin/zinit-pid1", "sbin/reboot -> zinit-pid1ctl", "sbin/shutdown -> zinit-pid1ctl"]
    {
        assert!(list.contains(link), "{list}");
    }
}

#[test]
fn invalid_input_is_named_and_nothing_is_written() {
    let folder = Folder::new();
    let out = folder.path().join("image").display().to_string();
    for (words, error) in [
        (&["--add", "/none:x"][..], "/none: No such file or directory"),
        (&["--add", "nonsense"], "--add nonsense: SRC:DST is expected"),
        (&["--add", "/dev/null:x"], "/dev/null is no file, link or folder"),
        (&["--add", "/bin/busybox:/sbin/zinit-pid1"], "/sbin/zinit-pid1 is added twice"),
        (&["--add", "/bin/busybox:sbin/zinit-pid1/x"], "/sbin/zinit-pid1 is no folder in this image"),
        (&["--service", "/etc/passwd"], "zinit-server reads names in .toml only"),
    ] {
        let packed = pack(&["env"], &out, words);
        let said = String::from_utf8_lossy(&packed.stderr).into_owned();
        assert!(!packed.status.success() && said.contains(error), "{words:?}: {said}");
        assert!(said.contains("nothing was written") && !fs::exists(&out).expect("a folder"), "{said}");
    }
    // The program may be in the root to which this image switches.
    let packed = pack(&["env"], &out, &["--level", "1", "--add", "/usr/bin/setpriv:bin/setpriv"]);
    let said = String::from_utf8_lossy(&packed.stderr).into_owned();
    let warning = "warning: /bin/setpriv needs /lib64/ld-linux-x86-64.so.2, which is not in this image";
    assert!(packed.status.success() && said.contains(warning), "{said}");
}

#[test]
fn a_container_image_without_a_tag_gets_the_default_tag() {
    let folder = Folder::new();
    for (name, tag) in [("registry:5000/mine", "registry:5000/mine:latest"), ("mine:1", "mine:1")] {
        let out = folder.path().join("image.tar").display().to_string();
        let mut image = Command::new(root().join("scripts/image"));
        image.args(["oci", &out, "--name", name, "--init"]).arg(program()).arg("--tool").arg(tool());
        assert!(image.status().expect("scripts/image runs").success());
        let manifest = Command::new("tar").args(["-xOf", &out, "manifest.json"]).output().expect("tar runs");
        let manifest = String::from_utf8(manifest.stdout).expect("JSON");
        assert!(manifest.contains(&format!("\"RepoTags\": [\"{tag}\"]")), "{manifest}");
    }
}
