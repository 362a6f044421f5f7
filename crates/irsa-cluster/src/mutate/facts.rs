//! What a ServiceAccount's annotations say, read as the webhook reads them.

use serde_json::Value;

use super::warning::{Annotated, Warning};
use crate::annotations::{
    AUDIENCE, EXTERNAL_ID, ROLE_ARN, SESSION_NAME_FROM_POD, STS_REGIONAL_ENDPOINTS, TARGET_ROLE_ARN,
    TOKEN_EXPIRATION, boolean,
};

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
    /// `target-role-arn`; an empty annotation is none.
    pub target_role_arn: Option<String>,
    /// `external-id`; an empty annotation is none.
    pub external_id: Option<String>,
    /// `session-name-from-pod`.
    pub session_name_from_pod: Option<bool>,
    /// What is odd about its annotations.
    pub warnings: Vec<Warning>,
}

impl ServiceAccountFacts {
    /// Reads a ServiceAccount (as JSON) whose annotations begin with `prefix`. What does not parse is as if absent.
    #[must_use]
    pub fn of(service_account: &Value, prefix: &str) -> Self {
        let annotations = service_account.pointer("/metadata/annotations").and_then(Value::as_object);
        let texts = annotations
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        Self::of_annotations(texts, prefix)
    }

    /// Reads the annotations of a ServiceAccount. What does not parse is as if absent, and told in the warnings.
    #[must_use]
    pub fn of_annotations<'a>(
        annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
        prefix: &str,
    ) -> Self {
        let mut facts = Self::default();
        for (name, value) in annotations {
            let Some(own) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) else {
                facts.warn_of_misspelling(name, prefix);
                continue;
            };
            let text = || Some(value.to_owned());
            let is_read = match own {
                ROLE_ARN => {
                    facts.role_arn = text().filter(|arn| !arn.is_empty());
                    true
                }
                AUDIENCE => {
                    facts.audience = text();
                    true
                }
                TARGET_ROLE_ARN => {
                    facts.target_role_arn = text().filter(|arn| !arn.is_empty());
                    true
                }
                EXTERNAL_ID => {
                    facts.external_id = text().filter(|id| !id.is_empty());
                    true
                }
                STS_REGIONAL_ENDPOINTS => {
                    facts.regional_sts = boolean(value);
                    facts.regional_sts.is_some()
                }
                SESSION_NAME_FROM_POD => {
                    facts.session_name_from_pod = boolean(value);
                    facts.session_name_from_pod.is_some()
                }
                TOKEN_EXPIRATION => {
                    facts.token_expiration = value.parse().ok();
                    facts.token_expiration.is_some()
                }
                _ => {
                    facts.warn_of_misspelling(name, prefix);
                    true
                }
            };
            if !is_read {
                facts.warnings.push(Warning::IgnoredValue {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    on: Annotated::ServiceAccount,
                });
            }
        }
        facts
    }

    fn warn_of_misspelling(&mut self, name: &str, prefix: &str) {
        let annotation = std::iter::once((name, ""));
        self.warnings.extend(Warning::misspelled(annotation, prefix, Annotated::ServiceAccount));
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
}
