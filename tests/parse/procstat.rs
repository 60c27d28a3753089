//! The parent of a process, whatever its name is.

use zinit_pid1::parse::procstat::{fields, is_zombie, parent, session};

#[test]
fn the_parent_is_found_after_any_name() {
    for (stat, expected) in [
        (&b"42 (sleep) S 1 42 42 0 -1\n"[..], Some(1)),
        (b"42 (a b) c) (d) Z 77 42 42\n", Some(77)),
        (b"42 () R 4194304 1", Some(4_194_304)),
        (b"42 () 9 ()) T 5 6", Some(5)),
        // There is no parent if the process is gone, or if the line is cut off before the parent.
        (b"", None),
        (b"42 (sleep", None),
        (b"42 (sleep) S", None),
        (b"42 (sleep) S ", None),
        (b"42 (sleep) S x", None),
        (b"42 (sleep) S 4294967296 1", None),
    ] {
        assert_eq!(parent(stat), expected, "{}", stat.escape_ascii());
    }
    assert_eq!(fields(b"1 (x) S 0"), b" S 0");
}

#[test]
fn a_process_whose_threads_still_run_has_not_ended() {
    let stat = |state, threads| {
        format!("42 (a) Z) {state} 1 7 8 0 -1 4194560 90 0 0 0 0 0 0 0 20 0 {threads} 0 5123 0 0\n")
    };
    for (state, threads, ended) in
        [("Z", 1, true), ("Z", 0, true), ("X", 0, true), ("Z", 2, false), ("S", 1, false)]
    {
        assert_eq!(is_zombie(stat(state, threads).as_bytes()), ended, "{state} {threads}");
    }
    assert_eq!(session(stat("S", 1).as_bytes()), Some(8));
    assert!(!is_zombie(b"") && !is_zombie(b"42 (sleep) Z 1"));
}
