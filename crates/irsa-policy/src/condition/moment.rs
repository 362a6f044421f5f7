//! Points in time for the `Date…` operators: the W3C profile of ISO 8601, or seconds since 1970.
//!
//! Forms (<https://www.w3.org/TR/NOTE-datetime>): `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, `YYYY-MM-DDThh:mmTZD`,
//! `YYYY-MM-DDThh:mm:ssTZD`, `YYYY-MM-DDThh:mm:ss.sTZD`. A time without zone is taken as UTC. Digits alone are seconds,
//! unless there are exactly four of them: those are a year.

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Nanoseconds since 1970-01-01T00:00:00Z, or `None` when `text` is no date.
pub(crate) fn parse(text: &str) -> Option<i128> {
    const SECOND: i128 = 1_000_000_000;
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) && text.len() != 4 {
        return text.parse::<i64>().ok().map(|seconds| i128::from(seconds) * SECOND);
    }
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut fields = date.split('-');
    let year = number(fields.next()?, 4)?;
    let month = fields.next().map_or(Some(1), |field| number(field, 2))?;
    let day = fields.next().map_or(Some(1), |field| number(field, 2))?;
    if fields.next().is_some() || (time.is_some() && date.len() != 10) {
        return None;
    }
    let (hour, minute, second, nanosecond, offset) = time.map_or(Some((0, 0, 0, 0, 0)), clock)?;
    let civil = DateTime::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
        hour.try_into().ok()?,
        minute.try_into().ok()?,
        second.try_into().ok()?,
        nanosecond,
    )
    .ok()?;
    let utc = Offset::UTC.to_timestamp(civil).ok()?;
    Some(utc.as_nanosecond() - i128::from(offset) * 60 * SECOND)
}

type Clock = (u32, u32, u32, i32, i32);

/// `hh:mm[:ss[.s]][Z|±hh:mm]` as hour, minute, second, nanosecond and offset in minutes.
fn clock(text: &str) -> Option<Clock> {
    let (clock, offset) = if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        (clock, 0)
    } else if let Some((clock, zone)) = text.split_once('+') {
        (clock, minutes(zone)?)
    } else if let Some((clock, zone)) = text.split_once('-') {
        (clock, -minutes(zone)?)
    } else {
        (text, 0)
    };
    let mut fields = clock.split(':');
    let hour = number(fields.next()?, 2)?;
    let minute = number(fields.next()?, 2)?;
    let (second, nanosecond) = match fields.next().map(|field| field.split_once('.').unwrap_or((field, "0")))
    {
        Some((second, fraction)) => (number(second, 2)?, nanoseconds(fraction)?),
        None => (0, 0),
    };
    if fields.next().is_some() {
        return None;
    }
    Some((hour, minute, second, nanosecond, offset))
}

fn minutes(zone: &str) -> Option<i32> {
    let (hours, minutes) = match zone.split_once(':') {
        Some((hours, minutes)) => (number(hours, 2)?, number(minutes, 2)?),
        None => zone.split_at_checked(2).and_then(|(h, m)| Some((number(h, 2)?, number(m, 2)?)))?,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    i32::try_from(hours * 60 + minutes).ok()
}

fn nanoseconds(fraction: &str) -> Option<i32> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |value, digit| value * 10 + i32::from(digit - b'0')))
}

fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i128> {
        parse(text).map(|ns| ns / 1_000_000_000)
    }

    #[test]
    fn all_w3c_forms_and_epoch_seconds_name_the_same_moment() {
        for text in [
            "2026",
            "2026-01",
            "2026-01-01",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00",
            "2026-01-01T02:00:00+02:00",
            "2025-12-31T19:30:00-0430",
            "1767225600",
        ] {
            assert_eq!(seconds(text), Some(1_767_225_600), "{text}");
        }
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds("-1"), Some(-1));
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "-",
            "soon",
            "2026-13-01",
            "2026-02-30",
            "2026-1-1",
            "2026-01-01T",
            "2026-01-01T24:61Z",
            "2026T00:00Z",
            "2026-01-01 00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00+9",
            "99999999999999999999",
            "2026-01-01-01",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
