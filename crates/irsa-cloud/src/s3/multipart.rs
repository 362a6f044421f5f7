//! Multipart uploads: begun, filled part by part, completed into one object without copying a byte, or aborted.
//!
//! Source: S3 user guide, "Uploading and copying objects using multipart upload" and its limits.

mod complete;
mod listing;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use irsa_store::Stored;
use irsa_store::model::Bucket;
use s3s::dto::*;

use super::admission::{Asked, Exchange, Permit};
use super::checksum::{Algorithm, Checksum};
use super::copy::{SourceConditions, source, transfer};
use super::error;
use super::object::{encryption, etag, resolve, size, timestamp, value};
use super::put::{Place, about, now};
use super::storage::{Draft, Part as Kept, Storage, Upload};
use crate::failure::Failure;

pub(super) use complete::complete_multipart_upload;
pub(super) use listing::{list_multipart_uploads, list_parts};

/// The most parts of an upload.
const MOST_PARTS: i32 = 10_000;

pub(super) async fn create_multipart_upload(
    storage: &Storage,
    permit: Permit<CreateMultipartUploadInput>,
) -> Result<CreateMultipartUploadOutput, Failure> {
    let Asked { input, exchange, .. } = permit.input();
    let bucket = permit.input().bucket()?;
    let about = about!(input)?;
    let algorithm = match &input.checksum_algorithm {
        None => None,
        Some(name) => Some(Algorithm::parse(name.as_str()).ok_or_else(|| {
            error::invalid_request("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
        })?),
    };
    let asked_type = input.checksum_type.as_ref().map(|name| name.as_str());
    let whole = match algorithm {
        Some(algorithm) => algorithm.covers_whole(asked_type).ok_or_else(|| {
            error::invalid_request(format!(
                "The {} checksum type cannot be used with the {} checksum algorithm.",
                asked_type.unwrap_or_default(),
                algorithm.name().to_ascii_lowercase()
            ))
        })?,
        None => true,
    };
    let upload = Upload { initiated: now(), about, initiator: permit.call().caller.arn(), algorithm, whole };
    let (id, key, place) = (upload_id()?, input.key.clone(), Place::new(exchange, bucket));
    let written = id.clone();
    storage
        .index
        .write(move |tables| {
            place.check()?;
            Ok::<_, Failure>(tables.put_upload(&place.name, &key, &written, &upload)?)
        })
        .await?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(bucket.name.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(id),
        server_side_encryption: Some(encryption()),
        checksum_algorithm: algorithm.map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: algorithm.map(|_| type_of(whole)),
        ..CreateMultipartUploadOutput::default()
    })
}

pub(super) async fn upload_part(
    storage: &Storage,
    permit: Permit<UploadPartInput>,
) -> Result<UploadPartOutput, Failure> {
    let bucket = std::sync::Arc::clone(permit.input().bucket()?);
    let Asked { input, exchange, .. } = permit.into_input();
    let target = Target::find(storage, &bucket, &input.key, &input.upload_id, input.part_number)?;
    if input.sse_customer_algorithm.is_some() {
        return Err(error::not_implemented());
    }
    let body = input.body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let draft = storage.blobs.receive(body, false).await?;
    if input.content_length.is_some_and(|length| length != size(draft.size)) {
        return Err(Failure::new(
            "IncompleteBody",
            StatusCode::BAD_REQUEST,
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        ));
    }
    let digests = exchange.digests()?;
    target.check_checksum(digests.checksum.as_ref())?;
    let part = target.save(storage, &exchange, draft, digests.md5, digests.checksum).await?;
    let checksum = part.checksum.as_ref();
    Ok(UploadPartOutput {
        e_tag: Some(etag(&part.etag)),
        server_side_encryption: Some(encryption()),
        checksum_crc32: value(checksum, Algorithm::Crc32),
        checksum_crc32c: value(checksum, Algorithm::Crc32c),
        checksum_crc64nvme: value(checksum, Algorithm::Crc64Nvme),
        checksum_sha1: value(checksum, Algorithm::Sha1),
        checksum_sha256: value(checksum, Algorithm::Sha256),
        ..UploadPartOutput::default()
    })
}

