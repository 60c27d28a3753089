//! Settings: tables of words and what they set, and the kernel command line in every way it can be cut.

use std::ffi::{CStr, CString};

use zinit_pid1::model::event::Ending;
use zinit_pid1::model::limits::KERNEL_COMMAND_LINE;
use zinit_pid1::model::message::Level;
use zinit_pid1::model::policy::Orphans;
use zinit_pid1::model::process::Role;
use zinit_pid1::parse::cmdline::{split, words};
use zinit_pid1::parse::config::{Config, Word};

fn word(bytes: impl Into<Vec<u8>>) -> CString {
    CString::new(bytes).expect("a word has no NUL")
}

/// The current settings, as text.
fn in_force(config: &Config<'_>) -> String {
    let server = config.server().map_or("(first)".into(), CStr::to_string_lossy);
    let (folder, socket) = (config.config_dir().to_string_lossy(), config.socket().to_string_lossy());
    let level = config.level_word().to_string_lossy();
    format!("{server} {folder} {socket} {} {level} {}", config.container(), config.stop_timeout() / 1_000)
}

/// The current settings after these words, and whether all words were understood.
fn read(words: &[&str]) -> (String, bool) {
    let words: Vec<CString> = words.iter().copied().map(word).collect();
    let config = Config::default();
    let understood: Vec<bool> = words.iter().map(|word| understood(&config, word)).collect();
    (in_force(&config), understood.into_iter().all(|understood| understood))
}

const DEFAULT: &str = "(first) /etc/zinit/services /run/zinit.sock false info 30";

/// True unless a word's value is not understood.
fn understood<'a>(config: &Config<'a>, word: &'a CStr) -> bool {
    config.read(word) != Word::NotUnderstood
}

#[test]
fn each_word_sets_one_thing() {
    let table: &[(&[&str], &str)] = &[
        (&[], DEFAULT),
        (&["ZINIT_SERVER=/opt/s"], "/opt/s /etc/zinit/services /run/zinit.sock false info 30"),
        (&["ZINIT_CONFIG_DIR=/c"], "(first) /c /run/zinit.sock false info 30"),
        (&["ZINIT_SOCKET=/s"], "(first) /etc/zinit/services /s false info 30"),
        (&["ZINIT_CONTAINER=1"], "(first) /etc/zinit/services /run/zinit.sock true info 30"),
        (&["ZINIT_CONTAINER=yes"], "(first) /etc/zinit/services /run/zinit.sock true info 30"),
        (&["container=lxc"], "(first) /etc/zinit/services /run/zinit.sock true info 30"),
        (&["ZINIT_LOG_LEVEL=error"], "(first) /etc/zinit/services /run/zinit.sock false error 30"),
        (&["ZINIT_LOG_LEVEL=warn"], "(first) /etc/zinit/services /run/zinit.sock false warn 30"),
        (&["ZINIT_LOG_LEVEL=info"], DEFAULT),
        (&["ZINIT_LOG_LEVEL=debug"], "(first) /etc/zinit/services /run/zinit.sock false debug 30"),
        (&["ZINIT_LOG_LEVEL=trace"], "(first) /etc/zinit/services /run/zinit.sock false trace 30"),
        (&["zinitdebug=1"], "(first) /etc/zinit/services /run/zinit.sock false debug 30"),
        (&["ZINIT_STOP_TIMEOUT=5"], "(first) /etc/zinit/services /run/zinit.sock false info 5"),
        // A value may contain anything, including `=` and spaces.
        (&["ZINIT_SERVER=a=b c"], "a=b c /etc/zinit/services /run/zinit.sock false info 30"),
        // `zinitdebug=1` sets debug as a minimum, not as a maximum.
        (
            &["zinitdebug=1", "ZINIT_LOG_LEVEL=trace"],
            "(first) /etc/zinit/services /run/zinit.sock false trace 30",
        ),
        (
            &["ZINIT_LOG_LEVEL=error", "zinitdebug=1"],
            "(first) /etc/zinit/services /run/zinit.sock false debug 30",
        ),
    ];
    for (words, expected) in table {
        assert_eq!(read(words), ((*expected).to_owned(), true), "{words:?}");
    }
}

