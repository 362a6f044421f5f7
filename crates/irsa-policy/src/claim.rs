//! The condition keys that a token's claims become: `HOST/PATH:claim`.
//!
//! Source: IAM User Guide, "AWS global and IAM condition context keys", keys for OIDC federation. Of a provider without a
//! mapping of its own (EKS, and every self-hosted issuer) only five claims become keys.

/// The subject of a ServiceAccount's token starts so (Kubernetes, "ServiceAccount token volume projection").
pub(crate) const SUBJECT: &str = "system:serviceaccount:";

/// The claims that become condition keys.
pub(crate) const CLAIMS: &[&str] = &["sub", "aud", "oaud", "amr", "email"];
/// As reasons list them.
pub(crate) const LISTED_CLAIMS: &str = ":sub, :aud, :oaud, :amr and :email";

/// A key split into issuer and claim, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClaimKey<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) claim: &'a str,
}

impl<'a> ClaimKey<'a> {
    /// Splits a key; `None` when the part before its last colon is a service's prefix, such as `aws`, and no issuer.
    pub(crate) fn parse(key: &'a str) -> Option<ClaimKey<'a>> {
        let (issuer, claim) = key.rsplit_once(':')?;
        is_issuer(issuer).then_some(ClaimKey { issuer, claim })
    }

    /// Whether the claim is this one; condition keys ignore case.
    pub(crate) fn is(&self, claim: &str) -> bool {
        self.claim.eq_ignore_ascii_case(claim)
    }
}

/// Whether a key's prefix names a provider: a URL, an ARN, a host with dots, or any host with a port.
pub(crate) fn is_issuer(prefix: &str) -> bool {
    let (first, rest) = prefix.split_once(':').unwrap_or((prefix, ""));
    let port = rest.split('/').next().unwrap_or_default();
    ["http", "https", "arn"].iter().any(|scheme| first.eq_ignore_ascii_case(scheme))
        || first.contains(['.', '/'])
        || (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A key or URL without `https://` or `http://`.
pub(crate) fn strip_scheme(text: &str) -> &str {
    let is_scheme =
        |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    match ["https://", "http://"].into_iter().find(|scheme| is_scheme(scheme)) {
        Some(scheme) => text.get(scheme.len()..).unwrap_or_default(),
        None => text,
    }
}

/// Whether a value is a ServiceAccount's subject, or a pattern of such.
pub(crate) fn is_subject(value: &str) -> bool {
    value.starts_with(SUBJECT)
}

/// Whether a value is an audience of STS, such as `sts.amazonaws.com`.
pub(crate) fn is_sts_audience(value: &str) -> bool {
    value.ends_with(".amazonaws.com") || value.ends_with(".amazonaws.com.cn")
}

/// Whether text holds a wildcard; `${*}` and `${?}` are literal characters.
pub(crate) fn has_wildcard(value: &str) -> bool {
    wildcard(value).is_some()
}

/// Where the first wildcard stands.
pub(crate) fn wildcard(value: &str) -> Option<usize> {
    value.match_indices(['*', '?']).map(|(at, _)| at).find(|at| {
        !value.get(..*at).is_some_and(|before| before.ends_with("${"))
            || !value.get(at + 1..).is_some_and(|after| after.starts_with('}'))
    })
}

/// The name of the operator that compares the same with wildcards, such as StringLike for StringEquals.
pub(crate) fn with_wildcards(operator: &str) -> String {
    operator.replace("EqualsIgnoreCase", "Like").replace("Equals", "Like")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_services_are_no_claims() {
        for (key, expected) in [
            ("oidc.example.com/id/A:sub", Some(("oidc.example.com/id/A", "sub"))),
            ("https://oidc.example.com/id/A:aud", Some(("https://oidc.example.com/id/A", "aud"))),
            ("127.0.0.1:4567/id/A:sub", Some(("127.0.0.1:4567/id/A", "sub"))),
            ("localhost:4567/id/A:sub", Some(("localhost:4567/id/A", "sub"))),
            ("localhost:4567:aud", Some(("localhost:4567", "aud"))),
            ("issuer/id/A:sub", Some(("issuer/id/A", "sub"))),
            (
                "arn:aws:iam::111122223333:oidc-provider/h:sub",
                Some(("arn:aws:iam::111122223333:oidc-provider/h", "sub")),
            ),
            ("aws:SourceIp", None),
            ("aws:RequestTag/kubernetes.io/name", None),
            ("aws:RequestTag/kubernetes.io:name", None),
            ("SAML:aud", None),
            ("sub", None),
        ] {
            let found = ClaimKey::parse(key).map(|key| (key.issuer, key.claim));
            assert_eq!(found, expected, "{key}");
        }
    }

    #[test]
    fn literal_stars_are_no_wildcards() {
        for (value, expected) in [
            ("a*", Some(1)),
            ("${*}", None),
            ("a${*}?", Some(5)),
            ("${*", Some(2)),
            ("é*", Some(2)),
            ("", None),
        ] {
            assert_eq!(wildcard(value), expected, "{value}");
        }
    }
}
