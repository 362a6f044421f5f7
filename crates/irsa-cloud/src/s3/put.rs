//! Objects written whole: `PutObject`.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use irsa_store::model::{AccountId, Bucket};
use s3s::dto::*;

use super::admission::{Exchange, Permit};
use super::checksum::Algorithm;
use super::error;
use super::object::{checksum_type, encryption, etag, holds, size, value};
use super::questions::parse_tags;
use super::storage::{About, Draft, Header, Object as Kept, Segment, Storage, Tables};
use crate::failure::Failure;

/// The most user metadata of an object, in bytes (S3 user guide, "Working with object metadata").
const MOST_METADATA: usize = 2 * 1024;
/// The most tags of an object.
const MOST_TAGS: usize = 10;

pub(super) async fn put_object(
    storage: &Storage,
    permit: Permit<PutObjectInput>,
) -> Result<PutObjectOutput, Failure> {
    let bucket = Arc::clone(permit.input().bucket()?);
    let asked = permit.into_input();
    let mut input = asked.input;
    let exchange = asked.exchange;
    let about = about!(input)?;
    if input.write_offset_bytes.is_some() {
        return Err(error::not_implemented());
    }
    let condition = Condition { if_match: input.if_match.take(), if_none_match: input.if_none_match.take() };
    condition.check_form()?;
    let body = input.body.take().unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let draft = storage.blobs.receive(body, true).await?;
    if input.content_length.is_some_and(|length| length != size(draft.size)) {
        return Err(Failure::new(
            "IncompleteBody",
            StatusCode::BAD_REQUEST,
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        ));
    }
    let digests = exchange.digests()?;
    let object = Kept {
        size: draft.size,
        etag: digests.md5,
        modified: now(),
        about,
        checksum: digests.checksum,
        segments: draft.segments().to_vec(),
        parts: Vec::new(),
    };
    let output = PutObjectOutput {
        e_tag: Some(etag(&object.etag)),
        server_side_encryption: Some(encryption()),
        checksum_crc32: value(object.checksum.as_ref(), Algorithm::Crc32),
        checksum_crc32c: value(object.checksum.as_ref(), Algorithm::Crc32c),
        checksum_crc64nvme: value(object.checksum.as_ref(), Algorithm::Crc64Nvme),
        checksum_sha1: value(object.checksum.as_ref(), Algorithm::Sha1),
        checksum_sha256: value(object.checksum.as_ref(), Algorithm::Sha256),
        checksum_type: object.checksum.as_ref().map(checksum_type),
        ..PutObjectOutput::default()
    };
    commit(storage, &exchange, &bucket, input.key, object, draft, condition).await?;
    Ok(output)
}

/// Makes an object visible, in place of the one that may be there.
pub(super) async fn commit(
    storage: &Storage,
    exchange: &Exchange,
    bucket: &Bucket,
    key: String,
    object: Kept,
    draft: Draft,
    condition: Condition,
) -> Result<(), Failure> {
    let place = Place::new(exchange, bucket);
    let inline = draft.inline.clone();
    // The draft goes along, so that its blobs stay or go with the edit even if the client is gone by then.
    let replaced: Vec<Segment> = storage
        .index
        .write(move |tables| {
            place.check()?;
            condition.check(tables, &place.name, &key)?;
            let replaced = tables.put_object(&place.name, &key, &object, &inline)?;
            draft.keep();
            Ok::<_, Failure>(replaced)
        })
        .await?;
    storage.blobs.discard(replaced);
    Ok(())
}

/// The bucket that a write goes to, which may be gone, or another one, when it is made.
pub(super) struct Place {
    ctx: Arc<crate::context::Context>,
    pub(super) name: String,
    owner: AccountId,
    created: jiff::Timestamp,
}

impl Place {
    pub(super) fn new(exchange: &Exchange, bucket: &Bucket) -> Self {
        Self {
            ctx: Arc::clone(&exchange.ctx),
            name: bucket.name.clone(),
            owner: bucket.account,
            created: bucket.created,
        }
    }

    /// To be asked in an edit, beside which no bucket is removed.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.ctx.store.snapshot().bucket(&self.name) {
            Some(bucket) if bucket.account == self.owner && bucket.created == self.created => Ok(()),
            _ => Err(error::no_such_bucket(&self.name)),
        }
    }
}

/// `If-Match` and `If-None-Match` of a write (S3 user guide, "How to prevent object overwrites with conditional writes").
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

impl Condition {
    pub(super) fn check_form(&self) -> Result<(), Failure> {
        match &self.if_none_match {
            Some(ETagCondition::ETag(_)) => Err(error::not_implemented()),
            Some(ETagCondition::Any) if self.if_match.is_some() => Err(error::not_implemented()),
            _ => Ok(()),
        }
    }

    pub(super) fn check(&self, tables: &Tables<'_>, bucket: &str, key: &str) -> Result<(), Failure> {
        if self.if_match.is_none() && self.if_none_match.is_none() {
            return Ok(());
        }
        let existing = tables.object(bucket, key)?;
        match (&self.if_match, &self.if_none_match, existing) {
            (Some(_), _, None) => Err(error::no_such_key(key)),
            (Some(condition), _, Some(object)) if !holds(condition, &object.etag) => {
                Err(error::precondition_failed("If-Match"))
            }
            (_, Some(ETagCondition::Any), Some(_)) => Err(error::precondition_failed("If-None-Match")),
            _ => Ok(()),
        }
    }
}