#[test]
fn empty_values_mean_the_default_and_the_last_of_a_name_wins() {
    let names = ["SERVER", "CONFIG_DIR", "SOCKET", "CONTAINER", "LOG_LEVEL", "STOP_TIMEOUT"];
    let set = ["/s", "/c", "/k", "1", "error", "7"];
    let words: Vec<String> =
        names.iter().zip(set).map(|(name, value)| format!("ZINIT_{name}={value}")).collect();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(read(&words), ("/s /c /k true error 7".to_owned(), true));
    let empty: Vec<String> = names.iter().map(|name| format!("ZINIT_{name}=")).collect();
    words.extend(empty.iter().map(String::as_str));
    assert_eq!(read(&words), (DEFAULT.to_owned(), true));
    words.rotate_left(names.len());
    assert_eq!(read(&words), ("/s /c /k true error 7".to_owned(), true));
    assert!(read(&["ZINIT_SERVER=/a", "ZINIT_SERVER=/b"]).0.starts_with("/b "));
    assert!(read(&["ZINIT_STOP_TIMEOUT=1", "ZINIT_STOP_TIMEOUT=2"]).0.ends_with(" 2"));
    assert!(read(&["zinitdebug=1", "zinitdebug=0"]).0.contains(" info "));
    assert!(read(&["ZINIT_CONTAINER=1", "ZINIT_CONTAINER=0"]).0.contains(" false "));
    // A hint by one name is not cancelled by an empty value of another name.
    assert!(read(&["ZINIT_CONTAINER=1", "container="]).0.contains(" true "));
}

#[test]
fn a_word_that_is_not_exactly_a_setting_sets_nothing() {
    let words = [
        "",
        "=",
        "=1",
        "ZINIT_SERVER",
        "ZINIT_SERVERS=/s",
        "zinit_server=/s",
        " ZINIT_SERVER=/s",
        "AZINIT_SERVER=/s",
        "ZINIT_SOCKET /s",
        "container",
        "Container=lxc",
        "zinitdebug",
        "zinitdebug=",
        "zinitdebug=0",
        "zinitdebug=11",
        "zinitdebug=yes",
        "ZINIT_CONTAINER=0",
        "container=",
        "PATH=/bin",
        "--",
        "-c",
    ];
    for word in words {
        assert_eq!(read(&[word]), (DEFAULT.to_owned(), true), "{word:?}");
    }
}

#[test]
fn a_stop_timeout_is_a_number_of_seconds_up_to_a_day() {
    let good = [
        ("1", 1),
        ("30", 30),
        ("007", 7),
        ("86399", 86_399),
        ("86400", 86_400),
        ("0000000000086400", 86_400),
    ];
    for (value, seconds) in good {
        let word = word(format!("ZINIT_STOP_TIMEOUT={value}"));
        let config = Config::default();
        assert!(understood(&config, &word), "{value}");
        assert_eq!(config.stop_timeout(), seconds * 1_000, "{value}");
    }
    let bad = [
        "0",
        "00",
        "86401",
        "-1",
        "+1",
        "4294967296",
        "4294967297",
        "4294967326",
        "18446744073709551617",
        "abc",
        "5s",
        "5 ",
        " 5",
        "0x5",
        "1e1",
        "1.5",
        "5,0",
        ":",
        "/",
        "99999999999999999999999999999999999999",
    ];
    for value in bad {
        let word = format!("ZINIT_STOP_TIMEOUT={value}");
        // The word changes nothing: the default stays, and so does an earlier valid value.
        assert_eq!(read(&[&word]), (DEFAULT.to_owned(), false), "{value}");
        assert_eq!(read(&["ZINIT_STOP_TIMEOUT=7", &word]).0, read(&["ZINIT_STOP_TIMEOUT=7"]).0, "{value}");
    }
}

