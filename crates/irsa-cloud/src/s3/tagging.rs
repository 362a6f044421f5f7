//! Tags of buckets and objects.

use std::collections::BTreeMap;

use http::StatusCode;
use irsa_wire::error::ErrorBody;
use s3s::dto::*;

use super::admission::{Asked, Permit, missing_key};
use super::bucket_policy::edit;
use super::object::check_version;
use super::put::{Place, check_tags};
use super::questions::Input;
use super::storage::Storage;
use crate::authorize::Authorized;
use crate::failure::Failure;

/// The most tags of a bucket.
const MOST_BUCKET_TAGS: usize = 50;

pub(super) async fn get_bucket_tagging(
    _storage: &Storage,
    permit: Permit<GetBucketTaggingInput>,
) -> Result<GetBucketTaggingOutput, Failure> {
    let bucket = permit.input().bucket()?;
    if bucket.tags.is_empty() {
        return Err(ErrorBody::new("NoSuchTagSet", StatusCode::NOT_FOUND, "The TagSet does not exist")
            .with_detail("BucketName", bucket.name.as_str())
            .into());
    }
    Ok(GetBucketTaggingOutput { tag_set: tag_set(&bucket.tags) })
}

pub(super) async fn put_bucket_tagging(
    _storage: &Storage,
    permit: Permit<PutBucketTaggingInput>,
) -> Result<PutBucketTaggingOutput, Failure> {
    let tags = pairs(&permit.input().input.tagging);
    if tags.len() > MOST_BUCKET_TAGS {
        return Err(Failure::new(
            "InvalidTag",
            StatusCode::BAD_REQUEST,
            "The number of tags exceeds the limit of 50 tags",
        ));
    }
    // The rules of each tag are those of objects'; the number is not.
    let mut checked = BTreeMap::new();
    for tag in tags {
        let (name, value) = check_tags(vec![tag])?.pop_first().unwrap_or_default();
        if checked.insert(name, value).is_some() {
            return Err(Failure::new(
                "InvalidTag",
                StatusCode::BAD_REQUEST,
                "Cannot provide multiple Tags with the same key",
            ));
        }
    }
    edit(&permit, move |bucket| {
        bucket.tags.clone_from(&checked);
        Ok(())
    })
    .await?;
    Ok(PutBucketTaggingOutput {})
}

pub(super) async fn delete_bucket_tagging(
    _storage: &Storage,
    permit: Permit<DeleteBucketTaggingInput>,
) -> Result<DeleteBucketTaggingOutput, Failure> {
    edit(&permit, |bucket| {
        bucket.tags.clear();
        Ok(())
    })
    .await?;
    Ok(DeleteBucketTaggingOutput {})
}

pub(super) async fn get_object_tagging(
    _storage: &Storage,
    permit: Permit<GetObjectTaggingInput>,
) -> Result<GetObjectTaggingOutput, Failure> {
    let asked = permit.input();
    let GetObjectTaggingInput { key, version_id, .. } = &asked.input;
    check_version(version_id.as_deref())?;
    let object = asked.object().ok_or_else(|| missing_key(asked, permit.call(), key))?;
    Ok(GetObjectTaggingOutput { tag_set: tag_set(&object.about.tags), version_id: None })
}

pub(super) async fn put_object_tagging(
    storage: &Storage,
    permit: Permit<PutObjectTaggingInput>,
) -> Result<PutObjectTaggingOutput, Failure> {
    let PutObjectTaggingInput { key, version_id, tagging, .. } = &permit.input().input;
    check_version(version_id.as_deref())?;
    let (key, tags) = (key.clone(), check_tags(pairs(tagging))?);
    set_object_tags(storage, &permit, key, tags).await?;
    Ok(PutObjectTaggingOutput::default())
}

pub(super) async fn delete_object_tagging(
    storage: &Storage,
    permit: Permit<DeleteObjectTaggingInput>,
) -> Result<DeleteObjectTaggingOutput, Failure> {
    let DeleteObjectTaggingInput { key, version_id, .. } = &permit.input().input;
    check_version(version_id.as_deref())?;
    let key = key.clone();
    set_object_tags(storage, &permit, key, BTreeMap::new()).await?;
    Ok(DeleteObjectTaggingOutput::default())
}

async fn set_object_tags<I: Input + Sync>(
    storage: &Storage,
    permit: &Authorized<Asked<I>>,
    key: String,
    tags: BTreeMap<String, String>,
) -> Result<(), Failure> {
    let asked = permit.input();
    let place = Place::new(&asked.exchange, asked.bucket()?);
    let wanted = key.clone();
    let found = storage
        .index
        .write(move |tables| {
            place.check()?;
            Ok::<_, Failure>(tables.amend_object(&place.name, &wanted, |object| object.about.tags = tags)?)
        })
        .await?;
    if found { Ok(()) } else { Err(missing_key(asked, permit.call(), &key)) }
}

fn pairs(tagging: &Tagging) -> Vec<(String, String)> {
    let tag = |tag: &Tag| (tag.key.clone().unwrap_or_default(), tag.value.clone().unwrap_or_default());
    tagging.tag_set.iter().map(tag).collect()
}

fn tag_set(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(name, value)| Tag { key: Some(name.clone()), value: Some(value.clone()) }).collect()
}
