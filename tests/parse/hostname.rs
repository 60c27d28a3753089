//! `/etc/hostname`.

use zinit_pid1ctl::hostname::host_name;

#[test]
fn the_name_is_the_first_word_that_is_no_comment() {
    for (text, name) in [
        ("board\n", "board"),
        ("board", "board"),
        ("board\r\n", "board"),
        ("  board.local \t# the name\n", "board.local"),
        ("\n \t\n\n# a comment\n  # another\n\tboard\nother\n", "board"),
        ("\u{feff}board\n", "board"),
        ("\u{feff}\n# a comment\nboard\n", "board"),
        ("b\u{fc}ro\n", "b\u{fc}ro"),
        ("#board\n", ""),
        ("\u{feff}", ""),
        ("\n\n", ""),
        ("", ""),
    ] {
        assert_eq!(host_name(text.as_bytes()), name.as_bytes(), "{text:?}");
    }
}
