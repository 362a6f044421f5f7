//! Buckets: made, listed, found, removed.

use std::sync::Arc;

use http::StatusCode;
use irsa_store::model::{AccountId, Bucket as Entity};
use irsa_store::{Change, Key, Store, Transaction, transact};
use irsa_wire::error::ErrorBody;
use jiff::Timestamp as Instant;
use s3s::dto::*;

use super::admission::Permit;
use super::error;
use super::object::timestamp;
use super::storage::{Segment, Storage, Tables};
use crate::context::Context;
use crate::failure::Failure;

/// The region whose buckets have no location constraint.
const FIRST_REGION: &str = "us-east-1";
/// AWS's quota of general purpose buckets of an account.
const MOST_BUCKETS: usize = 10_000;
/// How often a bucket is emptied of uploads that are begun while it is removed.
const ATTEMPTS: usize = 5;

pub(super) async fn list_buckets(
    _storage: &Storage,
    permit: Permit<ListBucketsInput>,
) -> Result<ListBucketsOutput, Failure> {
    let input = &permit.input().input;
    let most = match input.max_buckets {
        None => MOST_BUCKETS,
        Some(most) => usize::try_from(most)
            .ok()
            .filter(|most| (1..=MOST_BUCKETS).contains(most))
            .ok_or_else(|| error::invalid_argument("MaxBuckets must be between 1 and 10000"))?,
    };
    let account = permit.account();
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let after = input.continuation_token.as_deref().unwrap_or_default();
    let mut own: Vec<&Entity> = permit
        .call()
        .snapshot
        .buckets()
        .map(|bucket| &***bucket)
        .filter(|bucket| bucket.account == account && bucket.name.starts_with(prefix))
        .filter(|bucket| input.bucket_region.as_ref().is_none_or(|region| *region == bucket.region))
        .filter(|bucket| bucket.name.as_str() > after)
        .collect();
    own.sort_by(|first, second| first.name.cmp(&second.name));
    let next = (own.len() > most).then(|| own.get(most - 1).map(|bucket| bucket.name.clone())).flatten();
    let buckets = own.into_iter().take(most).map(|bucket| Bucket {
        name: Some(bucket.name.clone()),
        creation_date: Some(timestamp(bucket.created.as_millisecond())),
        bucket_region: Some(bucket.region.clone()),
    });
    Ok(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        continuation_token: next,
        owner: Some(owner(account)),
        prefix: input.prefix.clone(),
    })
}

/// AWS's canonical user ids are 64 hexadecimal digits; ours say which account.
pub(super) fn owner(account: AccountId) -> Owner {
    Owner { id: Some(format!("{:0>64}", account.as_str())), display_name: None }
}

pub(super) async fn create_bucket(
    _storage: &Storage,
    permit: Permit<CreateBucketInput>,
) -> Result<CreateBucketOutput, Failure> {
    let input = &permit.input().input;
    let call = permit.call();
    if call.caller.account.is_none() {
        return Err(error::access_denied());
    }
    let region = chosen_region(input, permit.region())?;
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(error::not_implemented());
    }
    let grants = [
        &input.grant_full_control,
        &input.grant_read,
        &input.grant_read_acp,
        &input.grant_write,
        &input.grant_write_acp,
    ];
    let private = input.acl.as_ref().is_none_or(|acl| acl.as_str() == "private");
    if !private || grants.iter().any(|grant| grant.is_some()) {
        return Err(ErrorBody::new(
            "InvalidBucketAclWithObjectOwnership",
            StatusCode::BAD_REQUEST,
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        )
        .into());
    }
    let bucket = Entity {
        account: permit.account(),
        name: input.bucket.clone(),
        region,
        policy: None,
        principal_ids: Default::default(),
        policy_is_public: false,
        public_access_block: None,
        created: Instant::from_second(permit.now()).unwrap_or(Instant::UNIX_EPOCH),
        tags: Default::default(),
    };
    let location = location_of(&bucket);
    let ctx = Arc::clone(&permit.input().exchange.ctx);
    blocking(move || make(ctx.store.as_ref(), &bucket)).await?;
    Ok(CreateBucketOutput { location: Some(location) })
}

/// The signature's region is the endpoint's, as everywhere in AWS; the one of us-east-1 makes buckets anywhere.
fn chosen_region(input: &CreateBucketInput, endpoint: &str) -> Result<String, Failure> {
    let constraint = input
        .create_bucket_configuration
        .as_ref()
        .and_then(|configuration| configuration.location_constraint.as_ref())
        .map(BucketLocationConstraint::as_str)
        .filter(|constraint| !constraint.is_empty());
    match constraint {
        None if endpoint == FIRST_REGION => Ok(FIRST_REGION.to_owned()),
        None => Err(illegal_constraint("unspecified")),
        Some(FIRST_REGION) => Err(Failure::new(
            "InvalidLocationConstraint",
            StatusCode::BAD_REQUEST,
            "The specified location-constraint is not valid",
        )),
        Some("EU") if endpoint == FIRST_REGION || endpoint == "eu-west-1" => Ok("eu-west-1".to_owned()),
        Some(constraint) if constraint == endpoint || endpoint == FIRST_REGION => Ok(constraint.to_owned()),
        Some(constraint) => Err(illegal_constraint(constraint)),
    }
}

