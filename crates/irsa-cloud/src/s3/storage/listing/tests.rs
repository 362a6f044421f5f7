//! The listing against a model: a sorted map, listed by S3's words.

use std::collections::BTreeMap;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::super::Index;
use super::*;
use crate::s3::storage::Tables;

/// S3 API reference, `ListObjectsV2`: keys that contain the delimiter after the prefix are rolled up.
fn model(keys: &BTreeMap<String, u64>, listing: &Listing) -> (Vec<String>, Vec<String>, bool) {
    let mut entries: Vec<(String, bool)> = Vec::new();
    for key in keys.keys() {
        let Some(rest) = key.strip_prefix(&listing.prefix) else { continue };
        let rolled = match rest.split_once(&listing.delimiter) {
            Some((head, _)) if !listing.delimiter.is_empty() => {
                Some(format!("{}{head}{}", listing.prefix, listing.delimiter))
            }
            _ => None,
        };
        let entry = match rolled {
            Some(common) if common == listing.after => continue,
            Some(common) if *key > listing.after => (common, true),
            None if *key > listing.after => (key.clone(), false),
            _ => continue,
        };
        if entries.last() != Some(&entry) {
            entries.push(entry);
        }
    }
    let truncated = listing.most > 0 && entries.len() > listing.most;
    entries.truncate(listing.most);
    let (common, single): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, rolled)| *rolled);
    let names = |entries: Vec<(String, bool)>| entries.into_iter().map(|(name, _)| name).collect();
    (names(single), names(common), truncated)
}

fn index(keys: &BTreeMap<String, u64>) -> Index {
    let index = Index::open(None).unwrap();
    let keys = keys.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let edit = move |tables: &mut Tables<'_>| {
        for (key, size) in &keys {
            let object = Object { size: *size, ..Object::default() };
            tables.put_object("bucket", key, &object, b"")?;
        }
        // Neighbours that must not be listed.
        tables.put_object("bucke", "a/neighbour", &Object::default(), b"")?;
        tables.put_object("bucket2", "a/neighbour", &Object::default(), b"")?;
        Ok::<_, StorageError>(())
    };
    runtime.block_on(index.write(edit)).unwrap();
    index
}

fn names(page: &Page) -> Vec<String> {
    page.objects.iter().map(|(key, _)| key.clone()).collect()
}

fn key() -> impl Strategy<Value = String> {
    vec(prop::sample::select(vec!["a", "b", "/", "//", "ä", "\u{10ffff}", "a/", "-", "~"]), 1..6)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn lists_as_the_model_does(
        keys in btree_set(key(), 0..40),
        prefix in prop_oneof![Just(String::new()), key()],
        delimiter in prop::sample::select(vec!["", "/", "a", "//", "ä"]),
        after in prop_oneof![Just(String::new()), key()],
        most in 0_usize..8,
    ) {
        let keys: BTreeMap<String, u64> = keys.into_iter().zip(0..).collect();
        let index = index(&keys);
        let view = index.view().unwrap();
        let mut listing = Listing { prefix, delimiter: delimiter.to_owned(), after, most };
        let mut expected = listing.clone();
        expected.most = usize::MAX;
        let all = model(&keys, &expected);
        let (mut objects, mut common) = (Vec::new(), Vec::new());
        loop {
            let page = view.list("bucket", &listing).unwrap();
            let (single, rolled, truncated) = model(&keys, &listing);
            prop_assert_eq!(&names(&page), &single);
            prop_assert_eq!(&page.common_prefixes, &rolled);
            prop_assert_eq!(page.next.is_some(), truncated);
            objects.extend(names(&page));
            common.extend(page.common_prefixes);
            match page.next {
                Some(next) => listing.after = next,
                None => break,
            }
        }
        if most > 0 {
            prop_assert_eq!((objects, common), (all.0, all.1));
        }
    }
}

#[test]
fn a_common_prefix_is_one_step() {
    let keys: BTreeMap<String, u64> = (0..20_000)
        .map(|n| (format!("deep/{n:06}"), n))
        .chain([("after".to_owned(), 0), ("z".to_owned(), 1)])
        .collect();
    let index = index(&keys);
    let view = index.view().unwrap();
    let listing = Listing { delimiter: "/".to_owned(), most: 1_000, ..Listing::default() };
    let started = std::time::Instant::now();
    let page = view.list("bucket", &listing).unwrap();
    let skipped = started.elapsed();
    assert_eq!(
        (names(&page), page.common_prefixes),
        (vec!["after".to_owned(), "z".to_owned()], vec!["deep/".to_owned()])
    );
    let started = std::time::Instant::now();
    let all = view.list("bucket", &Listing { most: usize::MAX, ..Listing::default() }).unwrap();
    assert_eq!(all.objects.len(), 20_002);
    assert!(skipped * 20 < started.elapsed(), "a common prefix was scanned: {skipped:?}");
}

#[test]
fn successors() {
    let check = |prefix: &[u8], expected: Option<&[u8]>| {
        assert_eq!(successor(prefix).as_deref(), expected, "{prefix:?}");
    };
    check(b"a/", Some(b"a0"));
    check(b"a\xff", Some(b"b"));
    check(b"\xff\xff", None);
    check(b"", None);
}
