//! scripts/image: its images boot and are reproducible, it needs no root, and it names what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::elf::{ARCHITECTURES, program_for};
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

/// Runs a scripts/image, and returns what it says if it succeeds.
fn image(script: &Path, words: &[&str]) -> Result<String, String> {
    let packed = Command::new(script).args(words).output().expect("scripts/image runs");
    let said = String::from_utf8_lossy(&packed.stderr).into_owned();
    if packed.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn a_program_of_another_architecture_is_named_and_nothing_is_written() {
    let folder = Folder::new();
    let script = root().join("scripts/image");
    let out = folder.path().join("image").display().to_string();
    for (index, (own, class, machine)) in ARCHITECTURES.into_iter().enumerate() {
        let good = program_for(folder.path(), own, (class, machine), 1);
        let (other, class, machine) = ARCHITECTURES[(index + 1) % 4];
        let bad = program_for(folder.path(), other, (class, machine), 1);
        for wrong in ["--init", "--tool", "--server", "--client"] {
            let mut words = vec!["initramfs", &out, "--arch", own];
            for option in ["--init", "--tool", "--server", "--client"] {
                words.extend([option, if option == wrong { &bad } else { &good }]);
            }
            let said = image(&script, &words).expect_err("it is refused");
            let line = format!("{wrong} {bad} is for {other}, and this image is for {own}");
            assert_eq!(said, format!("image: {line}; nothing was written\n"));
            assert!(!fs::exists(&out).expect("a folder"));
        }
    }
    // Programs of 32 bits for 64-bit processors, and those with the other byte order.
    for (name, class, order, machine, said) in [
        ("x86_64", 1, 1, 62, "ELF machine 62, 32 bits, little-endian"),
        ("aarch64", 2, 2, 183, "ELF machine 183, 64 bits, big-endian"),
        ("riscv64", 1, 1, 243, "ELF machine 243, 32 bits, little-endian"),
        ("armv7", 1, 2, 40, "ELF machine 40, 32 bits, big-endian"),
    ] {
        let bad = program_for(folder.path(), "bad", (class, machine), order);
        let refused = image(&script, &["initramfs", &out, "--init", &bad, "--tool", ""]);
        let known = "images are for x86_64, aarch64, riscv64, armv7; nothing was written";
        assert_eq!(refused, Err(format!("image: {bad} is for an unknown architecture ({said}): {known}\n")));
        let refused = image(&script, &["initramfs", &out, "--arch", name, "--init", &bad, "--tool", ""]);
        assert!(refused.is_err_and(|error| error.contains(said)), "{name}");
    }
    let none = root().join("README.md").display().to_string();
    let said =
        image(&script, &["initramfs", &out, "--init", &none, "--tool", ""]).expect_err("it is refused");
    assert!(said.contains("README.md is for no architecture, since it is no ELF file"), "{said}");
    assert!(!fs::exists(&out).expect("a folder"));
}

#[test]
fn an_added_program_of_another_architecture_or_without_its_interpreter_is_a_warning() {
    let folder = Folder::new();
    let script = root().join("scripts/image");
    let out = folder.path().join("image").display().to_string();
    let no_program = program_for(folder.path(), "firmware", (2, 62), 1);
    fs::set_permissions(&no_program, fs::Permissions::from_mode(0o644)).expect("a mode");
    for (own, class, machine) in ARCHITECTURES {
        let good = program_for(folder.path(), own, (class, machine), 1);
        for (other, class, machine) in ARCHITECTURES {
            let added = format!("{}:bin/other", program_for(folder.path(), "other", (class, machine), 1));
            let firmware = format!("{no_program}:lib/firmware");
            let words = ["initramfs", &out, "--arch", own, "--init", &good, "--tool", "", "--add", &added];
            let said = image(&script, &[&words[..], &["--add", &firmware]].concat()).expect("it is packed");
            let mut lines = String::new();
            if other != own {
                lines += &format!("image: warning: /bin/other is for {other}, and this image is for {own}\n");
            }
            for name in ["bin/other", "sbin/zinit-pid1"] {
                lines += &format!("image: warning: /{name} needs /lib/ld.so, which is not in this image\n");
            }
            assert_eq!(said, lines);
        }
        // With the interpreter, which in this test is a program like the others and needs itself.
        let interpreter = format!("{good}:lib/ld.so");
        let words = ["initramfs", &out, "--arch", own, "--init", &good, "--tool", "", "--add", &interpreter];
        assert_eq!(image(&script, &words), Ok(String::new()));
    }
}

#[test]
fn a_container_image_names_the_platform_of_its_programs() {
    let folder = Folder::new();
    let script = root().join("scripts/image");
    let out = folder.path().join("image.tar").display().to_string();
    let platforms = [
        r#""architecture": "amd64", "os": "linux""#,
        r#""architecture": "arm64", "os": "linux""#,
        r#""architecture": "riscv64", "os": "linux""#,
        r#""architecture": "arm", "os": "linux", "variant": "v7""#,
    ];
    for ((name, class, machine), platform) in ARCHITECTURES.into_iter().zip(platforms) {
        let program = program_for(folder.path(), name, (class, machine), 1);
        for words in [&["--arch", name][..], &[]] {
            let words = [&["oci", &out, "--init", &program, "--tool", ""], words].concat();
            let _interpreter_is_missing = image(&script, &words).expect("it is packed");
            let read = |file: &str| {
                let file = Command::new("tar").args(["-xOf", &out, file]).output().expect("tar runs");
                String::from_utf8(file.stdout).expect("JSON")
            };
            let index = read("index.json");
            assert!(index.contains(&format!("\"platform\": {{{platform}}}")), "{name}: {index}");
            // The same words, among others in the order of their names.
            let manifest = read("manifest.json");
            let config = manifest.split('"').find(|word| word.starts_with("blobs/")).expect("a file");
            let config = read(config);
            for word in platform.split(", ") {
                assert!(config.contains(word), "{name}: {config}");
            }
            assert_eq!(config.contains("variant"), platform.contains("variant"), "{config}");
        }
    }
}

#[test]
fn the_programs_of_an_architecture_are_those_of_scripts_build() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    let out = at("image").display().to_string();
    // The script takes its programs from the folder that it is in.
    fs::create_dir(at("scripts")).expect("a folder");
    fs::copy(root().join("scripts/image"), at("scripts/image")).expect("a copy");
    let script = at("scripts/image");
    for (name, class, machine) in ARCHITECTURES {
        let said = image(&script, &["initramfs", &out, "--arch", name]).expect_err("nothing is there");
        assert!(
            said.ends_with(&format!("is not there: scripts/build {name}; nothing was written\n")),
            "{said}"
        );
        let dist = at("target/dist").join(name);
        fs::create_dir_all(&dist).expect("a folder");
        program_for(&dist, "zinit-pid1", (class, machine), 1);
        let said = image(&script, &["initramfs", &out, "--arch", name]).expect_err("one is missing");
        let missing = format!("target/dist/{name}/zinit-pid1ctl is not there: scripts/build {name}; ");
        assert!(said.contains(&missing), "{said}");
        program_for(&dist, "zinit-pid1ctl", (class, machine), 1);
        assert!(!fs::exists(&out).expect("a folder"));
        let _interpreter_is_missing =
            image(&script, &["initramfs", &out, "--arch", name]).expect("it is packed");
        fs::remove_file(&out).expect("an image");
    }
    // A container's image is for as many as are named, in this order and each once.
    let both = ["--arch", "armv7", "--arch", "aarch64", "--arch", "armv7"];
    let said =
        image(&script, &[&["initramfs", &out], &both[..]].concat()).expect_err("it is for one architecture");
    assert_eq!(said, "image: an initramfs is for one architecture; nothing was written\n");
    let _interpreter_is_missing =
        image(&script, &[&["oci", &out, "--name", "a:1"], &both[..]].concat()).expect("it is packed");
    let tags = Command::new("tar").args(["-xOf", &out, "manifest.json"]).output().expect("tar runs").stdout;
    let tags = String::from_utf8(tags).expect("JSON");
    let tags: Vec<&str> =
        tags.split("RepoTags\": [\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(tags, ["a:1-arm64", "a:1-armv7"]);
    fs::remove_file(&out).expect("an image");
    let said = image(&script, &["initramfs", &out]).expect_err("nothing is there");
    assert!(said.contains("target/release/zinit-pid1 is not there: cargo build --release; "), "{said}");
    let said = image(&script, &["initramfs", &out, "--arch", "sparc"]).expect_err("it is refused");
    assert!(said.contains("invalid choice: 'sparc'"), "{said}");
}

#[test]
fn services_without_a_shell_to_run_them_are_a_warning() {
    let folder = Folder::new();
    let out = folder.path().join("image").display().to_string();
    let service = folder.path().join("mine.toml");
    fs::write(&service, "[service]\nname = \"mine\"\nexec = \"sleep 9\"\n").expect("a file");
    let service = service.display().to_string();
    let line = "image: warning: /bin/sh is not in this image, and the server runs each service by it\n";
    for (words, warned) in [
        (&["--service", service.as_str()][..], true),
        (&["--service", &service, "--add", "/bin/busybox:bin/sh"], false),
        (&["--level", "1"], false),
    ] {
        let packed = pack(&["env"], &out, words);
        let said = String::from_utf8_lossy(&packed.stderr).into_owned();
        assert!(packed.status.success() && said.contains(line) == warned, "{words:?}: {said}");
    }
}
