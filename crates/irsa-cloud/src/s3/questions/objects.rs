//! The questions of the operations on objects.

use percent_encoding::percent_decode_str;
use s3s::dto::*;

use super::{Input, Site, with};
use crate::authorize::Check;

/// The inputs that ask questions about one object as it is. With a version they ask for another action, which a permit for
/// the unversioned one does not cover.
macro_rules! on_existing {
    ($($input:ident => $($action:literal / $versioned:literal),+;)*) => {$(
        impl Input for $input {
            fn bucket(&self) -> Option<&str> {
                Some(&self.bucket)
            }

            fn key(&self) -> Option<&str> {
                Some(&self.key)
            }

            fn existing(&self) -> Option<(&str, &str)> {
                self.bucket().zip(self.key())
            }

            fn questions(&self, site: &Site<'_>) -> Vec<Check> {
                match self.version_id.as_deref() {
                    None => vec![$(site.on_existing($action, &self.key)),+],
                    Some(version) => vec![
                        $(site.on_existing($versioned, &self.key).with_key("s3:versionid", version)),+
                    ],
                }
            }
        }
    )*};
}
on_existing! {
    GetObjectInput => "s3:GetObject" / "s3:GetObjectVersion";
    HeadObjectInput => "s3:GetObject" / "s3:GetObjectVersion";
    GetObjectAttributesInput =>
        "s3:GetObject" / "s3:GetObjectVersion",
        "s3:GetObjectAttributes" / "s3:GetObjectVersionAttributes";
    GetObjectAclInput => "s3:GetObjectAcl" / "s3:GetObjectVersionAcl";
    GetObjectTaggingInput => "s3:GetObjectTagging" / "s3:GetObjectVersionTagging";
    DeleteObjectTaggingInput => "s3:DeleteObjectTagging" / "s3:DeleteObjectVersionTagging";
}

impl Input for DeleteObjectInput {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn existing(&self) -> Option<(&str, &str)> {
        self.bucket().zip(self.key())
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        let if_match = self.if_match.as_ref().map(condition_text);
        let delete = delete_check(site, &self.key, self.version_id.as_deref());
        let mut checks = vec![with(delete, "s3:if-match", if_match.as_deref())];
        if self.bypass_governance_retention == Some(true) {
            checks.push(site.on_existing("s3:BypassGovernanceRetention", &self.key));
        }
        checks
    }
}

/// The question about one key of a deletion.
pub(in crate::s3) fn delete_check(site: &Site<'_>, key: &str, version: Option<&str>) -> Check {
    match version {
        None => site.on_existing("s3:DeleteObject", key),
        Some(version) => site.on_existing("s3:DeleteObjectVersion", key).with_key("s3:versionid", version),
    }
}

/// Each key has a question of its own, put when it is deleted.
impl Input for DeleteObjectsInput {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn questions(&self, _site: &Site<'_>) -> Vec<Check> {
        Vec::new()
    }
}

impl Input for PutObjectTaggingInput {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn existing(&self) -> Option<(&str, &str)> {
        self.bucket().zip(self.key())
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        let tags = self.tagging.tag_set.iter().filter_map(|tag| Some((tag.key.clone()?, tag.value.clone()?)));
        let check = match self.version_id.as_deref() {
            None => site.on_existing("s3:PutObjectTagging", &self.key),
            Some(version) => {
                site.on_existing("s3:PutObjectVersionTagging", &self.key).with_key("s3:versionid", version)
            }
        };
        vec![with_request_tags(check, tags.collect())]
    }
}

fn with_request_tags(mut check: Check, tags: Vec<(String, String)>) -> Check {
    if tags.is_empty() {
        return check;
    }
    let names = tags.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in tags {
        check = check.with_key(format!("s3:RequestObjectTag/{name}"), value);
    }
    check.with_keys("s3:RequestObjectTagKeys", names)
}

/// Reads `x-amz-tagging`, which is encoded as a query string; none if it is not.
pub(in crate::s3) fn parse_tags(header: &str) -> Option<Vec<(String, String)>> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().ok().map(|text| text.into_owned())
    };
    let pairs = header.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    });
    pairs.collect()
}

fn condition_text(condition: &ETagCondition) -> String {
    match condition {
        ETagCondition::Any => "*".to_owned(),
        ETagCondition::ETag(etag) => etag.value().to_owned(),
    }
}

