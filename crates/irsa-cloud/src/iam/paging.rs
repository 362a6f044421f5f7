//! Lists in pages: `MaxItems`, `Marker`, `IsTruncated` (IAM API reference, "ListRoles").
//!
//! A marker is the key of the last item given, in base64: a list that changes between two pages neither repeats nor loses
//! an item that stayed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::IamError;

/// AWS's page when none was asked for.
const DEFAULT_ITEMS: usize = 100;

/// Which page of a list.
#[derive(Debug)]
pub(super) struct Paging {
    after: Option<String>,
    items: usize,
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

    /// The key that the page comes after.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Takes the page out of keyed items, which must come in the order of their keys.
    pub(super) fn page<T>(&self, sorted: impl Iterator<Item = (String, T)>) -> Page<T> {
        let mut rest = sorted.filter(|(key, _)| self.after.as_ref().is_none_or(|after| key > after));
        let mut items = Vec::new();
        let mut last = None;
        for (key, item) in rest.by_ref().take(self.items) {
            items.push(item);
            last = Some(key);
        }
        let is_truncated = rest.next().is_some();
        let marker = last.filter(|_| is_truncated).map(|key| URL_SAFE_NO_PAD.encode(key));
        Page { items, is_truncated: Some(is_truncated), marker }
    }
}

fn read_marker(marker: &str) -> Result<String, IamError> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| IamError::Validation("Invalid Marker.".to_owned()))
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
    fn foreign_markers_are_refused() {
        for marker in ["%%%", "////", "é"] {
            assert!(Paging::new(Some(marker), None).is_err(), "{marker}");
        }
    }
}
