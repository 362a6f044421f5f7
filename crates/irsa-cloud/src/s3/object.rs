//! Objects read: `GetObject` and `HeadObject`, whole, by range, by part, under conditions.

use std::ops::Range as Bytes;
use std::time::{Duration, UNIX_EPOCH};

use futures::TryStreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use s3s::dto::*;

use super::admission::{Asked, Permit, Refused, missing_key};
use super::checksum::{Algorithm, Checksum};
use super::error;
use super::storage::{Found, Header, Object as Kept, Storage};
use crate::failure::Failure;

pub(super) async fn get_object(
    storage: &Storage,
    permit: Permit<GetObjectInput>,
) -> Result<GetObjectOutput, Refused> {
    let asked = permit.input();
    let input = &asked.input;
    refuse_anonymous_overrides(asked)?;
    let Some(Found { object, inline, .. }) = &asked.existing else {
        return Err(missing_key(asked, permit.call(), &input.key).into());
    };
    let wanted = Wanted {
        version: input.version_id.as_deref(),
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
        range: input.range,
        part: input.part_number,
    };
    let slice = wanted.of(object)?;
    let body = if object.segments.is_empty() {
        let bytes = usize::try_from(slice.range.start)
            .ok()
            .zip(usize::try_from(slice.range.end).ok())
            .filter(|(start, end)| start <= end && *end <= inline.len())
            .map(|(start, end)| inline.slice(start..end))
            .ok_or_else(error::internal)?;
        s3s::Body::from(bytes)
    } else {
        let stream = storage.blobs.read(&object.segments, slice.range.clone(), storage.blobs.pin());
        s3s::Body::http_body_unsync(StreamBody::new(stream.map_ok(Frame::data)))
    };
    // The checksum is the whole object's: with a part of it, it is of no use.
    let whole = slice.content_range.is_none();
    let shown = input.checksum_mode.as_ref().is_some_and(|mode| mode.as_str() == "ENABLED") && whole;
    let checksum = object.checksum.as_ref().filter(|_| shown);
    let about = &object.about;
    Ok(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(StreamingBlob::from(body)),
        cache_control: header_of(object, Header::CacheControl),
        content_disposition: header_of(object, Header::ContentDisposition),
        content_encoding: header_of(object, Header::ContentEncoding),
        content_language: header_of(object, Header::ContentLanguage),
        content_type: content_type(object),
        expires: expires(object),
        website_redirect_location: header_of(object, Header::WebsiteRedirect),
        content_length: Some(size(slice.range.end - slice.range.start)),
        content_range: slice.content_range,
        parts_count: slice.parts_count,
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(timestamp(object.modified)),
        metadata: metadata(object),
        server_side_encryption: Some(encryption()),
        storage_class: about.storage_class.clone().map(StorageClass::from),
        tag_count: i32::try_from(about.tags.len()).ok().filter(|count| *count > 0),
        checksum_crc32: value(checksum, Algorithm::Crc32),
        checksum_crc32c: value(checksum, Algorithm::Crc32c),
        checksum_crc64nvme: value(checksum, Algorithm::Crc64Nvme),
        checksum_sha1: value(checksum, Algorithm::Sha1),
        checksum_sha256: value(checksum, Algorithm::Sha256),
        checksum_type: checksum.map(checksum_type),
        ..GetObjectOutput::default()
    })
}

