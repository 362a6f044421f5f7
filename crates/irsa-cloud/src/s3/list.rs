//! The listings of a bucket: `ListObjects`, `ListObjectsV2`, and `ListObjectVersions` as an unversioned bucket has it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;

use super::admission::Permit;
use super::bucket::owner;
use super::error;
use super::object::{etag, size, timestamp};
use super::storage::{Listing, Object as Kept, Storage};
use crate::failure::Failure;

/// The most keys of a page.
const MOST_KEYS: i32 = 1_000;
/// What `encoding-type=url` leaves as it is.
const KEY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// How names are written into an answer.
#[derive(Clone, Copy)]
pub(super) struct Names {
    encoded: bool,
}

impl Names {
    /// # Errors
    /// AWS's answer to an unknown encoding.
    pub(super) fn new(encoding: Option<&EncodingType>) -> Result<Self, Failure> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self { encoded: false }),
            Some(EncodingType::URL) => Ok(Self { encoded: true }),
            Some(_) => Err(error::invalid_argument("Invalid Encoding Method specified in Request")),
        }
    }

    pub(super) fn write(self, name: &str) -> String {
        if self.encoded { utf8_percent_encode(name, KEY).to_string() } else { name.to_owned() }
    }

    fn write_some(self, name: Option<&String>) -> Option<String> {
        name.filter(|name| !name.is_empty()).map(|name| self.write(name))
    }
}

/// The number of entries that a page may have, as asked for.
pub(super) fn page_size(asked: Option<i32>, name: &str) -> Result<i32, Failure> {
    let asked = asked.unwrap_or(MOST_KEYS);
    if asked < 0 {
        return Err(error::invalid_argument(format!(
            "Argument {name} must be an integer between 0 and 2147483647"
        )));
    }
    Ok(asked.min(MOST_KEYS))
}

fn listing(prefix: Option<&String>, delimiter: Option<&String>, after: String, most: i32) -> Listing {
    Listing {
        prefix: prefix.cloned().unwrap_or_default(),
        delimiter: delimiter.cloned().unwrap_or_default(),
        after,
        most: usize::try_from(most).unwrap_or(0),
    }
}

pub(super) async fn list_objects(
    storage: &Storage,
    permit: Permit<ListObjectsInput>,
) -> Result<ListObjectsOutput, Failure> {
    let input = &permit.input().input;
    let bucket = permit.input().bucket()?;
    let names = Names::new(input.encoding_type.as_ref())?;
    let most = page_size(input.max_keys, "maxKeys")?;
    let after = input.marker.clone().unwrap_or_default();
    let listing = listing(input.prefix.as_ref(), input.delimiter.as_ref(), after, most);
    let page = storage.list(&bucket.name, listing).await?;
    let has_delimiter = input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty());
    Ok(ListObjectsOutput {
        name: Some(bucket.name.clone()),
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
        marker: Some(names.write(input.marker.as_deref().unwrap_or_default())),
        max_keys: Some(most),
        is_truncated: Some(page.next.is_some()),
        delimiter: names.write_some(input.delimiter.as_ref()),
        // AWS: only with a delimiter; without one, the last key is the next marker.
        next_marker: page.next.filter(|_| has_delimiter).map(|next| names.write(&next)),
        encoding_type: input.encoding_type.clone(),
        contents: Some(
            page.objects
                .iter()
                .map(|(key, object)| Object {
                    owner: Some(owner(bucket.account)),
                    ..entry(names, key, object)
                })
                .collect(),
        ),
        common_prefixes: Some(common_prefixes(names, &page.common_prefixes)),
        request_charged: None,
    })
}

