//! `Principal` and `NotPrincipal`: whom a statement speaks to, and how strongly.
//!
//! Source: IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal". `Federated` values are compared as exact
//! strings. Choices where the pages are silent: `"*"` also reaches web identities and services; an Allow with `NotPrincipal`
//! grants directly, as `"*"` does, and skips whoever any of its entries names.

use crate::arn::{Arn, PrincipalArn};
use crate::document::{Effect, PrincipalClause, PrincipalKind, Text};
use crate::request::Principal;

/// How far an Allow of a resource policy carries within one account, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) enum Grant {
    /// To the account: its own policies must allow too.
    Account,
    /// To a role, or to the user behind a federated session: boundary and session policy still limit it.
    Limited,
    /// To exactly this caller.
    Direct,
}

#[derive(Debug, Clone)]
pub(crate) struct Principals {
    negated: bool,
    effect: Effect,
    entries: Box<[Entry]>,
}

#[derive(Debug, Clone)]
enum Entry {
    Everyone,
    Account(Box<str>),
    /// A role's ARN with its partition, account and name: session ARNs lack the path, so the name identifies it.
    Role {
        partition: Box<str>,
        account: Box<str>,
        name: Box<str>,
    },
    User {
        partition: Box<str>,
        account: Box<str>,
        name: Box<str>,
    },
    Session(Box<str>),
    FederatedUser(Box<str>),
    /// `AIDA…` or `AROA…`
    UniqueId(Box<str>),
    Service(Box<str>),
    Federated(Box<str>),
    /// A canonical user: we have none, so it matches nobody.
    Nobody,
}

impl Principals {
    pub(crate) fn compile(
        clause: &PrincipalClause,
        effect: Effect,
        ids: &dyn Fn(&str) -> Option<String>,
    ) -> Principals {
        let entries = clause.entries.iter().map(|(kind, text)| Entry::compile(*kind, text, ids)).collect();
        Principals { negated: clause.negated, effect, entries }
    }

    /// What the statement grants `principal` (for a Deny: whether it reaches it); `None` when it does not speak to it.
    pub(crate) fn grant(&self, principal: &Principal, bounded: bool) -> Option<Grant> {
        if !self.negated {
            return self.entries.iter().filter_map(|entry| entry.grant(principal)).max();
        }
        let spared = match self.effect {
            Effect::Allow => self.entries.iter().any(|entry| entry.grant(principal).is_some()),
            // AWS: a Deny with NotPrincipal always denies principals that have a permissions boundary.
            Effect::Deny => !bounded && self.names_fully(principal),
        };
        (!spared).then_some(Grant::Direct)
    }

    /// AWS: to spare a user, name it and its account; to spare a session, name it, its role and its account.
    fn names_fully(&self, principal: &Principal) -> bool {
        let has = |grant| self.entries.iter().any(|entry| entry.grant(principal) == Some(grant));
        if self.entries.iter().any(|entry| matches!(entry, Entry::Everyone)) {
            return true;
        }
        match principal {
            Principal::Anonymous => false,
            Principal::Account { .. } => has(Grant::Account),
            Principal::User { .. } | Principal::FederatedUser { .. } => {
                has(Grant::Account) && has(Grant::Direct)
            }
            Principal::RoleSession { .. } => has(Grant::Account) && has(Grant::Limited) && has(Grant::Direct),
            Principal::WebIdentity { .. } | Principal::Service { .. } => has(Grant::Direct),
        }
    }
}

impl Entry {
    fn compile(kind: PrincipalKind, text: &Text, ids: &dyn Fn(&str) -> Option<String>) -> Entry {
        let value = text.value.as_str();
        match kind {
            PrincipalKind::Aws => Entry::aws(value, ids),
            PrincipalKind::Federated => Entry::Federated(value.into()),
            PrincipalKind::Service => Entry::Service(value.into()),
            PrincipalKind::CanonicalUser => Entry::Nobody,
        }
    }

    fn aws(value: &str, ids: &dyn Fn(&str) -> Option<String>) -> Entry {
        if value == "*" {
            return Entry::Everyone;
        }
        if value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit()) {
            return Entry::Account(value.into());
        }
        let Some(arn) = Arn::parse(value) else {
            let is_id = value.starts_with("AIDA") || value.starts_with("AROA");
            return if is_id { Entry::UniqueId(value.into()) } else { Entry::Nobody };
        };
        let (partition, account) = (arn.partition.into(), arn.account.into());
        match arn.principal() {
            Some(PrincipalArn::Account) => Entry::Account(arn.account.into()),
            Some(PrincipalArn::Role(name)) => match ids(value) {
                Some(id) => Entry::UniqueId(id.into()),
                None => Entry::Role { partition, account, name: name.into() },
            },
            Some(PrincipalArn::User(name)) => match ids(value) {
                Some(id) => Entry::UniqueId(id.into()),
                None => Entry::User { partition, account, name: name.into() },
            },
            Some(PrincipalArn::Session) => Entry::Session(value.into()),
            Some(PrincipalArn::FederatedUser) => Entry::FederatedUser(value.into()),
            None => Entry::Nobody,
        }
    }

    fn grant(&self, principal: &Principal) -> Option<Grant> {
        let granted = |matches: bool, grant| matches.then_some(grant);
        match (self, principal) {
            (Entry::Everyone, _) => Some(Grant::Direct),
            (Entry::Account(account), _) => granted(principal.account() == Some(&**account), Grant::Account),
            (Entry::Role { partition, account, name }, Principal::RoleSession { role_arn, .. }) => granted(
                entity(role_arn) == Some((&**partition, &**account, PrincipalArn::Role(name))),
                Grant::Limited,
            ),
            (Entry::User { partition, account, name }, Principal::User { arn, .. }) => granted(
                entity(arn) == Some((&**partition, &**account, PrincipalArn::User(name))),
                Grant::Direct,
            ),
            (
                Entry::User { partition, account, name },
                Principal::FederatedUser { user_arn: Some(arn), .. },
            ) => granted(
                entity(arn) == Some((&**partition, &**account, PrincipalArn::User(name))),
                Grant::Limited,
            ),
            (Entry::UniqueId(id), Principal::User { id: found, .. }) => {
                granted(**id == **found, Grant::Direct)
            }
            (Entry::UniqueId(id), Principal::RoleSession { role_id: found, .. })
            | (Entry::UniqueId(id), Principal::FederatedUser { user_id: Some(found), .. }) => {
                granted(**id == **found, Grant::Limited)
            }
            (Entry::Session(arn), Principal::RoleSession { session_arn: found, .. })
            | (Entry::FederatedUser(arn), Principal::FederatedUser { arn: found, .. }) => {
                granted(**arn == **found, Grant::Direct)
            }
            (Entry::Service(name), Principal::Service { name: found }) => {
                granted(**name == **found, Grant::Direct)
            }
            (Entry::Federated(name), Principal::WebIdentity { provider_arn }) => {
                granted(**name == **provider_arn, Grant::Direct)
            }
            _ => None,
        }
    }
}

fn entity(arn: &str) -> Option<(&str, &str, PrincipalArn<'_>)> {
    let arn = Arn::parse(arn)?;
    Some((arn.partition, arn.account, arn.principal()?))
}
