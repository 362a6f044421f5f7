//! The condition keys of a request (IAM guide, "AWS global condition context keys"; which exist when is in the table there).

use irsa_policy::{Context as Keys, Principal, Values};

use super::{Call, Check};
use crate::credentials::WebIdentity;

/// Every key that is present for this check: the call's circumstances, the caller's, and the check's own.
pub(super) fn request_context(call: &Call, check: &Check) -> Keys {
    let mut keys = Keys::new();
    circumstances(&mut keys, call);
    caller_keys(&mut keys, call);
    let owner = check.resource_account.or(call.caller.account);
    if let Some(owner) = owner {
        keys.set("aws:ResourceAccount", owner.as_str());
    }
    for (name, values) in &check.keys {
        match values {
            Values::Single(value) => keys.set(name, value.as_str()),
            Values::Many(values) => keys.set_all(name, values.iter().map(String::as_str)),
        };
    }
    keys
}

fn circumstances(keys: &mut Keys, call: &Call) {
    let facts = &call.facts;
    keys.set("aws:SourceIp", facts.source_ip.to_canonical().to_string());
    keys.set("aws:SecureTransport", if facts.secure { "true" } else { "false" });
    keys.set("aws:RequestedRegion", facts.region.as_str());
    keys.set("aws:EpochTime", facts.now.to_string());
    keys.set("aws:CurrentTime", irsa_wire::xml::timestamp(facts.now));
    if !facts.user_agent.is_empty() {
        keys.set("aws:UserAgent", facts.user_agent.as_str());
    }
}

fn caller_keys(keys: &mut Keys, call: &Call) {
    let caller = &call.caller;
    let principal_type = match &caller.principal {
        Principal::User { .. } => "User",
        Principal::Account { .. } => "Account",
        Principal::RoleSession { .. } => "AssumedRole",
        Principal::FederatedUser { .. } => "FederatedUser",
        Principal::Anonymous => "Anonymous",
        Principal::WebIdentity { .. } | Principal::Service { .. } => return,
    };
    keys.set("aws:PrincipalType", principal_type);
    let Some(account) = caller.account else { return };
    keys.set("aws:PrincipalAccount", account.as_str());
    keys.set("aws:userid", caller.user_id.as_str());
    // For a session this is the role's ARN, with its path, never the session's.
    let principal_arn = match &caller.principal {
        Principal::RoleSession { role_arn, .. } => role_arn.clone(),
        other => other.display_name(),
    };
    keys.set("aws:PrincipalArn", principal_arn);
    if let Some(name) = &caller.user_name {
        keys.set("aws:username", name.as_str());
    }
    for (name, value) in &caller.tags {
        keys.set(&format!("aws:PrincipalTag/{name}"), value.as_str());
    }
    let Some(session) = &caller.temporary else { return };
    keys.set("aws:TokenIssueTime", irsa_wire::xml::timestamp(session.issued_at));
    keys.set("aws:MultiFactorAuthPresent", "false");
    if let Some(source_identity) = &session.source_identity {
        keys.set("aws:SourceIdentity", source_identity.as_str());
    }
    if let Some(identity) = &session.web_identity {
        keys.set("aws:FederatedProvider", identity.provider_arn.as_str());
        for (name, values) in web_identity_keys(identity) {
            keys.set_all(&name, values);
        }
    }
}

/// The keys of a web identity that exist both while the role is assumed and afterwards.
#[must_use]
pub fn web_identity_keys(identity: &WebIdentity) -> Vec<(String, Vec<String>)> {
    let key = |claim: &str| format!("{}:{claim}", identity.key_prefix);
    vec![
        (key("sub"), vec![identity.subject.clone()]),
        (key("aud"), identity.audience.clone()),
        (key("amr"), identity.methods.clone()),
    ]
}
