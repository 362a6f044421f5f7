//! Objects copied: `CopyObject`, and the bytes of `UploadPartCopy`.

use std::ops::Range as Bytes;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, HeaderValue};
use irsa_store::Stored;
use irsa_store::model::Bucket;
use md5::{Digest, Md5};
use s3s::dto::*;

use super::admission::{Asked, Permit};
use super::checksum::{Algorithm, Checksum, Hasher};
use super::error;
use super::object::{check_version, checksum_type, encryption, etag, holds, timestamp, value};
use super::put::{Condition, about, check_tags, commit, now};
use super::questions::{Input, Site, parse_tags, place, version};
use super::storage::{Blobs, Draft, Found, Object as Kept, Storage};
use crate::authorize::{Authorized, Call, RefusalStyle, decide};
use crate::failure::Failure;
use crate::server::body::BoxError;

/// The largest source (S3 API reference, `CopyObject`).
const MOST_BYTES: u64 = 5 * 1024 * 1024 * 1024;

pub(super) async fn copy_object(
    storage: &Storage,
    permit: Permit<CopyObjectInput>,
) -> Result<CopyObjectOutput, Failure> {
    let input = &permit.input().input;
    let bucket = Arc::clone(permit.input().bucket()?);
    let conditions = SourceConditions {
        if_match: input.copy_source_if_match.as_ref(),
        if_none_match: input.copy_source_if_none_match.as_ref(),
        if_modified_since: input.copy_source_if_modified_since.as_ref(),
        if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        owner: input.expected_source_bucket_owner.as_deref(),
        customer_key: input.copy_source_sse_customer_algorithm.is_some(),
    };
    let (source_bucket, found) = source(&permit, &input.copy_source, &conditions)?;
    if found.object.size > MOST_BYTES {
        return Err(error::invalid_request(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {MOST_BYTES}"
        )));
    }
    let told = about!(input)?;
    let replaces = input.metadata_directive.as_ref().is_some_and(|directive| directive.as_str() == "REPLACE");
    let replaces_tags =
        input.tagging_directive.as_ref().is_some_and(|directive| directive.as_str() == "REPLACE");
    let same = place(&input.copy_source) == Some((&bucket.name, &input.key));
    let changes = replaces
        || replaces_tags
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.server_side_encryption.is_some();
    if same && !changes {
        return Err(error::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let mut kept_about = if replaces { told.clone() } else { found.object.about.clone() };
    kept_about.storage_class = told.storage_class;
    kept_about.tags = if replaces_tags {
        check_tags(input.tagging.as_deref().and_then(parse_tags).unwrap_or_default())?
    } else {
        check_tag_rights(&permit, source_bucket, &found.object)?;
        found.object.about.tags.clone()
    };
    let wanted = input.checksum_algorithm.as_ref().and_then(|name| Algorithm::parse(name.as_str()));
    let copy = duplicate(storage, found, wanted).await?;
    let object = Kept {
        size: copy.draft.size,
        etag: copy.md5,
        modified: now(),
        about: kept_about,
        checksum: copy.checksum,
        segments: copy.draft.segments().to_vec(),
        parts: Vec::new(),
    };
    let checksum = object.checksum.clone();
    let checksum = checksum.as_ref();
    let result = CopyObjectResult {
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(timestamp(object.modified)),
        checksum_crc32: value(checksum, Algorithm::Crc32),
        checksum_crc32c: value(checksum, Algorithm::Crc32c),
        checksum_crc64nvme: value(checksum, Algorithm::Crc64Nvme),
        checksum_sha1: value(checksum, Algorithm::Sha1),
        checksum_sha256: value(checksum, Algorithm::Sha256),
        checksum_type: checksum.map(checksum_type),
    };
    let key = input.key.clone();
    commit(storage, &permit.input().exchange, &bucket, key, object, copy.draft, Condition::default()).await?;
    Ok(CopyObjectOutput {
        copy_object_result: Some(result),
        server_side_encryption: Some(encryption()),
        ..CopyObjectOutput::default()
    })
}

/// A copy's bytes and what is known of them.
pub(super) struct Copied {
    pub(super) draft: Draft,
    pub(super) md5: String,
    pub(super) checksum: Option<Checksum>,
}

/// All of an object. Its blobs are copied unread when their hashes are known: an object that was uploaded in parts has no
/// MD5 of its own.
async fn duplicate(storage: &Storage, found: &Found, wanted: Option<Algorithm>) -> Result<Copied, Failure> {
    let Found { object, inline, .. } = found;
    let checksum = object.checksum.as_ref().filter(|checksum| !checksum.composite);
    let has_checksum =
        checksum.is_some_and(|checksum| wanted.is_none_or(|wanted| checksum.algorithm == wanted));
    let has_md5 = !object.etag.contains('-');
    if !has_md5 || !has_checksum {
        let algorithm = wanted.or(object.checksum.as_ref().map(|checksum| checksum.algorithm));
        return transfer(storage, found, 0..object.size, algorithm, true).await;
    }
    let draft = if object.segments.is_empty() {
        Draft::from_inline(inline.clone(), &storage.blobs)
    } else {
        storage.blobs.duplicate(&object.segments).await?
    };
    Ok(Copied { draft, md5: object.etag.clone(), checksum: checksum.cloned() })
}

/// Some of an object, read and hashed on the way.
pub(super) async fn transfer(
    storage: &Storage,
    found: &Found,
    range: Bytes<u64>,
    algorithm: Option<Algorithm>,
    may_inline: bool,
) -> Result<Copied, Failure> {
    let hashes = Mutex::new((Md5::new(), Hasher::new(algorithm.unwrap_or(Algorithm::Crc64Nvme))));
    let body = bytes_of(&storage.blobs, found, range)?.inspect_ok(|data: &bytes::Bytes| {
        let mut hashes = hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.0.update(data);
        hashes.1.update(data);
    });
    let draft = storage.blobs.receive(body, may_inline).await?;
    let (md5, checksum) = hashes.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Copied { draft, md5: hex::encode(md5.finalize().as_slice()), checksum: Some(checksum.finish()) })
}

