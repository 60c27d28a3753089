//! scripts/release: what it makes can be installed, verified, updated to and built on.
//!
//! The release is made once for all tests, for two architectures, with a key of its own. The script itself compares it
//! with one that it makes from another folder, and looks at the packages with lintian.

#[path = "../common/mod.rs"]
mod common;
mod contents;
mod images;
mod packages;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use zinit_pid1ctl::answer::Answer;
use zinit_pid1ctl::comment::Comment;
use zinit_pid1ctl::minisign::verify;

use common::{Folder, minisign, root};

/// The architectures of this release, each with Debian's word for it.
const ARCHITECTURES: [(&str, &str); 2] = [("x86_64", "amd64"), ("armv7", "armhf")];

/// The version of the packages.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A release, and the key `key` that it is signed with.
struct Release(Folder);

impl Release {
    /// That of this test program. If it cannot be made, it is not tried again for each test.
    fn get() -> &'static Self {
        static RELEASE: OnceLock<Result<Release, String>> = OnceLock::new();
        let release = RELEASE.get_or_init(|| {
            let folder = Folder::new();
            minisign(folder.path(), &["-G", "-W", "-p", "key", "-s", "secret"]);
            let out = folder.path().join("release");
            let archs = ARCHITECTURES.map(|(arch, _)| arch);
            let mut command = release(&out, &[&["--draft"], &archs[..]].concat());
            command.env("ZINIT_RELEASE_KEY", folder.path().join("secret"));
            let output = command.output().expect("scripts/release runs");
            let said = both(&output);
            if !output.status.success() || !said.contains("once more, in another folder") {
                return Err(said);
            }
            // SAFETY: the function exists for as long as the program runs.
            assert_eq!(unsafe { libc::atexit(end) }, 0, "its end can be arranged");
            Ok(Self(folder))
        });
        release.as_ref().unwrap_or_else(|said| panic!("{said}"))
    }

    /// A file of it, by its name with `VERSION` in it.
    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join("release").join(name.replace("VERSION", VERSION))
    }
}

/// Statics are not dropped.
extern "C" fn end() {
    let _left_behind = fs::remove_dir_all(Release::get().0.path());
}

/// scripts/release, for a time that is no commit's.
fn release(out: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/release"));
    command.arg("--out").arg(out).args(words).env("SOURCE_DATE_EPOCH", "1700000000");
    command.env_remove("ZINIT_RELEASE_KEY");
    command
}

