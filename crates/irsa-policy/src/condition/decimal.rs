//! Exact decimal numbers for the `Numeric…` operators.

/// A number in units of 10⁻¹⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Decimal(i128);

const FRACTION_DIGITS: usize = 18;
const WHOLE_DIGITS: usize = 20;

/// Parses `text`; `None` when it is no plain decimal number or too large.
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if whole.is_empty()
        || fraction.is_empty()
        || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if whole.len() > WHOLE_DIGITS || fraction.len() > FRACTION_DIGITS {
        return None;
    }
    let padding = std::iter::repeat_n(b'0', FRACTION_DIGITS - fraction.len());
    let value = whole
        .bytes()
        .chain(fraction.bytes())
        .chain(padding)
        .try_fold(0_i128, |value, digit| value.checked_mul(10)?.checked_add(i128::from(digit - b'0')))?;
    Some(Decimal(if negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_as_numbers_not_as_text() {
        for (smaller, larger) in [("9", "10"), ("-10", "-9"), ("-1", "0"), ("1.5", "1.50001"), ("0.1", "1")] {
            assert!(parse(smaller).unwrap() < parse(larger).unwrap(), "{smaller} < {larger}");
        }
        for (one, other) in [("1", "1.0"), ("007", "7"), ("-0", "0"), ("+3", "3"), ("1.10", "1.1")] {
            assert_eq!(parse(one), parse(other), "{one} = {other}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "-", ".", "1.", ".5", "12abc", "1e3", "0x10", " 1", "--1", "1.2.3", "NaN"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse("123456789012345678901"), None);
        assert!(parse("99999999999999999999.999999999999999999").is_some());
    }
}
