//! An upload made an object.

use std::collections::HashSet;

use http::StatusCode;
use md5::{Digest, Md5};
use s3s::dto::*;

use super::super::admission::{Asked, Permit};
use super::super::checksum::{Algorithm, Checksum, combine};
use super::super::error;
use super::super::object::{checksum_type, encryption, etag, size, value};
use super::super::put::{Condition, Place, now};
use super::super::storage::{Object, ObjectPart, Part, Segment, Storage, Upload};
use crate::failure::Failure;

/// The smallest part, except for the last.
const LEAST_BYTES: u64 = 5 * 1024 * 1024;

pub(in crate::s3) async fn complete_multipart_upload(
    storage: &Storage,
    permit: Permit<CompleteMultipartUploadInput>,
) -> Result<CompleteMultipartUploadOutput, Failure> {
    let bucket = std::sync::Arc::clone(permit.input().bucket()?);
    let Asked { input, exchange, .. } = permit.into_input();
    if input.sse_customer_algorithm.is_some() {
        return Err(error::not_implemented());
    }
    let condition =
        Condition { if_match: input.if_match.clone(), if_none_match: input.if_none_match.clone() };
    condition.check_form()?;
    let place = Place::new(&exchange, &bucket);
    let key = input.key.clone();
    let (object, discarded) = storage
        .index
        .write(move |tables| {
            place.check()?;
            let CompleteMultipartUploadInput { key, upload_id, .. } = &input;
            let upload = tables.upload(&place.name, key, upload_id)?;
            let upload = upload.ok_or_else(|| error::no_such_upload(upload_id))?;
            let object = join(upload, tables.parts(upload_id)?, &input)?;
            condition.check(tables, &place.name, key)?;
            let mut discarded = tables.put_object(&place.name, key, &object, &[])?;
            let kept: HashSet<&str> = object.segments.iter().map(|segment| segment.blob.as_str()).collect();
            let all: Vec<Segment> = tables.remove_upload(&place.name, key, upload_id)?;
            discarded.extend(all.into_iter().filter(|segment| !kept.contains(segment.blob.as_str())));
            Ok::<_, Failure>((object, discarded))
        })
        .await?;
    storage.blobs.discard(discarded);
    let checksum = object.checksum.as_ref();
    Ok(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{key}", bucket.name)),
        bucket: Some(bucket.name.clone()),
        key: Some(key),
        e_tag: Some(etag(&object.etag)),
        server_side_encryption: Some(encryption()),
        checksum_crc32: value(checksum, Algorithm::Crc32),
        checksum_crc32c: value(checksum, Algorithm::Crc32c),
        checksum_crc64nvme: value(checksum, Algorithm::Crc64Nvme),
        checksum_sha1: value(checksum, Algorithm::Sha1),
        checksum_sha256: value(checksum, Algorithm::Sha256),
        checksum_type: checksum.map(checksum_type),
        ..CompleteMultipartUploadOutput::default()
    })
}

/// The object that the named parts make.
fn join(
    upload: Upload,
    kept: Vec<(i32, Part)>,
    input: &CompleteMultipartUploadInput,
) -> Result<Object, Failure> {
    let named = input.multipart_upload.as_ref().and_then(|parts| parts.parts.as_deref()).unwrap_or_default();
    let parts = chosen(kept, named)?;
    let mut md5 = Md5::new();
    for (_, part) in &parts {
        md5.update(hex::decode(&part.etag).map_err(|_damaged| error::internal())?);
    }
    let algorithm = upload.algorithm.or_else(|| common_algorithm(&parts));
    let whole = match upload.algorithm {
        Some(_) => upload.whole,
        None => algorithm.is_some_and(|algorithm| algorithm.covers_whole(Some("FULL_OBJECT")) == Some(true)),
    };
    let sums: Vec<_> = parts.iter().map(|(_, part)| (part.checksum.as_ref(), part.size)).collect();
    let checksum = algorithm.and_then(|algorithm| combine(algorithm, whole, &sums));
    check_claims(input, checksum.as_ref())?;
    let total = parts.iter().map(|(_, part)| part.size).sum();
    if input.mpu_object_size.is_some_and(|claimed| claimed != size(total)) {
        return Err(error::invalid_request(
            "The provided 'x-amz-mp-object-size' header does not match what was computed.",
        ));
    }
    let mut object = Object {
        size: total,
        etag: format!("{}-{}", hex::encode(md5.finalize().as_slice()), parts.len()),
        modified: now(),
        about: upload.about,
        checksum,
        ..Object::default()
    };
    for (number, part) in parts {
        object.parts.push(ObjectPart { number, size: part.size, checksum: part.checksum });
        object.segments.extend(part.segments);
    }
    Ok(object)
}

