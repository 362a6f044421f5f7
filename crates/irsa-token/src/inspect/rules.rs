//! What can be odd about a token, a rule a function.

use serde_json::Value;

use super::{Inspection, Observation, Weight};
use crate::claims::MAX_AGE_SECONDS;
use crate::discovery::provider_name;
use crate::jwk::Algorithm;

/// What the EKS webhook asks for, and STS' clients are registered with.
const STS_AUDIENCE: &str = "sts.amazonaws.com";
/// The issuer of the tokens in Secrets of before Kubernetes 1.24.
const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

type Rule = fn(&Inspection, i64) -> Option<Observation>;

const RULES: &[Rule] = &[
    subject_and_namespace,
    subject_and_service_account,
    algorithm,
    order_of_times,
    expired,
    not_yet_valid,
    too_old,
    issuer,
    audience,
    authorized_party,
    unbound,
];

pub(super) fn observe(token: &Inspection, has_signature: bool, now: i64) -> Vec<Observation> {
    let unsigned = (!has_signature).then(|| {
        note("IRSA-T072", Weight::Refused, "the token has no signature: nobody vouches for it".to_owned())
    });
    RULES.iter().filter_map(|rule| rule(token, now)).chain(unsigned).collect()
}

fn note(code: &'static str, weight: Weight, message: String) -> Observation {
    Observation { code, weight, message }
}

fn subject_and_namespace(token: &Inspection, _now: i64) -> Option<Observation> {
    let (namespace, _) = token.service_account()?;
    let stated = token.kubernetes(&["namespace"]).filter(|stated| *stated != namespace)?;
    let message = format!(
        "the subject is of the namespace `{namespace}`, but `kubernetes.io` says `{stated}`: the API server writes both from one object. STS goes by the subject"
    );
    Some(note("IRSA-T070", Weight::Impossible, message))
}

fn subject_and_service_account(token: &Inspection, _now: i64) -> Option<Observation> {
    let (_, name) = token.service_account()?;
    let stated = token.kubernetes(&["serviceaccount", "name"]).filter(|stated| *stated != name)?;
    let message = format!("the subject is the ServiceAccount `{name}`, but `kubernetes.io` says `{stated}`");
    Some(note("IRSA-T071", Weight::Impossible, message))
}

fn algorithm(token: &Inspection, _now: i64) -> Option<Observation> {
    let name = token.header.get("alg").and_then(Value::as_str).unwrap_or("none");
    if Algorithm::from_name(name).is_some() {
        return None;
    }
    let message =
        format!("the algorithm is `{name}`, and STS takes RS256, RS384, RS512, ES256, ES384 and ES512 only");
    Some(note("IRSA-T072", Weight::Refused, message))
}

fn order_of_times(token: &Inspection, _now: i64) -> Option<Observation> {
    let expires = token.time("exp")?;
    let (name, from) = ["iat", "nbf"]
        .into_iter()
        .filter_map(|name| token.time(name).map(|time| (name, time)))
        .find(|(_, time)| *time >= expires)?;
    let message = format!("the token expires ({expires}) no later than its `{name}` ({from})");
    Some(note("IRSA-T073", Weight::Impossible, message))
}

fn expired(token: &Inspection, now: i64) -> Option<Observation> {
    let expires = token.time("exp").filter(|expires| *expires <= now)?;
    let message = format!("the token expired {} ago", duration(now - expires));
    Some(note("IRSA-T062", Weight::Refused, message))
}

fn not_yet_valid(token: &Inspection, now: i64) -> Option<Observation> {
    let from = token.time("nbf").max(token.time("iat")).filter(|from| *from > now)?;
    let message = format!("the token is valid in {} only: compare the clocks", duration(from - now));
    Some(note("IRSA-T062", Weight::Refused, message))
}

fn too_old(token: &Inspection, now: i64) -> Option<Observation> {
    let age = now - token.time("iat")?;
    let is_valid = token.time("exp").is_none_or(|expires| expires > now);
    (is_valid && age > MAX_AGE_SECONDS).then(|| {
        let message = format!(
            "the token is {} old, and STS takes none that is older than a day, whatever its `exp`: read the file again, the kubelet replaces it",
            duration(age)
        );
        note("IRSA-T062", Weight::Refused, message)
    })
}

fn issuer(token: &Inspection, _now: i64) -> Option<Observation> {
    let issuer = token.text("iss").unwrap_or_default();
    let message = if issuer == LEGACY_ISSUER {
        "this is the token of a Secret, of before Kubernetes 1.24: it has no audience and never expires, and STS does not take it; use a projected token".to_owned()
    } else {
        let error = provider_name(issuer).err()?;
        format!("the issuer `{issuer}` can be no provider in IAM: {error}")
    };
    Some(note("IRSA-T076", Weight::Refused, message))
}

fn audience(token: &Inspection, _now: i64) -> Option<Observation> {
    let audiences = token.audiences();
    if audiences.contains(&STS_AUDIENCE) {
        return (audiences.len() > 1).then(|| {
            let message = format!(
                "the token has {} audiences ({}): `:aud` has several values then, and StringEquals matches none of them",
                audiences.len(),
                audiences.join(", ")
            );
            note("IRSA-T077", Weight::Note, message)
        });
    }
    let message = format!(
        "the audience is {}, not `{STS_AUDIENCE}`: the provider must list it as a client id, and the trust policy allow it",
        if audiences.is_empty() { "missing".to_owned() } else { format!("`{}`", audiences.join("`, `")) }
    );
    Some(note("IRSA-T077", Weight::Note, message))
}

fn authorized_party(token: &Inspection, _now: i64) -> Option<Observation> {
    let party = token.text("azp")?;
    let message = format!("the token has `azp`: the condition key `:aud` is `{party}`, not its `aud`");
    Some(note("IRSA-T078", Weight::Note, message))
}

fn unbound(token: &Inspection, _now: i64) -> Option<Observation> {
    let is_bound = token.claims.get("kubernetes.io").is_none_or(|claim| claim.get("pod").is_some());
    (!is_bound).then(|| {
        let message = "the token is bound to no pod: it stays valid until it expires, whatever happens to whoever asked for it".to_owned();
        note("IRSA-T079", Weight::Note, message)
    })
}

/// Two units at most: `3 h 5 min`.
fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
