//! The Debian packages are installed in a root of their own and removed without a trace.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::{Folder, root};
use crate::{ARCHITECTURES, Release, VERSION, run};

/// All files and links below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeSet<String> {
    let list =
        run(folder, &["find", ".", "-not", "-type", "d", "-not", "-path", "./var/*", "-printf", "%P\n"]);
    list.lines().map(str::to_owned).collect()
}

#[test]
fn a_package_is_installed_beside_another_init_and_removed_without_a_trace() {
    for (arch, debian) in ARCHITECTURES {
        let deb = Release::get().file(&format!("zinit-pid1_VERSION_{debian}.deb")).display().to_string();
        let folder = Folder::new();
        let at = |name: &str| folder.path().join(name);
        for name in ["updates", "info", "triggers"] {
            fs::create_dir_all(at("var/lib/dpkg").join(name)).expect("a folder");
        }
        fs::write(at("var/lib/dpkg/status"), "").expect("a file");
        // A merged /usr with an init, as any Debian system has.
        fs::create_dir_all(at("usr/sbin")).expect("a folder");
        std::os::unix::fs::symlink("usr/sbin", at("sbin")).expect("a link");
        fs::write(at("usr/sbin/init"), "another").expect("a file");
        let before = files(folder.path());

        // As root of a user namespace: it changes owners, and uses no right of the machine's root. An image for containers
        // may have a configuration of dpkg that leaves out manual pages.
        let dpkg = |words: &[&str]| {
            let root = format!("--root={}", folder.path().display());
            let front = ["unshare", "--user", "--map-root-user", "dpkg", &root, "--path-include=*"];
            run(folder.path(), &[&front[..], &["--force-architecture"], words].concat())
        };
        dpkg(&["--install", &deb]);
        let status = dpkg(&["--status", "zinit-pid1"]);
        for line in [
            "Status: install ok installed",
            &format!("Architecture: {debian}"),
            &format!("Version: {VERSION}"),
        ] {
            assert!(status.lines().any(|known| known == line), "no {line}: {status}");
        }
        for (name, mode) in [
            ("usr/sbin/zinit-pid1", 0o755),
            ("usr/sbin/zinit-pid1ctl", 0o755),
            ("usr/share/man/man8/zinit-pid1.8.gz", 0o644),
            ("usr/share/man/man8/zinit-pid1ctl.8.gz", 0o644),
            ("usr/share/doc/zinit-pid1/copyright", 0o644),
            ("usr/share/doc/zinit-pid1/copyright.others.gz", 0o644),
            ("usr/share/doc/zinit-pid1/CHANGELOG.md.gz", 0o644),
            ("usr/share/doc/zinit-pid1/changelog.gz", 0o644),
        ] {
            let known = fs::metadata(at(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(known.permissions().mode() & 0o7777, mode, "{name}");
        }
        for name in ["zinit-pid1", "zinit-pid1ctl"] {
            let built = fs::read(root().join("target/dist").join(arch).join(name)).expect("it was built");
            assert!(fs::read(at("sbin").join(name)).expect("a program") == built, "{arch}: {name}");
        }
        assert_eq!(dpkg(&["--verify", "zinit-pid1"]), "");
        // The programs, two pages, four documents and a file of lintian; the administrator's choice is as it was.
        let added: BTreeSet<String> = files(folder.path()).difference(&before).cloned().collect();
        assert_eq!(added.len(), 9, "{added:#?}");
        assert!(!added.iter().any(|name| name.ends_with("/init")), "{added:#?}");
        assert_eq!(fs::read_to_string(at("sbin/init")).expect("an init"), "another");

        dpkg(&["--purge", "zinit-pid1"]);
        assert_eq!(files(folder.path()), before);
        assert!(!at("usr/share").exists(), "an empty folder is left");
    }
}

#[test]
fn a_package_runs_nothing_and_belongs_to_root() {
    for (_, debian) in ARCHITECTURES {
        let deb = Release::get().file(&format!("zinit-pid1_VERSION_{debian}.deb")).display().to_string();
        let control =
            run(Path::new("/"), &["sh", "-c", "dpkg-deb --ctrl-tarfile \"$1\" | tar -t", "sh", &deb]);
        let control: BTreeSet<&str> = control.lines().collect();
        assert_eq!(control, BTreeSet::from(["./", "./control", "./md5sums"]));
        for line in run(Path::new("/"), &["dpkg-deb", "--contents", &deb]).lines() {
            assert!(line.contains(" root/root ") && line.contains(" 2023-11-14 "), "{line}");
        }
    }
}