fn chosen(kept: Vec<(i32, Part)>, named: &[CompletedPart]) -> Result<Vec<(i32, Part)>, Failure> {
    let bad =
        |code: &'static str, message: &'static str| Failure::new(code, StatusCode::BAD_REQUEST, message);
    if named.is_empty() {
        return Err(bad(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let mut kept = kept.into_iter().peekable();
    let mut chosen: Vec<(i32, Part)> = Vec::with_capacity(named.len());
    for part in named {
        let number = part.part_number.unwrap_or_default();
        if chosen.last().is_some_and(|(last, _)| *last >= number) {
            return Err(bad(
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part number.",
            ));
        }
        while kept.next_if(|(other, _)| *other < number).is_some() {}
        let found = kept.next_if(|(other, found)| *other == number && is_as_named(part, found));
        chosen.push(found.ok_or_else(|| {
            bad(
                "InvalidPart",
                "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
            )
        })?);
    }
    if chosen.iter().rev().skip(1).any(|(_, part)| part.size < LEAST_BYTES) {
        return Err(bad("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"));
    }
    Ok(chosen)
}

fn is_as_named(named: &CompletedPart, part: &Part) -> bool {
    let claims = [
        (Algorithm::Crc32, &named.checksum_crc32),
        (Algorithm::Crc32c, &named.checksum_crc32c),
        (Algorithm::Crc64Nvme, &named.checksum_crc64nvme),
        (Algorithm::Sha1, &named.checksum_sha1),
        (Algorithm::Sha256, &named.checksum_sha256),
    ];
    let right = claims.iter().all(|(algorithm, claimed)| {
        claimed.is_none() || value(part.checksum.as_ref(), *algorithm) == **claimed
    });
    right && named.e_tag.as_ref().is_some_and(|etag| etag.value() == part.etag)
}

/// The algorithm that all parts came with, for uploads that did not say.
fn common_algorithm(parts: &[(i32, Part)]) -> Option<Algorithm> {
    let mut algorithms = parts.iter().map(|(_, part)| part.checksum.as_ref().map(|sum| sum.algorithm));
    let first = algorithms.next()??;
    algorithms.all(|algorithm| algorithm == Some(first)).then_some(first)
}

/// What the request says of the whole object's checksum.
fn check_claims(input: &CompleteMultipartUploadInput, checksum: Option<&Checksum>) -> Result<(), Failure> {
    let claims = [
        (Algorithm::Crc32, &input.checksum_crc32),
        (Algorithm::Crc32c, &input.checksum_crc32c),
        (Algorithm::Crc64Nvme, &input.checksum_crc64nvme),
        (Algorithm::Sha1, &input.checksum_sha1),
        (Algorithm::Sha256, &input.checksum_sha256),
    ];
    for (algorithm, claimed) in claims {
        let Some(claimed) = claimed else { continue };
        let computed = value(checksum, algorithm);
        // A composite one may come without its number of parts.
        let same = computed.as_deref().is_some_and(|computed| {
            computed == claimed || computed.rsplit_once('-').is_some_and(|(bare, _)| bare == claimed)
        });
        if !same {
            return Err(Failure::new(
                "BadDigest",
                StatusCode::BAD_REQUEST,
                format!("The {} you specified did not match the calculated checksum.", algorithm.name()),
            ));
        }
    }
    Ok(())
}
