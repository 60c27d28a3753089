//! Every row of the signal table and every phase, tested by the transcripts in `tests/transcripts/`.

use std::fs;
use std::path::Path;

use zinit_pid1::model::event::{Ending, Request};
use zinit_pid1::model::process::Role;
use zinit_pid1::signals;

use crate::transcript;

#[test]
fn every_transcript_replays_without_a_difference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let (mut count, mut failures) = (0, Vec::new());
    for entry in fs::read_dir(folder).expect("tests/transcripts is there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        assert!(name.ends_with(".txt"), "{name} is no transcript");
        let text = fs::read_to_string(&path).expect("it can be read");
        if let Err(why) = transcript::check(&text) {
            failures.push(format!("tests/transcripts/{name}:{why}\n"));
        }
        count += 1;
    }
    failures.sort();
    assert!(failures.is_empty(), "{} of {count} differ\n\n{}", failures.len(), failures.join("\n"));
    assert!(count > 0, "there is no transcript");
}

/// Without this, a replay that compares nothing would pass.
#[test]
fn a_difference_is_found_and_named() {
    let fails = |text: &str| transcript::check(text).expect_err("it differs");
    let good = "# it boots\nboot machine 30000\n< spawn-server\n= deadline none\n";
    assert_eq!(transcript::check(good), Ok(()));
    assert_eq!(fails(""), "1: it never boots");
    assert_eq!(fails("boot machine 1\n"), "2:\n  boot machine 1\n- (the end)\n+ < spawn-server");
    assert_eq!(fails("boot machine 1\n< sync\n"), "2:\n  boot machine 1\n- < sync\n+ < spawn-server");
    let twice = "boot machine 1\n< spawn-server\n< spawn-server\n";
    assert!(fails(twice).ends_with("- < spawn-server\n+ (the end)"));
    assert!(fails(&good.replace("none", "1ms")).starts_with("4:"));
    assert!(fails(&(good.to_owned() + "+deadline\n")).contains("5: `+deadline`: there is no deadline"));
    assert!(fails(&(good.to_owned() + "> no-children\n")).contains("comes right after what forks"));
    assert!(fails(&(good.to_owned() + "> spawned 1\n")).contains("no child has this pid"));
    assert!(fails(&(good.to_owned() + "> nonsense\n")).contains("unknown event"));
}

/// The transcripts show what each row does; this shows that there is no other row.
#[test]
fn the_signal_table_has_no_other_row() {
    for signal in (i32::MIN..i32::MIN + 2).chain(-130..=300).chain([i32::MAX]) {
        let request = match signal {
            2 => Some(Request::CtrlAltDel),
            10 => Some(Request::RestartServer),
            12 => Some(Request::Update),
            15 | 38 => Some(Request::End(Ending::Poweroff)),
            30 => Some(Request::PowerFailure),
            37 => Some(Request::End(Ending::Halt)),
            39 => Some(Request::End(Ending::Reboot)),
            40 => Some(Request::End(Ending::Kexec)),
            _ => None,
        };
        assert_eq!(signals::request(signal, Role::Machine), request, "signal {signal}");
        let elsewhere = if signal == 3 { Some(Request::End(Ending::Poweroff)) } else { request };
        for role in [Role::Container, Role::Subreaper] {
            assert_eq!(signals::request(signal, role), elsewhere, "signal {signal}");
        }
    }
}