#[test]
fn the_first_mounts_are_made_unless_the_setting_is_no() {
    let mount = |words: &[&str]| {
        let words: Vec<CString> = words.iter().copied().map(word).collect();
        let config = Config::default();
        let understood = words.iter().all(|word| understood(&config, word));
        (config.mount(), understood)
    };
    assert_eq!(mount(&[]), (true, true));
    assert_eq!(mount(&["ZINIT_MOUNT=no"]), (false, true));
    assert_eq!(mount(&["ZINIT_MOUNT=no", "ZINIT_MOUNT=yes"]), (true, true));
    assert_eq!(mount(&["ZINIT_MOUNT=no", "ZINIT_MOUNT="]), (true, true));
    for value in ["No", "0", "none", "no "] {
        let bad = format!("ZINIT_MOUNT={value}");
        assert_eq!(mount(&[&bad]), (true, false), "{value}");
        assert_eq!(mount(&["ZINIT_MOUNT=no", &bad]), (false, false), "{value}");
    }
}

#[test]
fn opt_in_settings_are_off_by_default() {
    let table = [
        ("", (None, None, false)),
        ("ZINIT_RESCUE=/bin/sh", (Some(c"/bin/sh"), None, false)),
        ("ZINIT_RESCUE=/bin/sh ZINIT_RESCUE=", (None, None, false)),
        ("ZINIT_WATCHDOG=60", (None, Some(60), false)),
        ("ZINIT_WATCHDOG=60 ZINIT_WATCHDOG=", (None, None, false)),
        ("ZINIT_CONTAINER_REBOOT=1", (None, None, true)),
        ("ZINIT_CONTAINER_REBOOT=1 ZINIT_CONTAINER_REBOOT=0", (None, None, false)),
    ];
    for (line, expected) in table {
        let words: Vec<CString> = line.split(' ').map(word).collect();
        let config = Config::default();
        assert!(words.iter().all(|word| understood(&config, word)), "{line}");
        let found = (config.rescue(), config.watchdog(), config.container_reboot());
        assert_eq!(found, expected, "{line}");
    }
    for bad in ["ZINIT_WATCHDOG=0", "ZINIT_WATCHDOG=on", "ZINIT_WATCHDOG=86401", "ZINIT_CONTAINER_REBOOT=yes"]
    {
        let (word, config) = (word(bad), Config::default());
        assert!(!understood(&config, &word), "{bad}");
        assert_eq!((config.watchdog(), config.container_reboot()), (None, false), "{bad}");
    }
}

#[test]
fn a_power_off_ends_with_one_of_three_words() {
    for (value, ending) in [
        ("", Ending::Poweroff),
        ("poweroff", Ending::Poweroff),
        ("halt", Ending::Halt),
        ("reboot", Ending::Reboot),
    ] {
        let (word, config) = (word(format!("ZINIT_POWEROFF={value}")), Config::default());
        assert!(understood(&config, &word), "{value}");
        assert_eq!(config.poweroff(), ending, "{value}");
    }
    for value in ["kexec", "off", "Reboot", "reboot "] {
        let (word, config) = (word(format!("ZINIT_POWEROFF={value}")), Config::default());
        assert!(!understood(&config, &word) && config.poweroff() == Ending::Poweroff, "{value}");
    }
}

#[test]
fn a_log_level_is_one_of_five_words() {
    for value in ["Info", "warning", "debug ", "info\n", "6", "off", "err"] {
        let word = format!("ZINIT_LOG_LEVEL={value}");
        assert_eq!(read(&[&word]), (DEFAULT.to_owned(), false), "{value}");
        assert_eq!(read(&["ZINIT_LOG_LEVEL=error", &word]).0, read(&["ZINIT_LOG_LEVEL=error"]).0, "{value}");
    }
    let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];
    assert!(levels.is_sorted());
}

