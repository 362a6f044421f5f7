//! The annotations that the pod identity webhook reads: misspelled names, and roles that are none.
//!
//! Names are those of amazon-eks-pod-identity-webhook's README.

use std::ops::Range;

use irsa_policy::Span;
use irsa_policy::lint::{Edit, Fix};

use super::super::codes::{K001, K007};
use super::super::inventory::{Found, Inventory};
use super::super::tree::Node;

const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const OF_SERVICE_ACCOUNTS: &[&str] = &[
    ROLE_ARN,
    "eks.amazonaws.com/audience",
    "eks.amazonaws.com/sts-regional-endpoints",
    "eks.amazonaws.com/token-expiration",
];
const OF_PODS: &[&str] = &["eks.amazonaws.com/skip-containers", "eks.amazonaws.com/token-expiration"];

pub(super) fn check_service_account(metadata: &Node, document: usize, text: &str, inventory: &mut Inventory) {
    check_names(metadata, OF_SERVICE_ACCOUNTS, document, text, inventory);
    let Some(arn) = metadata.place_at(&["annotations", ROLE_ARN]) else { return };
    if is_role_arn(&arn.text) || is_template(&arn.text) {
        return;
    }
    let reason = match placeholder(&arn.text) {
        Some(placeholder) => {
            format!("`{placeholder}` is a placeholder; the role's ARN is arn:aws:iam::ACCOUNT:role/NAME")
        }
        None => format!("`{}` is no role ARN, which is arn:aws:iam::ACCOUNT:role/NAME", arn.text),
    };
    inventory.find(document, &K001, arn.span, &format!("metadata.annotations.{ROLE_ARN}"), reason);
}

pub(super) fn check_pod(pod: &Node, document: usize, text: &str, inventory: &mut Inventory) {
    if let Some(metadata) = pod.get("metadata") {
        check_names(metadata, OF_PODS, document, text, inventory);
    }
}

fn check_names(metadata: &Node, known: &[&str], document: usize, text: &str, inventory: &mut Inventory) {
    let annotations = metadata.get("annotations").map(Node::members).unwrap_or_default();
    for (key, _) in annotations {
        let Some(name) = key.text() else { continue };
        let Some(meant) = meant(name, known) else { continue };
        let reason = format!("nobody reads the annotation `{name}`; `{meant}` is meant");
        let mut found =
            Found::new(document, &K007, key.span(), &format!("metadata.annotations.{name}"), reason);
        let there = annotations.iter().any(|(key, _)| key.text() == Some(meant));
        if let Some(span) = inside(text, key.span(), name).filter(|_| !there) {
            let edit = Edit { span: Span { start: span.start, end: span.end }, text: meant.to_owned() };
            found = found.with_fix(Fix { title: format!("rename it to `{meant}`"), edits: vec![edit] });
        }
        inventory.findings.push(found);
    }
}

/// The name that was meant, when this one is none of the known and near to one of them.
fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if known.contains(&name) {
        return None;
    }
    let near = known.iter().map(|known| (distance(&name.to_ascii_lowercase(), known), *known)).min()?;
    if near.0 <= 2 {
        return Some(near.1);
    }
    // A wrong domain is further away, but only the right one has these names.
    let (domain, rest) = name.split_once('/')?;
    let of_eks = domain.contains("amazon") && (domain.starts_with("eks") || domain.starts_with("iam"));
    known.iter().copied().find(|known| of_eks && known.split_once('/').is_some_and(|(_, own)| own == rest))
}

/// `arn:PARTITION:iam::ACCOUNT:role/NAME` (IAM User Guide, "IAM identifiers").
fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, "iam", "", account, resource] = parts.as_slice() else { return false };
    let name = resource.strip_prefix("role/").unwrap_or_default();
    let of_names = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    *arn == "arn"
        && partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && !name.ends_with('/')
        && name.chars().all(of_names)
}

/// What another program fills in before Kubernetes sees it.
fn is_template(text: &str) -> bool {
    ["{{", "${", "$("].iter().any(|opening| text.contains(opening))
}

/// `<account-id>` or `[AWS_ACCOUNT_ID]`, left for the reader to fill in.
fn placeholder(text: &str) -> Option<&str> {
    [('<', '>'), ('[', ']')].into_iter().find_map(|(opening, closing)| {
        let start = text.find(opening)?;
        let length = text.get(start..)?.find(closing)? + 1;
        text.get(start..start + length)
    })
}

/// The bytes of `part` inside a span of the file, which may have quotes around it.
fn inside(text: &str, span: Range<usize>, part: &str) -> Option<Range<usize>> {
    let start = span.start + text.get(span)?.find(part)?;
    Some(start..start + part.len())
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
        assert_eq!(placeholder("arn:aws:iam::<account-id>:role/a"), Some("<account-id>"));
        assert_eq!(placeholder("arn:aws:iam::[ID]:role/a"), Some("[ID]"));
        assert_eq!(placeholder("a>b<"), None);
    }

    #[test]
    fn misspelled_names() {
        for (name, expected) in [
            ("eks.amazonaws.com/role-arn", None),
            ("eks.amazonaws.com/role-arm", Some(ROLE_ARN)),
            ("eks.amazonaws.com/role_arn", Some(ROLE_ARN)),
            ("eks.amazonaws.com/Role-ARN", Some(ROLE_ARN)),
            ("eks.amazon.com/role-arn", Some(ROLE_ARN)),
            ("eks.amazonaws.com.cn/role-arn", Some(ROLE_ARN)),
            ("eks.amazonaws.com/rolearn", Some(ROLE_ARN)),
            ("iam.amazonaws.com/role-arn", Some(ROLE_ARN)),
            ("eks.amazonaws.com/audiance", Some("eks.amazonaws.com/audience")),
            ("eks.amazonaws.com/compute-type", None),
            ("iam.amazonaws.com/role", None),
            ("vault.example.com/role-arn", None),
            ("app", None),
        ] {
            assert_eq!(meant(name, OF_SERVICE_ACCOUNTS), expected, "{name}");
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
