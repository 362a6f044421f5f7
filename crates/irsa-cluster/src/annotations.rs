//! The annotations that the pod identity webhook reads: their names, misspelled names, and what a role's ARN looks like.
//!
//! Names are those of amazon-eks-pod-identity-webhook's README, those that only this project reads come after.

/// The prefix of amazon-eks-pod-identity-webhook's annotations, before the slash.
pub const DEFAULT_PREFIX: &str = "eks.amazonaws.com";

/// On ServiceAccounts: the role.
pub const ROLE_ARN: &str = "role-arn";
/// On ServiceAccounts: the token's audience.
pub const AUDIENCE: &str = "audience";
/// On ServiceAccounts: whether STS is called in the region.
pub const STS_REGIONAL_ENDPOINTS: &str = "sts-regional-endpoints";
/// On ServiceAccounts and pods: the token's life in seconds.
pub const TOKEN_EXPIRATION: &str = "token-expiration";
/// On pods: one CSV record of the containers that get nothing.
pub const SKIP_CONTAINERS: &str = "skip-containers";
/// On pods: one CSV record of the only containers that get the identity.
pub const INCLUDE_CONTAINERS: &str = "include-containers";
/// On ServiceAccounts and pods: a role, mostly of another account, that the first role assumes.
pub const TARGET_ROLE_ARN: &str = "target-role-arn";
/// On ServiceAccounts and pods: the external ID that the target role asks for.
pub const EXTERNAL_ID: &str = "external-id";
/// On ServiceAccounts: whether the pod's name is the session's name.
pub const SESSION_NAME_FROM_POD: &str = "session-name-from-pod";
/// On pods, written by the webhook: certificate authorities in PEM.
pub const CA_BUNDLE: &str = "ca-bundle";
/// On pods, written by the webhook: the AWS config file of a chain of roles.
pub const AWS_CONFIG: &str = "aws-config";

/// What is read on ServiceAccounts, without the prefix.
pub const OF_SERVICE_ACCOUNTS: &[&str] = &[
    ROLE_ARN,
    AUDIENCE,
    STS_REGIONAL_ENDPOINTS,
    TOKEN_EXPIRATION,
    TARGET_ROLE_ARN,
    EXTERNAL_ID,
    SESSION_NAME_FROM_POD,
];
/// What is read on pods, without the prefix.
pub const OF_PODS: &[&str] = &[
    SKIP_CONTAINERS,
    TOKEN_EXPIRATION,
    INCLUDE_CONTAINERS,
    TARGET_ROLE_ARN,
    EXTERNAL_ID,
    CA_BUNDLE,
    AWS_CONFIG,
];
/// So many letters may differ in a name that is meant to be a known one.
const MOST_TYPOS: usize = 2;

/// The full name that was meant, when `name` is none of `prefix` and the `known` ones but near to one of them.
///
/// Either a letter or two differ, or the domain alone is wrong: `eks.amazon.com/role-arn`.
#[must_use]
pub fn meant(name: &str, prefix: &str, known: &[&str]) -> Option<String> {
    let (domain, own) = name.split_once('/')?;
    if domain == prefix && known.contains(&own) {
        return None;
    }
    let full = |own: &str| format!("{prefix}/{own}");
    let is_near_in_length = |own: &&&str| (prefix.len() + 1 + own.len()).abs_diff(name.len()) <= MOST_TYPOS;
    let mut candidates = known.iter().filter(is_near_in_length).peekable();
    if candidates.peek().is_some() {
        let lower = name.to_ascii_lowercase();
        let nearest = candidates.map(|own| (distance(&lower, &full(own)), own)).min();
        if let Some((_, own)) = nearest.filter(|(distance, _)| *distance <= MOST_TYPOS) {
            return Some(full(own));
        }
    }
    // A wrong domain is further away, but only the right one has these names.
    let of_eks = domain.contains("amazon") && (domain.starts_with("eks") || domain.starts_with("iam"));
    known.iter().find(|known| of_eks && domain != prefix && **known == own).map(|own| full(own))
}

/// Whether a text is `arn:PARTITION:iam::ACCOUNT:role/NAME` (IAM User Guide, "IAM identifiers").
#[must_use]
pub fn is_role_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    let name = resource.strip_prefix("role/").unwrap_or_default();
    let of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    arn == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && !name.ends_with('/')
        && name.bytes().all(of_names)
}

/// Go's `strconv.ParseBool`.
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(128).enumerate() {
        let mut next = vec![i + 1];
        for ((y, substituted), removed) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let inserted = next.last().copied().unwrap_or_default() + 1;
            next.push((substituted + usize::from(x != *y)).min(removed + 1).min(inserted));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns() {
        for good in [
            "arn:aws:iam::111122223333:role/a",
            "arn:aws-us-gov:iam::111122223333:role/team/a.b@c",
            "arn:aws-cn:iam::000000000000:role/A_b+c=d,e-f",
        ] {
            assert!(is_role_arn(good), "{good}");
        }
        for bad in [
            "",
            "my-role",
            "arn:aws:iam::11112222333:role/a",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:user/a",
            "arn:aws:sts::111122223333:assumed-role/a/b",
            "arn:aws:iam:us-east-1:111122223333:role/a",
            " arn:aws:iam::111122223333:role/a",
            "arn:aws:iam::<account-id>:role/a",
            "arn:aws:iam::111122223333:role/a b",
        ] {
            assert!(!is_role_arn(bad), "{bad}");
        }
    }

    #[test]
    fn misspelled_names() {
        let role_arn = Some("eks.amazonaws.com/role-arn");
        for (name, expected) in [
            ("eks.amazonaws.com/role-arn", None),
            ("eks.amazonaws.com/role-arm", role_arn),
            ("eks.amazonaws.com/role_arn", role_arn),
            ("eks.amazonaws.com/Role-ARN", role_arn),
            ("eks.amazon.com/role-arn", role_arn),
            ("eks.amazonaws.com.cn/role-arn", role_arn),
            ("eks.amazonaws.com/rolearn", role_arn),
            ("iam.amazonaws.com/role-arn", role_arn),
            ("eks.amazonaws.com/audiance", Some("eks.amazonaws.com/audience")),
            ("eks.amazonaws.com/compute-type", None),
            ("iam.amazonaws.com/role", None),
            ("vault.example.com/role-arn", None),
            ("app", None),
        ] {
            assert_eq!(meant(name, DEFAULT_PREFIX, OF_SERVICE_ACCOUNTS).as_deref(), expected, "{name}");
        }
        assert_eq!(
            meant("eks.amazonaws.com/role-arn", "iam.example.com", OF_SERVICE_ACCOUNTS).as_deref(),
            Some("iam.example.com/role-arn"),
            "a prefix of one's own is easily forgotten"
        );
    }

    #[test]
    fn booleans_are_gos() {
        for (text, expected) in
            [("true", Some(true)), ("T", Some(true)), ("0", Some(false)), ("yes", None), ("", None)]
        {
            assert_eq!(boolean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("", "ab", 2), ("abc", "abd", 1), ("arn", "arm", 1), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), expected);
        }
    }
}
