//! How values of a document are shown in one-line reasons.

use std::fmt::Write;

/// Longer values are cut: a reason is one line.
const MAX_SHOWN: usize = 120;

/// The value in backticks.
pub(super) fn shown(value: &str) -> String {
    format!("`{}`", one_line(value, MAX_SHOWN))
}

/// At most `max` characters of a text, without anything that could break the line or steer a terminal.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for (count, c) in text.chars().enumerate() {
        if count == max {
            out.push('…');
            break;
        }
        if c.is_control() || is_steering(c) {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Values in a row: `` `a`, `b` and 3 more``.
pub(super) fn listed<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<&str> = values.into_iter().collect();
    let first: Vec<String> = values.iter().take(5).map(|value| shown(value)).collect();
    match values.len().saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Line and paragraph separators, and the marks that turn the direction of writing.
fn is_steering(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
}
