//! Who makes a request: from the access key (and session token) it presents to a principal with policies.

use std::sync::Arc;

use irsa_policy::{Attached, Policy, PolicyType, Principal};
use irsa_store::model::AccountId;
use irsa_store::snapshot::Snapshot;
use zeroize::Zeroizing;

use super::{Actor, KeyRing, Session};
use crate::managed_policies::{self, AwsManagedPolicy};

/// The one who asks, and the policies that limit it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// As policies see it.
    pub principal: Principal,
    /// The account it belongs to; an anonymous caller has none.
    pub account: Option<AccountId>,
    /// `AIDA…`, or `AROA…:session`.
    pub user_id: String,
    /// The user's name, for IAM users and their own sessions.
    pub user_name: Option<String>,
    /// Principal tags: the user's or role's, overlaid by the session's.
    pub tags: Vec<(String, String)>,
    /// Identity-based policies.
    pub identity: Vec<NamedPolicy>,
    /// The permissions boundary.
    pub boundary: Option<NamedPolicy>,
    /// The session policies, if any were passed.
    pub session: Option<Vec<NamedPolicy>>,
    /// What the session token says, for temporary credentials.
    pub temporary: Option<Arc<Session>>,
    /// The subject of the web identity that calls, or that the session was made for.
    pub subject: Option<String>,
    /// The access key that signed.
    pub access_key_id: Option<String>,
}

/// A policy and what to call it.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// The managed policy's ARN, or `inline:NAME`.
    pub name: Arc<str>,
    /// The policy, compiled.
    pub policy: Arc<Policy>,
}

impl NamedPolicy {
    /// As the evaluation takes it.
    #[must_use]
    pub fn attached(&self) -> Attached<'_> {
        Attached { name: &self.name, policy: &self.policy }
    }
}

/// A caller whose signature is still to be checked, with the secret to check it by.
pub struct Claimed {
    /// Who it says it is.
    pub caller: Caller,
    /// What its requests must be signed with.
    pub secret: Zeroizing<String>,
}

/// Why presented credentials identify nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// No such access key, or an inactive one, or a temporary one without its token.
    #[error("the access key is unknown, inactive, or lacks its session token")]
    UnknownKey,
    /// The session token is malformed, foreign, tampered with, or belongs to another key.
    #[error("the session token is malformed, foreign, or belongs to another access key")]
    BadToken,
    /// The session has ended.
    #[error("the session has ended")]
    Expired,
}

impl Caller {
    /// A caller without credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::bare(Principal::Anonymous, None, "anonymous".to_owned())
    }

    /// The ARN that AWS shows for it.
    #[must_use]
    pub fn arn(&self) -> String {
        self.principal.display_name()
    }

    fn bare(principal: Principal, account: Option<AccountId>, user_id: String) -> Self {
        Self {
            principal,
            account,
            user_id,
            user_name: None,
            tags: Vec::new(),
            identity: Vec::new(),
            boundary: None,
            session: None,
            temporary: None,
            subject: None,
            access_key_id: None,
        }
    }
}

/// Finds out whose `access_key_id` this is. The signature is the next thing to check, and a session's end after that
/// ([`still_running`]).
///
/// # Errors
/// [`CallerError`].
pub fn claim(
    snapshot: &Snapshot,
    ring: &KeyRing,
    access_key_id: &str,
    session_token: Option<&str>,
) -> Result<Claimed, CallerError> {
    match session_token {
        Some(token) => claim_session(snapshot, ring, access_key_id, token),
        None => claim_user(snapshot, access_key_id),
    }
}

/// Whether a session has not ended yet.
///
/// # Errors
/// [`CallerError::Expired`].
pub fn still_running(caller: &Caller, now: i64) -> Result<(), CallerError> {
    match &caller.temporary {
        Some(session) if session.expires_at <= now => Err(CallerError::Expired),
        _ => Ok(()),
    }
}

fn claim_user(snapshot: &Snapshot, access_key_id: &str) -> Result<Claimed, CallerError> {
    let key = snapshot.access_key(access_key_id).filter(|key| key.active).ok_or(CallerError::UnknownKey)?;
    let user_name = key.user.as_deref().ok_or(CallerError::UnknownKey)?;
    let mut caller = user(snapshot, key.account, user_name, None).ok_or(CallerError::UnknownKey)?;
    caller.access_key_id = Some(access_key_id.to_owned());
    Ok(Claimed { caller, secret: Zeroizing::new(key.secret.expose().to_owned()) })
}