#[test]
fn a_value_may_have_any_bytes_and_any_length() {
    for byte in 1..=255_u8 {
        let value = [b'/', byte];
        for name in ["ZINIT_SERVER=", "ZINIT_CONFIG_DIR=", "ZINIT_SOCKET="] {
            let word = word([name.as_bytes(), &value].concat());
            let config = Config::default();
            assert!(understood(&config, &word));
            let taken = [config.server().unwrap_or_default(), config.config_dir(), config.socket()];
            assert_eq!(taken.iter().filter(|taken| taken.to_bytes() == value).count(), 1, "{name} {byte}");
        }
        let words = [b"ZINIT_STOP_TIMEOUT=".to_vec(), b"ZINIT_LOG_LEVEL=".to_vec()];
        for mut word in words {
            word.push(byte);
            let word = self::word(word);
            let config = Config::default();
            let digit = (b'1'..=b'9').contains(&byte) && word.to_bytes().starts_with(b"ZINIT_S");
            assert_eq!(understood(&config, &word), digit, "{word:?}");
            assert_eq!(in_force(&config) != DEFAULT, digit && byte != b'0', "{word:?}");
        }
    }
    let long = "x".repeat(128 << 10);
    assert!(read(&[&format!("ZINIT_SERVER={long}")]).0.starts_with(&format!("{long} ")));
    assert_eq!(read(&[&format!("ZINIT_STOP_TIMEOUT={long}")]), (DEFAULT.to_owned(), false));
    assert_eq!(
        read(&[&format!("ZINIT_STOP_TIMEOUT={}", "9".repeat(128 << 10))]),
        (DEFAULT.to_owned(), false)
    );
    assert_eq!(read(&[&format!("ZINIT_LOG_LEVEL={long}")]), (DEFAULT.to_owned(), false));
    assert_eq!(read(&[&long]), (DEFAULT.to_owned(), true));
}

/// The words of a kernel command line; empty words have no meaning.
fn kernel_words(line: &[u8]) -> Vec<String> {
    let mut line = line[..line.len().min(KERNEL_COMMAND_LINE)].to_vec();
    let words =
        words(split(&mut line)).map(|word| CStr::from_bytes_with_nul(word).expect("one NUL, at its end"));
    let words = words.map(|word| word.to_string_lossy().into_owned());
    words.filter(|word| !word.is_empty()).collect()
}

#[test]
fn the_kernel_command_line_is_split_as_the_kernel_does_it() {
    let table: &[(&[u8], &[&str])] = &[
        (b"", &[]),
        (b"\n", &[]),
        (b"quiet\n", &["quiet"]),
        (b"quiet  splash\tfoo=1 \n", &["quiet", "splash", "foo=1"]),
        (b"a=\"b c\" d\n", &["a=b c", "d"]),
        (b"\"a=b c\" d\n", &["a=b c", "d"]),
        (b"a=\"\" b\n", &["a=", "b"]),
        (b"a=\"b\tc\nd\" e\n", &["a=b\tc\nd", "e"]),
        // All words after `--` are for init, and init takes no settings from there.
        (b"a=1 -- b=2 -c\n", &["a=1"]),
        (b"-- b=2\n", &[]),
        (b"a=-- --b c--\n", &["a=--", "--b", "c--"]),
        (b"a \"--\" b\n", &["a"]),
        // A word that is not ended may be the first part of another word.
        (b"a b", &["a"]),
        (b"a \"b c\n", &["a"]),
        (b"a\0b c\n", &["a", "b", "c"]),
        (b"\xff\xfe x\n", &["\u{fffd}\u{fffd}", "x"]),
    ];
    for (line, words) in table {
        assert_eq!(kernel_words(line), *words, "{}", line.escape_ascii());
    }
}

const LINE: &[u8] =
    b"quiet ZINIT_SERVER=\"/opt/my server\" zinitdebug=1 ZINIT_STOP_TIMEOUT=9 -- -c ZINIT_SOCKET=/x\n";

#[test]
fn a_kernel_command_line_that_ends_early_gives_whole_words_only() {
    let whole = kernel_words(LINE);
    assert_eq!(whole, ["quiet", "ZINIT_SERVER=/opt/my server", "zinitdebug=1", "ZINIT_STOP_TIMEOUT=9"]);
    for end in 0..LINE.len() {
        let words = kernel_words(&LINE[..end]);
        assert!(whole.starts_with(&words), "{end}: {words:?}");
    }
}

