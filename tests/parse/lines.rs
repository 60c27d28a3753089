//! The output of services becomes log lines: nothing is lost or doubled, and nothing in it can break the log.

use proptest::prelude::*;
use zinit_pid1ctl::lines::{LINE, Line, NAME, Piece, TEXT, compose, dropped, name};

/// A piece that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    text: Vec<u8>,
    torn: bool,
    more: bool,
}

/// The pieces of a pipe that is read in these parts, and their log lines.
fn read<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Shown>, String) {
    let (mut shown, mut log) = (vec![], vec![]);
    let (mut line, mut rest) = (Line::NEW, [0; TEXT]);
    let mut show = |piece: Piece<'_>| {
        shown.push(Shown { text: piece.text.to_vec(), torn: piece.torn, more: piece.more });
        log.extend_from_slice(&compose(b"a", piece, false));
    };
    for part in parts {
        line.push(&mut rest, part, &mut show);
    }
    line.end(&rest, &mut show);
    (shown, String::from_utf8(log).expect("UTF-8"))
}

/// The log lines of a pipe, after a first line that is torn.
fn log(text: &[u8]) -> String {
    let (_, log) = read([b"rest\n".as_slice(), text]);
    log.strip_prefix("zinit-service a: ...rest\n").expect("a first line").to_string()
}

#[test]
fn output_becomes_lines_with_the_name_of_the_service() {
    for (text, lines) in [
        (b"".as_slice(), ""),
        (b"one\n", "zinit-service a: one\n"),
        (b"one\r\ntwo\n", "zinit-service a: one\nzinit-service a: two\n"),
        (b"\n\n", "zinit-service a: \nzinit-service a: \n"),
        // At the end of the pipe.
        (b"one\ntwo", "zinit-service a: one\nzinit-service a: two\n"),
        ("für 1 € 🦀\n".as_bytes(), "zinit-service a: für 1 € 🦀\n"),
        (b"a\tb\x1b[31mred\x07\0\x7f\rx\n", "zinit-service a: a b?[31mred????x\n"),
        // C1 controls, a line separator, and marks for right-to-left text.
        ("\u{85}\u{9b}1m\u{2028}\u{202e}\u{2066}\n".as_bytes(), "zinit-service a: ??1m???\n"),
        // Alone, cut off, too long, a surrogate, and beyond Unicode.
        (b"\xff|\xe2\x82|\xc0\xaf|\xed\xa0\x80|\xf4\x90\x80\x80\n", "zinit-service a: ?|?|??|???|????\n"),
    ] {
        assert_eq!(log(text), lines, "{}", text.escape_ascii());
    }
}

#[test]
fn only_the_first_line_of_a_pipe_is_marked_as_torn() {
    assert_eq!(read([b"st\nlast\n".as_slice()]).1, "zinit-service a: ...st\nzinit-service a: last\n");
    assert_eq!(read([b"\none\n".as_slice()]).1, "zinit-service a: ...\nzinit-service a: one\n");
    assert_eq!(read([b"end".as_slice()]).1, "zinit-service a: ...end\n");
    assert_eq!(read([b"".as_slice()]).1, "", "a pipe to which nothing was written");
}

#[test]
fn a_long_line_is_logged_in_marked_pieces() {
    let x = |count: usize| "x".repeat(count);
    let whole = |text: &str| format!("zinit-service a: {text}\n");
    // What fits is not split, whether or not the newline is there already.
    assert_eq!(log(format!("{}\n", x(TEXT)).as_bytes()), whole(&x(TEXT)));
    assert_eq!(log(x(TEXT).as_bytes()), whole(&x(TEXT)));
    let two = whole(&format!("{}...", x(TEXT))) + &whole("...x");
    assert_eq!(log(format!("{}\nnext\n", x(TEXT + 1)).as_bytes()), two + &whole("next"));
    let three = whole(&format!("{}...", x(TEXT))) + &whole(&format!("...{}...", x(TEXT))) + &whole("...xx");
    assert_eq!(log(x(2 * TEXT + 2).as_bytes()), three);
}

