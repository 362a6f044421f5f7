//! The query string of a request, and the selectors in it.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::status::Status;

/// The parameters, decoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Kubernetes reads booleans as Go does: absent, `0` and `false` are no.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !matches!(value, "0" | "false"))
    }

    /// Whether nothing is to be kept.
    pub(super) fn is_dry_run(&self) -> bool {
        self.get("dryRun") == Some("All")
    }

    /// What the listed objects must match.
    pub(super) fn selector(&self) -> Result<Selector, Status> {
        let mut requirements = match self.get("labelSelector") {
            Some(text) => labels(text)?,
            None => Vec::new(),
        };
        if let Some(text) = self.get("fieldSelector") {
            requirements.extend(fields(text)?);
        }
        Ok(Selector(requirements))
    }
}

/// What objects must match, all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    of: Of,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    Label(String),
    /// A JSON pointer.
    Field(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    /// Also met where the label is absent.
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    pub(super) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| {
            let value = match &requirement.of {
                Of::Label(name) => object.pointer("/metadata/labels").and_then(|labels| labels.get(name)),
                Of::Field(pointer) => object.pointer(pointer),
            };
            let value = value.and_then(Value::as_str);
            match &requirement.test {
                Test::In(values) => value.is_some_and(|value| values.iter().any(|wanted| wanted == value)),
                Test::NotIn(values) => {
                    value.is_none_or(|value| values.iter().all(|unwanted| unwanted != value))
                }
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
            }
        })
    }
}

/// `a=b`, `a!=b`, of the fields that Kubernetes can select by.
fn fields(text: &str) -> Result<Vec<Requirement>, Status> {
    let mut requirements = Vec::new();
    for term in text.split(',').filter(|term| !term.is_empty()) {
        let (name, value, equal) = equality(term).ok_or_else(|| {
            Status::bad_request(format!("invalid field selector \"{text}\"; can't understand '{term}'"))
        })?;
        let pointer = match name {
            "metadata.name" => "/metadata/name",
            "metadata.namespace" => "/metadata/namespace",
            "status.phase" => "/status/phase",
            _ => return Err(Status::bad_request(format!("field label not supported: {name}"))),
        };
        requirements.push(Requirement { of: Of::Field(pointer), test: equals(value, equal) });
    }
    Ok(requirements)
}

/// Label selectors: equality, set membership, existence (Kubernetes, "Labels and Selectors").
fn labels(text: &str) -> Result<Vec<Requirement>, Status> {
    let unreadable = || Status::bad_request(format!("unable to parse requirement: {text}"));
    terms(text)
        .into_iter()
        .filter(|term| !term.trim().is_empty())
        .map(|term| {
            let term = term.trim();
            let (name, test) = if let Some((name, value, equal)) = equality(term) {
                (name, equals(value, equal))
            } else if let Some(name) = term.strip_prefix('!') {
                (name.trim(), Test::Absent)
            } else if let Some((name, set)) = term.split_once(char::is_whitespace) {
                (name, membership(set.trim()).ok_or_else(unreadable)?)
            } else {
                (term, Test::Exists)
            };
            if name.is_empty() || name.contains(char::is_whitespace) {
                return Err(unreadable());
            }
            Ok(Requirement { of: Of::Label(name.to_owned()), test })
        })
        .collect()
}

/// Splits at the commas that stand outside of parentheses.
fn terms(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth <= 0
    })
    .collect()
}

fn membership(set: &str) -> Option<Test> {
    let (operator, list) = set.split_once('(')?;
    let list = list.strip_suffix(')')?;
    let values = list.split(',').map(|value| value.trim().to_owned()).collect();
    match operator.trim() {
        "in" => Some(Test::In(values)),
        "notin" => Some(Test::NotIn(values)),
        _ => None,
    }
}

fn equality(term: &str) -> Option<(&str, &str, bool)> {
    let (name, value, equal) = if let Some((name, value)) = term.split_once("!=") {
        (name, value, false)
    } else if let Some((name, value)) = term.split_once("==") {
        (name, value, true)
    } else {
        let (name, value) = term.split_once('=')?;
        (name, value, true)
    };
    Some((name.trim(), value.trim(), equal))
}

fn equals(value: &str, equal: bool) -> Test {
    let values = vec![value.to_owned()];
    if equal { Test::In(values) } else { Test::NotIn(values) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(query: &str, expected: bool) {
        let object = json!({
            "metadata": {"name": "s3-app", "namespace": "dev", "labels": {"team": "data", "tier": "back"}},
        });
        let selector = Query::parse(Some(query)).selector().unwrap();
        assert_eq!(selector.matches(&object), expected, "{query}");
    }

    #[test]
    fn selects_as_kubernetes_does() {
        check("", true);
        check("fieldSelector=metadata.name%3Ds3-app", true);
        check("fieldSelector=metadata.name!%3Ds3-app", false);
        check("fieldSelector=metadata.namespace%3Dtest", false);
        check("labelSelector=team%3Ddata%2Ctier%3D%3Dback", true);
        check("labelSelector=team%3Dweb", false);
        check("labelSelector=team!%3Dweb", true);
        check("labelSelector=other!%3Dweb", true);
        check("labelSelector=team", true);
        check("labelSelector=!team", false);
        check("labelSelector=!other", true);
        check("labelSelector=team+in+(web,+data),tier", true);
        check("labelSelector=team+notin+(web)", true);
        check("labelSelector=team+notin+(web,data)", false);
    }

    #[test]
    fn refuses_what_it_cannot_select_by() {
        for query in
            ["fieldSelector=spec.x%3Da", "fieldSelector=x", "labelSelector=a+b+c", "labelSelector=a+in+b"]
        {
            assert!(Query::parse(Some(query)).selector().is_err(), "{query}");
        }
    }
}