pub(super) async fn upload_part_copy(
    storage: &Storage,
    permit: Permit<UploadPartCopyInput>,
) -> Result<UploadPartCopyOutput, Failure> {
    let Asked { input, exchange, .. } = permit.input();
    let bucket = permit.input().bucket()?;
    let target = Target::find(storage, bucket, &input.key, &input.upload_id, input.part_number)?;
    let conditions = SourceConditions {
        if_match: input.copy_source_if_match.as_ref(),
        if_none_match: input.copy_source_if_none_match.as_ref(),
        if_modified_since: input.copy_source_if_modified_since.as_ref(),
        if_unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        owner: input.expected_source_bucket_owner.as_deref(),
        customer_key: input.copy_source_sse_customer_algorithm.is_some(),
    };
    let (_, found) = source(&permit, &input.copy_source, &conditions)?;
    let range = match &input.copy_source_range {
        None => 0..found.object.size,
        Some(text) => {
            let range = Range::parse(text).map_err(|_malformed| {
                error::invalid_argument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
            })?;
            let exact = match range {
                Range::Int { first, last: Some(last) } => first <= last && last < found.object.size,
                _ => false,
            };
            let range = resolve(range, found.object.size).filter(|_| exact);
            range.ok_or_else(|| {
                error::invalid_argument(format!(
                    "Range specified is not valid for source object of size: {}",
                    found.object.size
                ))
            })?
        }
    };
    let copied = transfer(storage, found, range, target.upload.algorithm, false).await?;
    let part = target.save(storage, exchange, copied.draft, copied.md5, copied.checksum).await?;
    let checksum = part.checksum.as_ref();
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult {
            e_tag: Some(etag(&part.etag)),
            last_modified: Some(timestamp(part.modified)),
            checksum_crc32: value(checksum, Algorithm::Crc32),
            checksum_crc32c: value(checksum, Algorithm::Crc32c),
            checksum_crc64nvme: value(checksum, Algorithm::Crc64Nvme),
            checksum_sha1: value(checksum, Algorithm::Sha1),
            checksum_sha256: value(checksum, Algorithm::Sha256),
        }),
        server_side_encryption: Some(encryption()),
        ..UploadPartCopyOutput::default()
    })
}

pub(super) async fn abort_multipart_upload(
    storage: &Storage,
    permit: Permit<AbortMultipartUploadInput>,
) -> Result<AbortMultipartUploadOutput, Failure> {
    let Asked { input, exchange, .. } = permit.input();
    let place = Place::new(exchange, permit.input().bucket()?);
    let (key, id) = (input.key.clone(), input.upload_id.clone());
    let segments = storage
        .index
        .write(move |tables| {
            if tables.upload(&place.name, &key, &id)?.is_none() {
                return Err(error::no_such_upload(&id));
            }
            Ok::<_, Failure>(tables.remove_upload(&place.name, &key, &id)?)
        })
        .await?;
    storage.blobs.discard(segments);
    Ok(AbortMultipartUploadOutput::default())
}

/// Where a part goes.
struct Target<'a> {
    bucket: &'a Stored<Bucket>,
    key: String,
    id: String,
    number: i32,
    upload: Upload,
}

impl<'a> Target<'a> {
    /// Asked before the body is, which may be large.
    fn find(
        storage: &Storage,
        bucket: &'a Stored<Bucket>,
        key: &str,
        id: &str,
        number: i32,
    ) -> Result<Self, Failure> {
        if !(1..=MOST_PARTS).contains(&number) {
            return Err(error::invalid_argument(
                "Part number must be an integer between 1 and 10000, inclusive",
            ));
        }
        let upload = storage.index.view()?.upload(&bucket.name, key, id)?;
        let upload = upload.ok_or_else(|| error::no_such_upload(id))?;
        Ok(Self { bucket, key: key.to_owned(), id: id.to_owned(), number, upload })
    }

    /// All parts have the upload's kind of checksum.
    fn check_checksum(&self, checksum: Option<&Checksum>) -> Result<(), Failure> {
        let got = checksum.map(|checksum| checksum.algorithm);
        match self.upload.algorithm {
            Some(expected) if got != Some(expected) => Err(error::invalid_request(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                expected.name().to_ascii_lowercase(),
                got.map_or("null".to_owned(), |got| got.name().to_ascii_lowercase())
            ))),
            _ => Ok(()),
        }
    }

    async fn save(
        self,
        storage: &Storage,
        exchange: &Exchange,
        draft: Draft,
        md5: String,
        checksum: Option<Checksum>,
    ) -> Result<Kept, Failure> {
        let place = Place::new(exchange, self.bucket);
        let segments = draft.segments().to_vec();
        let part = Kept { size: draft.size, etag: md5, modified: now(), checksum, segments };
        let (saved, key, id, number) = (part.clone(), self.key, self.id, self.number);
        let replaced = storage
            .index
            .write(move |tables| {
                place.check()?;
                if tables.upload(&place.name, &key, &id)?.is_none() {
                    return Err(error::no_such_upload(&id));
                }
                let replaced = tables.put_part(&id, number, &saved)?;
                draft.keep();
                Ok::<_, Failure>(replaced)
            })
            .await?;
        storage.blobs.discard(replaced);
        Ok(part)
    }
}

fn type_of(whole: bool) -> ChecksumType {
    ChecksumType::from_static(if whole { ChecksumType::FULL_OBJECT } else { ChecksumType::COMPOSITE })
}

/// Not guessable, and of characters that need no encoding.
fn upload_id() -> Result<String, Failure> {
    let mut random = [0_u8; 48];
    rand::fill(&mut random).map_err(|_unspecified| error::internal())?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}