#[test]
fn no_character_is_split() {
    for letter in ["é", "€", "🦀"] {
        for before in 0..=letter.len() {
            let text = "x".repeat(TEXT - before) + letter + "end";
            let (shown, log) = read([text.as_bytes()]);
            assert!(log.contains(letter) && !log.contains('?'), "{letter} at {before}: {log}");
            let cut = if before == letter.len() { TEXT } else { TEXT - before };
            assert_eq!(shown[0].text.len(), cut, "{letter} at {before}");
        }
    }
}

#[test]
fn names_are_cleaned_and_cut() {
    let cut = "n".repeat(NAME - 3) + "...";
    for (service, shown) in [
        ("web".to_string(), "web".to_string()),
        ("a\nb\u{1b}c".to_string(), "a?b?c".to_string()),
        ("n".repeat(NAME), "n".repeat(NAME)),
        ("n".repeat(NAME + 1), cut.clone()),
        ("n".repeat(255), cut),
        // The cut leaves no half of a character.
        ("n".repeat(NAME - 4) + "ééx", "n".repeat(NAME - 4) + "..."),
        ("n".repeat(NAME - 1) + "é", "n".repeat(NAME - 3) + "..."),
    ] {
        assert_eq!(name(service.as_bytes()), shown.as_bytes(), "{service}");
    }
}

#[test]
fn the_kernels_log_gets_a_level_and_no_line_that_is_too_long() {
    let piece = Piece { text: &[b'x'; TEXT], torn: true, more: true };
    let line = compose(&name(&[b'n'; 100]), piece, true);
    assert!(line.starts_with(b"<6>zinit-service nnn") && line.ends_with(b"x...\n"));
    assert!(line.len() <= LINE && line.len() > LINE - 4, "{}", line.len());
    assert_eq!(
        dropped(3, true),
        b"<6>zinit-pid1ctl: 3 lines of services were dropped, the log did not accept them\n"
    );
    assert!(dropped(u32::MAX, false).starts_with(b"zinit-pid1ctl: 4294967295 lines"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However the bytes are read, the pieces are the same, and together they are all bytes.
    #[test]
    fn nothing_is_lost(
        text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(0xe2), Just(0x82), Just(0xac), any::<u8>()], 0..3_000),
        cuts in prop::collection::vec(1..2_000_usize, 1..20),
        long in any::<bool>(),
    ) {
        // Half of the inputs without short lines.
        let text: Vec<u8> = text.into_iter().filter(|byte| !long || *byte != b'\n').collect();
        let (shown, log) = read([text.as_slice()]);
        let mut rest = text.as_slice();
        let parts = cuts.iter().cycle().map_while(|cut| {
            let (part, behind) = rest.split_at(rest.len().min(*cut));
            rest = behind;
            (!part.is_empty()).then_some(part)
        });
        prop_assert_eq!(&read(parts).0, &shown);

        let mut joined = vec![];
        for piece in &shown {
            joined.extend_from_slice(&piece.text);
            if !piece.more {
                joined.push(b'\n');
            }
        }
        let mut lines = text.split(|byte| *byte == b'\n').map(|line| line.to_vec()).collect::<Vec<_>>();
        let last = lines.pop().unwrap_or_default();
        let mut all = lines.iter().flat_map(|line| [line.strip_suffix(b"\r").unwrap_or(line), b"\n"].concat()).collect::<Vec<u8>>();
        if !last.is_empty() {
            all.extend_from_slice(last.strip_suffix(b"\r").unwrap_or(&last));
            all.push(b'\n');
        }
        prop_assert_eq!(joined, all);
        for (at, piece) in shown.iter().enumerate() {
            prop_assert_eq!(piece.torn, at == 0 || shown[at - 1].more);
        }
        prop_assert_eq!(log.lines().count(), shown.len());
        prop_assert!(log.split_inclusive('\n').all(|line| line.len() <= LINE));
        prop_assert!(log.chars().all(|letter| letter == '\n' || !letter.is_control()));
    }
}
