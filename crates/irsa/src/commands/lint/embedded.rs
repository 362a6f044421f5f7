//! Policies inside what commands take and give: `aws iam get-role`, `create-role --cli-input-json`,
//! `get-account-authorization-details`, `get-bucket-policy`, and custom resources that carry a policy as text.

use irsa_policy::PolicyType;
use irsa_policy::lint::guess;
use percent_encoding::percent_decode_str;

use super::interpolation::StandIns;
use super::inventory::{Document, Fixable, Inventory, Place, Policy, Provider, Role};
use super::sources::Source;
use super::tree::{Node, Value};

const TRUST: &[&str] =
    &["AssumeRolePolicyDocument", "assumeRolePolicyDocument", "AssumeRolePolicy", "assumeRolePolicy"];
const ANY: &[&str] = &["PolicyDocument", "policyDocument", "Document", "Policy", "policy", "InlinePolicy"];

/// Searches a value for policies.
pub(super) fn read(node: &Node, source: &Source, index: usize, inventory: &mut Inventory) {
    // Lists of a whole account's providers, as `aws iam list-open-id-connect-providers` gives them.
    for provider in node.get("OpenIDConnectProviderList").map(Node::items).unwrap_or_default() {
        let arn = provider.text_at(&["Arn"]).map(str::to_owned);
        inventory.providers.push(Provider { arn, host_path: None, client_ids: None });
    }
    // One of them, as `aws iam get-open-id-connect-provider` gives it.
    if let (Some(url), Some(client_ids)) = (node.text_at(&["Url"]), node.get("ClientIDList")) {
        let client_ids = client_ids.items().iter().filter_map(Node::text).map(str::to_owned).collect();
        let host_path = url.trim_start_matches("https://").to_owned();
        inventory.providers.push(Provider {
            arn: None,
            host_path: Some(host_path),
            client_ids: Some(client_ids),
        });
    }
    Search { source, index, head: source.line(node.start) }.value(node, inventory);
}

struct Search<'a> {
    source: &'a Source,
    index: usize,
    /// The first line of what is searched.
    head: usize,
}

impl Search<'_> {
    /// The tree's own bound on depth is this recursion's.
    fn value(&self, node: &Node, inventory: &mut Inventory) {
        match &node.value {
            Value::Scalar { .. } => {}
            Value::List(items) => items.iter().for_each(|item| self.value(item, inventory)),
            Value::Map(members) => {
                for (key, value) in members {
                    if !self.policy(node, key, value, inventory) {
                        self.value(value, inventory);
                    }
                }
            }
        }
    }

    /// Takes the value of a key as a policy, if it is one.
    fn policy(&self, owner: &Node, key: &Node, value: &Node, inventory: &mut Inventory) -> bool {
        let line = self.source.line(key.start);
        let key = key.text().unwrap_or_default();
        let is_trust = TRUST.contains(&key);
        if !is_trust && !ANY.contains(&key) {
            return false;
        }
        let Some((text, place)) = policy_text(value, &self.source.text) else { return false };
        let kind = if is_trust { PolicyType::Trust } else { guess(&text).unwrap_or(PolicyType::Identity) };
        let document = inventory.document(Document {
            source: self.index,
            name: name(owner, key),
            span: value.span(),
            heads: vec![self.head, line],
        });
        let role = is_trust.then(|| role(owner));
        inventory.policies.push(Policy { document, text, kind, place, role, stand_ins: StandIns::default() });
        true
    }
}

/// A value that is a policy: an object that stands there as JSON, or a text that has one, perhaps URL-encoded.
pub(super) fn policy_text(value: &Node, file: &str) -> Option<(String, Place)> {
    let raw = file.get(value.span())?;
    if matches!(value.value, Value::Map(_)) {
        // CloudFormation's functions make a policy of what is only a template of one.
        let is_policy = raw.starts_with('{') && value.get("Statement").is_some();
        let is_template = raw.contains("\"Fn::") || raw.contains("\"Ref\"");
        let place = Place::Verbatim { offset: value.start, fixable: Fixable::Any };
        return (is_policy && !is_template).then(|| (raw.to_owned(), place));
    }
    let text = value.text()?;
    let text = if text.trim_start().starts_with('%') {
        percent_decode_str(text).decode_utf8().ok()?.into_owned()
    } else {
        text.to_owned()
    };
    guess(&text)?;
    // A block of YAML is the policy itself with blanks before its lines.
    let same = |a: &str, b: &str| a.lines().map(str::trim).eq(b.lines().map(str::trim));
    if raw.contains('\n') && same(raw.trim(), text.trim()) {
        return Some((
            raw.to_owned(),
            Place::Verbatim { offset: value.start, fixable: Fixable::WithinLines },
        ));
    }
    Some((text, Place::Quoted(value.span())))
}

fn role(owner: &Node) -> Role {
    let text = |names: &[&str]| names.iter().find_map(|name| owner.text_at(&[name])).map(str::to_owned);
    Role {
        name: text(&["RoleName", "name"]),
        arn: text(&["Arn"]),
        max_session_seconds: text(&["MaxSessionDuration", "maxSessionDuration"])
            .and_then(|seconds| seconds.parse().ok()),
    }
}

fn name(owner: &Node, key: &str) -> String {
    let named = [
        ("PolicyName", "Policy"),
        ("RoleName", "Role"),
        ("UserName", "User"),
        ("GroupName", "Group"),
        ("Bucket", "Bucket"),
        ("name", "Role"),
    ];
    named
        .iter()
        .find_map(|(field, what)| Some(format!("{what} {}", owner.text_at(&[field])?)))
        .unwrap_or_else(|| key.to_owned())
}
