//! The table of operations, and s3s as what it is here: a codec.
//!
//! Every row gets its input decoded, its permit made and its answer encoded in one way. What has no row is answered
//! `NotImplemented` by the codec, to authenticated callers and nobody else.

use std::sync::Arc;

use s3s::config::{S3Config, StaticConfigProvider};
use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::admission::{Exchange, Refused, admit};
use super::hosts::Domains;
use super::storage::Storage;
use super::{
    attributes, bucket, bucket_policy, bucket_settings, copy, delete, list, multipart, object, public_access,
    put, tagging,
};

/// The largest XML body. A deletion of 1,000 keys of 1,024 bytes and a completion of 10,000 parts fit.
const MOST_XML_BYTES: usize = 4 * 1024 * 1024;

/// The codec, with every operation behind it.
pub(super) fn codec(storage: Storage, domains: Domains) -> S3Service {
    let mut config = S3Config::default();
    config.xml_max_body_size = MOST_XML_BYTES;
    // Forms are refused before they get there.
    config.post_object_max_file_size = 0;
    config.form_max_parts = 0;
    let mut builder = S3ServiceBuilder::new(Operations { storage: Arc::new(storage) });
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_host(domains);
    builder.build()
}

struct Operations {
    storage: Arc<Storage>,
}

macro_rules! operations {
    ($($method:ident: $name:literal, $input:ident => $output:ident, $function:path;)*) => {
        /// The operations that are served.
        pub const OPERATIONS: &[&str] = &[$($name),*];

        #[async_trait::async_trait]
        impl S3 for Operations {
            $(
                async fn $method(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    let exchange = exchange_of(&request)?;
                    let outcome = match admit(&self.storage, &exchange, $name, request) {
                        Ok(permit) => $function(&self.storage, permit).await.map_err(Refused::from),
                        Err(refused) => Err(refused),
                    };
                    answer(&exchange, outcome)
                }
            )*
        }
    };
}

