//! How long a review may take: the API server says it in the query, as Go writes durations (`timeout=10s`).

use std::time::Duration;

/// What API servers wait for unless a webhook's configuration says otherwise.
const DEFAULT: Duration = Duration::from_secs(10);
/// The longest that a configuration may say (`timeoutSeconds` is 1 to 30).
const MOST: Duration = Duration::from_secs(30);
/// The way back takes a while, too.
const RESERVED: Duration = Duration::from_millis(300);

/// How long the answer may take, by the query of a review's URL.
pub(super) fn budget(query: Option<&str>) -> Duration {
    let stated = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|parameter| parameter.strip_prefix("timeout="));
    let timeout = stated.and_then(duration).unwrap_or(DEFAULT).min(MOST);
    timeout.saturating_sub(RESERVED).max(timeout / 2)
}

/// Go's `time.ParseDuration`, as far as timeouts need it: `1m0s`, `10s`, `1.5s`, `500ms`.
pub fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, Duration::ZERO);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, after) = rest.split_at_checked(end)?;
        let unit_end = after
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        let seconds = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "us" | "µs" => 0.000_001,
            "ns" => 0.000_000_001,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
        };
        check("10s", Some(10_000));
        check("1m0s", Some(60_000));
        check("1m30s", Some(90_000));
        check("1.5s", Some(1_500));
        check("500ms", Some(500));
        check("0s", Some(0));
        for bad in ["", "10", "s", "1.2.3s", "-1s", "1e9999s", "1 s", "10d", "é"] {
            check(bad, None);
        }
    }

    #[test]
    fn something_is_left_for_the_way_back() {
        let check = |query: Option<&str>, expected: u64| {
            assert_eq!(budget(query), Duration::from_millis(expected), "{query:?}");
        };
        check(None, 9_700);
        check(Some("timeout=10s"), 9_700);
        check(Some("a=b&timeout=1s"), 700);
        check(Some("timeout=100ms"), 50);
        check(Some("timeout=0s"), 0);
        check(Some("timeout=soon"), 9_700);
        check(Some("timeout=24h"), 29_700);
    }
}
