//! What the pod identity webhook does to a pod: a JSON patch that gives its containers the token and the environment from
//! which AWS SDKs find their role.
//!
//! A pure function, and additive: it adds environment entries, mounts, a volume, annotations and a label at their places, and
//! never writes a container anew, so that fields which nobody here knows survive. Rules and their order are those of
//! amazon-eks-pod-identity-webhook (`pkg/handler/handler.go`); `docs/webhook-differences.md` lists where it is another.

mod allow_list;
mod chain;
mod containers;
mod facts;
mod glob;
mod identities;
mod identity;
mod mapping;
mod patch;
mod pod;
mod settings;
#[cfg(test)]
mod tests;
mod volume;
mod warning;

use crate::annotations::TOKEN_EXPIRATION;

pub use allow_list::AllowedRoles;
pub use facts::ServiceAccountFacts;
pub use identities::Identities;
pub use identity::{Method, Refusal};
pub use mapping::{Mapping, MappingEntry, MappingFault, MappingProblem};
pub use patch::Patch;
pub use pod::{MalformedPod, Pod};
pub use settings::{ContainerCredentials, Endpoints, RoleHome, Settings};
pub use warning::{Annotated, Warning};

use chain::Chain;
use containers::{Additions, Chosen};
use identity::Identity;
use volume::TokenVolume;

/// The name of the volume that carries the token.
pub const VOLUME: &str = "aws-iam-token";
/// The token's file in that volume.
pub const TOKEN_FILE: &str = "token";
/// The file of certificate authorities beside the token.
pub const CA_FILE: &str = "ca.pem";
/// The AWS config file beside the token.
pub const CONFIG_FILE: &str = "config";
/// Kubernetes refuses tokens that live shorter, in seconds.
const LEAST_EXPIRATION: i64 = 600;
/// The default life of tokens, which alone is spread for EKS Pod Identity.
const FULL_EXPIRATION: i64 = 86_400;
/// By at most so many seconds, so that not all pods of a rollout renew their tokens at once.
const MOST_JITTER: i64 = 7_200;

/// All that decides about pods, beside their ServiceAccounts.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// How the webhook is set up.
    pub settings: &'a Settings,
    /// Roles from the ConfigMap.
    pub mapping: Option<&'a Mapping>,
    /// The ServiceAccounts of EKS Pod Identity.
    pub identities: Option<&'a Identities>,
    /// Any number, another one for each pod: it spreads the lives of EKS Pod Identity's tokens.
    pub random: u64,
}

impl<'a> Rules<'a> {
    /// The settings alone.
    #[must_use]
    pub fn of(settings: &'a Settings) -> Self {
        Self { settings, mapping: None, identities: None, random: 0 }
    }
}

/// A pod's ServiceAccount.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The pod's namespace, which is also the ServiceAccount's.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it says; none where it is not known, and ConfigMap and Pod Identity decide alone.
    pub facts: Option<&'a ServiceAccountFacts>,
}

/// What is to be done to a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mutation {
    /// The patch; empty when the pod has no identity, or all that it needs.
    pub patch: Patch,
    /// Where its credentials come from; none when it has no identity.
    pub method: Option<Method>,
    /// The role of its token; none when it has no identity or that of EKS Pod Identity.
    pub role_arn: Option<String>,
    /// The token that the pod is to get; none when it has no identity.
    pub token: Option<Token>,
    /// What is odd about the pod and its ServiceAccount.
    pub warnings: Vec<Warning>,
}

/// A token as the pod's volume asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its audience.
    pub audience: String,
    /// Its life, in seconds.
    pub expiration_seconds: i64,
}

/// What to do to a pod of a ServiceAccount.
///
/// # Errors
/// [`Refusal`] when the pod may not have the role that is asked for. It is for the caller to decide whether it may run without.
pub fn mutate(pod: &Pod<'_>, account: &Account<'_>, rules: &Rules<'_>) -> Result<Mutation, Refusal> {
    let settings = rules.settings;
    let mut warnings = account.facts.map(|facts| facts.warnings.clone()).unwrap_or_default();
    warnings.extend(Warning::misspelled(pod.annotations(), &settings.annotation_prefix, Annotated::Pod));
    let Some(identity) = Identity::of(account, rules) else {
        return Ok(Mutation { warnings, ..Mutation::default() });
    };
    let chain = Chain::of(pod, account, &identity, settings)?;
    identity.check(account.namespace, chain.as_ref(), settings, &mut warnings)?;
    let token = Token {
        audience: identity.audience(settings).to_owned(),
        expiration_seconds: expiration(pod, &identity, rules, &mut warnings),
    };

    let mut patch = Patch::default();
    let volume = TokenVolume::of(pod, &identity, chain.as_ref(), settings, &mut warnings);
    volume.add_to(pod, &token, &mut patch);
    let chosen = Chosen::of(pod, &settings.annotation_prefix, &mut warnings);
    Additions::new(pod, &identity, &volume, settings).add_to(pod, &chosen, &mut patch, &mut warnings);

    let role_arn = identity.into_role_arn();
    let method = if role_arn.is_some() { Method::StsWebIdentity } else { Method::ContainerCredentials };
    Ok(Mutation { patch, method: Some(method), role_arn, token: Some(token), warnings })
}

/// The pod's annotation wins over the ServiceAccount's and that over the setting; what does not parse is as if absent.
fn expiration(pod: &Pod<'_>, identity: &Identity<'_>, rules: &Rules<'_>, warnings: &mut Vec<Warning>) -> i64 {
    let settings = rules.settings;
    let of_pod = pod.annotation(&settings.annotation_prefix, TOKEN_EXPIRATION).and_then(|text| {
        let seconds = text.parse().ok();
        if seconds.is_none() {
            let name = format!("{}/{TOKEN_EXPIRATION}", settings.annotation_prefix);
            warnings.push(Warning::IgnoredValue { name, value: text.to_owned(), on: Annotated::Pod });
        }
        seconds
    });
    let asked: Option<i64> = of_pod.or(identity.facts.and_then(|facts| facts.token_expiration));
    let seconds = match asked {
        Some(seconds) => seconds,
        None if identity.role_arn.is_none() && settings.token_expiration == FULL_EXPIRATION => {
            let spread = rules.random % MOST_JITTER.unsigned_abs().saturating_add(1);
            FULL_EXPIRATION - i64::try_from(spread).unwrap_or_default()
        }
        None => settings.token_expiration,
    };
    let seconds = settings.most_token_expiration.map_or(seconds, |most| seconds.min(most));
    seconds.max(LEAST_EXPIRATION)
}
