//! What each kind of IAM operation must be allowed: the action, on which resource, with which condition keys (Service
//! Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access Management").

use irsa_store::model::Tags;

use super::{managed, tags};
use crate::authorize::{Call, Check};
use crate::generated::iam::Tag;

/// Says for inputs what they need to be allowed.
macro_rules! requires {
    ($($input:ty => |$asked:ident, $call:ident| $checks:expr;)+) => {$(
        impl crate::authorize::Requires for $input {
            fn checks(&self, call: &crate::authorize::Call) -> Vec<crate::authorize::Check> {
                let ($asked, $call) = (self, call);
                $checks
            }
        }
    )+};
}
pub(super) use requires;

/// Of a role that exists, or would.
pub(super) fn on_role(call: &Call, action: &'static str, name: &str) -> Check {
    let Some(role) = call.snapshot.role(call.account, name) else {
        return Check::new(action, format!("arn:aws:iam::{}:role/{name}", call.account));
    };
    let check = with_both_resource_tags(Check::new(action, &*role.compiled.arn), &role.tags);
    with_boundary(check, role.boundary.as_deref())
}

/// Of a user that exists, or would.
pub(super) fn on_user(call: &Call, action: &'static str, name: &str) -> Check {
    let Some(user) = call.snapshot.user(call.account, name) else {
        return Check::new(action, format!("arn:aws:iam::{}:user/{name}", call.account));
    };
    let check = with_both_resource_tags(Check::new(action, &*user.compiled.arn), &user.tags);
    with_boundary(check, user.boundary.as_deref())
}

/// Of the named user, else of the calling one. A caller that is no user and names none is asked about all users.
pub(super) fn on_user_or_caller(call: &Call, action: &'static str, name: Option<&str>) -> Check {
    match name.or(call.caller.user_name.as_deref()) {
        Some(name) => on_user(call, action, name),
        None => Check::new(action, format!("arn:aws:iam::{}:user/", call.account)),
    }
}

/// Of a managed policy.
pub(super) fn on_policy(call: &Call, action: &'static str, arn: &str) -> Check {
    let check = Check::new(action, arn);
    match managed::own(&call.snapshot, call.account, arn) {
        Some(policy) => with_resource_tags(check, &policy.tags),
        None => check,
    }
}

/// Of an OIDC provider.
pub(super) fn on_provider(call: &Call, action: &'static str, arn: &str) -> Check {
    let check = Check::new(action, arn);
    match super::providers::find(&call.snapshot, call.account, arn) {
        Ok(provider) => with_resource_tags(check, &provider.tags),
        Err(_) => check,
    }
}

/// Of what has no ARN of its own in AWS's denials: `role/`, `user/`, `mfa/`, `oidc-provider/*`.
pub(super) fn on_all(call: &Call, action: &'static str, kind: &str) -> Check {
    Check::new(action, format!("arn:aws:iam::{}:{kind}", call.account))
}

/// Attaching or detaching a managed policy (`iam:PolicyARN`).
pub(super) fn with_policy_arn(check: Check, arn: &str) -> Check {
    check.with_key("iam:PolicyARN", arn)
}

/// The permissions boundary that the entity has, or gets (`iam:PermissionsBoundary`).
pub(super) fn with_boundary(check: Check, arn: Option<&str>) -> Check {
    match arn {
        Some(arn) => check.with_key("iam:PermissionsBoundary", arn),
        None => check,
    }
}

/// Making something with tags needs the right to tag it too (IAM User Guide, "Tags for AWS Identity and Access
/// Management resources").
pub(super) fn creating(check: Check, tag_action: &'static str, tags: Option<&[Tag]>) -> Vec<Check> {
    let tags = tags.unwrap_or_default();
    if tags.is_empty() {
        return vec![check];
    }
    let tagging = tags::with_requested(Check::new(tag_action, check.resource.as_str()), tags);
    vec![tags::with_requested(check, tags), tagging]
}

/// Roles and users answer to both names of the key.
fn with_both_resource_tags(check: Check, tags: &Tags) -> Check {
    let check = with_resource_tags(check, tags);
    tags.iter().fold(check, |check, (key, value)| check.with_key(format!("iam:ResourceTag/{key}"), value))
}

fn with_resource_tags(check: Check, tags: &Tags) -> Check {
    tags.iter().fold(check, |check, (key, value)| check.with_key(format!("aws:ResourceTag/{key}"), value))
}