/// What an uploader may say about an object, from the inputs that all have the same fields for it.
macro_rules! about {
    ($input:ident) => {{
        let acl = $input.acl.as_ref().map(|acl| acl.as_str());
        let grants =
            [&$input.grant_full_control, &$input.grant_read, &$input.grant_read_acp, &$input.grant_write_acp];
        $crate::s3::put::check_acl(acl, grants.iter().any(|grant| grant.is_some()))
            .and_then(|()| {
                let encryption = $input.server_side_encryption.as_ref().map(|encryption| encryption.as_str());
                $crate::s3::put::check_encryption(encryption, $input.sse_customer_algorithm.is_some())
            })
            .and_then(|()| {
                let locked = $input.object_lock_mode.is_some()
                    || $input.object_lock_retain_until_date.is_some()
                    || $input.object_lock_legal_hold_status.is_some();
                $crate::s3::put::check_lock(locked)
            })
            .and_then(|()| {
                $crate::s3::put::Told {
                    headers: [
                        ($crate::s3::storage::Header::ContentType, $input.content_type.clone()),
                        ($crate::s3::storage::Header::ContentEncoding, $input.content_encoding.clone()),
                        ($crate::s3::storage::Header::ContentLanguage, $input.content_language.clone()),
                        ($crate::s3::storage::Header::ContentDisposition, $input.content_disposition.clone()),
                        ($crate::s3::storage::Header::CacheControl, $input.cache_control.clone()),
                        (
                            $crate::s3::storage::Header::WebsiteRedirect,
                            $input.website_redirect_location.clone(),
                        ),
                    ],
                    expires: $input.expires.clone(),
                    metadata: $input.metadata.clone(),
                    tagging: $input.tagging.as_deref(),
                    storage_class: $input.storage_class.as_ref().map(|class| class.as_str()),
                }
                .check()
            })
    }};
}
pub(super) use about;

/// What an uploader said about an object, unchecked.
pub(super) struct Told<'a> {
    pub(super) headers: [(Header, Option<String>); 6],
    pub(super) expires: Option<Timestamp>,
    pub(super) metadata: Option<Metadata>,
    pub(super) tagging: Option<&'a str>,
    pub(super) storage_class: Option<&'a str>,
}

impl Told<'_> {
    pub(super) fn check(self) -> Result<About, Failure> {
        let mut headers: BTreeMap<Header, String> =
            self.headers.into_iter().filter_map(|(header, value)| Some((header, value?))).collect();
        if let Some(expires) = self.expires {
            let mut text = Vec::new();
            if expires.format(TimestampFormat::HttpDate, &mut text).is_ok() {
                headers.insert(Header::Expires, String::from_utf8_lossy(&text).into_owned());
            }
        }
        let metadata: BTreeMap<String, String> = self.metadata.unwrap_or_default().into_iter().collect();
        let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MOST_METADATA {
            return Err(Failure::new(
                "MetadataTooLarge",
                StatusCode::BAD_REQUEST,
                "Your metadata headers exceed the maximum allowed metadata size",
            ));
        }
        let tags = match self.tagging {
            Some(header) => {
                let tags = parse_tags(header).ok_or_else(|| {
                    error::invalid_argument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
                })?;
                check_tags(tags)?
            }
            None => BTreeMap::new(),
        };
        let storage_class = match self.storage_class {
            None | Some(StorageClass::STANDARD) => None,
            Some(
                class @ (StorageClass::STANDARD_IA
                | StorageClass::ONEZONE_IA
                | StorageClass::INTELLIGENT_TIERING
                | StorageClass::REDUCED_REDUNDANCY
                | StorageClass::GLACIER_IR),
            ) => Some(class.to_owned()),
            // Archives would have to be restored before they are read.
            Some(StorageClass::GLACIER | StorageClass::DEEP_ARCHIVE) => return Err(error::not_implemented()),
            Some(_) => {
                return Err(Failure::new(
                    "InvalidStorageClass",
                    StatusCode::BAD_REQUEST,
                    "The storage class you specified is not valid",
                ));
            }
        };
        Ok(About { headers, metadata, tags, storage_class })
    }
}

/// A set of tags that AWS would take (S3 user guide, "Categorizing your objects using tags").
pub(super) fn check_tags(tags: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Failure> {
    let invalid = |message: &'static str| Failure::new("InvalidTag", StatusCode::BAD_REQUEST, message);
    if tags.len() > MOST_TAGS {
        return Err(Failure::new(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "Object tags cannot be greater than 10",
        ));
    }
    let mut set = BTreeMap::new();
    for (name, value) in tags {
        if name.is_empty() || name.chars().count() > 128 || name.starts_with("aws:") {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 {
            return Err(invalid("The TagValue you have provided is invalid"));
        }
        if set.insert(name, value).is_some() {
            return Err(invalid("Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(set)
}

/// Buckets have ACLs disabled: an ACL may only say what is so anyway (S3 user guide, "Controlling ownership of objects").
pub(super) fn check_acl(acl: Option<&str>, has_grants: bool) -> Result<(), Failure> {
    let same = matches!(acl, None | Some("private" | "bucket-owner-full-control"));
    if same && !has_grants {
        return Ok(());
    }
    Err(Failure::new(
        "AccessControlListNotSupported",
        StatusCode::BAD_REQUEST,
        "The bucket does not allow ACLs",
    ))
}

pub(super) fn check_encryption(encryption: Option<&str>, customer_key: bool) -> Result<(), Failure> {
    match encryption {
        None | Some("AES256") if !customer_key => Ok(()),
        _ => Err(error::not_implemented()),
    }
}

pub(super) fn check_lock(locked: bool) -> Result<(), Failure> {
    if locked {
        return Err(error::invalid_request("Bucket is missing Object Lock Configuration"));
    }
    Ok(())
}

/// Milliseconds since the epoch.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
