//! The rules of role trust policies: who gets in by a token of a cluster, and who was meant to.
//!
//! Every statement that trusts a federated principal is a [`Door`]: its providers, and the claims that its conditions
//! compare. The rules are grouped by what they look at.

mod action;
mod around;
mod audience;
mod between;
mod comparison;
mod key;
mod principal;
mod subject;

use super::Surroundings;
use super::finding::Report;
use super::issuer::{Issuer, placeholders};
use super::reading::{Block, Document, Element, Entry, Reading, Statement};
use crate::arn::Arn;
use crate::claim::{self, ClaimKey};
use crate::condition::{Family, Operator};
use crate::document::{PrincipalKind, Text};
use crate::pattern::{Pattern, Syntax};
use crate::request::Context;

/// Adds the findings of a trust policy.
pub(super) fn rules(reading: &Reading<'_>, around: &Surroundings, report: &mut Report) {
    let doors = reading.document.statements.iter().filter_map(Door::of).collect();
    let trust =
        Trust { text: reading.text, plain: reading.plain, document: &reading.document, doors, around };
    principal::rules(&trust, report);
    action::rules(&trust, report);
    key::rules(&trust, report);
    comparison::rules(&trust, report);
    subject::rules(&trust, report);
    audience::rules(&trust, report);
    between::rules(&trust, report);
    around::rules(&trust, report);
}

/// A trust policy as the rules see it.
struct Trust<'a> {
    text: &'a str,
    /// The text without comments.
    plain: &'a str,
    document: &'a Document,
    doors: Vec<Door<'a>>,
    around: &'a Surroundings,
}

impl<'a> Trust<'a> {
    /// The statements by which tokens become sessions.
    fn open_doors(&self) -> impl Iterator<Item = &Door<'a>> {
        self.doors.iter().filter(|door| door.statement.allows() && door.opens())
    }
}

/// A statement that speaks to federated principals.
struct Door<'a> {
    statement: &'a Statement,
    providers: Vec<Provider<'a>>,
    claims: Vec<Claim<'a>>,
}

impl<'a> Door<'a> {
    fn of(statement: &'a Statement) -> Option<Door<'a>> {
        let entries = statement.principal.iter().flat_map(|principal| &principal.entries);
        let providers: Vec<Provider<'a>> = entries
            .filter(|entry| entry.kind == PrincipalKind::Federated)
            .map(|entry| Provider::of(&entry.text))
            .collect();
        if providers.is_empty() {
            return None;
        }
        let claims =
            statement.entries().filter_map(|(block, entry)| Claim::of(block, entry, &providers)).collect();
        Some(Door { statement, providers, claims })
    }

    /// The OIDC providers, in the order of writing. What is to be filled in is one where the statement is about tokens.
    fn oidc(&self) -> impl Iterator<Item = &Provider<'a>> {
        self.providers.iter().filter(|provider| match provider.kind {
            Federated::Oidc => true,
            Federated::Unfilled => self.takes_tokens(),
            Federated::Saml | Federated::BuiltIn | Federated::Malformed => false,
        })
    }

    fn takes_tokens(&self) -> bool {
        let is_web_identity = |text: &Text| text.value.eq_ignore_ascii_case("sts:AssumeRoleWithWebIdentity");
        !self.claims.is_empty()
            || self.statement.action.iter().flat_map(|action| action.values.iter()).any(is_web_identity)
    }