fn claim_session(
    snapshot: &Snapshot,
    ring: &KeyRing,
    access_key_id: &str,
    token: &str,
) -> Result<Claimed, CallerError> {
    let opened = ring.open(token, access_key_id).map_err(|_not_ours| CallerError::BadToken)?;
    let session = Arc::new(opened.session);
    let mut caller = match &session.actor {
        Actor::Role { name, path, id, session: session_name } => {
            role_session(snapshot, session.account, name, path, id, session_name)
        }
        Actor::User { name, id } => {
            user(snapshot, session.account, name, Some(id)).ok_or(CallerError::BadToken)?
        }
    };
    overlay(&mut caller.tags, &session.tags);
    caller.session = session_policies(snapshot, &session);
    caller.access_key_id = Some(access_key_id.to_owned());
    caller.subject = session.web_identity.as_ref().map(|identity| identity.subject.clone());
    caller.temporary = Some(session);
    Ok(Claimed { caller, secret: opened.secret_access_key })
}

fn user(snapshot: &Snapshot, account: AccountId, name: &str, id: Option<&str>) -> Option<Caller> {
    let user = snapshot.user(account, name)?;
    if id.is_some_and(|id| id != user.id) {
        return None;
    }
    let principal = Principal::User { account: account.to_string(), arn: user.arn(), id: user.id.clone() };
    let mut caller = Caller::bare(principal, Some(account), user.id.clone());
    caller.user_name = Some(user.name.clone());
    caller.tags = user.tags.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    caller.identity = identity_policies(snapshot, &user.compiled.inline, &user.attached);
    caller.boundary = user.boundary.as_deref().and_then(|arn| boundary(snapshot, arn));
    Some(caller)
}

/// The session of a role that was deleted, or made anew, keeps its name and loses every right, those too that resources'
/// policies give it: with the role went its boundary and the denials of its policies.
fn role_session(
    snapshot: &Snapshot,
    account: AccountId,
    name: &str,
    path: &str,
    id: &str,
    session_name: &str,
) -> Caller {
    let principal = Principal::RoleSession {
        account: account.to_string(),
        role_arn: format!("arn:aws:iam::{account}:role{path}{name}"),
        role_id: id.to_owned(),
        // AWS: a session's ARN drops the role's path (IAM identifiers).
        session_arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}"),
    };
    let mut caller = Caller::bare(principal, Some(account), format!("{id}:{session_name}"));
    let Some(role) = snapshot.role(account, name).filter(|role| role.id == id) else {
        let denies_all = |policy| NamedPolicy { name: "none: the role was deleted".into(), policy };
        caller.identity.extend(deny_all().map(denies_all));
        return caller;
    };
    caller.tags = role.tags.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    caller.identity = identity_policies(snapshot, &role.compiled.inline, &role.attached);
    caller.boundary = role.boundary.as_deref().and_then(|arn| boundary(snapshot, arn));
    caller
}

fn identity_policies(
    snapshot: &Snapshot,
    inline: &[(String, Arc<Policy>)],
    attached: &[String],
) -> Vec<NamedPolicy> {
    let inline = inline
        .iter()
        .map(|(name, policy)| NamedPolicy { name: name.as_str().into(), policy: Arc::clone(policy) });
    let managed = attached.iter().filter_map(|arn| {
        Some(NamedPolicy { name: arn.as_str().into(), policy: managed_policy(snapshot, arn)? })
    });
    inline.chain(managed).collect()
}

/// The default version of a managed policy, the account's own or AWS's.
#[must_use]
pub fn managed_policy(snapshot: &Snapshot, arn: &str) -> Option<Arc<Policy>> {
    match managed_policies::find(arn) {
        Some(policy) => policy.policy(),
        None => snapshot.policy(arn).map(|policy| Arc::clone(&policy.compiled.policy)),
    }
}

/// A boundary that is gone or unreadable allows nothing.
fn boundary(snapshot: &Snapshot, arn: &str) -> Option<NamedPolicy> {
    let policy = managed_policy(snapshot, arn).or_else(deny_all)?;
    Some(NamedPolicy { name: arn.into(), policy })
}

fn deny_all() -> Option<Arc<Policy>> {
    managed_policies::find("arn:aws:iam::aws:policy/AWSDenyAll").and_then(AwsManagedPolicy::policy)
}

fn session_policies(snapshot: &Snapshot, session: &Session) -> Option<Vec<NamedPolicy>> {
    if session.policy.is_none() && session.policy_arns.is_empty() {
        return None;
    }
    // What does not parse any more is left out, and then nothing allows.
    let inline = session.policy.as_deref().and_then(|text| {
        let policy = Policy::parse(text, PolicyType::Session).ok()?;
        Some(NamedPolicy { name: "session policy".into(), policy: Arc::new(policy) })
    });
    let managed = session.policy_arns.iter().filter_map(|arn| {
        Some(NamedPolicy { name: arn.as_str().into(), policy: managed_policy(snapshot, arn)? })
    });
    Some(inline.into_iter().chain(managed).collect())
}

/// Session tags replace the role's tags of the same name, whatever their case (IAM guide, "Pass session tags").
fn overlay(tags: &mut Vec<(String, String)>, session_tags: &[(String, String)]) {
    for (name, value) in session_tags {
        tags.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        tags.push((name.clone(), value.clone()));
    }
}
