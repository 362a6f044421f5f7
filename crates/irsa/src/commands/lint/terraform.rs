//! What `terraform show -json` gives of a plan or a state: roles, policies, providers and ServiceAccounts, each under its
//! address. The format is Terraform's "JSON Output Format", major version 1.

use irsa_policy::PolicyType;
use irsa_policy::lint::guess;
use serde_json::Value;

use super::embedded::policy_text;
use super::interpolation::StandIns;
use super::inventory::{Document, Inventory, Place, Policy, Provider, Role};
use super::kubernetes;
use super::sources::Source;
use super::tree::Node;

/// Policies that resources carry: type, field, and what the policy is for; `None` is for what it looks like.
const POLICIES: &[(&str, &str, Option<PolicyType>)] = &[
    ("aws_iam_role", "assume_role_policy", Some(PolicyType::Trust)),
    ("aws_iam_policy", "policy", Some(PolicyType::Identity)),
    ("aws_iam_role_policy", "policy", Some(PolicyType::Identity)),
    ("aws_iam_user_policy", "policy", Some(PolicyType::Identity)),
    ("aws_iam_group_policy", "policy", Some(PolicyType::Identity)),
    ("aws_s3_bucket_policy", "policy", Some(PolicyType::Resource)),
    ("aws_s3_bucket", "policy", Some(PolicyType::Resource)),
    ("aws_organizations_policy", "content", None),
];

/// Resources whose policy shows again as an attribute of what they belong to, once that was read anew.
const SHOWN_AGAIN: [&str; 2] = ["aws_iam_role_policy", "aws_s3_bucket_policy"];

/// Whether a JSON file is a plan or a state.
pub(super) fn is_plan(node: &Node) -> bool {
    node.get("format_version").is_some()
        && (node.get("planned_values").is_some() || node.get("values").is_some())
}

/// Reads what is planned, and the providers that the plan's data sources found.
pub(super) fn read(plan: &Node, source: &Source, index: usize, inventory: &mut Inventory) {
    let modules = [&["planned_values", "root_module"], &["values", "root_module"]];
    let modules: Vec<&Node> = modules.iter().filter_map(|path| plan.at(*path)).collect();
    let mut file = Plan { source, index, own: Vec::new() };
    for module in &modules {
        file.collect_own(module);
    }
    for module in modules {
        file.module(module, false, inventory);
    }
    if let Some(module) = plan.at(&["prior_state", "values", "root_module"]) {
        file.module(module, true, inventory);
    }
}

struct Plan<'a> {
    source: &'a Source,
    index: usize,
    /// The policies of resources that are [shown again](SHOWN_AGAIN).
    own: Vec<Value>,
}