    /// The door's provider, when it is one alone and its issuer is known.
    fn only_provider(&self) -> Option<&Provider<'a>> {
        match self.providers.as_slice() {
            [provider] if provider.kind == Federated::Oidc => Some(provider),
            _ => None,
        }
    }

    /// The door's OIDC provider, when it is one alone, and the issuer as its condition keys begin; `None` for that where
    /// nothing names it.
    fn only_issuer(&self) -> Option<(&Provider<'a>, Option<&str>)> {
        let provider = self.oidc().next().filter(|_| self.providers.len() == 1)?;
        let issuer = match provider.kind {
            Federated::Oidc => Some(provider.issuer.as_str()),
            _ => self.claims.first().map(|claim| claim.issuer),
        };
        Some((provider, issuer))
    }

    /// Whether the statement lets someone have a session: tagging it alone does not.
    fn opens(&self) -> bool {
        let is_opening = |text: &Text| {
            let action = pattern(&text.value.to_ascii_lowercase());
            ["sts:assumerole", "sts:assumerolewithwebidentity", "sts:assumerolewithsaml"]
                .iter()
                .any(|opening| action.matches(opening, Context::EMPTY))
        };
        let action: Option<&Element> = self.statement.action.as_ref();
        self.statement.not_action.is_some()
            || action.is_some_and(|action| action.values.iter().any(is_opening))
    }

    /// The claims that are, or are meant to be, compared with `claim`.
    fn claims(&self, claim: &str) -> impl Iterator<Item = &Claim<'a>> {
        self.claims.iter().filter(move |found| found.meant() == claim)
    }

    /// Whether a provider is a placeholder still: T015 names all that has to be filled in.
    fn is_unfilled(&self) -> bool {
        self.oidc().any(|provider| !placeholders(provider.url).is_empty())
    }

    /// Whether any condition is about the claim.
    fn mentions(&self, claim: &str) -> bool {
        self.claims.iter().any(|found| {
            (found.name == claim || found.meant() == claim) && found.operator.family != Family::Null
        })
    }

    /// Whether the claim must be there and be compared well, so that a weaker condition beside it does no harm.
    fn pins(&self, key: &str) -> bool {
        self.claims.iter().any(|claim| claim.entry.key.value.eq_ignore_ascii_case(key) && claim.is_plain())
    }

    /// Whether the same key also stands under the other of StringEquals and StringLike.
    fn is_torn(&self, claim: &Claim<'_>) -> bool {
        let key = &claim.entry.key.value;
        let is = |family| {
            self.claims.iter().any(|other| {
                other.is_plain()
                    && other.operator.family == family
                    && other.entry.key.value.eq_ignore_ascii_case(key)
            })
        };
        is(Family::StringEquals) && is(Family::StringLike)
    }

    /// The provider that gives the claim.
    fn provider_of(&self, claim: &Claim<'_>) -> Option<&Provider<'a>> {
        self.providers.iter().find(|provider| provider.issuer.eq_ignore_ascii_case(&claim.bare_issuer()))
    }

    /// The issuer whose tokens the claim is about, as the statement means it.
    fn issuer_of<'b>(&'b self, claim: &'b Claim<'a>) -> Issuer<'b> {
        match self.provider_of(claim).or_else(|| self.only_provider()) {
            Some(provider) => Issuer(&provider.issuer),
            None => Issuer(claim.issuer),
        }
    }
}

/// What a value under `Federated` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Federated {
    Oidc,
    Saml,
    /// One of the providers that need no registration.
    BuiltIn,
    /// A placeholder in place of an ARN.
    Unfilled,
    Malformed,
}

/// A value under `Federated`.
struct Provider<'a> {
    text: &'a Text,
    kind: Federated,
    arn: Option<Arn<'a>>,
    /// What stands after `oidc-provider/`.
    url: &'a str,
    /// Host and path as they should be written.
    issuer: String,
}

/// The hosts that IAM knows without registration (IAM User Guide, "Principal", web identity sessions).
const BUILT_IN: &[&str] = &["accounts.google.com", "www.amazon.com", "graph.facebook.com"];

