//! `GetObjectAttributes` and `GetObjectAcl`.

use s3s::dto::*;

use super::admission::{Permit, missing_key};
use super::bucket::owner;
use super::bucket_settings::full_control;
use super::checksum::Algorithm;
use super::error;
use super::list::page_size;
use super::object::{check_version, checksum_type, etag, size, timestamp, value};
use super::storage::{Object as Kept, Storage};
use crate::failure::Failure;

pub(super) async fn get_object_attributes(
    _storage: &Storage,
    permit: Permit<GetObjectAttributesInput>,
) -> Result<GetObjectAttributesOutput, Failure> {
    let asked = permit.input();
    let input = &asked.input;
    check_version(input.version_id.as_deref())?;
    if input.sse_customer_algorithm.is_some() {
        return Err(error::not_implemented());
    }
    let object = asked.object().ok_or_else(|| missing_key(asked, permit.call(), &input.key))?;
    // A client may send the list as several headers or as one.
    let wants = |name: &str| {
        input
            .object_attributes
            .iter()
            .any(|attributes| attributes.as_str().split(',').any(|attribute| attribute.trim() == name))
    };
    let parts =
        if wants("ObjectParts") && !object.parts.is_empty() { Some(parts(object, input)?) } else { None };
    let class = object.about.storage_class.clone();
    Ok(GetObjectAttributesOutput {
        e_tag: wants("ETag").then(|| etag(&object.etag)),
        checksum: object.checksum.as_ref().filter(|_| wants("Checksum")).map(|checksum| Checksum {
            checksum_crc32: value(Some(checksum), Algorithm::Crc32),
            checksum_crc32c: value(Some(checksum), Algorithm::Crc32c),
            checksum_crc64nvme: value(Some(checksum), Algorithm::Crc64Nvme),
            checksum_sha1: value(Some(checksum), Algorithm::Sha1),
            checksum_sha256: value(Some(checksum), Algorithm::Sha256),
            checksum_type: Some(checksum_type(checksum)),
        }),
        object_parts: parts,
        object_size: wants("ObjectSize").then(|| size(object.size)),
        storage_class: wants("StorageClass")
            .then(|| class.map_or(StorageClass::from_static(StorageClass::STANDARD), StorageClass::from)),
        last_modified: Some(timestamp(object.modified)),
        ..GetObjectAttributesOutput::default()
    })
}

fn parts(object: &Kept, input: &GetObjectAttributesInput) -> Result<GetObjectAttributesParts, Failure> {
    let most = page_size(input.max_parts, "max-parts")?;
    let marker = input.part_number_marker.unwrap_or(0);
    let mut page: Vec<_> = object.parts.iter().filter(|part| part.number > marker).collect();
    let most_parts = usize::try_from(most).unwrap_or(0);
    let truncated = page.len() > most_parts;
    page.truncate(most_parts);
    let next = page.last().map(|part| part.number);
    // AWS lists the parts only of objects with composite checksums.
    let listed = page.iter().map(|part| ObjectPart {
        part_number: Some(part.number),
        size: Some(size(part.size)),
        checksum_crc32: value(part.checksum.as_ref(), Algorithm::Crc32),
        checksum_crc32c: value(part.checksum.as_ref(), Algorithm::Crc32c),
        checksum_crc64nvme: value(part.checksum.as_ref(), Algorithm::Crc64Nvme),
        checksum_sha1: value(part.checksum.as_ref(), Algorithm::Sha1),
        checksum_sha256: value(part.checksum.as_ref(), Algorithm::Sha256),
    });
    let composite = object.checksum.as_ref().is_some_and(|checksum| checksum.composite);
    Ok(GetObjectAttributesParts {
        total_parts_count: i32::try_from(object.parts.len()).ok(),
        parts: composite.then(|| listed.collect()),
        part_number_marker: composite.then_some(marker),
        next_part_number_marker: next.filter(|_| composite),
        max_parts: composite.then_some(most),
        is_truncated: composite.then_some(truncated),
    })
}

pub(super) async fn get_object_acl(
    _storage: &Storage,
    permit: Permit<GetObjectAclInput>,
) -> Result<GetObjectAclOutput, Failure> {
    let asked = permit.input();
    let GetObjectAclInput { key, version_id, .. } = &asked.input;
    check_version(version_id.as_deref())?;
    let bucket = asked.bucket()?;
    if asked.existing.is_none() {
        return Err(missing_key(asked, permit.call(), key));
    }
    let owner = owner(bucket.account);
    let grants = Some(vec![full_control(&owner)]);
    Ok(GetObjectAclOutput { grants, owner: Some(owner), request_charged: None })
}
