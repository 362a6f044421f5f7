//! Points in time for the `Date…` operators: the W3C profile of ISO 8601, or seconds since 1970.
//!
//! Forms (<https://www.w3.org/TR/NOTE-datetime>): `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, `YYYY-MM-DDThh:mmTZD`,
//! `YYYY-MM-DDThh:mm:ssTZD`, `YYYY-MM-DDThh:mm:ss.sTZD`. A time without zone is taken as UTC, and as AWS does we accept
//! fields without their leading zero, a zone without minutes, and years far away. Digits alone are seconds, unless there are
//! exactly four of them: those are a year.

use jiff::civil::DateTime;
use jiff::tz::Offset;

const SECOND: i128 = 1_000_000_000;

/// Nanoseconds since 1970-01-01T00:00:00Z, or `None` when `text` is no date.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if is_number && text.len() != 4 {
        return text.parse::<i64>().ok().map(|seconds| i128::from(seconds) * SECOND);
    }
    let (date, time) = text.split_once(['T', 't']).unwrap_or((text, ""));
    let (negative, date) = match date.strip_prefix('-') {
        Some(date) => (true, date),
        None => (false, date),
    };
    let mut fields = date.split('-');
    let year = i32::try_from(number(fields.next()?, 9)?).ok()?;
    let year = if negative { -year } else { year };
    let month = fields.next().map_or(Some(1), |field| number(field, 2))?;
    let day = fields.next().map_or(Some(1), |field| number(field, 2))?;
    if fields.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (hour, minute, second, nanosecond, offset) =
        if time.is_empty() { (0, 0, 0, 0, 0) } else { clock(time)? };
    let Ok(year) = i16::try_from(year) else { return Some(far(year)) };
    if !(-9999..=9999).contains(&year) {
        return Some(far(year.into()));
    }
    let civil = DateTime::new(
        year,
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

/// A year that no calendar library reaches is before or after everything.
fn far(year: i32) -> i128 {
    if year.is_negative() { i128::MIN } else { i128::MAX }
}

/// `hh:mm[:ss[.s]][Z|±hh[:mm]]` as hour, minute, second, nanosecond and offset in minutes.
fn clock(text: &str) -> Option<(u32, u32, u32, i32, i32)> {
    let (clock, offset) = if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        (clock, 0)
    } else if let Some((clock, zone)) = text.split_once('+') {
        (clock, zone_minutes(zone)?)
    } else if let Some((clock, zone)) = text.split_once('-') {
        (clock, -zone_minutes(zone)?)
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
    if fields.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some((hour, minute, second, nanosecond, offset))
}

fn zone_minutes(zone: &str) -> Option<i32> {
    let (hours, minutes) = zone.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let hours = number(hours, 2)?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 2)? };
    if hours > 23 || minutes > 59 {
        return None;
    }
    i32::try_from(hours * 60 + minutes).ok()
}

fn nanoseconds(fraction: &str) -> Option<i32> {
    number(fraction, 9)?;
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |value, digit| value * 10 + i32::from(digit - b'0')))
}

fn number(text: &str, most_digits: usize) -> Option<u32> {
    let is_number = (1..=most_digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
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
        assert_eq!(seconds("1970-1-1T0:00Z"), Some(0));
        assert_eq!(seconds("2016-12-13t2:00:00.593194+23"), Some(1_481_511_600));
        assert_eq!(seconds("1970-01-01T23:59:00+23:59"), Some(0));
        assert_eq!(parse("-292275054"), Some(i128::MIN));
        assert!(parse("01T").is_some());
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "-",
            "soon",
            "234-13",
            "2026-13-01",
            "2026-02-30",
            "2026-01-01T24:00Z",
            "2026-01-01 00:00",
            "2026-01-01T00:00:00.Z",
            "2016-12-13t2:00:00.593194+1",
            "2016-12-13t2:00:00.1999999999+10:59",
            "9223372036854775808",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+23:60",
            "2026-01-01-01",
            // Years far away are beyond every calendar, and still have twelve months and days of 24 hours.
            "20000-13-01",
            "20000-01-32",
            "20000-01-01T24:00Z",
            "20000-01-01T23:60Z",
            "20000-01-01T23:59:60Z",
            "20000-01-01T23:59:59:00Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