pub(super) async fn head_object(
    _storage: &Storage,
    permit: Permit<HeadObjectInput>,
) -> Result<HeadObjectOutput, Refused> {
    let asked = permit.input();
    let input = &asked.input;
    let Some(object) = asked.object() else {
        return Err(missing_key(asked, permit.call(), &input.key).into());
    };
    let wanted = Wanted {
        version: input.version_id.as_deref(),
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
        range: input.range,
        part: input.part_number,
    };
    let slice = wanted.of(object)?;
    let shown = input.checksum_mode.as_ref().is_some_and(|mode| mode.as_str() == "ENABLED");
    let checksum = object.checksum.as_ref().filter(|_| shown && slice.content_range.is_none());
    Ok(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: header_of(object, Header::CacheControl),
        content_disposition: header_of(object, Header::ContentDisposition),
        content_encoding: header_of(object, Header::ContentEncoding),
        content_language: header_of(object, Header::ContentLanguage),
        content_type: content_type(object),
        expires: expires(object),
        website_redirect_location: header_of(object, Header::WebsiteRedirect),
        content_length: Some(size(slice.range.end - slice.range.start)),
        content_range: slice.content_range,
        parts_count: slice.parts_count,
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(timestamp(object.modified)),
        metadata: metadata(object),
        server_side_encryption: Some(encryption()),
        storage_class: object.about.storage_class.clone().map(StorageClass::from),
        checksum_crc32: value(checksum, Algorithm::Crc32),
        checksum_crc32c: value(checksum, Algorithm::Crc32c),
        checksum_crc64nvme: value(checksum, Algorithm::Crc64Nvme),
        checksum_sha1: value(checksum, Algorithm::Sha1),
        checksum_sha256: value(checksum, Algorithm::Sha256),
        checksum_type: checksum.map(checksum_type),
        ..HeadObjectOutput::default()
    })
}

/// AWS: whoever does not sign cannot say how the answer's headers read (S3 API reference, `GetObject`).
fn refuse_anonymous_overrides(asked: &Asked<GetObjectInput>) -> Result<(), Failure> {
    let input = &asked.input;
    let overrides = input.response_cache_control.is_some()
        || input.response_content_disposition.is_some()
        || input.response_content_encoding.is_some()
        || input.response_content_language.is_some()
        || input.response_content_type.is_some()
        || input.response_expires.is_some();
    if overrides && asked.exchange.signed.is_none() {
        return Err(error::invalid_request(
            "Request specific response headers cannot be used for anonymous GET requests.",
        ));
    }
    Ok(())
}

/// What a reader wants of an object.
struct Wanted<'a> {
    version: Option<&'a str>,
    if_match: Option<&'a ETagCondition>,
    if_none_match: Option<&'a ETagCondition>,
    if_modified_since: Option<&'a Timestamp>,
    if_unmodified_since: Option<&'a Timestamp>,
    range: Option<Range>,
    part: Option<i32>,
}

/// What a reader gets.
struct Slice {
    range: Bytes<u64>,
    content_range: Option<String>,
    parts_count: Option<i32>,
}

impl Wanted<'_> {
    fn of(&self, object: &Kept) -> Result<Slice, Refused> {
        check_version(self.version)?;
        check_conditions(
            object,
            self.if_match,
            self.if_none_match,
            self.if_modified_since,
            self.if_unmodified_since,
        )?;
        Ok(self.slice(object)?)
    }

    fn slice(&self, object: &Kept) -> Result<Slice, Failure> {
        let whole = Slice { range: 0..object.size, content_range: None, parts_count: None };
        if let Some(number) = self.part {
            if self.range.is_some() {
                return Err(error::invalid_request(
                    "Cannot specify both Range header and partNumber query parameter",
                ));
            }
            return part(object, number, whole);
        }
        let Some(range) = self.range else { return Ok(whole) };
        let range = resolve(range, object.size).ok_or_else(error::invalid_range)?;
        let content_range = Some(content_range(&range, object.size));
        Ok(Slice { range, content_range, parts_count: None })
    }
}

fn part(object: &Kept, number: i32, whole: Slice) -> Result<Slice, Failure> {
    let invalid = || {
        Failure::new(
            "InvalidPartNumber",
            StatusCode::RANGE_NOT_SATISFIABLE,
            "The requested partnumber is not satisfiable",
        )
    };
    if object.parts.is_empty() {
        return if number == 1 { Ok(whole) } else { Err(invalid()) };
    }
    let mut start = 0;
    for part in &object.parts {
        let range = start..start + part.size;
        if part.number == number {
            let content_range = Some(content_range(&range, object.size));
            return Ok(Slice { range, content_range, parts_count: i32::try_from(object.parts.len()).ok() });
        }
        start = range.end;
    }
    Err(invalid())
}

