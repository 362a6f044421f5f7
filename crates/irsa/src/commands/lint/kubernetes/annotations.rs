//! The annotations that the pod identity webhook reads: misspelled names, and roles that are none.
//!
//! Names are those of amazon-eks-pod-identity-webhook's README.

use std::ops::Range;

use irsa_cluster::annotations::{self, DEFAULT_PREFIX, OF_PODS, OF_SERVICE_ACCOUNTS, is_role_arn};
use irsa_policy::Span;
use irsa_policy::lint::{Edit, Fix};

use super::super::codes::{K001, K007};
use super::super::inventory::{Found, Inventory};
use super::super::tree::Node;

const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";

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
    let there = metadata.get("annotations").map(Node::members).unwrap_or_default();
    for (key, _) in there {
        let Some(name) = key.text() else { continue };
        let Some(meant) = annotations::meant(name, DEFAULT_PREFIX, known) else { continue };
        let reason = format!("nobody reads the annotation `{name}`; `{meant}` is meant");
        let mut found =
            Found::new(document, &K007, key.span(), &format!("metadata.annotations.{name}"), reason);
        let is_taken = there.iter().any(|(key, _)| key.text() == Some(&meant));
        if let Some(span) = inside(text, key.span(), name).filter(|_| !is_taken) {
            let edit = Edit { span: Span { start: span.start, end: span.end }, text: meant.clone() };
            found = found.with_fix(Fix { title: format!("rename it to `{meant}`"), edits: vec![edit] });
        }
        inventory.findings.push(found);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders() {
        assert_eq!(placeholder("arn:aws:iam::<account-id>:role/a"), Some("<account-id>"));
        assert_eq!(placeholder("arn:aws:iam::[ID]:role/a"), Some("[ID]"));
        assert_eq!(placeholder("a>b<"), None);
    }
}