/// What `PutObject`, `CreateMultipartUpload` and `CopyObject` ask beside their own question, from the same headers.
macro_rules! put_questions {
    ($self:ident, $site:ident, $key:expr) => {{
        let put = $site.on_object("s3:PutObject", $key);
        let put = with(put, "s3:x-amz-acl", $self.acl.as_ref().map(|acl| acl.as_str()));
        let put = with(put, "s3:x-amz-grant-full-control", $self.grant_full_control.as_deref());
        let put = with(put, "s3:x-amz-grant-read", $self.grant_read.as_deref());
        let put = with(put, "s3:x-amz-grant-read-acp", $self.grant_read_acp.as_deref());
        let put = with(put, "s3:x-amz-grant-write-acp", $self.grant_write_acp.as_deref());
        let encryption = $self.server_side_encryption.as_ref().map(|encryption| encryption.as_str());
        let put = with(put, "s3:x-amz-server-side-encryption", encryption);
        let kms_key = $self.ssekms_key_id.as_deref();
        let put = with(put, "s3:x-amz-server-side-encryption-aws-kms-key-id", kms_key);
        let put = with(
            put,
            "s3:x-amz-server-side-encryption-customer-algorithm",
            $self.sse_customer_algorithm.as_deref(),
        );
        let class = $self.storage_class.as_ref().map(|class| class.as_str());
        let put = with(put, "s3:x-amz-storage-class", class);
        let mode = $self.object_lock_mode.as_ref().map(|mode| mode.as_str());
        let put = with(put, "s3:object-lock-mode", mode);
        let hold = $self.object_lock_legal_hold_status.as_ref().map(|hold| hold.as_str());
        let put = with(put, "s3:object-lock-legal-hold", hold);
        let tags = $self.tagging.as_deref().and_then(parse_tags).unwrap_or_default();
        let put = with_request_tags(put, tags.clone());
        let mut checks = vec![put];
        let grants =
            [&$self.grant_full_control, &$self.grant_read, &$self.grant_read_acp, &$self.grant_write_acp];
        if $self.acl.is_some() || grants.iter().any(|grant| grant.is_some()) {
            let acl = $site.on_object("s3:PutObjectAcl", $key);
            checks.push(with(acl, "s3:x-amz-acl", $self.acl.as_ref().map(|acl| acl.as_str())));
        }
        if $self.tagging.is_some() {
            checks.push(with_request_tags($site.on_object("s3:PutObjectTagging", $key), tags));
        }
        if $self.object_lock_mode.is_some() || $self.object_lock_retain_until_date.is_some() {
            checks.push($site.on_object("s3:PutObjectRetention", $key));
        }
        if $self.object_lock_legal_hold_status.is_some() {
            checks.push($site.on_object("s3:PutObjectLegalHold", $key));
        }
        checks
    }};
}

impl Input for PutObjectInput {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        let mut checks = put_questions!(self, site, &self.key);
        let if_match = self.if_match.as_ref().map(condition_text);
        let if_none_match = self.if_none_match.as_ref().map(condition_text);
        if let Some(put) = checks.first_mut() {
            let check = with(std::mem::take(put), "s3:if-match", if_match.as_deref());
            *put = with(check, "s3:if-none-match", if_none_match.as_deref());
        }
        checks
    }
}

impl Input for CreateMultipartUploadInput {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        put_questions!(self, site, &self.key)
    }
}

/// Reads the source and writes the destination: two resources, perhaps of two owners with two bucket policies.
impl Input for CopyObjectInput {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn existing(&self) -> Option<(&str, &str)> {
        place(&self.copy_source)
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        let mut checks = put_questions!(self, site, &self.key);
        if let Some(put) = checks.first_mut() {
            let directive = self.metadata_directive.as_ref().map(|directive| directive.as_str());
            let check = with(std::mem::take(put), "s3:x-amz-metadata-directive", directive);
            *put = with(check, "s3:x-amz-copy-source", source_text(&self.copy_source).as_deref());
        }
        let mut source = vec![source_question(site, &self.copy_source)];
        source.append(&mut checks);
        source
    }
}

/// Whether the source may be read. Whether its tags may be is asked by the operation, which knows if there are any.
fn source_question(site: &Site<'_>, source: &CopySource) -> Check {
    let (bucket, key) = place(source).unwrap_or_default();
    match version(source) {
        None => site.on_source("s3:GetObject", bucket, key),
        Some(version) => site.on_source("s3:GetObjectVersion", bucket, key).with_key("s3:versionid", version),
    }
}

/// The bucket and key of a copy's source.
pub(in crate::s3) fn place(source: &CopySource) -> Option<(&str, &str)> {
    match source {
        CopySource::Bucket { bucket, key, .. } => Some((bucket, key)),
        _ => None,
    }
}

/// The version that a copy's source names.
pub(in crate::s3) fn version(source: &CopySource) -> Option<&str> {
    match source {
        CopySource::Bucket { version_id, .. } => version_id.as_deref(),
        _ => None,
    }
}

fn source_text(source: &CopySource) -> Option<String> {
    place(source).map(|(bucket, key)| format!("{bucket}/{key}"))
}

impl Input for UploadPartCopyInput {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn key(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn existing(&self) -> Option<(&str, &str)> {
        place(&self.copy_source)
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        let mut checks = vec![source_question(site, &self.copy_source)];
        let put = site.on_object("s3:PutObject", &self.key);
        checks.push(with(put, "s3:x-amz-copy-source", source_text(&self.copy_source).as_deref()));
        checks
    }
}

/// The inputs that ask one question about an object that need not exist.
macro_rules! on_object {
    ($($input:ident => $action:literal),* $(,)?) => {$(
        impl Input for $input {
            fn bucket(&self) -> Option<&str> {
                Some(&self.bucket)
            }

            fn key(&self) -> Option<&str> {
                Some(&self.key)
            }

            fn questions(&self, site: &Site<'_>) -> Vec<Check> {
                vec![site.on_object($action, &self.key)]
            }
        }
    )*};
}
on_object! {
    UploadPartInput => "s3:PutObject",
    CompleteMultipartUploadInput => "s3:PutObject",
    ListPartsInput => "s3:ListMultipartUploadParts",
    AbortMultipartUploadInput => "s3:AbortMultipartUpload",
}
