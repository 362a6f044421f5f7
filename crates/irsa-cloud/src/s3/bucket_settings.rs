//! What buckets can have elsewhere and do not have here: answered as AWS answers for a bucket where it is not set, which is
//! what terraform and the consoles read.

use http::StatusCode;
use irsa_wire::error::ErrorBody;
use s3s::dto::*;

use super::admission::Permit;
use super::bucket::owner;
use super::error;
use super::object::encryption;
use super::storage::Storage;
use crate::failure::Failure;

/// Operations that always fail with one code, beside the bucket's name.
macro_rules! not_set {
    ($($function:ident, $input:ident => $output:ident, $code:literal, $message:literal;)*) => {$(
        pub(super) async fn $function(_storage: &Storage, permit: Permit<$input>) -> Result<$output, Failure> {
            let name = permit.input().bucket()?.name.as_str();
            Err(ErrorBody::new($code, StatusCode::NOT_FOUND, $message).with_detail("BucketName", name).into())
        }
    )*};
}
not_set! {
    get_bucket_cors, GetBucketCorsInput => GetBucketCorsOutput,
        "NoSuchCORSConfiguration", "The CORS configuration does not exist";
    get_bucket_website, GetBucketWebsiteInput => GetBucketWebsiteOutput,
        "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration";
    get_bucket_lifecycle_configuration, GetBucketLifecycleConfigurationInput => GetBucketLifecycleConfigurationOutput,
        "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist";
    get_bucket_replication, GetBucketReplicationInput => GetBucketReplicationOutput,
        "ReplicationConfigurationNotFoundError", "The replication configuration was not found";
    get_object_lock_configuration, GetObjectLockConfigurationInput => GetObjectLockConfigurationOutput,
        "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket";
}

/// Operations whose answer is the same for every bucket.
macro_rules! fixed {
    ($($function:ident, $input:ident => $output:ident, $answer:expr;)*) => {$(
        pub(super) async fn $function(_storage: &Storage, _permit: Permit<$input>) -> Result<$output, Failure> {
            Ok($answer)
        }
    )*};
}
fixed! {
    get_bucket_versioning, GetBucketVersioningInput => GetBucketVersioningOutput,
        GetBucketVersioningOutput::default();
    get_bucket_accelerate_configuration, GetBucketAccelerateConfigurationInput => GetBucketAccelerateConfigurationOutput,
        GetBucketAccelerateConfigurationOutput::default();
    get_bucket_logging, GetBucketLoggingInput => GetBucketLoggingOutput,
        GetBucketLoggingOutput::default();
    get_bucket_notification_configuration,
        GetBucketNotificationConfigurationInput => GetBucketNotificationConfigurationOutput,
        GetBucketNotificationConfigurationOutput::default();
    get_bucket_request_payment, GetBucketRequestPaymentInput => GetBucketRequestPaymentOutput,
        GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(Payer::BUCKET_OWNER)) };
    get_bucket_encryption, GetBucketEncryptionInput => GetBucketEncryptionOutput, default_encryption();
    delete_bucket_encryption, DeleteBucketEncryptionInput => DeleteBucketEncryptionOutput,
        DeleteBucketEncryptionOutput {};
    get_bucket_ownership_controls, GetBucketOwnershipControlsInput => GetBucketOwnershipControlsOutput,
        ownership_controls();
}

/// AWS encrypts with SSE-S3 since 2023, whatever nobody asked for.
fn default_encryption() -> GetBucketEncryptionOutput {
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
            kms_master_key_id: None,
            sse_algorithm: encryption(),
        }),
        bucket_key_enabled: Some(false),
    };
    let configuration = ServerSideEncryptionConfiguration { rules: vec![rule] };
    GetBucketEncryptionOutput { server_side_encryption_configuration: Some(configuration) }
}

/// The encryption that every bucket has may be asked for, and no other: there are no KMS keys.
pub(super) async fn put_bucket_encryption(
    _storage: &Storage,
    permit: Permit<PutBucketEncryptionInput>,
) -> Result<PutBucketEncryptionOutput, Failure> {
    let asked = &permit.input().input.server_side_encryption_configuration.rules;
    let has_it = |rule: &ServerSideEncryptionRule| {
        rule.apply_server_side_encryption_by_default.as_ref().is_none_or(|default| {
            default.sse_algorithm == encryption() && default.kms_master_key_id.is_none()
        })
    };
    match asked.as_slice() {
        [rule] if has_it(rule) => Ok(PutBucketEncryptionOutput {}),
        [_] => Err(error::not_implemented()),
        _ => Err(Failure::new(
            "MalformedXML",
            StatusCode::BAD_REQUEST,
            "The XML you provided was not well-formed or did not validate against our published schema",
        )),
    }
}

fn ownership_controls() -> GetBucketOwnershipControlsOutput {
    let object_ownership = ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED);
    let rules = vec![OwnershipControlsRule { object_ownership }];
    GetBucketOwnershipControlsOutput { ownership_controls: Some(OwnershipControls { rules }) }
}

pub(super) async fn get_bucket_acl(
    _storage: &Storage,
    permit: Permit<GetBucketAclInput>,
) -> Result<GetBucketAclOutput, Failure> {
    let owner = owner(permit.input().bucket()?.account);
    Ok(GetBucketAclOutput { grants: Some(vec![full_control(&owner)]), owner: Some(owner) })
}

/// The owner's grant, which with ACLs disabled is all that an ACL says.
pub(super) fn full_control(owner: &Owner) -> Grant {
    Grant {
        grantee: Some(Grantee {
            display_name: None,
            email_address: None,
            id: owner.id.clone(),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }
}
