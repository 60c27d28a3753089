//! Decimal numbers, to and from bytes.

/// Reads a number; `None` if another byte than a digit is there, or the number does not fit. No digits are 0.
#[must_use]
pub fn parse(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