fn both(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Runs a program in a folder, which must succeed, and returns what it says.
fn run(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    assert!(output.status.success(), "{words:?}: {}", both(&output));
    both(&output)
}

#[test]
fn each_file_is_in_the_sums_and_these_are_signed() {
    let release = Release::get();
    let folder = release.file("");
    let names: BTreeSet<String> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|file| file.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    let mut expected = BTreeSet::from(["SHA256SUMS", "SHA256SUMS.minisig"].map(str::to_owned));
    let mut summed = BTreeSet::from([format!("zinit-pid1-{VERSION}.oci.tar")]);
    for (arch, debian) in ARCHITECTURES {
        summed.insert(format!("zinit-pid1-{VERSION}-{arch}.tar.gz"));
        summed.insert(format!("zinit-pid1_{VERSION}_{debian}.deb"));
        summed.insert(format!("zinit-pid1-{VERSION}-{arch}.cdx.json"));
        summed.insert(format!("zinit-pid1ctl-{VERSION}-{arch}.cdx.json"));
        expected.insert(format!("zinit-pid1-{VERSION}-{arch}.minisig"));
    }
    expected.extend(summed.iter().cloned());
    assert_eq!(names, expected);

    run(&folder, &["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]);
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).expect("the sums");
    let listed: BTreeSet<String> =
        sums.lines().map(|line| line.split_once("  ").expect("two words").1.into()).collect();
    assert_eq!(listed, summed);
    let said = run(&folder, &["minisign", "-V", "-p", "../key", "-m", "SHA256SUMS"]);
    assert!(said.contains(&format!("file:SHA256SUMS version:{VERSION}")), "{said}");
}

#[test]
fn an_archive_holds_programs_that_an_update_accepts_with_the_signature_beside_it() {
    let release = Release::get();
    let folder = Folder::new();
    let key = fs::read(release.file("../key")).expect("a key");
    for (arch, _) in ARCHITECTURES {
        let archive = release.file(&format!("zinit-pid1-VERSION-{arch}.tar.gz"));
        run(folder.path(), &["tar", "-xf", &archive.display().to_string()]);
        let inner = folder.path().join(format!("zinit-pid1-{VERSION}-{arch}"));
        for name in ["zinit-pid1", "zinit-pid1ctl"] {
            let built = fs::read(root().join("target/dist").join(arch).join(name)).expect("it was built");
            assert!(fs::read(inner.join(name)).expect("a program") == built, "{arch}: {name}");
        }
        for (name, source) in [
            ("zinit-pid1.8", "doc/zinit-pid1.8"),
            ("zinit-pid1ctl.8", "doc/zinit-pid1ctl.8"),
            ("LICENSE", "LICENSE"),
            ("CHANGELOG.md", "CHANGELOG.md"),
        ] {
            assert_eq!(
                fs::read(inner.join(name)).expect(name),
                fs::read(root().join(source)).expect(source),
                "{name}"
            );
        }
        let listed = run(folder.path(), &["tar", "-tvf", &archive.display().to_string()]);
        assert_eq!(listed.lines().count(), 8, "{listed}");
        for line in listed.lines() {
            assert!(line.contains(" 0/0 ") && line.contains(" 2023-11-14 "), "{line}");
            assert_eq!(
                line.starts_with("-rwxr-xr-x"),
                line.contains("/zinit-pid1") && !line.ends_with(".8") && line.starts_with('-'),
                "{line}"
            );
        }

        let program = fs::read(inner.join("zinit-pid1")).expect("a program");
        let signature = fs::read(release.file(&format!("zinit-pid1-VERSION-{arch}.minisig"))).expect("one");
        let signed = verify(&key, &signature, &program).expect("it is signed");
        let comment = Comment::read(signed.comment).expect("a comment");
        let said = Answer::find(&program).expect("it says what it is");
        let words = format!("file:zinit-pid1 version:{VERSION} arch:{arch}");
        assert_eq!(String::from_utf8_lossy(signed.comment), words);
        assert_eq!(comment.check(&said), Ok(()));
    }
}

#[test]
fn what_is_no_commit_or_has_no_changes_to_tell_is_no_release() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    for name in ["scripts", "crates", "crates/ctl"] {
        fs::create_dir(at(name)).expect("a folder");
    }
    for name in ["scripts/release", "Cargo.toml", "crates/ctl/Cargo.toml"] {
        fs::copy(root().join(name), at(name)).expect("a copy");
    }
    let refused = |line: &str| {
        let output = Command::new(at("scripts/release")).output().expect("it runs");
        let said = both(&output);
        assert!(!output.status.success() && said.contains(line), "{line}: {said}");
        assert!(said.ends_with("; nothing was released\n") && !at("target").exists(), "{said}");
    };
    refused("this is no git repository: --draft");
    run(folder.path(), &["git", "init", "--quiet"]);
    refused("there are changes that are not committed");
    let commit = || {
        run(folder.path(), &["git", "add", "."]);
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        run(folder.path(), &[&["git"], &who[..], &["commit", "--quiet", "--message", "a"]].concat());
    };
    fs::write(at("CHANGELOG.md"), "# Changelog\n\n## Unreleased\n\n## 0.0.1 (2020-01-01)\n").expect("a file");
    commit();
    refused(&format!("CHANGELOG.md begins with '## Unreleased', not with '## {VERSION} (DATE)'"));
    let ctl = fs::read_to_string(at("crates/ctl/Cargo.toml")).expect("a file");
    fs::write(at("crates/ctl/Cargo.toml"), ctl.replace(&format!("\"{VERSION}\""), "\"77.0.0\""))
        .expect("a file");
    commit();
    refused(&format!("the packages have different versions: {VERSION} 77.0.0"));
}