#[test]
fn no_byte_of_the_kernel_command_line_makes_a_setting_of_what_follows_the_dashes() {
    let dashes = LINE.windows(4).position(|four| four == b" -- ").expect("it is there");
    for at in 0..LINE.len() {
        for byte in *b"\0\t\n \"-=aZ09\x7f\x80\xff" {
            let mut line = LINE.to_vec();
            line[at] = byte;
            let mut copy = line.clone();
            for word in words(split(&mut copy)) {
                let config = Config::default();
                let word = CStr::from_bytes_with_nul(word).expect("one NUL, at its end");
                let _understood = understood(&config, word);
                // The words after `--` become no setting, unless `--` itself was changed or quoted.
                let hit = (dashes..dashes + 4).contains(&at) || byte == b'"';
                assert!(hit || config.socket() != c"/x", "{}", line.escape_ascii());
            }
        }
    }
}

#[test]
fn a_kernel_command_line_that_is_too_long_loses_the_word_that_is_cut() {
    let available = KERNEL_COMMAND_LINE - b"a=1 ".len();
    for (length, kept) in [
        (available - 2, true),
        (available - 1, true),
        (available, false),
        (available + 1, false),
        (2 * available, false),
    ] {
        let long = "x".repeat(length);
        let line = format!("a=1 {long} b=2\n");
        let words = kernel_words(line.as_bytes());
        let expected: &[&str] = if kept { &["a=1", &long] } else { &["a=1"] };
        assert_eq!(words, expected, "{length}");
    }
    // A setting must not lose its last digit.
    let filler = "y".repeat(KERNEL_COMMAND_LINE - b" ZINIT_STOP_TIMEOUT=8".len());
    assert_eq!(kernel_words(format!("{filler} ZINIT_STOP_TIMEOUT=86\n").as_bytes()), [filler]);
    assert_eq!(kernel_words(format!("{} a=1\n", " ".repeat(9_000)).as_bytes()), [""; 0]);
}

#[test]
fn orphans_are_stopped_unless_another_word_says_what_becomes_of_them() {
    for (value, orphans) in [
        ("", Orphans::Stop),
        ("stop", Orphans::Stop),
        ("adopt", Orphans::Adopt),
        ("keep", Orphans::Keep),
        ("Keep", Orphans::Stop),
    ] {
        let word = word(format!("ZINIT_ORPHANS={value}"));
        let config = Config::default();
        assert_eq!(understood(&config, &word), value != "Keep", "{value}");
        assert_eq!(config.orphans(), orphans, "{value}");
    }
}

#[test]
fn a_container_may_give_up_and_end_with_a_service() {
    for (value, number) in [("", 0), ("1", 1), ("86400", 86_400), ("0", 0), ("86401", 0), ("3x", 0)] {
        let word = word(format!("ZINIT_GIVE_UP={value}"));
        let config = Config::default();
        assert_eq!(understood(&config, &word), number != 0 || value.is_empty(), "{value}");
        assert_eq!(config.policy(Role::Container).give_up, number, "{value}");
    }
    let (job, none) = (word("ZINIT_EXIT_STATUS=a b"), word("ZINIT_EXIT_STATUS="));
    let config = Config::default();
    assert!(!config.has_job());
    assert!(understood(&config, &job) && config.has_job());
    assert!(understood(&config, &none) && !config.has_job());
}

#[test]
fn the_variables_of_sockets_are_known_by_their_whole_names() {
    for word in [c"LISTEN_FDS=3", c"LISTEN_FDS=", c"LISTEN_PID=1", c"LISTEN_FDNAMES=a:b", c"NOTIFY_SOCKET=@x"]
    {
        assert!(Config::default().read(word) == Word::OfSockets, "{word:?}");
    }
    let others = [
        c"LISTEN_FDS",
        c"LISTEN_FD=1",
        c"LISTEN_FDSX=1",
        c"ZINIT_SERVER=/s",
        c"container=lxc",
        c"=",
        c"",
        c"x",
    ];
    for word in others {
        assert!(Config::default().read(word) != Word::OfSockets, "{word:?}");
    }
}
