//! Lists in pages: `MaxItems`, `Marker`, `IsTruncated` (IAM API reference, "ListRoles").
//!
//! A marker is the key of the last item given, in base64: a list that changes between two pages neither repeats nor loses
//! an item that stayed. A marker has at most 320 characters, and tag keys can be longer in UTF-8: then it is the key's
//! digest.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::IamError;

/// AWS's page when none was asked for.
const DEFAULT_ITEMS: usize = 100;
/// The longest key, in bytes, whose base64 is a marker.
const LONGEST_KEY: usize = 240;
/// What a digest begins with, and no key does.
const DIGEST: u8 = 0;

/// Which page of a list.
#[derive(Debug)]
pub(super) struct Paging {
    after: Option<After>,
    items: usize,
}

#[derive(Debug)]
enum After {
    Key(String),
    Digest(Vec<u8>),
}

/// One page.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) is_truncated: Option<bool>,
    pub(super) marker: Option<String>,
}

impl Paging {
    /// Reads what was asked for.
    pub(super) fn new(marker: Option<&str>, max_items: Option<i32>) -> Result<Self, IamError> {
        let after = marker.map(read_marker).transpose()?;
        let items = max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(DEFAULT_ITEMS);
        Ok(Self { after, items })
    }

    /// The key that the page comes after, where a list can begin there.
    pub(super) fn after(&self) -> Option<&str> {
        match &self.after {
            Some(After::Key(key)) => Some(key),
            Some(After::Digest(_)) | None => None,
        }
    }

    /// Takes the page out of keyed items, which must come in the order of their keys.
    pub(super) fn page<T>(&self, sorted: impl Iterator<Item = (String, T)>) -> Page<T> {
        let mut passed = false;
        let mut rest = sorted.filter(|(key, _)| match &self.after {
            None => true,
            Some(After::Key(after)) => key > after,
            Some(After::Digest(_)) if passed => true,
            Some(After::Digest(after)) => {
                passed = digested(key) == *after;
                false
            }
        });
        let mut items = Vec::new();
        let mut last = None;
        for (key, item) in rest.by_ref().take(self.items) {
            items.push(item);
            last = Some(key);
        }
        let is_truncated = rest.next().is_some();
        let marker = last.filter(|_| is_truncated).map(marker);
        Page { items, is_truncated: Some(is_truncated), marker }
    }
}

fn marker(key: String) -> String {
    let bytes = if key.len() > LONGEST_KEY { digested(&key) } else { key.into_bytes() };
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_marker(marker: &str) -> Result<After, IamError> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let after = bytes.and_then(|bytes| match bytes.first() {
        Some(&DIGEST) => Some(After::Digest(bytes)),
        _ => String::from_utf8(bytes).ok().map(After::Key),
    });
    after.ok_or_else(|| IamError::Validation("Invalid Marker.".to_owned()))
}

fn digested(key: &str) -> Vec<u8> {
    [&[DIGEST], digest(&SHA256, key.as_bytes()).as_ref()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(names: &[&str]) -> impl Iterator<Item = (String, String)> {
        names.iter().map(|name| ((*name).to_owned(), name.to_uppercase())).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn pages_join_to_the_whole_list() {
        let names = ["a", "b", "c", "d", "e"];
        for size in 1..=6 {
            let (mut seen, mut marker) = (Vec::new(), None);
            loop {
                let page = Paging::new(marker.as_deref(), Some(size)).unwrap().page(keyed(&names));
                assert_eq!(page.is_truncated, Some(page.marker.is_some()));
                seen.extend(page.items);
                marker = page.marker;
                if marker.is_none() {
                    break;
                }
            }
            assert_eq!(seen, ["A", "B", "C", "D", "E"], "{size}");
        }
    }

    #[test]
    fn a_page_goes_on_although_its_last_item_was_deleted() {
        let first = Paging::new(None, Some(2)).unwrap().page(keyed(&["a", "b", "c"]));
        let second = Paging::new(first.marker.as_deref(), Some(2)).unwrap().page(keyed(&["a", "c"]));
        assert_eq!((second.items, second.is_truncated), (vec!["C".to_owned()], Some(false)));
    }

    #[test]
    fn long_keys_have_short_markers() {
        let keys: Vec<String> = ["a", "b", "c"].map(|end| "長".repeat(127) + end).into();
        let keyed = || keys.iter().map(|key| (key.clone(), key.clone()));
        let first = Paging::new(None, Some(1)).unwrap().page(keyed());
        assert!(first.marker.as_ref().unwrap().len() <= 320);
        let second = Paging::new(first.marker.as_deref(), Some(1)).unwrap().page(keyed());
        let third = Paging::new(second.marker.as_deref(), Some(1)).unwrap().page(keyed());
        assert_eq!([first.items, second.items, third.items].concat(), keys);
        assert_eq!((third.is_truncated, third.marker), (Some(false), None));
    }

    #[test]
    fn foreign_markers_are_refused() {
        for marker in ["%%%", "////", "é"] {
            assert!(Paging::new(Some(marker), None).is_err(), "{marker}");
        }
    }
}
