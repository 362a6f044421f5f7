//! What there is of uploads: `ListParts`, `ListMultipartUploads`.

use s3s::dto::*;

use super::super::admission::Permit;
use super::super::bucket::owner;
use super::super::checksum::Algorithm;
use super::super::error;
use super::super::list::{Names, page_size};
use super::super::object::{etag, size, timestamp, value};
use super::super::storage::{Storage, Upload};
use super::type_of;
use crate::failure::Failure;

pub(in crate::s3) async fn list_parts(
    storage: &Storage,
    permit: Permit<ListPartsInput>,
) -> Result<ListPartsOutput, Failure> {
    let input = &permit.input().input;
    let bucket = permit.input().bucket()?;
    let most = page_size(input.max_parts, "max-parts")?;
    let marker = input.part_number_marker.unwrap_or(0);
    let view = storage.index.view()?;
    let upload = view.upload(&bucket.name, &input.key, &input.upload_id)?;
    let upload = upload.ok_or_else(|| error::no_such_upload(&input.upload_id))?;
    let mut parts = view.parts(&input.upload_id)?;
    parts.retain(|(number, _)| *number > marker);
    let most_parts = usize::try_from(most).unwrap_or(0);
    let truncated = parts.len() > most_parts;
    parts.truncate(most_parts);
    let next = parts.last().map(|(number, _)| *number);
    let parts = parts.into_iter().map(|(number, part)| {
        let checksum = part.checksum.as_ref();
        Part {
            part_number: Some(number),
            size: Some(size(part.size)),
            e_tag: Some(etag(&part.etag)),
            last_modified: Some(timestamp(part.modified)),
            checksum_crc32: value(checksum, Algorithm::Crc32),
            checksum_crc32c: value(checksum, Algorithm::Crc32c),
            checksum_crc64nvme: value(checksum, Algorithm::Crc64Nvme),
            checksum_sha1: value(checksum, Algorithm::Sha1),
            checksum_sha256: value(checksum, Algorithm::Sha256),
        }
    });
    Ok(ListPartsOutput {
        bucket: Some(bucket.name.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(input.upload_id.clone()),
        part_number_marker: Some(marker),
        next_part_number_marker: next.or(Some(0)),
        max_parts: Some(most),
        is_truncated: Some(truncated),
        parts: Some(parts.collect()),
        initiator: Some(initiator(&upload)),
        owner: Some(owner(bucket.account)),
        storage_class: Some(storage_class(&upload)),
        checksum_algorithm: algorithm(&upload),
        checksum_type: upload.algorithm.map(|_| type_of(upload.whole)),
        ..ListPartsOutput::default()
    })
}

pub(in crate::s3) async fn list_multipart_uploads(
    storage: &Storage,
    permit: Permit<ListMultipartUploadsInput>,
) -> Result<ListMultipartUploadsOutput, Failure> {
    let input = &permit.input().input;
    let bucket = permit.input().bucket()?;
    let names = Names::new(input.encoding_type.as_ref())?;
    let most = page_size(input.max_uploads, "max-uploads")?;
    let most_uploads = usize::try_from(most).unwrap_or(0);
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let marker = input.key_marker.as_deref().unwrap_or_default();
    // AWS: without a key marker, the upload id marker is ignored.
    let id_marker = input.upload_id_marker.as_deref().filter(|_| !marker.is_empty());

    let (mut shown, mut common_prefixes): (Vec<MultipartUpload>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut next, mut truncated) = (None, false);
    let mut uploads = storage.index.view()?.uploads(&bucket.name)?;
    // AWS: by key, and of one key by the time when they were begun.
    uploads.sort_by(|first, second| (&first.0, first.2.initiated).cmp(&(&second.0, second.2.initiated)));
    let marked = id_marker.and_then(|id| uploads.iter().find(|(_, other, _)| other == id));
    let marked = marked.map(|(key, _, upload)| (key.clone(), upload.initiated));
    for (key, id, upload) in &uploads {
        let Some(rest) = key.strip_prefix(prefix) else { continue };
        let is_after = match &marked {
            Some((marked_key, initiated)) => (key, &upload.initiated) > (marked_key, initiated),
            None => key.as_str() > marker,
        };
        if !is_after {
            continue;
        }
        let common = delimiter.and_then(|delimiter| {
            rest.split_once(delimiter).map(|(head, _)| [prefix, head, delimiter].concat())
        });
        if common.as_ref().is_some_and(|common| common == marker || common_prefixes.last() == Some(common)) {
            continue;
        }
        if shown.len() + common_prefixes.len() == most_uploads {
            truncated = most_uploads > 0;
            break;
        }
        if let Some(common) = common {
            next = Some((common.clone(), String::new()));
            common_prefixes.push(common);
            continue;
        }
        next = Some((key.clone(), id.clone()));
        shown.push(MultipartUpload {
            key: Some(names.write(key)),
            upload_id: Some(id.clone()),
            initiated: Some(timestamp(upload.initiated)),
            initiator: Some(initiator(upload)),
            owner: Some(owner(bucket.account)),
            storage_class: Some(storage_class(upload)),
            checksum_algorithm: algorithm(upload),
            checksum_type: upload.algorithm.map(|_| type_of(upload.whole)),
        });
    }
    let next = next.filter(|_| truncated);
    Ok(ListMultipartUploadsOutput {
        bucket: Some(bucket.name.clone()),
        prefix: Some(names.write(prefix)),
        delimiter: delimiter.map(|delimiter| names.write(delimiter)),
        encoding_type: input.encoding_type.clone(),
        key_marker: Some(names.write(marker)),
        upload_id_marker: Some(input.upload_id_marker.clone().unwrap_or_default()),
        next_key_marker: next.as_ref().map(|(key, _)| names.write(key)),
        next_upload_id_marker: next.map(|(_, id)| id),
        max_uploads: Some(most),
        is_truncated: Some(truncated),
        uploads: Some(shown),
        common_prefixes: Some(
            common_prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(names.write(prefix)) }).collect(),
        ),
        request_charged: None,
    })
}

fn initiator(upload: &Upload) -> Initiator {
    Initiator { id: Some(upload.initiator.clone()), display_name: None }
}

fn storage_class(upload: &Upload) -> StorageClass {
    match &upload.about.storage_class {
        Some(class) => StorageClass::from(class.clone()),
        None => StorageClass::from_static(StorageClass::STANDARD),
    }
}

fn algorithm(upload: &Upload) -> Option<ChecksumAlgorithm> {
    upload.algorithm.map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name()))
}
