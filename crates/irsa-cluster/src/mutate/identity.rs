//! Which identity a pod has: that of EKS Pod Identity before a role, the ServiceAccount's own role before the ConfigMap's.

use std::borrow::Cow;

use super::chain::Chain;
use super::facts::ServiceAccountFacts;
use super::settings::Settings;
use super::warning::Warning;
use super::{Account, Rules};
use crate::annotations::is_role_arn;

/// Where a pod's credentials come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// From STS, for the token.
    StsWebIdentity,
    /// From the agent of EKS Pod Identity.
    ContainerCredentials,
}

impl Method {
    /// Its name in amazon-eks-pod-identity-webhook's metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StsWebIdentity => "sts_web_identity",
            Self::ContainerCredentials => "container_credentials",
        }
    }
}

/// Why a pod does not get the role that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The namespace is not among those that may use the role.
    #[error(
        "the namespace `{namespace}` may not use the role `{role_arn}`: the webhook's list of allowed roles does not name it"
    )]
    RoleNotAllowed {
        /// The pod's namespace.
        namespace: String,
        /// The role, or the role that is to be assumed with it.
        role_arn: String,
    },
    /// A value has a line break or another control character, which the AWS config file cannot hold.
    #[error("the annotation `{0}` has a control character")]
    Unwritable(String),
}

/// A pod's identity.
pub(super) struct Identity<'a> {
    /// None is that of EKS Pod Identity.
    pub(super) role_arn: Option<Cow<'a, str>>,
    /// Who says how the token is to be.
    pub(super) facts: Option<&'a ServiceAccountFacts>,
}

impl<'a> Identity<'a> {
    pub(super) fn of(account: &Account<'a>, rules: &Rules<'a>) -> Option<Self> {
        let mapped = || rules.mapping.and_then(|mapping| mapping.find(account.namespace, account.name));
        if rules.identities.is_some_and(|identities| identities.contains(account.namespace, account.name)) {
            return Some(Self { role_arn: None, facts: account.facts.or_else(mapped) });
        }
        let facts = account.facts.filter(|facts| facts.role_arn.is_some()).or_else(mapped)?;
        let role = facts.role_arn.as_deref()?;
        let composed = rules.settings.compose_role_arn.as_ref().and_then(|home| home.arn(role));
        Some(Self { role_arn: Some(composed.map_or(Cow::Borrowed(role), Cow::Owned)), facts: Some(facts) })
    }

    pub(super) fn audience<'s>(&'s self, settings: &'s Settings) -> &'s str {
        if self.role_arn.is_none() {
            return &settings.container_credentials.audience;
        }
        self.facts.and_then(|facts| facts.audience.as_deref()).unwrap_or(&settings.audience)
    }

    /// Whether the namespace may use the roles, and whether they are any.
    pub(super) fn check(
        &self,
        namespace: &str,
        chain: Option<&Chain<'_>>,
        settings: &Settings,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), Refusal> {
        let target = chain.map(|chain| chain.target_role_arn);
        for role_arn in self.role_arn.as_deref().into_iter().chain(target) {
            let allowed = settings.allowed_roles.as_ref();
            if allowed.is_some_and(|allowed| !allowed.allows(namespace, role_arn)) {
                let role_arn = role_arn.to_owned();
                return Err(Refusal::RoleNotAllowed { namespace: namespace.to_owned(), role_arn });
            }
            if !is_role_arn(role_arn) {
                warnings.push(Warning::MalformedRoleArn(role_arn.to_owned()));
            }
        }
        Ok(())
    }

    pub(super) fn into_role_arn(self) -> Option<String> {
        self.role_arn.map(Cow::into_owned)
    }
}
