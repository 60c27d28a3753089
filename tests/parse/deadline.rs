//! A deadline that is found late is put off by its whole span, and only once.

use zinit_pid1::model::limits::LATE;
use zinit_pid1::model::time::Instant;
use zinit_pid1ctl::deadline::Deadline;

#[test]
fn a_late_deadline_is_put_off_once() {
    let mut deadline = Deadline::after(Instant(1_000), 500);
    assert_eq!([1_000, 1_400, 1_500].map(|now| deadline.left(Instant(now))), [500, 100, 0]);
    let late = 1_500 + u64::from(LATE);
    assert_eq!(deadline.left(Instant(late)), 0, "a busy computer");
    assert_eq!(deadline.left(Instant(late + 1)), 500);
    assert_eq!([late + 2, late + 501, late + 90_000].map(|now| deadline.left(Instant(now))), [499, 0, 0]);
}
