//! Buckets and objects: I101, I102, I103, I105.
//!
//! Which action works on what is from the Service Authorization Reference, "Actions, resources, and condition keys for
//! Amazon S3".

use super::{action_pattern, names_action};
use crate::arn::Arn;
use crate::claim::has_wildcard;
use crate::condition::Operator;
use crate::lint::Edit;
use crate::lint::finding::{Fix, Report};
use crate::lint::group::quoted;
use crate::lint::reading::{Element, Reading, Statement};
use crate::lint::rules::{I101, I102, I103, I105};
use crate::lint::show::{listed, shown};
use crate::request::Context;

/// Actions on objects.
const OBJECT: &[&str] = &[
    "s3:AbortMultipartUpload",
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject",
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersion",
    "s3:DeleteObjectVersionTagging",
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectLegalHold",
    "s3:GetObjectRetention",
    "s3:GetObjectTagging",
    "s3:GetObjectTorrent",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionAttributes",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionTagging",
    "s3:GetObjectVersionTorrent",
    "s3:ListMultipartUploadParts",
    "s3:ObjectOwnerOverrideToBucketOwner",
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionAcl",
    "s3:PutObjectVersionTagging",
    "s3:ReplicateDelete",
    "s3:ReplicateObject",
    "s3:ReplicateTags",
    "s3:RestoreObject",
];

/// Actions on buckets.
const BUCKET: &[&str] = &[
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:DeleteBucketWebsite",
    "s3:GetAccelerateConfiguration",
    "s3:GetAnalyticsConfiguration",
    "s3:GetBucketAcl",
    "s3:GetBucketCORS",
    "s3:GetBucketLocation",
    "s3:GetBucketLogging",
    "s3:GetBucketNotification",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPolicyStatus",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketRequestPayment",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetBucketWebsite",
    "s3:GetEncryptionConfiguration",
    "s3:GetInventoryConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetMetricsConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:ListBucketVersions",
    "s3:PutAccelerateConfiguration",
    "s3:PutBucketAcl",
    "s3:PutBucketCORS",
    "s3:PutBucketLogging",
    "s3:PutBucketNotification",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutBucketWebsite",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
];

/// Actions on neither, which a pattern may name too.
const OTHER: &[&str] = &["s3:ListAllMyBuckets", "s3:GetAccessPoint", "s3:ListAccessPoints", "s3:CreateJob"];

/// Keys that only requests to list a bucket have.
const LISTING: &[&str] = &["s3:delimiter", "s3:max-keys", "s3:prefix"];

pub(super) fn rules(reading: &Reading<'_>, statement: &Statement, report: &mut Report) {
    let Some(action) = &statement.action else { return };
    if let Some(resource) = &statement.resource {
        mismatched(reading, statement, action, resource, report);
    }
    listing(statement, action, report);
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Object,
    Bucket,
}

/// What an action, which may be a pattern, works on; `None` for both, neither and unknown.
fn level(action: &str) -> Option<Level> {
    if !action.get(..3).is_some_and(|service| service.eq_ignore_ascii_case("s3:")) {
        return None;
    }
    let named: Box<dyn Fn(&str) -> bool> = if has_wildcard(action) {
        let pattern = action_pattern(action);
        Box::new(move |known| pattern.matches(&known.to_ascii_lowercase(), Context::EMPTY))
    } else {
        Box::new(|known| known.eq_ignore_ascii_case(action))
    };
    let any = |known: &[&str]| known.iter().any(|known| named(known));
    match (any(OBJECT), any(BUCKET), any(OTHER)) {
        (true, false, false) => Some(Level::Object),
        (false, true, false) => Some(Level::Bucket),
        _ => None,
    }
}

/// What a resource names.
#[derive(Clone, Copy)]
struct Reach {
    buckets: bool,
    objects: bool,
}

fn reach(value: &str) -> Reach {
    let both = |is: bool| Reach { buckets: is, objects: is };
    let Some(arn) = Arn::parse(value) else { return both(value == "*" || !value.starts_with("arn:")) };
    if arn.service != "s3" {
        return both(has_wildcard(arn.service));
    }
    if !arn.region.is_empty() || !arn.account.is_empty() {
        return both(true);
    }
    let objects = arn.resource.contains('/');
    Reach { buckets: !objects, objects: objects || has_wildcard(arn.resource) }
}

