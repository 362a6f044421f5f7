//! What a ServiceAccount's annotations say, read as the webhook reads them.

use serde_json::Value;

/// A ServiceAccount, as far as it matters to its pods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceAccountFacts {
    /// `role-arn`, verbatim; an empty annotation is none.
    pub role_arn: Option<String>,
    /// `audience`, verbatim.
    pub audience: Option<String>,
    /// `sts-regional-endpoints`.
    pub regional_sts: Option<bool>,
    /// `token-expiration`, in seconds.
    pub token_expiration: Option<i64>,
}

impl ServiceAccountFacts {
    /// Reads a ServiceAccount (as JSON) whose annotations begin with `prefix`. What does not parse is as if absent.
    #[must_use]
    pub fn of(service_account: &Value, prefix: &str) -> Self {
        let annotation = |name: &str| super::annotation(service_account, prefix, name);
        Self {
            role_arn: annotation("role-arn").filter(|arn| !arn.is_empty()).map(str::to_owned),
            audience: annotation("audience").map(str::to_owned),
            regional_sts: annotation("sts-regional-endpoints").and_then(boolean),
            token_expiration: annotation("token-expiration").and_then(|text| text.parse().ok()),
        }
    }
}

/// Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// One record of RFC 4180 as Go's `encoding/csv` reads it: quotes are honoured, blanks are kept, an empty text has no
/// record.
pub(super) fn csv_record(text: &str) -> Option<Vec<String>> {
    let line = text.trim_start_matches(['\n', '\r']);
    if line.is_empty() {
        return None;
    }
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                let (field, after) = rest.split_at_checked(end)?;
                if field.contains('"') {
                    return None;
                }
                (field.trim_end_matches('\r').to_owned(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() || after.starts_with(['\n', '\r']) => return Some(fields),
            None => return None,
        }
    }
}

fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_gos() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let expected =
                expected.map(|fields| fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>());
            assert_eq!(csv_record(text), expected, "{text:?}");
        };
        check("", None);
        check("a", Some(&["a"]));
        check("a,b", Some(&["a", "b"]));
        check("a, b", Some(&["a", " b"]));
        check("a,", Some(&["a", ""]));
        check("\"a,b\",c", Some(&["a,b", "c"]));
        check("\"a\"\"b\"", Some(&["a\"b"]));
        check("\"a", None);
        check("\"a\"b", None);
        check("a\"b", None);
        check("a\nb", Some(&["a"]));
    }

    #[test]
    fn booleans_are_gos() {
        for (text, expected) in
            [("true", Some(true)), ("T", Some(true)), ("0", Some(false)), ("yes", None), ("", None)]
        {
            assert_eq!(boolean(text), expected, "{text:?}");
        }
    }
}
