//! Listing: a page of a bucket in key order, with common prefixes skipped over, never scanned.

use redb::ReadableTable;

use super::StorageError;
use super::index::{View, object_key};
use super::record::{Object, decode_object};

/// What to list.
#[derive(Debug, Clone, Default)]
pub(in crate::s3) struct Listing {
    pub(in crate::s3) prefix: String,
    /// Empty for none.
    pub(in crate::s3) delimiter: String,
    /// Only what comes after this key; after all of it, if it is a common prefix.
    pub(in crate::s3) after: String,
    /// The most keys and common prefixes together.
    pub(in crate::s3) most: usize,
}

/// A page of keys.
#[derive(Debug, Default, PartialEq)]
pub(in crate::s3) struct Page {
    pub(in crate::s3) objects: Vec<(String, Object)>,
    pub(in crate::s3) common_prefixes: Vec<String>,
    /// Where the next page goes on, if there is one: the last key or common prefix of this page.
    pub(in crate::s3) next: Option<String>,
}

impl View {
    pub(in crate::s3) fn list(&self, bucket: &str, listing: &Listing) -> Result<Page, StorageError> {
        list(&self.objects, bucket, listing)
    }
}

fn list(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    bucket: &str,
    listing: &Listing,
) -> Result<Page, StorageError> {
    let root = object_key(bucket, "");
    let mut page = Page::default();
    if listing.most == 0 {
        return Ok(page);
    }
    let Some(mut start) = first_key(listing) else { return Ok(page) };
    let mut last = String::new();
    'seek: loop {
        let from = [root.as_slice(), start.as_slice()].concat();
        for row in table.range(from.as_slice()..)? {
            let (path, record) = row?;
            let Some(key) = path.value().strip_prefix(root.as_slice()) else { break 'seek };
            let key = std::str::from_utf8(key).map_err(StorageError::record)?;
            let Some(rest) = key.strip_prefix(listing.prefix.as_str()) else { break 'seek };
            if page.objects.len() + page.common_prefixes.len() == listing.most {
                page.next = Some(last);
                break 'seek;
            }
            if let Some(common) = common_prefix(rest, listing) {
                start = match successor(common.as_bytes()) {
                    Some(start) => start,
                    None => break 'seek,
                };
                last.clone_from(&common);
                page.common_prefixes.push(common);
                continue 'seek;
            }
            key.clone_into(&mut last);
            page.objects.push((key.to_owned(), decode_object(record.value())?.0));
        }
        break;
    }
    Ok(page)
}

fn common_prefix(rest: &str, listing: &Listing) -> Option<String> {
    if listing.delimiter.is_empty() {
        return None;
    }
    let (head, _) = rest.split_once(listing.delimiter.as_str())?;
    Some([&listing.prefix, head, &listing.delimiter].concat())
}

/// The first key that may be on the page; none when no key can be.
fn first_key(listing: &Listing) -> Option<Vec<u8>> {
    let after = &listing.after;
    if after.is_empty() || *after < listing.prefix {
        return Some(listing.prefix.clone().into_bytes());
    }
    let rest = after.strip_prefix(listing.prefix.as_str());
    match rest.and_then(|rest| common_prefix(rest, listing)) {
        Some(common) if common == *after => successor(common.as_bytes()),
        _ => Some([after.as_bytes(), b"\0"].concat()),
    }
}

/// The least string that is greater than every string with this prefix.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next: Vec<u8> = prefix.iter().take(end + 1).copied().collect();
    if let Some(byte) = next.last_mut() {
        *byte += 1;
    }
    Some(next)
}

#[cfg(test)]
mod tests;
