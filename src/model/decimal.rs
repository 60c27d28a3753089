//! Decimal numbers, to and from bytes.

/// Parses a number; `None` if a byte is not a digit, or if the number does not fit. An empty string is 0.
#[must_use]
pub fn parse(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