operations! {
    list_buckets: "ListBuckets", ListBucketsInput => ListBucketsOutput, bucket::list_buckets;
    create_bucket: "CreateBucket", CreateBucketInput => CreateBucketOutput, bucket::create_bucket;
    head_bucket: "HeadBucket", HeadBucketInput => HeadBucketOutput, bucket::head_bucket;
    delete_bucket: "DeleteBucket", DeleteBucketInput => DeleteBucketOutput, bucket::delete_bucket;
    get_bucket_location: "GetBucketLocation", GetBucketLocationInput => GetBucketLocationOutput, bucket::get_bucket_location;
    list_objects: "ListObjects", ListObjectsInput => ListObjectsOutput, list::list_objects;
    list_objects_v2: "ListObjectsV2", ListObjectsV2Input => ListObjectsV2Output, list::list_objects_v2;
    list_object_versions: "ListObjectVersions", ListObjectVersionsInput => ListObjectVersionsOutput, list::list_object_versions;
    get_object: "GetObject", GetObjectInput => GetObjectOutput, object::get_object;
    head_object: "HeadObject", HeadObjectInput => HeadObjectOutput, object::head_object;
    put_object: "PutObject", PutObjectInput => PutObjectOutput, put::put_object;
    delete_object: "DeleteObject", DeleteObjectInput => DeleteObjectOutput, delete::delete_object;
    delete_objects: "DeleteObjects", DeleteObjectsInput => DeleteObjectsOutput, delete::delete_objects;
    copy_object: "CopyObject", CopyObjectInput => CopyObjectOutput, copy::copy_object;
    get_object_attributes: "GetObjectAttributes",
        GetObjectAttributesInput => GetObjectAttributesOutput, attributes::get_object_attributes;
    get_object_acl: "GetObjectAcl", GetObjectAclInput => GetObjectAclOutput, attributes::get_object_acl;
    create_multipart_upload: "CreateMultipartUpload",
        CreateMultipartUploadInput => CreateMultipartUploadOutput, multipart::create_multipart_upload;
    upload_part: "UploadPart", UploadPartInput => UploadPartOutput, multipart::upload_part;
    upload_part_copy: "UploadPartCopy",
        UploadPartCopyInput => UploadPartCopyOutput, multipart::upload_part_copy;
    complete_multipart_upload: "CompleteMultipartUpload",
        CompleteMultipartUploadInput => CompleteMultipartUploadOutput, multipart::complete_multipart_upload;
    abort_multipart_upload: "AbortMultipartUpload",
        AbortMultipartUploadInput => AbortMultipartUploadOutput, multipart::abort_multipart_upload;
    list_parts: "ListParts", ListPartsInput => ListPartsOutput, multipart::list_parts;
    list_multipart_uploads: "ListMultipartUploads",
        ListMultipartUploadsInput => ListMultipartUploadsOutput, multipart::list_multipart_uploads;
    get_bucket_policy: "GetBucketPolicy",
        GetBucketPolicyInput => GetBucketPolicyOutput, bucket_policy::get_bucket_policy;
    put_bucket_policy: "PutBucketPolicy",
        PutBucketPolicyInput => PutBucketPolicyOutput, bucket_policy::put_bucket_policy;
    delete_bucket_policy: "DeleteBucketPolicy",
        DeleteBucketPolicyInput => DeleteBucketPolicyOutput, bucket_policy::delete_bucket_policy;
    get_bucket_policy_status: "GetBucketPolicyStatus",
        GetBucketPolicyStatusInput => GetBucketPolicyStatusOutput, bucket_policy::get_bucket_policy_status;
    get_bucket_tagging: "GetBucketTagging",
        GetBucketTaggingInput => GetBucketTaggingOutput, tagging::get_bucket_tagging;
    put_bucket_tagging: "PutBucketTagging",
        PutBucketTaggingInput => PutBucketTaggingOutput, tagging::put_bucket_tagging;
    delete_bucket_tagging: "DeleteBucketTagging",
        DeleteBucketTaggingInput => DeleteBucketTaggingOutput, tagging::delete_bucket_tagging;
    get_object_tagging: "GetObjectTagging",
        GetObjectTaggingInput => GetObjectTaggingOutput, tagging::get_object_tagging;
    put_object_tagging: "PutObjectTagging",
        PutObjectTaggingInput => PutObjectTaggingOutput, tagging::put_object_tagging;
    delete_object_tagging: "DeleteObjectTagging",
        DeleteObjectTaggingInput => DeleteObjectTaggingOutput, tagging::delete_object_tagging;
    get_bucket_acl: "GetBucketAcl",
        GetBucketAclInput => GetBucketAclOutput, bucket_settings::get_bucket_acl;
    get_bucket_cors: "GetBucketCors",
        GetBucketCorsInput => GetBucketCorsOutput, bucket_settings::get_bucket_cors;
    get_bucket_website: "GetBucketWebsite",
        GetBucketWebsiteInput => GetBucketWebsiteOutput, bucket_settings::get_bucket_website;
    get_bucket_versioning: "GetBucketVersioning",
        GetBucketVersioningInput => GetBucketVersioningOutput, bucket_settings::get_bucket_versioning;
    get_bucket_accelerate_configuration: "GetBucketAccelerateConfiguration",
        GetBucketAccelerateConfigurationInput => GetBucketAccelerateConfigurationOutput, bucket_settings::get_bucket_accelerate_configuration;
    get_bucket_request_payment: "GetBucketRequestPayment",
        GetBucketRequestPaymentInput => GetBucketRequestPaymentOutput, bucket_settings::get_bucket_request_payment;
    get_bucket_logging: "GetBucketLogging",
        GetBucketLoggingInput => GetBucketLoggingOutput, bucket_settings::get_bucket_logging;
    get_bucket_lifecycle_configuration: "GetBucketLifecycleConfiguration",
        GetBucketLifecycleConfigurationInput => GetBucketLifecycleConfigurationOutput, bucket_settings::get_bucket_lifecycle_configuration;
    get_bucket_replication: "GetBucketReplication",
        GetBucketReplicationInput => GetBucketReplicationOutput, bucket_settings::get_bucket_replication;
    get_bucket_encryption: "GetBucketEncryption",
        GetBucketEncryptionInput => GetBucketEncryptionOutput, bucket_settings::get_bucket_encryption;
    get_bucket_notification_configuration: "GetBucketNotificationConfiguration",
        GetBucketNotificationConfigurationInput => GetBucketNotificationConfigurationOutput, bucket_settings::get_bucket_notification_configuration;
    get_object_lock_configuration: "GetObjectLockConfiguration",
        GetObjectLockConfigurationInput => GetObjectLockConfigurationOutput, bucket_settings::get_object_lock_configuration;
    put_bucket_encryption: "PutBucketEncryption",
        PutBucketEncryptionInput => PutBucketEncryptionOutput, bucket_settings::put_bucket_encryption;
    delete_bucket_encryption: "DeleteBucketEncryption",
        DeleteBucketEncryptionInput => DeleteBucketEncryptionOutput, bucket_settings::delete_bucket_encryption;
    get_public_access_block: "GetPublicAccessBlock",
        GetPublicAccessBlockInput => GetPublicAccessBlockOutput, public_access::get_public_access_block;
    put_public_access_block: "PutPublicAccessBlock",
        PutPublicAccessBlockInput => PutPublicAccessBlockOutput, public_access::put_public_access_block;
    delete_public_access_block: "DeletePublicAccessBlock",
        DeletePublicAccessBlockInput => DeletePublicAccessBlockOutput, public_access::delete_public_access_block;
    get_bucket_ownership_controls: "GetBucketOwnershipControls",
        GetBucketOwnershipControlsInput => GetBucketOwnershipControlsOutput, bucket_settings::get_bucket_ownership_controls;
}

/// None has only a request that did not come through [`super::Front::answer`], and there is none.
fn exchange_of<I>(request: &S3Request<I>) -> S3Result<Arc<Exchange>> {
    let exchange = request.extensions.get::<Arc<Exchange>>();
    exchange.cloned().ok_or_else(|| S3Error::new(S3ErrorCode::InternalError))
}

fn answer<O>(exchange: &Exchange, outcome: Result<O, Refused>) -> S3Result<S3Response<O>> {
    match outcome {
        Ok(output) => Ok(S3Response::new(output)),
        Err(refused) => {
            exchange.refuse(refused);
            // Never sent: the refusal is answered in its place.
            Err(S3Error::new(S3ErrorCode::InternalError))
        }
    }
}