pub(super) async fn list_objects_v2(
    storage: &Storage,
    permit: Permit<ListObjectsV2Input>,
) -> Result<ListObjectsV2Output, Failure> {
    let input = &permit.input().input;
    let bucket = permit.input().bucket()?;
    let names = Names::new(input.encoding_type.as_ref())?;
    let most = page_size(input.max_keys, "max-keys")?;
    let after = match &input.continuation_token {
        Some(token) => open_token(token)?,
        None => input.start_after.clone().unwrap_or_default(),
    };
    let listing = listing(input.prefix.as_ref(), input.delimiter.as_ref(), after, most);
    let page = storage.list(&bucket.name, listing).await?;
    let with_owner = input.fetch_owner == Some(true);
    let contents = page.objects.iter().map(|(key, object)| Object {
        owner: with_owner.then(|| owner(bucket.account)),
        ..entry(names, key, object)
    });
    let count = page.objects.len() + page.common_prefixes.len();
    Ok(ListObjectsV2Output {
        name: Some(bucket.name.clone()),
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
        max_keys: Some(most),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token.clone(),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(|next| URL_SAFE_NO_PAD.encode(next)),
        contents: Some(contents.collect()),
        common_prefixes: Some(common_prefixes(names, &page.common_prefixes)),
        delimiter: names.write_some(input.delimiter.as_ref()),
        encoding_type: input.encoding_type.clone(),
        start_after: names.write_some(input.start_after.as_ref()),
        request_charged: None,
    })
}

pub(super) async fn list_object_versions(
    storage: &Storage,
    permit: Permit<ListObjectVersionsInput>,
) -> Result<ListObjectVersionsOutput, Failure> {
    let input = &permit.input().input;
    let bucket = permit.input().bucket()?;
    let names = Names::new(input.encoding_type.as_ref())?;
    let most = page_size(input.max_keys, "maxKeys")?;
    if input.version_id_marker.is_some() && input.key_marker.is_none() {
        return Err(error::invalid_argument("A version-id marker cannot be specified without a key marker."));
    }
    let after = input.key_marker.clone().unwrap_or_default();
    let listing = listing(input.prefix.as_ref(), input.delimiter.as_ref(), after, most);
    let page = storage.list(&bucket.name, listing).await?;
    let versions = page.objects.iter().map(|(key, object)| ObjectVersion {
        key: Some(names.write(key)),
        e_tag: Some(etag(&object.etag)),
        is_latest: Some(true),
        last_modified: Some(timestamp(object.modified)),
        owner: Some(owner(bucket.account)),
        size: Some(size(object.size)),
        storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
        // AWS: what was written to a bucket without versioning has the version `null`.
        version_id: Some("null".to_owned()),
        ..ObjectVersion::default()
    });
    Ok(ListObjectVersionsOutput {
        name: Some(bucket.name.clone()),
        prefix: Some(names.write(input.prefix.as_deref().unwrap_or_default())),
        key_marker: Some(names.write(input.key_marker.as_deref().unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.clone().unwrap_or_default()),
        max_keys: Some(most),
        is_truncated: Some(page.next.is_some()),
        next_version_id_marker: page.next.as_ref().map(|_| "null".to_owned()),
        next_key_marker: page.next.as_deref().map(|next| names.write(next)),
        delimiter: names.write_some(input.delimiter.as_ref()),
        encoding_type: input.encoding_type.clone(),
        versions: Some(versions.collect()),
        common_prefixes: Some(common_prefixes(names, &page.common_prefixes)),
        ..ListObjectVersionsOutput::default()
    })
}

fn entry(names: Names, key: &str, object: &Kept) -> Object {
    let class = object.about.storage_class.clone();
    Object {
        key: Some(names.write(key)),
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(timestamp(object.modified)),
        size: Some(size(object.size)),
        storage_class: Some(
            class.map_or(
                ObjectStorageClass::from_static(ObjectStorageClass::STANDARD),
                ObjectStorageClass::from,
            ),
        ),
        checksum_algorithm: object
            .checksum
            .as_ref()
            .map(|checksum| vec![ChecksumAlgorithm::from_static(checksum.algorithm.name())]),
        checksum_type: object.checksum.as_ref().map(super::object::checksum_type),
        ..Object::default()
    }
}

fn common_prefixes(names: Names, prefixes: &[String]) -> Vec<CommonPrefix> {
    prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(names.write(prefix)) }).collect()
}

fn open_token(token: &str) -> Result<String, Failure> {
    let wrong = || error::invalid_argument("The continuation token provided is incorrect");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}
