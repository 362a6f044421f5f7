//! What is known of issuers by their names alone, and placeholders that nobody filled in.

/// An issuer that many tenants share: who they are stands in the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shared {
    host: &'static str,
    /// What the subject says before the tenant's name.
    pub(super) before: &'static str,
    /// What follows the tenant's name.
    pub(super) after: char,
    /// Whether AWS makes keys of more claims than the default ones (IAM User Guide, "Available keys for AWS OIDC
    /// federation").
    pub(super) has_own_claims: bool,
}

/// The tenants' subjects as the vendors' pages on AWS describe them.
const SHARED: &[Shared] = &[
    Shared { host: "token.actions.githubusercontent.com", before: "repo:", after: '/', has_own_claims: true },
    Shared { host: "gitlab.com", before: "project_path:", after: '/', has_own_claims: true },
    Shared { host: "app.terraform.io", before: "organization:", after: ':', has_own_claims: false },
    Shared { host: "agent.buildkite.com", before: "organization:", after: ':', has_own_claims: true },
];

/// Hosts of issuers of one tenant each with keys of their own.
const OWN_CLAIMS: &[&str] = &["oidc.circleci.com", "accounts.google.com"];

/// An issuer's host and path, without scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Issuer<'a>(pub(super) &'a str);

impl<'a> Issuer<'a> {
    pub(super) fn host(self) -> &'a str {
        self.0.split('/').next().unwrap_or_default()
    }

    pub(super) fn shared(self) -> Option<&'static Shared> {
        SHARED.iter().find(|shared| shared.host.eq_ignore_ascii_case(self.host()))
    }

    /// Whether the default map of claims does not hold.
    pub(super) fn has_own_claims(self) -> bool {
        self.shared().is_some_and(|shared| shared.has_own_claims)
            || OWN_CLAIMS.iter().any(|host| host.eq_ignore_ascii_case(self.host()))
            || self.host().ends_with(".oraclecloud.com")
    }

    /// Whether it is an EKS cluster's, written well or not.
    pub(super) fn is_eks(self) -> bool {
        let labels = self.host().split('.').collect::<Vec<_>>();
        matches!(labels.as_slice(), ["oidc-eks" | "oidc", ..])
            && labels.iter().any(|label| *label == "eks" || *label == "oidc-eks")
    }

    /// Why no EKS cluster has this issuer, and the host it should have: `oidc.eks.REGION.amazonaws.com`.
    pub(super) fn eks_repair(self) -> Option<String> {
        let host = self.host();
        let labels: Vec<&str> = host.split('.').collect();
        let (region, rest) = match labels.as_slice() {
            ["oidc", "eks", region, rest @ ..] | ["oidc", region, "eks", rest @ ..] => (*region, rest),
            _ => return None,
        };
        if !is_region(region) || !matches!(rest, [] | ["amazonaws", "com"] | ["amazonaws", "com", "cn"]) {
            return None;
        }
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        let wanted = format!("oidc.eks.{region}.amazonaws.com{end}");
        (wanted != host).then(|| format!("{wanted}{}", self.0.get(host.len()..).unwrap_or_default()))
    }

    /// Whether the path lacks what every EKS issuer has: `/id/` and the cluster's id.
    pub(super) fn lacks_eks_id(self) -> bool {
        let path = self.0.get(self.host().len()..).unwrap_or_default();
        self.is_eks() && path.strip_prefix("/id/").is_none_or(|id| id.trim_matches('/').is_empty())
    }
}

/// `us-east-1`, `cn-north-1`, `us-gov-west-1`.
fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    matches!(parts.len(), 3 | 4)
        && parts.first().is_some_and(|part| part.len() == 2)
        && parts.last().is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The parts of a text that someone was to fill in: `<id>`, `[ID]`, `{{id}}`, `${id}`, `@ID@`, `YOUR_ID`, `XXXX`.
pub(super) fn placeholders(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['<', '[', '{', '$', '@']) {
        let tail = rest.get(start..).unwrap_or_default();
        let length = bracketed(tail);
        if let Some(placeholder) = length.and_then(|length| tail.get(..length)) {
            found.push(placeholder);
        }
        rest = tail.get(length.unwrap_or(1)..).unwrap_or_default();
    }
    found.extend(text.split([':', '/', '.']).filter(|part| is_stand_in(part)));
    found
}

fn bracketed(tail: &str) -> Option<usize> {
    let (open, close) = [("<", ">"), ("[", "]"), ("${", "}"), ("{{", "}}"), ("{", "}"), ("@", "@")]
        .into_iter()
        .find(|(open, _)| tail.starts_with(open))?;
    let inside = tail.get(open.len()..)?;
    let end = inside.find(close)?;
    let name = inside.get(..end)?;
    let is_name = !name.trim().is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.' | ':' | '/'));
    is_name.then_some(open.len() + end + close.len())
}

/// `YOUR_CLUSTER`, `ACCOUNT_ID`, `XXXX`.
fn is_stand_in(part: &str) -> bool {
    let is_xs = part.len() >= 4 && part.bytes().all(|byte| matches!(byte, b'X' | b'x'));
    let lower = part.to_ascii_lowercase();
    let known =
        ["account_id", "aws_account_id", "account-id", "oidc_id", "oidc_provider", "oidc-provider-id"];
    is_xs || lower.starts_with("your_") || lower.starts_with("your-") || known.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_eks_are_repaired() {
        for (issuer, expected) in [
            ("oidc.eks.us-east-1.amazonaws.com/id/A", None),
            ("oidc.eks.us-east-1/id/A", Some("oidc.eks.us-east-1.amazonaws.com/id/A")),
            ("oidc.us-east-1.eks.amazonaws.com/id/A", Some("oidc.eks.us-east-1.amazonaws.com/id/A")),
            ("oidc.eks.cn-north-1.amazonaws.com/id/A", Some("oidc.eks.cn-north-1.amazonaws.com.cn/id/A")),
            ("oidc.eks.us-gov-west-1.amazonaws.com/id/A", None),
            ("oidc.example.com/id/A", None),
            ("oidc.eks.region-code/id/A", None),
        ] {
            assert_eq!(Issuer(issuer).eks_repair().as_deref(), expected, "{issuer}");
        }
    }

    #[test]
    fn placeholders_are_found() {
        for (text, expected) in [
            (
                "arn:aws:iam::<account-id>:oidc-provider/<eks-cluster-id>",
                vec!["<account-id>", "<eks-cluster-id>"],
            ),
            ("oidc.eks.us-east-2.amazonaws.com/id/[OIDC_ID]", vec!["[OIDC_ID]"]),
            ("${local.oidc}", vec!["${local.oidc}"]),
            ("{{ issuer }}", vec!["{{ issuer }}"]),
            ("@ISSUER@", vec!["@ISSUER@"]),
            ("arn:aws:iam::ACCOUNT_ID:oidc-provider/x", vec!["ACCOUNT_ID"]),
            ("oidc.eks.us-east-1.amazonaws.com/id/XXXXXXXX", vec!["XXXXXXXX"]),
            ("oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D", vec![]),
            ("a<b", vec![]),
        ] {
            assert_eq!(placeholders(text), expected, "{text}");
        }
    }
}
