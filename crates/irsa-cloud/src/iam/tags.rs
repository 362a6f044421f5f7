//! Tags of roles, users, managed policies and OIDC providers.
//!
//! Keys are compared without case and keep it: a key that differs from a present one in case only replaces it (IAM User
//! Guide, "Rules for tagging in IAM").

use irsa_store::model::Tags;

use super::paging::{Page, Paging};
use super::{IamError, quotas};
use crate::authorize::Check;
use crate::generated::iam::Tag;

/// The tags that something is made with.
pub(super) fn read(tags: Option<&[Tag]>) -> Result<Tags, IamError> {
    let mut read = Tags::new();
    set(&mut read, tags.unwrap_or_default())?;
    Ok(read)
}

/// Adds tags, replacing those of the same keys.
pub(super) fn set(present: &mut Tags, tags: &[Tag]) -> Result<(), IamError> {
    for (index, tag) in tags.iter().enumerate() {
        if tag.key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(IamError::InvalidInput(
                "aws: prefixed tag key names are not allowed for external use.",
            ));
        }
        let folded = tag.key.to_lowercase();
        if tags.iter().take(index).any(|other| other.key.to_lowercase() == folded) {
            return Err(IamError::InvalidInput(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        present.retain(|key, _| key.to_lowercase() != folded);
        present.insert(tag.key.clone(), tag.value.clone());
    }
    quotas::TAGS.admit(present.len())
}

/// Removes tags; keys that are not there are no error.
pub(super) fn unset(present: &mut Tags, keys: &[String]) {
    for key in keys {
        let folded = key.to_lowercase();
        present.retain(|key, _| key.to_lowercase() != folded);
    }
}

/// All tags, as an answer shows them.
pub(super) fn shown(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// All tags, where an answer leaves the element out when there are none.
pub(super) fn shown_if_any(tags: &Tags) -> Option<Vec<Tag>> {
    (!tags.is_empty()).then(|| shown(tags))
}

/// A page of tags.
pub(super) fn page(tags: &Tags, marker: Option<&str>, max_items: Option<i32>) -> Result<Page<Tag>, IamError> {
    let keyed = shown(tags).into_iter().map(|tag| (tag.key.clone(), tag));
    Ok(Paging::new(marker, max_items)?.page(keyed))
}

/// Adds `aws:RequestTag/…` and `aws:TagKeys`.
pub(super) fn with_requested(check: Check, tags: &[Tag]) -> Check {
    let keys = tags.iter().map(|tag| tag.key.clone()).collect();
    let check = with_keys(check, keys);
    tags.iter()
        .fold(check, |check, tag| check.with_key(format!("aws:RequestTag/{}", tag.key), tag.value.as_str()))
}

/// Adds `aws:TagKeys`, which is all that a request to remove tags has.
pub(super) fn with_keys(check: Check, keys: Vec<String>) -> Check {
    if keys.is_empty() { check } else { check.with_keys("aws:TagKeys", keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn keys_are_compared_without_case_and_keep_it() {
        let mut tags = read(Some(&[tag("Team", "a"), tag("Stage", "dev")])).unwrap();
        set(&mut tags, &[tag("TEAM", "b")]).unwrap();
        assert_eq!(shown(&tags), [tag("Stage", "dev"), tag("TEAM", "b")]);
        unset(&mut tags, &["stage".to_owned(), "absent".to_owned()]);
        assert_eq!(shown(&tags), [tag("TEAM", "b")]);
    }

    #[test]
    fn what_aws_refuses() {
        let many: Vec<Tag> = (0..51).map(|number| tag(&format!("k{number}"), "v")).collect();
        for (tags, message) in [
            (
                vec![tag("Team", "a"), tag("team", "b")],
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ),
            (vec![tag("aws:x", "a")], "aws: prefixed tag key names are not allowed for external use."),
            (many, "Cannot exceed quota for TagsPerResource: 50"),
        ] {
            assert_eq!(read(Some(&tags)).unwrap_err().to_string(), message);
        }
    }
}
