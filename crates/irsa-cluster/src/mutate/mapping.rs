//! Roles of ServiceAccounts from the ConfigMap `pod-identity-webhook`, for ServiceAccounts that have no annotation.
//!
//! Its key `config` is a JSON object of `NAMESPACE/NAME` → entry. Namespace and name may be patterns, which
//! amazon-eks-pod-identity-webhook's README promises (`test-*/name`) and its code has for `*/name` alone. One bad entry is
//! told, and takes none of the others with it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::ServiceAccountFacts;
use super::glob::Glob;

/// What one entry says. What it leaves out is the webhook's default.
pub type MappingEntry = ServiceAccountFacts;

/// The whole ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    exact: BTreeMap<String, MappingEntry>,
    /// The most specific first.
    patterns: Vec<(Glob, Glob, MappingEntry)>,
}

/// An entry that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the entry `{key}` {fault}")]
pub struct MappingProblem {
    /// The entry's key.
    pub key: String,
    /// What is wrong with it.
    pub fault: MappingFault,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingFault {
    /// The key has no slash, more than one, or nothing beside it.
    #[error("is ignored: its key is not NAMESPACE/NAME")]
    Key,
    /// The entry is null.
    #[error("is ignored: it is null")]
    Null,
    /// The entry is no object.
    #[error("is ignored: it is no object")]
    NoObject,
    /// A field has a type that is not its own.
    #[error("is ignored: `{0}` has the wrong type")]
    Type(String),
    /// It names no role.
    #[error("is ignored: it has no RoleARN")]
    NoRole,
    /// A field that nobody reads; the entry is used.
    #[error("has the field `{0}`, which nobody reads")]
    UnknownField(String),
}

impl Mapping {
    /// Reads the ConfigMap's `config`. An empty text is an empty mapping.
    ///
    /// # Errors
    /// When it is no JSON object; whoever has an older mapping keeps it.
    pub fn parse(config: &str) -> Result<(Self, Vec<MappingProblem>), serde_json::Error> {
        let (mut mapping, mut problems) = (Self::default(), Vec::new());
        if config.trim().is_empty() {
            return Ok((mapping, problems));
        }
        let entries: Option<serde_json::Map<String, Value>> = serde_json::from_str(config)?;
        for (key, value) in entries.into_iter().flatten() {
            let mut faults = Vec::new();
            let entry = entry(&value, &mut faults);
            match (names(&key), entry) {
                (Some((namespace, name)), Some(entry)) => mapping.insert(&key, namespace, name, entry),
                (None, _) => faults = vec![MappingFault::Key],
                (Some(_), None) => {}
            }
            problems.extend(faults.into_iter().map(|fault| MappingProblem { key: key.clone(), fault }));
        }
        // Of equally specific ones, the first by name, so that the order of the file does not matter.
        let literal = |glob: &Glob| std::cmp::Reverse(glob.literal_len());
        mapping.patterns.sort_by_key(|(namespace, name, _)| {
            (literal(namespace), literal(name), namespace.to_string(), name.to_string())
        });
        Ok((mapping, problems))
    }

    /// The entry of a ServiceAccount: that of its own name, or that of the most specific pattern, by the namespace first.
    #[must_use]
    pub fn find(&self, namespace: &str, name: &str) -> Option<&MappingEntry> {
        if self.exact.is_empty() && self.patterns.is_empty() {
            return None;
        }
        self.exact.get(&format!("{namespace}/{name}")).or_else(|| {
            let matching = |(namespaces, names, _): &&(Glob, Glob, _)| {
                namespaces.matches(namespace) && names.matches(name)
            };
            self.patterns.iter().find(matching).map(|(_, _, entry)| entry)
        })
    }

    /// How many entries are used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exact.len() + self.patterns.len()
    }

    /// Whether no entry is used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(&mut self, key: &str, namespace: Glob, name: Glob, entry: MappingEntry) {
        if namespace.has_wildcard() || name.has_wildcard() {
            self.patterns.push((namespace, name, entry));
        } else {
            self.exact.insert(key.to_owned(), entry);
        }
    }
}

fn names(key: &str) -> Option<(Glob, Glob)> {
    let (namespace, name) = key.split_once('/')?;
    let good = |part: &str| !part.is_empty() && !part.contains('/');
    (good(namespace) && good(name)).then(|| (Glob::new(namespace), Glob::new(name)))
}

/// Field names without regard to case, the last of several winning, nulls as if absent: as Go decodes them.
fn entry(value: &Value, faults: &mut Vec<MappingFault>) -> Option<MappingEntry> {
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Null => {
            faults.push(MappingFault::Null);
            return None;
        }
        _ => {
            faults.push(MappingFault::NoObject);
            return None;
        }
    };
    let mut entry = MappingEntry::default();
    for (name, value) in fields {
        let is_read = if value.is_null() { Some(()) } else { read(&mut entry, name, value) };
        if !is_known(name) {
            faults.push(MappingFault::UnknownField(name.clone()));
        } else if is_read.is_none() {
            faults.push(MappingFault::Type(name.clone()));
            return None;
        }
    }
    // Go's zero is the absent value here: TokenExpiration 0 is the webhook's default.
    entry.token_expiration = entry.token_expiration.filter(|seconds| *seconds != 0);
    entry.role_arn = entry.role_arn.filter(|role| !role.is_empty());
    if entry.role_arn.is_none() {
        faults.push(MappingFault::NoRole);
        return None;
    }
    Some(entry)
}

fn is_known(name: &str) -> bool {
    ["RoleARN", "Audience", "UseRegionalSTS", "TokenExpiration"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

fn read(entry: &mut MappingEntry, name: &str, value: &Value) -> Option<()> {
    match name.to_ascii_lowercase().as_str() {
        "rolearn" => entry.role_arn = Some(value.as_str()?.to_owned()),
        "audience" => entry.audience = Some(value.as_str()?.to_owned()),
        "useregionalsts" => entry.regional_sts = Some(value.as_bool()?),
        "tokenexpiration" => entry.token_expiration = Some(value.as_i64()?),
        _ => {}
    }
    Some(())
}
