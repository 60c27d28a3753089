//! `FROM zinit-pid1` works, on engines that know images for more than one architecture and on others.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::common::docker::{Container, docker, service, told};
use crate::common::podman::podman;
use crate::common::{Folder, brought};
use crate::{Release, VERSION};

/// A folder with what an image is built of upon the base image.
fn context(folder: &Folder) -> PathBuf {
    let context = folder.path().join("context");
    fs::create_dir(&context).expect("a folder");
    fs::copy(brought("target/zinit/x86_64/bin/zinit-server"), context.join("zinit-server")).expect("a copy");
    fs::copy("/bin/busybox", context.join("busybox")).expect("a copy");
    service(&context, "one", "/bin/sh -c 'while :; do read -t 1000 line; done'");
    let text = "FROM zinit-pid1\nCOPY zinit-server /sbin/\nCOPY busybox /bin/sh\nCOPY one.toml /etc/zinit/services/\n";
    fs::write(context.join("Dockerfile"), text).expect("a file");
    context
}

#[test]
fn docker_builds_an_image_upon_the_base_image() {
    let folder = Folder::new();
    let archive = Release::get().file("zinit-pid1-VERSION.oci.tar");
    let loaded = told(docker(&["load", "--input"]).arg(archive));
    for tag in ["zinit-pid1:latest-amd64", "zinit-pid1:latest-armv7"] {
        assert!(loaded.contains(&format!("Loaded image: {tag}\n")), "{loaded}");
    }
    told(&mut docker(&["tag", "zinit-pid1:latest-amd64", "zinit-pid1"]));
    told(docker(&["build", "--quiet", "--tag", "built"]).arg(context(&folder)));
    let container = Container::run(&[], "built", &[]);
    container.line("PID 1 of a container");
    container.line("service started");
    container.stops();
}

#[test]
fn podman_takes_the_image_of_its_architecture_by_the_plain_name() {
    let folder = Folder::new();
    let archive = Release::get().file("zinit-pid1-VERSION.oci.tar");
    let output = podman(&format!(
        r#"
        podman load --quiet --input {}
        podman inspect --format 'for {{{{.Architecture}}}}, version {{{{index .Labels "org.opencontainers.image.version"}}}}' zinit-pid1
        podman build --quiet --isolation chroot --tag built {}
        podman run --detach --name c --cgroups=disabled --network none localhost/built
        line c "service started"
        podman stop c
        podman inspect --format 'ended with {{{{.State.ExitCode}}}}' c
        "#,
        archive.display(),
        context(&folder).display(),
    ));
    for line in [format!("for amd64, version {VERSION}"), "ended with 0".to_owned()] {
        assert!(output.contains(&line), "no {line}:\n{output}");
    }
}

/// What a registry and containerd's engines read: one name, behind which each platform has its image.
#[test]
fn the_archive_has_one_name_for_the_images_of_all_platforms() {
    let archive = Release::get().file("zinit-pid1-VERSION.oci.tar");
    let read = |name: &str| {
        let output = Command::new("tar").arg("-xOf").arg(&archive).arg(name).output().expect("tar runs");
        assert!(output.status.success(), "{name}: {output:?}");
        String::from_utf8(output.stdout).expect("JSON")
    };
    let digest = |text: &str| {
        let text = text.split_once("\"digest\": \"sha256:").expect("a digest").1;
        text.split('"').next().expect("a word").to_owned()
    };
    let top = read("index.json");
    assert!(top.contains("{\"org.opencontainers.image.ref.name\": \"zinit-pid1:latest\"}"), "{top}");
    assert_eq!(top.matches("\"digest\"").count(), 1, "{top}");
    assert!(top.contains("\"mediaType\": \"application/vnd.oci.image.index.v1+json\""), "{top}");
    let index = read(&format!("blobs/sha256/{}", digest(&top)));
    for platform in [
        r#""platform": {"architecture": "amd64", "os": "linux"}"#,
        r#""platform": {"architecture": "arm", "os": "linux", "variant": "v7"}"#,
    ] {
        assert!(index.contains(platform), "{index}");
    }
    let list = String::from_utf8(Command::new("tar").arg("-tf").arg(&archive).output().expect("tar").stdout);
    for name in list.expect("names").lines().filter(|name| name.starts_with("blobs/")) {
        let sum = format!("tar -xOf {} {name} | sha256sum", archive.display());
        let sum = Command::new("sh").args(["-c", &sum]).output().expect("sh runs").stdout;
        assert!(sum.starts_with(name.rsplit('/').next().expect("a name").as_bytes()), "{name}");
    }
}