fn content_range(range: &Bytes<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// The bytes that a range names; none when there are none of them (RFC 9110, section 14.1.2).
pub(super) fn resolve(range: Range, size: u64) -> Option<Bytes<u64>> {
    let resolved = match range {
        Range::Int { first, last } => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
        Range::Suffix { length } => size.saturating_sub(length)..size,
    };
    (resolved.start < resolved.end).then_some(resolved)
}

/// Objects here have one version, `null`.
pub(super) fn check_version(version: Option<&str>) -> Result<(), Failure> {
    match version {
        None | Some("null") => Ok(()),
        Some(_) => {
            Err(Failure::new("NoSuchVersion", StatusCode::NOT_FOUND, "The specified version does not exist."))
        }
    }
}

/// The conditions in the order that S3 gives them (S3 API reference, `GetObject`: "If-Match … and If-Unmodified-Since …").
fn check_conditions(
    object: &Kept,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
    if_modified_since: Option<&Timestamp>,
    if_unmodified_since: Option<&Timestamp>,
) -> Result<(), Refused> {
    let modified = timestamp(object.modified.div_euclid(1_000) * 1_000);
    match if_match {
        Some(condition) if !holds(condition, &object.etag) => {
            return Err(error::precondition_failed("If-Match").into());
        }
        None if if_unmodified_since.is_some_and(|since| modified > *since) => {
            return Err(error::precondition_failed("If-Unmodified-Since").into());
        }
        _ => {}
    }
    let unchanged = match if_none_match {
        Some(condition) => holds(condition, &object.etag),
        None => if_modified_since.is_some_and(|since| modified <= *since),
    };
    if unchanged { Err(not_modified(object)) } else { Ok(()) }
}

pub(super) fn holds(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

fn not_modified(object: &Kept) -> Refused {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::try_from(format!("\"{}\"", object.etag)) {
        headers.insert(header::ETAG, value);
    }
    let mut text = Vec::new();
    if timestamp(object.modified).format(TimestampFormat::HttpDate, &mut text).is_ok()
        && let Ok(value) = HeaderValue::from_bytes(&text)
    {
        headers.insert(header::LAST_MODIFIED, value);
    }
    let failure = Failure::new("NotModified", StatusCode::NOT_MODIFIED, "Not Modified");
    Refused { failure, headers: Some(Box::new(headers)) }
}

pub(super) fn header_of(object: &Kept, header: Header) -> Option<String> {
    object.about.headers.get(&header).cloned()
}

/// What S3 says of objects that nobody said anything of.
pub(super) fn content_type(object: &Kept) -> Option<ContentType> {
    header_of(object, Header::ContentType).or_else(|| Some("binary/octet-stream".to_owned()))
}

pub(super) fn expires(object: &Kept) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, object.about.headers.get(&Header::Expires)?).ok()
}

pub(super) fn metadata(object: &Kept) -> Option<Metadata> {
    let metadata = &object.about.metadata;
    let pairs = metadata.iter().map(|(name, value)| (name.clone(), value.clone()));
    (!metadata.is_empty()).then(|| pairs.collect())
}

pub(super) fn value(checksum: Option<&Checksum>, algorithm: Algorithm) -> Option<String> {
    checksum.filter(|checksum| checksum.algorithm == algorithm).map(|checksum| checksum.value.clone())
}

pub(super) fn checksum_type(checksum: &Checksum) -> ChecksumType {
    let name = if checksum.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
    ChecksumType::from_static(name)
}

pub(super) fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

/// A size on the wire.
pub(super) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// AWS: every object is encrypted, with SSE-S3 unless it asks for more, and every answer says so.
pub(super) fn encryption() -> ServerSideEncryption {
    ServerSideEncryption::from_static(ServerSideEncryption::AES256)
}

/// Milliseconds since the epoch, on the wire.
pub(super) fn timestamp(milliseconds: i64) -> Timestamp {
    let since = Duration::from_millis(milliseconds.unsigned_abs());
    Timestamp::from(if milliseconds < 0 { UNIX_EPOCH - since } else { UNIX_EPOCH + since })
}