/// I101, I102
fn mismatched(
    reading: &Reading<'_>,
    statement: &Statement,
    action: &Element,
    resource: &Element,
    report: &mut Report,
) {
    let reaches: Vec<Reach> = resource.values.iter().map(|text| reach(&text.value)).collect();
    let buckets = reaches.iter().any(|reach| reach.buckets);
    let objects = reaches.iter().any(|reach| reach.objects);
    // Both, or no S3 at all: nothing to say.
    if buckets == objects {
        return;
    }
    for text in action.values.iter() {
        let value = shown(&text.value);
        match level(&text.value) {
            Some(Level::Object) if !objects => {
                let named = || resource.values.iter().zip(&reaches).filter(|(_, reach)| reach.buckets);
                let missing: Vec<String> = named().map(|(text, _)| format!("{}/*", text.value)).collect();
                let reason = format!(
                    "{value} works on objects, and the statement names buckets only: add {}",
                    listed(missing.iter().map(String::as_str))
                );
                let fix = add(reading.text, resource, &missing);
                report.add(&I101, text.span, statement.path("Action"), reason, Some(fix));
            }
            Some(Level::Bucket) if !buckets => {
                let bucket = |text: &crate::document::Text| text.value.strip_suffix("/*").map(str::to_owned);
                let missing: Option<Vec<String>> = resource.values.iter().map(bucket).collect();
                let missing = missing.filter(|missing| {
                    missing
                        .iter()
                        .all(|bucket| Arn::parse(bucket).is_some_and(|arn| !arn.resource.contains('/')))
                });
                let wanted = match &missing {
                    Some(missing) => format!("add {}", listed(missing.iter().map(String::as_str))),
                    None => "add the bucket's ARN, without slash".to_owned(),
                };
                let reason =
                    format!("{value} works on buckets, and the statement names objects only: {wanted}");
                let fix = missing.map(|missing| add(reading.text, resource, &missing));
                report.add(&I102, text.span, statement.path("Action"), reason, fix);
            }
            _ => {}
        }
    }
}

fn add(text: &str, resource: &Element, missing: &[String]) -> Fix {
    let new: Vec<String> = missing.iter().map(|arn| quoted(arn)).collect();
    let title = format!("add {}", listed(missing.iter().map(String::as_str)));
    match &resource.values.list {
        Some(list) => Fix::one(title, list.append(text, &new.join(", "))),
        None => {
            let old = resource.values.iter().map(|text| quoted(&text.value));
            let all: Vec<String> = old.chain(new).collect();
            Fix::one(title, Edit::new(resource.values.span, format!("[{}]", all.join(", "))))
        }
    }
}

/// I103
fn listing(statement: &Statement, action: &Element, report: &mut Report) {
    let Some(object) = action.values.iter().find(|text| level(&text.value) == Some(Level::Object)) else {
        return;
    };
    for (block, entry) in statement.entries() {
        if !LISTING.iter().any(|key| entry.key.value.eq_ignore_ascii_case(key)) {
            continue;
        }
        let holds = match block.parsed {
            Some(Operator { negated: false, if_exists: false, set: None, .. }) => "never holds",
            _ => "says nothing",
        };
        let reason = format!(
            "only requests that list a bucket have {}, so that the condition {holds} for {}: put the two into statements of their own",
            shown(&entry.key.value),
            shown(&object.value)
        );
        let path = statement.path(&format!("Condition.{}.{}", block.operator.value, entry.key.value));
        report.add(&I103, entry.key.span, path, reason, None);
    }
}

/// I105
pub(super) fn encryption(reading: &Reading<'_>, report: &mut Report) {
    let statements = || reading.document.statements.iter().filter(|statement| statement.allows());
    let allows = |statement: &Statement, wanted: &str| {
        statement.not_action.is_some()
            || statement
                .action
                .iter()
                .flat_map(|action| action.values.iter())
                .any(|text| names_action(&text.value, wanted))
    };
    if statements().any(|statement| allows(statement, "kms:GenerateDataKey")) {
        return;
    }
    for statement in statements().filter(|statement| allows(statement, "s3:PutObject")) {
        let asks_for_kms = statement.entries().find(|(block, entry)| {
            let is_plain = block.parsed.is_some_and(|operator| !operator.negated);
            let values = || entry.values.iter();
            let asks = match entry.key.value.to_ascii_lowercase().as_str() {
                "s3:x-amz-server-side-encryption" => values().any(|text| text.value.starts_with("aws:kms")),
                "s3:x-amz-server-side-encryption-aws-kms-key-id" => {
                    values().any(|text| !matches!(text.value.as_str(), "true" | "false"))
                }
                _ => false,
            };
            is_plain && asks
        });
        let Some((block, entry)) = asks_for_kms else { continue };
        let reason = format!(
            "{} wants objects encrypted with KMS, and no statement allows kms:GenerateDataKey and kms:Decrypt on the key: uploads are denied unless the key's policy allows them",
            shown(&entry.key.value)
        );
        let path = statement.path(&format!("Condition.{}.{}", block.operator.value, entry.key.value));
        report.add(&I105, entry.key.span, path, reason, None);
    }
}
