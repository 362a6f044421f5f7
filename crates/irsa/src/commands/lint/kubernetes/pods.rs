//! Workloads against the ServiceAccounts of the files: whether their pods get the role, and whether it is the role that
//! they use.

use irsa_cluster::json_patch::PatchOperation;
use irsa_cluster::mutate::{Account, Pod, Rules, ServiceAccountFacts, Settings, mutate};

use super::super::codes::{K003, K004, K006, L003, L004, P005, P007};
use super::super::inventory::{Found, Inventory, ServiceAccount, Workload};
use super::super::tree::Node;

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

/// Everything about the workloads of all files, once all are read.
pub(in super::super) fn check(inventory: &mut Inventory) {
    let mut findings = Vec::new();
    for workload in &inventory.workloads {
        let account = service_account(workload, inventory, &mut findings);
        check_containers(workload, account, &mut findings);
    }
    inventory.findings.append(&mut findings);
}

/// The ServiceAccount of the pods; where the files have none of that name in the namespace, that is told.
fn service_account<'a>(
    workload: &Workload,
    inventory: &'a Inventory,
    findings: &mut Vec<Found>,
) -> Option<&'a ServiceAccount> {
    let named = workload.service_account.as_ref().filter(|name| name.text != "default");
    let name = named.map_or("default", |name| name.text.as_str());
    let namespace = workload.namespace.as_ref().map_or("default", |namespace| namespace.text.as_str());
    let accounts = &inventory.service_accounts;
    let same_name = || accounts.iter().filter(|account| account.name == name);
    let found = same_name().find(|account| account.namespace == namespace);
    let (Some(place), None) = (named, found) else { return found };
    if let Some(elsewhere) = same_name().next() {
        let where_it_is = match &workload.namespace {
            Some(namespace) => format!("namespace is `{}`", namespace.text),
            None => "namespace is empty".to_owned(),
        };
        let reason = format!(
            "{where_it_is} but ServiceAccount `{name}` lives in `{}`; pods use ServiceAccounts of their own namespace",
            elsewhere.namespace
        );
        let start = inventory.documents.get(workload.document).map_or(0, |document| document.span.start);
        let span = workload.namespace.as_ref().map_or(start..start, |namespace| namespace.span.clone());
        findings.push(Found::new(workload.document, &K004, span, "metadata.namespace", reason));
        return Some(elsewhere);
    }
    // A file that could not be read may be the one that makes it.
    let is_incomplete =
        inventory.findings.iter().any(|found| found.code == L003.code || found.code == L004.code);
    if !accounts.is_empty() && !is_incomplete {
        let reason =
            format!("no ServiceAccount `{name}` is in the files; Kubernetes makes no pod without it");
        findings.push(Found::new(workload.document, &K003, place.span.clone(), "serviceAccountName", reason));
    }
    None
}

fn check_containers(workload: &Workload, account: Option<&ServiceAccount>, findings: &mut Vec<Found>) {
    let role = account.and_then(|account| account.role_arn.as_deref());
    let given = role.and_then(|role| containers_with_role(workload, role));
    for list in ["containers", "initContainers"] {
        let containers = workload.pod.at(&["spec", list]).map(Node::items).unwrap_or_default();
        for (index, container) in containers.iter().enumerate() {
            let path = format!("spec.{list}[{index}]");
            let gets_role = given
                .as_ref()
                .is_some_and(|given| given.iter().any(|known| *known == format!("/{list}/{index}")));
            let container = Container { workload, node: container, path: &path };
            if let Some(role) = role.filter(|_| given.is_some() && !gets_role) {
                container.left_out(role, findings);
            }
            container.keys(role.filter(|_| gets_role), findings);
        }
    }
}

/// `/containers/0` for each container that the webhook gives the role; none where the pod is none that Kubernetes would take.
fn containers_with_role(workload: &Workload, role: &str) -> Option<Vec<String>> {
    let facts = ServiceAccountFacts { role_arn: Some(role.to_owned()), ..ServiceAccountFacts::default() };
    let account = Account { namespace: "", name: "", facts: Some(&facts) };
    let pod = workload.pod.to_json();
    let mutation = mutate(&Pod::of(&pod).ok()?, &account, &Rules::of(&Settings::default())).ok()?;
    let paths = mutation.patch.operations().into_iter().filter_map(|operation| match operation {
        PatchOperation::Add { path, value } if value.to_string().contains("AWS_WEB_IDENTITY_TOKEN_FILE") => {
            path.strip_prefix("/spec")?.split_once("/env").map(|(container, _)| container.to_owned())
        }
        _ => None,
    });
    Some(paths.collect())
}

struct Container<'a> {
    workload: &'a Workload,
    node: &'a Node,
    path: &'a str,
}

impl Container<'_> {
    fn left_out(&self, role: &str, findings: &mut Vec<Found>) {
        let own = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"].into_iter().find_map(|name| self.env(name));
        let (place, why) = match own {
            Some(entry) => {
                let name = entry.text_at(&["name"]).unwrap_or_default();
                (entry, format!("it sets {name} itself, which the webhook leaves alone"))
            }
            None => (self.node, "the annotation skip-containers leaves it out".to_owned()),
        };
        let reason = format!("container `{}` does not get {role}: {why}", self.name());
        self.find(&K006, place, reason, findings);
    }

    fn keys(&self, role: Option<&str>, findings: &mut Vec<Found>) {
        let (id, secret) = (self.env(ID), self.env(SECRET));
        let partial = match (id, secret) {
            (Some(id), None) => Some((id, ID, SECRET)),
            (None, Some(secret)) => Some((secret, SECRET, ID)),
            _ => None,
        };
        if let Some((place, has, misses)) = partial {
            // What comes from ConfigMaps and Secrets as a whole is not in the manifest.
            if self.node.get("envFrom").is_none_or(|from| from.items().is_empty()) {
                let twice = self.entries(has).len() > 1;
                let twice = if twice { format!(", {has} is even written twice") } else { String::new() };
                let reason = format!(
                    "container `{}` sets {has} without {misses}{twice}: SDKs refuse partial credentials",
                    self.name()
                );
                self.find(&P007, place, reason, findings);
            }
            return;
        }
        let Some(role) = role else { return };
        if let Some(place) = id {
            let reason =
                format!("container `{}` sets {ID}: SDKs use the static key, not {role}", self.name());
            self.find(&P005, place, reason, findings);
        } else if let Some(place) = self.env("AWS_PROFILE") {
            let reason = format!(
                "container `{}` sets AWS_PROFILE beside {role}: SDKs disagree about which of them wins",
                self.name()
            );
            self.find(&P005, place, reason, findings);
        }
    }

    fn find(&self, rule: &irsa_policy::lint::Rule, place: &Node, reason: String, findings: &mut Vec<Found>) {
        let place = place.get("name").unwrap_or(place);
        findings.push(Found::new(self.workload.document, rule, place.span(), self.path, reason));
    }

    fn name(&self) -> &str {
        self.node.text_at(&["name"]).unwrap_or("?")
    }

    fn env(&self, name: &str) -> Option<&Node> {
        self.entries(name).into_iter().next()
    }

    fn entries(&self, name: &str) -> Vec<&Node> {
        let entries = self.node.get("env").map(Node::items).unwrap_or_default();
        entries.iter().filter(|entry| entry.text_at(&["name"]) == Some(name)).collect()
    }
}