impl<'a> Provider<'a> {
    fn of(text: &'a Text) -> Provider<'a> {
        let value = text.value.as_str();
        let arn = Arn::parse(value).filter(|arn| arn.service == "iam" && arn.region.is_empty());
        let (kind, url) = match arn.and_then(|arn| arn.resource.split_once('/')) {
            Some(("oidc-provider", url)) if !url.is_empty() => (Federated::Oidc, url),
            Some(("saml-provider", name)) if !name.is_empty() => (Federated::Saml, name),
            _ if BUILT_IN.contains(&value) || value.starts_with("cognito-identity") => {
                (Federated::BuiltIn, value)
            }
            _ if !placeholders(value).is_empty() => (Federated::Unfilled, value),
            _ => (Federated::Malformed, value),
        };
        Provider { text, kind, arn, url, issuer: canonical(url) }
    }

    /// Whether its ARN has a mistake of form, so that looking it up is in vain.
    fn is_flawed(&self) -> bool {
        self.issuer != self.url
            || !placeholders(&self.text.value).is_empty()
            || Issuer(&self.issuer).lacks_eks_id()
            || self.arn.is_none_or(|arn| !is_account(arn.account))
    }
}

/// Host and path of a provider as they should be written, as far as that can be told.
fn canonical(url: &str) -> String {
    let bare = claim::strip_scheme(url);
    let issuer = Issuer(bare).eks_repair().unwrap_or_else(|| bare.to_owned());
    if Issuer(&issuer).is_eks() { issuer.trim_end_matches('/').to_owned() } else { issuer }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A condition on a claim.
struct Claim<'a> {
    block: &'a Block,
    entry: &'a Entry,
    operator: Operator,
    /// The key's issuer as written.
    issuer: &'a str,
    /// The claim in lower case.
    name: String,
}

impl<'a> Claim<'a> {
    fn of(block: &'a Block, entry: &'a Entry, providers: &[Provider<'_>]) -> Option<Claim<'a>> {
        let operator = block.parsed?;
        let key = entry.key.value.as_str();
        let known = providers.iter().find_map(|provider| {
            let start = key.get(..provider.url.len())?;
            let claim = key.get(provider.url.len()..)?.strip_prefix(':')?;
            (!start.is_empty() && start.eq_ignore_ascii_case(provider.url))
                .then_some(ClaimKey { issuer: start, claim })
        });
        let unfilled = || {
            let (issuer, claim) = key.rsplit_once(':')?;
            (!placeholders(issuer).is_empty()).then_some(ClaimKey { issuer, claim })
        };
        let ClaimKey { issuer, claim } = known.or_else(|| ClaimKey::parse(key)).or_else(unfilled)?;
        Some(Claim { block, entry, operator, issuer, name: claim.to_ascii_lowercase() })
    }

    /// The issuer without scheme and without what belongs to an ARN.
    fn bare_issuer(&self) -> String {
        let name = match self.issuer.split_once(":oidc-provider/") {
            Some((arn, name)) if arn.starts_with("arn:") => name,
            _ => self.issuer,
        };
        claim::strip_scheme(name).to_owned()
    }

    fn path(&self, statement: &Statement) -> String {
        statement.path(&format!("Condition.{}.{}", self.block.operator.value, self.entry.key.value))
    }

    /// The claim that the values belong to, when they cannot belong to the one that is written.
    fn misplaced(&self) -> Option<&'static str> {
        let values = &self.entry.values;
        match self.name.as_str() {
            "aud" if values.iter().any(|text| claim::is_subject(&text.value)) => Some("sub"),
            "sub"
                if !values.items.is_empty()
                    && values.iter().all(|text| claim::is_sts_audience(&text.value)) =>
            {
                Some("aud")
            }
            _ => None,
        }
    }

    /// The claim that is meant.
    fn meant(&self) -> &str {
        self.misplaced().unwrap_or(&self.name)
    }

    /// Whether the claim is compared as a string.
    fn is_text(&self) -> bool {
        matches!(
            self.operator.family,
            Family::StringEquals | Family::StringEqualsIgnoreCase | Family::StringLike
        )
    }

    /// A string comparison that fails when the claim is missing.
    fn is_plain(&self) -> bool {
        let Operator { set, negated, if_exists, .. } = self.operator;
        set.is_none() && !negated && !if_exists && self.is_text()
    }

    /// Whether `*` and `?` have a meaning in the values.
    fn has_wildcards(&self) -> bool {
        self.operator.family == Family::StringLike
    }
}

/// A pattern as StringLike compares it.
fn pattern(value: &str) -> Pattern {
    Pattern::compile(value, Syntax { wildcards: true, variables: false })
}

/// Whether a value of a condition lets `found` pass.
fn lets_pass(value: &str, found: &str, wildcards: bool) -> bool {
    if wildcards { pattern(value).matches(found, Context::EMPTY) } else { value == found }
}