fn bytes_of(
    blobs: &Blobs,
    found: &Found,
    range: Bytes<u64>,
) -> Result<stream::BoxStream<'static, Result<bytes::Bytes, BoxError>>, Failure> {
    let Found { object, inline, .. } = found;
    if !object.segments.is_empty() {
        return Ok(blobs.read(&object.segments, range, blobs.pin()).boxed());
    }
    let within = usize::try_from(range.start)
        .ok()
        .zip(usize::try_from(range.end).ok())
        .filter(|(start, end)| start <= end && *end <= inline.len());
    let (start, end) = within.ok_or_else(error::internal)?;
    Ok(stream::iter([Ok(inline.slice(start..end))]).boxed())
}

/// `x-amz-copy-source-if-*` and what else is said of a source.
pub(super) struct SourceConditions<'a> {
    pub(super) if_match: Option<&'a ETagCondition>,
    pub(super) if_none_match: Option<&'a ETagCondition>,
    pub(super) if_modified_since: Option<&'a Timestamp>,
    pub(super) if_unmodified_since: Option<&'a Timestamp>,
    pub(super) owner: Option<&'a str>,
    pub(super) customer_key: bool,
}

/// S3 reads the source as forms are encoded, so that a plus is a space: Go's `url.QueryEscape` writes it, and terraform with it. A
/// plus of the key's own is `%2B`.
pub(super) fn decode_pluses(headers: &mut HeaderMap) {
    const SOURCE: &str = "x-amz-copy-source";
    let source =
        headers.get(SOURCE).and_then(|source| source.to_str().ok()).filter(|source| source.contains('+'));
    let decoded = source.map(|source| source.replace('+', "%20"));
    if let Some(decoded) = decoded.and_then(|decoded| HeaderValue::from_str(&decoded).ok()) {
        headers.insert(SOURCE, decoded);
    }
}

/// The object that a copy is made of. That it may be read was asked before.
pub(super) fn source<'a, I: Input>(
    permit: &'a Authorized<Asked<I>>,
    from: &CopySource,
    conditions: &SourceConditions<'_>,
) -> Result<(&'a Arc<Stored<Bucket>>, &'a Found), Failure> {
    let Some((name, key)) = place(from) else { return Err(error::not_implemented()) };
    if conditions.customer_key {
        return Err(error::not_implemented());
    }
    check_version(version(from))?;
    let call = permit.call();
    let bucket = call.snapshot.bucket(name).ok_or_else(|| error::no_such_bucket(name))?;
    if conditions.owner.is_some_and(|owner| owner != bucket.account.as_str()) {
        return Err(error::access_denied());
    }
    let found = permit.input().existing.as_ref();
    let found = found.ok_or_else(|| missing_source(permit.input(), call, bucket, key))?;
    conditions.check(&found.object)?;
    Ok((bucket, found))
}

fn missing_source<I>(asked: &Asked<I>, call: &Call, bucket: &Arc<Stored<Bucket>>, key: &str) -> Failure {
    let site = Site { bucket: Some(bucket), ..asked.site(call) };
    match decide(&asked.exchange.ctx, call, &site.on_bucket("s3:ListBucket"), RefusalStyle::S3) {
        Ok(()) => error::no_such_key(key),
        Err(refusal) => refusal.into(),
    }
}

impl SourceConditions<'_> {
    /// One that does not hold is refused whichever it is: there is no answer `304` to a copy.
    fn check(&self, object: &Kept) -> Result<(), Failure> {
        let modified = timestamp(object.modified.div_euclid(1_000) * 1_000);
        let failed = match (self.if_match, self.if_none_match) {
            (Some(condition), _) if !holds(condition, &object.etag) => Some("x-amz-copy-source-If-Match"),
            (None, _) if self.if_unmodified_since.is_some_and(|since| modified > *since) => {
                Some("x-amz-copy-source-If-Unmodified-Since")
            }
            (_, Some(condition)) if holds(condition, &object.etag) => Some("x-amz-copy-source-If-None-Match"),
            (_, None) if self.if_modified_since.is_some_and(|since| modified <= *since) => {
                Some("x-amz-copy-source-If-Modified-Since")
            }
            _ => None,
        };
        failed.map_or(Ok(()), |condition| Err(error::precondition_failed(condition)))
    }
}

/// Tags come along with a copy, for those who may read them there and write them here.
fn check_tag_rights(
    permit: &Permit<CopyObjectInput>,
    source_bucket: &Arc<Stored<Bucket>>,
    object: &Kept,
) -> Result<(), Failure> {
    if object.about.tags.is_empty() {
        return Ok(());
    }
    let (asked, call) = (permit.input(), permit.call());
    let ctx = &asked.exchange.ctx;
    let (_, key) = place(&asked.input.copy_source).unwrap_or_default();
    let site = asked.site(call);
    let read = site.on_source("s3:GetObjectTagging", &source_bucket.name, key);
    decide(ctx, call, &read, RefusalStyle::S3)?;
    let write = site.on_object("s3:PutObjectTagging", &asked.input.key);
    Ok(decide(ctx, call, &write, RefusalStyle::S3)?)
}