fn illegal_constraint(constraint: &str) -> Failure {
    Failure::new(
        "IllegalLocationConstraintException",
        StatusCode::BAD_REQUEST,
        format!(
            "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
        ),
    )
}

/// In us-east-1 whoever has the bucket may make it again (S3 API reference, `CreateBucket`).
fn make(store: &dyn Store, bucket: &Entity) -> Result<(), Failure> {
    transact(store, |snapshot| {
        let Some(existing) = snapshot.bucket(&bucket.name) else {
            let own = snapshot.buckets().filter(|other| other.account == bucket.account).count();
            if own >= MOST_BUCKETS {
                return Err(Failure::new(
                    "TooManyBuckets",
                    StatusCode::BAD_REQUEST,
                    "You have attempted to create more buckets than allowed",
                ));
            }
            let changes = vec![Change::Put(bucket.clone().into())];
            return Ok((Transaction { changes, ..Transaction::default() }, ()));
        };
        let (own, first_region) = (existing.account == bucket.account, existing.region == FIRST_REGION);
        match (own, first_region) {
            (true, true) if bucket.region == FIRST_REGION => Ok((Transaction::default(), ())),
            (true, _) => Err(taken(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
                bucket,
            )),
            (false, _) => Err(taken(
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
                bucket,
            )),
        }
    })
}

fn taken(code: &'static str, message: &'static str, bucket: &Entity) -> Failure {
    ErrorBody::new(code, StatusCode::CONFLICT, message).with_detail("BucketName", bucket.name.as_str()).into()
}

fn location_of(bucket: &Entity) -> String {
    format!("/{}", bucket.name)
}

pub(super) async fn head_bucket(
    _storage: &Storage,
    permit: Permit<HeadBucketInput>,
) -> Result<HeadBucketOutput, Failure> {
    let region = permit.input().bucket()?.region.clone();
    Ok(HeadBucketOutput { bucket_region: Some(region), ..HeadBucketOutput::default() })
}

pub(super) async fn get_bucket_location(
    _storage: &Storage,
    permit: Permit<GetBucketLocationInput>,
) -> Result<GetBucketLocationOutput, Failure> {
    let region = permit.input().bucket()?.region.clone();
    let location_constraint = (region != FIRST_REGION).then(|| BucketLocationConstraint::from(region));
    Ok(GetBucketLocationOutput { location_constraint })
}

/// The index's writer removes the bucket, so that nothing comes into it meanwhile, and only when nothing is left of it:
/// who makes a bucket of that name later must not find another's uploads, whenever the process may have died.
pub(super) async fn delete_bucket(
    storage: &Storage,
    permit: Permit<DeleteBucketInput>,
) -> Result<DeleteBucketOutput, Failure> {
    let ctx = Arc::clone(&permit.input().exchange.ctx);
    let name = permit.input().bucket()?.name.clone();
    for _ in 0..ATTEMPTS {
        let (ctx, name) = (Arc::clone(&ctx), name.clone());
        let left: Vec<Segment> =
            match storage.index.write(move |tables| empty_or_remove(tables, &ctx, &name)).await? {
                Emptied::Removed => return Ok(DeleteBucketOutput {}),
                Emptied::Uploads(segments) => segments,
            };
        storage.blobs.discard(left);
    }
    Err(Failure::new(
        "OperationAborted",
        StatusCode::CONFLICT,
        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    ))
}

/// What a step of a bucket's removal did.
enum Emptied {
    /// The bucket is gone.
    Removed,
    /// Its unfinished uploads are, which had these segments.
    Uploads(Vec<Segment>),
}

fn empty_or_remove(tables: &mut Tables<'_>, ctx: &Context, name: &str) -> Result<Emptied, Failure> {
    if tables.has_objects(name)? {
        return Err(ErrorBody::new(
            "BucketNotEmpty",
            StatusCode::CONFLICT,
            "The bucket you tried to delete is not empty",
        )
        .with_detail("BucketName", name)
        .into());
    }
    let uploads = tables.uploads(name)?;
    if !uploads.is_empty() {
        let mut segments = Vec::new();
        for (key, id) in uploads {
            segments.extend(tables.remove_upload(name, &key, &id)?);
        }
        return Ok(Emptied::Uploads(segments));
    }
    transact(ctx.store.as_ref(), |snapshot| {
        if snapshot.bucket(name).is_none() {
            return Err(error::no_such_bucket(name));
        }
        let changes = vec![Change::Delete(Key::Bucket(name.to_owned()))];
        Ok((Transaction { changes, ..Transaction::default() }, ()))
    })?;
    Ok(Emptied::Removed)
}

/// Commits to the store wait for the disk: not on an async thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_shut_down| error::internal())?
}
