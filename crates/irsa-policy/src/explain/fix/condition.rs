//! Advice for one condition that does not hold.

use super::super::{ConditionTrace, Reason};
use super::Advice;
use crate::request::Context;

const SUBJECT: &str = "system:serviceaccount:";

pub(super) fn advice(failed: &ConditionTrace, context: &Context) -> Option<Advice> {
    let ConditionTrace { key, operator, .. } = failed;
    let wanted: Vec<&str> = failed.wanted.iter().map(|wanted| wanted.value.as_str()).collect();
    if let Some(issuer) = strip_claim(key, ":aud")
        && wanted.iter().any(|value| value.starts_with(SUBJECT))
    {
        let text = format!("the key `{key}` is compared with a subject pattern; use `{issuer}:sub`");
        return Some(Advice::coded("IRSA-T004", text));
    }
    if let Some(issuer) = strip_claim(key, ":sub")
        && wanted.iter().all(|value| value.ends_with(".amazonaws.com"))
        && !wanted.is_empty()
    {
        let text = format!("the key `{key}` is compared with an audience; use `{issuer}:aud`");
        return Some(Advice::coded("IRSA-T004", text));
    }
    let found = failed.found.as_deref().unwrap_or_default().join(", ");
    let text = match failed.reason? {
        Reason::MissingKey => return Some(missing(key, context)),
        Reason::WildcardInEquals => {
            let like = operator.replace("EqualsIgnoreCase", "Like").replace("Equals", "Like");
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
    let bare = strip_scheme(key);
    if bare.len() < key.len() {
        return Advice::coded("IRSA-T016", format!("condition keys have no https://; write `{bare}`"));
    }
    let present = || {
        context.iter().filter_map(|(name, _)| name.rsplit_once(':')).filter(|(issuer, _)| is_issuer(issuer))
    };
    let Some((issuer, claim)) = key.rsplit_once(':').filter(|(issuer, _)| is_issuer(issuer)) else {
        return format!("the request has no key `{key}`").into();
    };
    let same = |issuer: &str, other: &str| issuer.eq_ignore_ascii_case(other);
    if present().any(|(known, _)| same(known, issuer)) {
        let text =
            format!("tokens of {issuer} give no key `{key}`; there are :sub, :aud, :oaud, :amr and :email");
        return Advice::coded("IRSA-T018", text);
    }
    match present().next() {
        Some((known, _)) => Advice::coded(
            "IRSA-T015",
            format!(
                "the key `{key}` is absent because the token's issuer is {known}, not {issuer}; write `{known}:{claim}`"
            ),
        ),
        None => format!("the request has no key `{key}`").into(),
    }
}

/// Whether the part before a key's last colon is a provider's name rather than a service's prefix.
fn is_issuer(prefix: &str) -> bool {
    prefix.contains('.') || prefix.contains('/')
}

fn strip_claim<'a>(key: &'a str, claim: &str) -> Option<&'a str> {
    let at = key.len().checked_sub(claim.len())?;
    let (issuer, end) = key.split_at_checked(at)?;
    end.eq_ignore_ascii_case(claim).then_some(issuer).filter(|issuer| is_issuer(issuer))
}

fn strip_scheme(key: &str) -> &str {
    key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key)
}
