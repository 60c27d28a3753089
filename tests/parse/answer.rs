//! What programs say of themselves.

use zinit_pid1::model::version::VERSION;
use zinit_pid1ctl::answer::{Answer, Version};

#[test]
fn our_own_answer_is_understood() {
    let own = Answer::read(VERSION.to_bytes()).expect("it says all");
    assert_eq!(own.version.to_string(), env!("CARGO_PKG_VERSION"));
    assert_eq!(own.arch, std::env::consts::ARCH.as_bytes());
    assert!(own.reads(own.writes) && own.can_be_tried());
}

#[test]
fn an_answer_is_found_in_a_program() {
    let program = std::fs::read(crate::common::program()).expect("the program");
    assert_eq!(Answer::find(&program), Answer::read(VERSION.to_bytes()));
    let answer = b"zinit-pid1 1.2.3\narch x\nhand-over 4\nreads 4\n";
    for before in [&b""[..], b"zinit-pid1 1\0", b"zinit-pid1 zinit-pid1 ", b"\xffzinit-pid1 9.9.9\narch y\0"]
    {
        let program = [before, answer, b"\0reads 5\n\0"].concat();
        let found = Answer::find(&program).expect("an answer");
        assert_eq!(found.version.to_string(), "1.2.3");
        assert!(found.reads(b"4") && !found.reads(b"5"));
    }
    // One that is cut off may be cut within a number.
    for end in 0..answer.len() {
        assert_eq!(Answer::find(&answer[..end]), None);
    }
    assert_eq!(Answer::find(answer), None);
}

#[test]
fn a_later_answer_may_say_more() {
    let text = b"zinit-pid1 1.20.3\nsings yes\narch riscv64\nhand-over 5\nreads 4\nreads 5\n";
    let later = Answer::read(text).expect("it says all");
    assert_eq!(
        (later.version.to_string().as_str(), later.arch, later.writes),
        ("1.20.3", &b"riscv64"[..], &b"5"[..])
    );
    assert!(
        later.reads(b"4")
            && later.reads(b"5")
            && !later.reads(b"3")
            && !later.reads(b"")
            && !later.can_be_tried()
    );
    for less in ["", "zinit-pid1 1.2.3\n", "zinit-pid1 1.2.3\narch x\n", "zinit 1.2.3\narch x\nhand-over 3\n"]
    {
        assert_eq!(Answer::read(less.as_bytes()), None, "{less}");
    }
}

#[test]
fn versions_are_ordered_by_their_numbers() {
    let version = |text: &str| Version::read(text.as_bytes());
    assert!(version("0.10.0") > version("0.9.9") && version("1.0.0") > version("0.99.99"));
    assert!(version("0.1.2") == version("0.1.2") && version("0.1.10") > version("0.1.9"));
    for none in ["", "1", "1.2", "1.2.3.4", "1..2", "1.2.", "1.2.3-rc1", "1.2.x", "+1.2.3", "4294967296.0.0"]
    {
        assert_eq!(version(none), None, "{none}");
    }
}
