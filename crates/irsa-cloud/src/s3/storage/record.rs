//! What the index keeps of objects, uploads and parts, and how it is written down.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StorageError;
use crate::s3::checksum::Checksum;

/// An object without its bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::s3) struct Object {
    /// Bytes.
    pub(in crate::s3) size: u64,
    /// Without quotes: MD5 in hexadecimal, or `MD5 of MD5s-N`.
    pub(in crate::s3) etag: String,
    /// Milliseconds since the epoch.
    pub(in crate::s3) modified: i64,
    #[serde(flatten)]
    pub(in crate::s3) about: About,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::s3) checksum: Option<Checksum>,
    /// Where the bytes are; none for what stands in the record itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::s3) segments: Vec<Segment>,
    /// The parts that it was uploaded in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::s3) parts: Vec<ObjectPart>,
}

/// What the uploader said about an object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::s3) struct About {
    /// Headers that are given back as they came: `content-type`, `cache-control`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::s3) headers: BTreeMap<Header, String>,
    /// `x-amz-meta-*`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::s3) metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::s3) tags: BTreeMap<String, String>,
    /// None for `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::s3) storage_class: Option<String>,
}

/// The headers that an object remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::s3) enum Header {
    #[serde(rename = "type")]
    ContentType,
    #[serde(rename = "encoding")]
    ContentEncoding,
    #[serde(rename = "language")]
    ContentLanguage,
    #[serde(rename = "disposition")]
    ContentDisposition,
    #[serde(rename = "cache")]
    CacheControl,
    #[serde(rename = "expires")]
    Expires,
    #[serde(rename = "redirect")]
    WebsiteRedirect,
}

/// A run of bytes in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::s3) struct Segment {
    /// The blob's name.
    pub(in crate::s3) blob: String,
    /// Its size in bytes; all of it belongs to the object.
    pub(in crate::s3) size: u64,
}

/// A part of a finished multipart upload, as `GetObject?partNumber` and `GetObjectAttributes` tell of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::s3) struct ObjectPart {
    pub(in crate::s3) number: i32,
    pub(in crate::s3) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::s3) checksum: Option<Checksum>,
}

/// A multipart upload that is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::s3) struct Upload {
    /// Milliseconds since the epoch.
    pub(in crate::s3) initiated: i64,
    pub(in crate::s3) about: About,
    /// Who began it, as an ARN.
    pub(in crate::s3) initiator: String,
    #[serde(default)]
    pub(in crate::s3) algorithm: Option<crate::s3::checksum::Algorithm>,
    /// Whether the checksum is of the whole object, not of the parts' checksums.
    #[serde(default)]
    pub(in crate::s3) whole: bool,
}

/// A part that was uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::s3) struct Part {
    pub(in crate::s3) size: u64,
    /// MD5 in hexadecimal.
    pub(in crate::s3) etag: String,
    /// Milliseconds since the epoch.
    pub(in crate::s3) modified: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::s3) checksum: Option<Checksum>,
    pub(in crate::s3) segments: Vec<Segment>,
}

/// An object's record: its length, JSON, and the bytes of a small object.
pub(super) fn encode_object(object: &Object, inline: &[u8]) -> Result<Vec<u8>, StorageError> {
    let json = serde_json::to_vec(object).map_err(StorageError::record)?;
    let length = u32::try_from(json.len()).map_err(StorageError::record)?;
    let mut record = Vec::with_capacity(4 + json.len() + inline.len());
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&json);
    record.extend_from_slice(inline);
    Ok(record)
}

/// The object of a record, and its bytes when they stand in it.
pub(super) fn decode_object(record: &[u8]) -> Result<(Object, &[u8]), StorageError> {
    let truncated = || StorageError::record("the record is cut off");
    let (length, rest) = record.split_first_chunk::<4>().ok_or_else(truncated)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(StorageError::record)?;
    let (json, inline) = rest.split_at_checked(length).ok_or_else(truncated)?;
    Ok((serde_json::from_slice(json).map_err(StorageError::record)?, inline))
}

/// As [`decode_object`], with the bytes taken out of the index.
pub(super) fn decode_whole(record: &[u8]) -> Result<(Object, Bytes), StorageError> {
    let (object, inline) = decode_object(record)?;
    let inline = if object.segments.is_empty() { Bytes::copy_from_slice(inline) } else { Bytes::new() };
    Ok((object, inline))
}
