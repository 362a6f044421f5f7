//! Objects removed: one, or up to a thousand with a decision for each.

use std::collections::BTreeMap;

use s3s::dto::*;

use super::admission::Permit;
use super::error;
use super::object::{check_version, holds, size, timestamp};
use super::put::Place;
use super::questions::{Site, delete_check};
use super::storage::{Segment, Storage};
use crate::authorize::{RefusalStyle, decide};
use crate::failure::Failure;

/// The most keys of one request.
const MOST_KEYS: usize = 1_000;

pub(super) async fn delete_object(
    storage: &Storage,
    permit: Permit<DeleteObjectInput>,
) -> Result<DeleteObjectOutput, Failure> {
    let asked = permit.input();
    let DeleteObjectInput { if_match, if_match_size, if_match_last_modified_time, version_id, key, .. } =
        &asked.input;
    check_version(version_id.as_deref())?;
    let place = Place::new(&asked.exchange, asked.bucket()?);
    let (key, if_match) = (key.clone(), if_match.clone());
    let (wanted_size, wanted_time) = (*if_match_size, if_match_last_modified_time.clone());
    let has_condition = if_match.is_some() || wanted_size.is_some() || wanted_time.is_some();
    let removed = storage
        .index
        .write(move |tables| {
            place.check()?;
            let existing = if has_condition { tables.object(&place.name, &key)? } else { None };
            if let Some(object) = existing {
                let as_wanted = if_match.is_none_or(|condition| holds(&condition, &object.etag))
                    && wanted_size.is_none_or(|wanted| wanted == size(object.size))
                    && wanted_time
                        .is_none_or(|wanted| wanted == timestamp(object.modified.div_euclid(1_000) * 1_000));
                if !as_wanted {
                    return Err(error::precondition_failed("If-Match"));
                }
            } else if has_condition {
                return Err(error::no_such_key(&key));
            }
            Ok::<_, Failure>(tables.remove_object(&place.name, &key)?)
        })
        .await?;
    storage.blobs.discard(removed.unwrap_or_default());
    Ok(DeleteObjectOutput::default())
}

pub(super) async fn delete_objects(
    storage: &Storage,
    permit: Permit<DeleteObjectsInput>,
) -> Result<DeleteObjectsOutput, Failure> {
    let asked = permit.input();
    let bucket = asked.bucket()?;
    let delete = &asked.input.delete;
    if delete.objects.is_empty() || delete.objects.len() > MOST_KEYS {
        return Err(Failure::new(
            "MalformedXML",
            http::StatusCode::BAD_REQUEST,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let (mut allowed, mut errors) = (Vec::new(), Vec::new());
    for object in &delete.objects {
        match may_delete(storage, &permit, object) {
            Ok(()) => allowed.push(object.key.clone()),
            Err(failure) => errors.push(Error {
                code: Some(failure.body.code.to_string()),
                key: Some(object.key.clone()),
                message: Some(failure.body.message.to_string()),
                version_id: object.version_id.clone(),
            }),
        }
    }
    let place = Place::new(&asked.exchange, bucket);
    let keys = allowed.clone();
    let segments: Vec<Segment> = storage
        .index
        .write(move |tables| {
            place.check()?;
            let mut segments = Vec::new();
            for key in &keys {
                segments.extend(tables.remove_object(&place.name, key)?.unwrap_or_default());
            }
            Ok::<_, Failure>(segments)
        })
        .await?;
    storage.blobs.discard(segments);
    let deleted = allowed.into_iter().map(|key| DeletedObject { key: Some(key), ..DeletedObject::default() });
    let quiet = delete.quiet == Some(true);
    Ok(DeleteObjectsOutput {
        deleted: (!quiet).then(|| deleted.collect()),
        errors: Some(errors),
        request_charged: None,
    })
}

fn may_delete(
    storage: &Storage,
    permit: &Permit<DeleteObjectsInput>,
    object: &ObjectIdentifier,
) -> Result<(), Failure> {
    let (asked, call) = (permit.input(), permit.call());
    let bucket = asked.bucket()?;
    let existing = storage.head(&bucket.name, &object.key)?;
    let tags: BTreeMap<String, String> =
        existing.as_ref().map(|kept| kept.about.tags.clone()).unwrap_or_default();
    let site = Site { object_tags: &tags, ..asked.site(call) };
    let check = delete_check(&site, &object.key, object.version_id.as_deref());
    decide(&asked.exchange.ctx, call, &check, RefusalStyle::S3)?;
    check_version(object.version_id.as_deref())?;
    match (&object.e_tag, existing) {
        (Some(wanted), Some(kept)) if wanted.value() != kept.etag => {
            Err(error::precondition_failed("If-Match"))
        }
        _ => Ok(()),
    }
}