impl Plan<'_> {
    fn collect_own(&mut self, module: &Node) {
        for resource in module.get("resources").map(Node::items).unwrap_or_default() {
            let kind = resource.text_at(&["type"]).unwrap_or_default();
            if SHOWN_AGAIN.contains(&kind)
                && let Some(policy) = resource.at(&["values", "policy"])
            {
                self.own.extend(self.parsed(policy));
            }
        }
        for child in module.get("child_modules").map(Node::items).unwrap_or_default() {
            self.collect_own(child);
        }
    }

    /// Whether an attribute only repeats what a resource of its own has, where it is to be repaired.
    fn is_repeated(&self, policy: &Node) -> bool {
        self.parsed(policy).is_some_and(|policy| self.own.contains(&policy))
    }

    fn parsed(&self, policy: &Node) -> Option<Value> {
        serde_json::from_str(&policy_text(policy, &self.source.text)?.0).ok()
    }

    /// Of what was there before, only what data sources read is still there for sure.
    fn module(&self, module: &Node, data_only: bool, inventory: &mut Inventory) {
        for resource in module.get("resources").map(Node::items).unwrap_or_default() {
            if !data_only || resource.text_at(&["mode"]) == Some("data") {
                self.resource(resource, inventory);
            }
        }
        for child in module.get("child_modules").map(Node::items).unwrap_or_default() {
            self.module(child, data_only, inventory);
        }
    }

    fn resource(&self, resource: &Node, inventory: &mut Inventory) {
        let Some(values) = resource.get("values") else { return };
        let kind = resource.text_at(&["type"]).unwrap_or_default();
        let is_data = resource.text_at(&["mode"]) == Some("data");
        match kind {
            "aws_iam_openid_connect_provider" => inventory.providers.push(provider(values)),
            _ if is_data => {}
            "kubernetes_service_account" | "kubernetes_service_account_v1" => {
                let Some(metadata) = values.get("metadata").and_then(|blocks| blocks.items().first()) else {
                    return;
                };
                let document = self.document(resource, inventory);
                kubernetes::service_account(metadata, document, &self.source.text, inventory);
            }
            "kubernetes_manifest" => {
                if let Some(manifest) = values.get("manifest").filter(|node| kubernetes::is_object(node)) {
                    let document = self.document(resource, inventory);
                    kubernetes::read(manifest, self.source, self.index, Some(document), inventory);
                }
            }
            _ => self.policies(resource, kind, values, inventory),
        }
    }

    fn policies(&self, resource: &Node, kind: &str, values: &Node, inventory: &mut Inventory) {
        for (_, field, purpose) in POLICIES.iter().filter(|(known, ..)| *known == kind) {
            let role = (*purpose == Some(PolicyType::Trust)).then(|| role(values));
            let is_attribute = kind == "aws_s3_bucket";
            if let Some(value) = values.get(field).filter(|value| !is_attribute || !self.is_repeated(value)) {
                self.policy(resource, value, *purpose, role, inventory);
            }
        }
        if kind == "aws_iam_role" {
            for inline in values.get("inline_policy").map(Node::items).unwrap_or_default() {
                if let Some(value) = inline.get("policy").filter(|value| !self.is_repeated(value)) {
                    let count = inventory.documents.len();
                    self.policy(resource, value, Some(PolicyType::Identity), None, inventory);
                    for document in inventory.documents.iter_mut().skip(count) {
                        document.name.push_str(" inline ");
                        document.name.push_str(inline.text_at(&["name"]).unwrap_or_default());
                    }
                }
            }
        }
    }

    fn policy(
        &self,
        resource: &Node,
        value: &Node,
        purpose: Option<PolicyType>,
        role: Option<Role>,
        inventory: &mut Inventory,
    ) {
        // What is no policy at all, such as an empty text of a resource without one, is not that resource's mistake.
        let Some((text, _)) = policy_text(value, &self.source.text) else { return };
        let Some(kind) = purpose.or_else(|| guess(&text)) else { return };
        let document = self.document(resource, inventory);
        let place = Place::Quoted(value.span());
        inventory.policies.push(Policy { document, text, kind, place, role, stand_ins: StandIns::default() });
    }

    fn document(&self, resource: &Node, inventory: &mut Inventory) -> usize {
        inventory.document(Document {
            source: self.index,
            name: resource.text_at(&["address"]).unwrap_or_default().to_owned(),
            span: resource.span(),
            heads: Vec::new(),
        })
    }
}

fn role(values: &Node) -> Role {
    Role {
        name: values.text_at(&["name"]).map(str::to_owned),
        arn: values.text_at(&["arn"]).map(str::to_owned),
        max_session_seconds: values
            .text_at(&["max_session_duration"])
            .and_then(|seconds| seconds.parse().ok()),
    }
}

fn provider(values: &Node) -> Provider {
    let client_ids = values.get("client_id_list").filter(|list| !list.items().is_empty());
    Provider {
        arn: values.text_at(&["arn"]).map(str::to_owned),
        host_path: values
            .text_at(&["url"])
            .map(|url| url.trim_start_matches("https://").trim_end_matches('/').to_owned()),
        client_ids: client_ids
            .map(|list| list.items().iter().filter_map(Node::text).map(str::to_owned).collect()),
    }
}
