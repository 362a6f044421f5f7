//! Kubernetes manifests: ServiceAccounts, and whatever makes pods.

mod annotations;
mod fields;
pub(super) mod indentation;
mod pods;

use irsa_cluster::mutate::{ServiceAccountFacts, Settings};

use super::embedded;
use super::inventory::{Document, Inventory, ServiceAccount, Workload};
use super::sources::Source;
use super::tree::Node;
use crate::workloads::{MOST_LISTS, WORKLOADS};

pub(super) use pods::check as check_pods;

/// Kinds whose contents are other programs' texts.
const OPAQUE: &[&str] = &["ConfigMap", "Secret"];

/// Whether a value is an object of the Kubernetes API.
pub(super) fn is_object(node: &Node) -> bool {
    node.text_at(&["apiVersion"]).is_some() && node.text_at(&["kind"]).is_some()
}

/// Reads an object, and the objects of a list. `document` is what it belongs to, if not to one of its own.
pub(super) fn read(
    node: &Node,
    source: &Source,
    index: usize,
    document: Option<usize>,
    inventory: &mut Inventory,
) {
    Manifest { source, index, document }.read(node, 0, inventory);
}

/// What a ServiceAccount says, from its `metadata`; also of terraform's `kubernetes_service_account`.
pub(super) fn service_account(metadata: &Node, document: usize, text: &str, inventory: &mut Inventory) {
    annotations::check_service_account(metadata, document, text, inventory);
    let Some(name) = metadata.text_at(&["name"]) else { return };
    let object = serde_json::json!({"metadata": metadata.to_json()});
    let facts = ServiceAccountFacts::of(&object, &Settings::default().annotation_prefix);
    inventory.service_accounts.push(ServiceAccount {
        namespace: metadata.text_at(&["namespace"]).unwrap_or("default").to_owned(),
        name: name.to_owned(),
        role_arn: facts.role_arn,
        audience: facts.audience,
        token_seconds: facts.token_expiration.and_then(|seconds| u32::try_from(seconds).ok()),
    });
}

struct Manifest<'a> {
    source: &'a Source,
    index: usize,
    document: Option<usize>,
}

impl Manifest<'_> {
    fn read(&self, node: &Node, lists: usize, inventory: &mut Inventory) {
        let kind = node.text_at(&["kind"]).unwrap_or_default();
        if kind.ends_with("List") && node.get("items").is_some() && lists < MOST_LISTS {
            for item in node.get("items").map(Node::items).unwrap_or_default() {
                self.read(item, lists + 1, inventory);
            }
            return;
        }
        if kind == "ServiceAccount" {
            let document = self.document(node, inventory);
            if let Some(metadata) = node.get("metadata") {
                service_account(metadata, document, &self.source.text, inventory);
            }
        } else if let Some((_, path)) = WORKLOADS.iter().find(|(known, _)| *known == kind) {
            let document = self.document(node, inventory);
            if let Some(pod) = node.at(path) {
                self.workload(node, pod, document, inventory);
            }
        } else if !OPAQUE.contains(&kind) {
            embedded::read(node, self.source, self.index, inventory);
        }
    }

    fn workload(&self, node: &Node, pod: &Node, document: usize, inventory: &mut Inventory) {
        annotations::check_pod(pod, document, &self.source.text, inventory);
        let named = |name: &str| pod.place_at(&["spec", name]);
        inventory.workloads.push(Workload {
            document,
            label: label(node),
            namespace: node.place_at(&["metadata", "namespace"]),
            service_account: named("serviceAccountName").or_else(|| named("serviceAccount")),
            pod: pod.clone(),
        });
    }

    fn document(&self, node: &Node, inventory: &mut Inventory) -> usize {
        self.document.unwrap_or_else(|| {
            inventory.document(Document {
                source: self.index,
                name: label(node),
                span: node.span(),
                heads: vec![self.source.line(node.start)],
            })
        })
    }
}

/// `Deployment web`.
pub(super) fn label(node: &Node) -> String {
    let kind = node.text_at(&["kind"]).unwrap_or("object");
    let name = node.text_at(&["metadata", "name"]).or_else(|| node.text_at(&["metadata", "generateName"]));
    name.map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"))
}
