//! Session tags: passed, inherited from the calling session, and their contradictions (IAM guide, "Pass session tags").

use std::collections::HashSet;

use super::StsError;
use crate::authorize::Check;
use crate::credentials::Session;

/// The tags of a new session.
#[derive(Debug, Default, Clone)]
pub(super) struct SessionTags {
    /// Key and value, inherited ones first.
    pub(super) all: Vec<(String, String)>,
    /// The keys that pass on to the next role.
    pub(super) transitive: Vec<String>,
}

/// Joins the requested tags with the transitive ones of the calling session, which cannot be overridden.
pub(super) fn join(
    requested: &[(String, String)],
    transitive: &[String],
    calling: Option<&Session>,
) -> Result<SessionTags, StsError> {
    let mut seen = HashSet::new();
    if !requested.iter().all(|(name, _)| seen.insert(name.to_lowercase())) {
        return Err(StsError::Tags(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ));
    }
    if !transitive.iter().all(|name| seen.contains(&name.to_lowercase())) {
        return Err(StsError::Tags(
            "The specified transitive tag key must be included in the requested tags.",
        ));
    }
    let mut tags = SessionTags::default();
    if let Some(session) = calling {
        let passes_on =
            |name: &str| session.transitive_tag_keys.iter().any(|key| key.eq_ignore_ascii_case(name));
        if requested.iter().any(|(name, _)| passes_on(name)) {
            return Err(StsError::Tags(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
            ));
        }
        tags.all.extend(session.tags.iter().filter(|(name, _)| passes_on(name)).cloned());
        tags.transitive.clone_from(&session.transitive_tag_keys);
    }
    tags.all.extend_from_slice(requested);
    tags.transitive.extend_from_slice(transitive);
    Ok(tags)
}

/// Adds the condition keys that describe tags in a request to assume a role.
pub(super) fn with_request_keys(mut check: Check, tags: &SessionTags) -> Check {
    if tags.all.is_empty() {
        return check;
    }
    for (name, value) in &tags.all {
        check = check.with_key(format!("aws:RequestTag/{name}"), value.as_str());
    }
    check = check.with_keys("aws:TagKeys", tags.all.iter().map(|(name, _)| name.clone()).collect());
    if !tags.transitive.is_empty() {
        check = check.with_keys("sts:TransitiveTagKeys", tags.transitive.clone());
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[(&str, &str)]) -> Vec<(String, String)> {
        text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn contradictions_get_awss_words() {
        let duplicate = join(&pairs(&[("Team", "a"), ("team", "b")]), &[], None).unwrap_err();
        assert_eq!(
            duplicate.to_string(),
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        );
        let dangling = join(&pairs(&[("Team", "a")]), &["Project".to_owned()], None).unwrap_err();
        assert_eq!(
            dangling.to_string(),
            "The specified transitive tag key must be included in the requested tags."
        );
        let fine = join(&pairs(&[("Team", "a"), ("Project", "b")]), &["team".to_owned()], None).unwrap();
        assert_eq!(fine.all.len(), 2);
        assert_eq!(fine.transitive, ["team"]);
    }
}
