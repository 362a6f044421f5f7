//! Advice for one condition that does not hold.

use super::super::{ConditionTrace, Reason};
use super::Advice;
use crate::claim::{self, ClaimKey, LISTED_CLAIMS};
use crate::request::Context;

pub(super) fn advice(failed: &ConditionTrace, context: &Context) -> Option<Advice> {
    let ConditionTrace { key, operator, .. } = failed;
    let wanted: Vec<&str> = failed.wanted.iter().map(|wanted| wanted.value.as_str()).collect();
    if let Some(parsed) = ClaimKey::parse(key) {
        let issuer = parsed.issuer;
        if parsed.is("aud") && wanted.iter().any(|value| claim::is_subject(value)) {
            let text = format!("the key `{key}` is compared with a subject pattern; use `{issuer}:sub`");
            return Some(Advice::coded("IRSA-T004", text));
        }
        if parsed.is("sub") && !wanted.is_empty() && wanted.iter().all(|value| claim::is_sts_audience(value))
        {
            let text = format!("the key `{key}` is compared with an audience; use `{issuer}:aud`");
            return Some(Advice::coded("IRSA-T004", text));
        }
    }
    let found = failed.found.as_deref().unwrap_or_default().join(", ");
    let text = match failed.reason? {
        Reason::MissingKey => return Some(missing(key, context)),
        Reason::WildcardInEquals => {
            let like = claim::with_wildcards(operator);
            let text = format!(
                "`*` and `?` are plain characters in {operator}; use {like} (the request has `{found}`)"
            );
            return Some(Advice::coded("IRSA-T005", text));
        }
        Reason::SeveralValues => {
            format!(
                "`{key}` has several values ({found}), which {operator} never matches; use ForAnyValue:{operator}"
            )
        }
        Reason::UnknownOperator => format!("there is no condition operator {operator}"),
        Reason::UnresolvedVariable => {
            format!("a variable in {} has no value in this request", wanted.join(", "))
        }
        Reason::BadType => format!("{operator} cannot compare `{found}` with {}", wanted.join(", ")),
        Reason::NotEqual => format!("`{key}` is `{found}`, but the statement wants {}", wanted.join(" or ")),
        Reason::Excluded => format!("`{key}` is `{found}`, which the statement excludes with {operator}"),
        Reason::Presence => {
            let state = if failed.found.is_some() { "present" } else { "absent" };
            format!("`{key}` is {state}, and the statement wants the contrary")
        }
    };
    Some(text.into())
}

/// The usual reason for an absent claim is a key that names another issuer than the token's.
fn missing(key: &str, context: &Context) -> Advice {
    let bare = claim::strip_scheme(key);
    if bare.len() < key.len() {
        return Advice::coded("IRSA-T016", format!("condition keys have no https://; write `{bare}`"));
    }
    let present = || context.iter().filter_map(|(name, _)| ClaimKey::parse(name)).map(|known| known.issuer);
    let Some(ClaimKey { issuer, claim }) = ClaimKey::parse(key) else {
        return format!("the request has no key `{key}`").into();
    };
    if present().any(|known| known.eq_ignore_ascii_case(issuer)) {
        let text = format!("tokens of {issuer} give no key `{key}`; there are {LISTED_CLAIMS}");
        return Advice::coded("IRSA-T018", text);
    }
    match present().next() {
        Some(known) => Advice::coded(
            "IRSA-T015",
            format!(
                "the key `{key}` is absent because the token's issuer is {known}, not {issuer}; write `{known}:{claim}`"
            ),
        ),
        None => format!("the request has no key `{key}`").into(),
    }
}
