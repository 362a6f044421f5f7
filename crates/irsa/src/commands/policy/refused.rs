//! Why a line got no decision.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::principal::Text;
use super::stream::MAX_LINE;

/// A line that is no case, or no document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Refused {
    /// `IRSA-B001`; `irsa explain` knows more.
    pub(super) code: &'static str,
    /// What is wrong with the line.
    pub(super) message: String,
}

impl Refused {
    /// Something in the line has a form that is not served.
    pub(super) fn form(message: impl Into<String>) -> Self {
        Self { code: "IRSA-B002", message: message.into() }
    }

    /// The same, of a member.
    pub(super) fn within(self, member: &str) -> Self {
        Self { message: format!("{member}: {}", self.message), ..self }
    }

    /// A policy that cannot be read.
    pub(super) fn policy(place: &str, problem: &irsa_policy::MalformedPolicy) -> Self {
        let within = if problem.path().is_empty() { String::new() } else { format!("{}: ", problem.path()) };
        let (reason, line, column) = (problem.reason(), problem.line(), problem.column());
        Self {
            code: "IRSA-B003",
            message: format!("policies.{place}: {problem} ({within}{reason}, line {line}, column {column})"),
        }
    }
}

impl From<serde_json::Error> for Refused {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let (line, column) = (error.line(), error.column());
        let message = match text.strip_suffix(&format!(" at line {line} column {column}")) {
            Some(what) if line == 1 => format!("{what} (column {column})"),
            Some(what) => format!("{what} (line {line}, column {column})"),
            None => text,
        };
        Self { code: if error.is_data() { "IRSA-B002" } else { "IRSA-B001" }, message }
    }
}

/// What is written for such a line.
#[derive(Serialize)]
struct Line<'a> {
    id: Option<&'a RawValue>,
    error: &'a Refused,
}

impl Refused {
    /// Writes the answer to a line that could not be read, with the id if that much could be.
    pub(super) fn write(&self, line: &[u8], out: &mut Vec<u8>) {
        let id = std::str::from_utf8(line).ok().and_then(id);
        write(&Line { id, error: self }, out);
    }
}

/// The text of a line.
pub(super) fn text(line: &[u8]) -> Result<&str, Refused> {
    if line.len() > MAX_LINE {
        return Err(Refused {
            code: "IRSA-B004",
            message: format!("the line is longer than {MAX_LINE} bytes"),
        });
    }
    let text = std::str::from_utf8(line).map_err(|error| Refused {
        code: "IRSA-B001",
        message: format!("the line is not UTF-8 at byte {}", error.valid_up_to() + 1),
    })?;
    // Readers of structs take arrays too, and would count their elements.
    if text.trim_start().starts_with('[') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return Err(Refused::form("a line is one JSON object, not an array"));
    }
    Ok(text)
}

/// Appends a line of the answer.
pub(super) fn write(line: &impl Serialize, out: &mut Vec<u8>) {
    let length = out.len();
    // Strings, numbers and raw values can always be written to memory.
    if serde_json::to_writer(&mut *out, line).is_err() {
        out.truncate(length);
    }
    out.push(b'\n');
}

/// The id of a line, even if what comes after it is broken.
fn id(text: &str) -> Option<&RawValue> {
    struct Members<'a, 'de>(&'a mut Option<&'de RawValue>);
    impl<'de> Visitor<'de> for Members<'_, 'de> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
                if name == "id" {
                    *self.0 = Some(map.next_value()?);
                    return Ok(());
                }
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }
    let mut id = None;
    // How far it comes is all that counts.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(Members(&mut id));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_broken_lines() {
        for (line, expected) in [
            (r#"{"id":7,"principal":}"#, "7"),
            (r#"{"id":{"a":[1]},"#, r#"{"a":[1]}"#),
            (r#"{"x":[{}],"id":"a"}"#, r#""a""#),
            (r#"{"id":null}"#, "null"),
            (r#"{"id":"#, "null"),
            (r#"{"x":},"id":1}"#, "null"),
            (r#"[{"id":1}]"#, "null"),
            ("7", "null"),
        ] {
            let mut out = Vec::new();
            Refused::form("no").write(line.as_bytes(), &mut out);
            let expected =
                format!("{{\"id\":{expected},\"error\":{{\"code\":\"IRSA-B002\",\"message\":\"no\"}}}}\n");
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{line}");
        }
    }
}
