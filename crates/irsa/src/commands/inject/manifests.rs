//! The pods and ServiceAccounts of manifests, and the mutation of the ones by the other.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use irsa_cluster::admission::{Decision, Lookup};
use irsa_cluster::json_patch::{PatchOperation, apply};
use irsa_cluster::mutate::{Account, Pod, Rules, ServiceAccountFacts, mutate};
use serde_json::Value;

use super::documents::{self, Document};
use super::{edit, warn, yaml};
use crate::error::CliError;
use crate::workloads::{MOST_LISTS, WORKLOADS};

/// The documents of all files, in their order.
pub(super) struct Manifests {
    documents: Vec<Document>,
}

/// The ServiceAccounts of all files, by namespace and name.
#[derive(Default)]
pub(super) struct Accounts {
    known: HashMap<(String, String), Arc<ServiceAccountFacts>>,
}

/// An object inside a document.
struct Object<'a> {
    /// Where it is: a JSON pointer, empty for the document itself.
    pointer: String,
    value: &'a Value,
}

impl Manifests {
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, CliError> {
        Ok(Self { documents: documents::documents(paths)? })
    }

    /// Mutates every pod and template.
    ///
    /// # Errors
    /// `IRSA-X072` for a pod that cannot be read, or whose role is refused.
    pub(super) fn mutate(
        &mut self,
        accounts: &Accounts,
        namespace: &str,
        rules: &Rules<'_>,
        refused: Decision,
    ) -> Result<(), CliError> {
        for document in &mut self.documents {
            let mut patch = Vec::new();
            for object in objects(&document.value) {
                let operations = Workload::of(&object, namespace)
                    .map(|workload| workload.patch(&document.file, accounts, rules, refused))
                    .transpose()?;
                patch.extend(operations.into_iter().flatten());
            }
            if !patch.is_empty() {
                document.text = patched(document, &patch)?;
            }
        }
        Ok(())
    }

    /// All documents, one after the other.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for document in &self.documents {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            if !text.is_empty() && !document.text.starts_with("---") {
                text.push_str("---\n");
            }
            text.push_str(&document.text);
        }
        text
    }
}

impl Accounts {
    /// Takes the ServiceAccounts of manifests; the last of one name wins, as with `kubectl apply`.
    pub(super) fn take(&mut self, manifests: &Manifests, namespace: &str, prefix: &str) {
        for object in manifests.documents.iter().flat_map(|document| objects(&document.value)) {
            if object.text("/kind") != "ServiceAccount" {
                continue;
            }
            let key = (object.namespace(namespace).to_owned(), object.text("/metadata/name").to_owned());
            self.known.insert(key, Arc::new(ServiceAccountFacts::of(object.value, prefix)));
        }
    }

    pub(super) fn lookup(&self, namespace: &str, name: &str) -> Lookup {
        let found = self.known.get(&(namespace.to_owned(), name.to_owned()));
        found.map_or(Lookup::Missing, |facts| Lookup::Found(Arc::clone(facts)))
    }
}

/// An object that makes pods.
struct Workload<'a> {
    label: String,
    namespace: &'a str,
    /// Where the pod or its template is in the document.
    pointer: String,
    pod: &'a Value,
}

impl<'a> Workload<'a> {
    fn of(object: &Object<'a>, namespace: &'a str) -> Option<Self> {
        let kind = object.text("/kind");
        let (_, path) = WORKLOADS.iter().find(|(known, _)| *known == kind)?;
        let inner: String = path.iter().map(|part| format!("/{part}")).collect();
        let pod = object.value.pointer(&inner)?;
        let names = ["/metadata/name", "/metadata/generateName"].map(|pointer| object.text(pointer));
        let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let label = format!("{kind} `{name}`");
        Some(Self {
            label,
            namespace: object.namespace(namespace),
            pointer: format!("{}{inner}", object.pointer),
            pod,
        })
    }

    fn patch(
        &self,
        file: &str,
        accounts: &Accounts,
        rules: &Rules<'_>,
        refused: Decision,
    ) -> Result<Vec<PatchOperation>, CliError> {
        let about = format!("{file}: {}", self.label);
        let refuse =
            |error: &dyn std::fmt::Display| CliError::usage("IRSA-X072", format!("{about}: {error}"));
        let pod = Pod::of(self.pod).map_err(|error| refuse(&error))?;
        let (namespace, name) = (self.namespace, pod.service_account());
        let lookup = accounts.lookup(namespace, name);
        let facts = match &lookup {
            Lookup::Found(facts) => Some(facts.as_ref()),
            Lookup::Missing | Lookup::Unknown => None,
        };
        let mutation = match mutate(&pod, &Account { namespace, name, facts }, rules) {
            Ok(mutation) => mutation,
            Err(refusal) if refused == Decision::Allow => {
                warn(&about, &format!("{refusal}; it is left as it is"));
                return Ok(Vec::new());
            }
            Err(refusal) => return Err(CliError::no("IRSA-X072", format!("{about}: {refusal}"))),
        };
        for warning in &mutation.warnings {
            warn(&about, &warning.to_string());
        }
        if facts.is_none() && mutation.method.is_none() && name != "default" {
            warn(
                &about,
                &format!("the ServiceAccount {namespace}/{name} is not in the files; it is left as it is"),
            );
        }
        Ok(mutation.patch.operations().into_iter().map(|operation| below(&self.pointer, operation)).collect())
    }
}

impl<'a> Object<'a> {
    fn text(&self, pointer: &str) -> &'a str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn namespace(&self, default: &'a str) -> &'a str {
        let own = self.text("/metadata/namespace");
        if own.is_empty() { default } else { own }
    }
}

/// The object of a document, or those of its list.
fn objects(value: &Value) -> Vec<Object<'_>> {
    fn collect<'a>(value: &'a Value, pointer: String, lists: usize, objects: &mut Vec<Object<'a>>) {
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
        match value.get("items").and_then(Value::as_array) {
            Some(items) if kind.ends_with("List") && lists < MOST_LISTS => {
                for (index, item) in items.iter().enumerate() {
                    collect(item, format!("{pointer}/items/{index}"), lists + 1, objects);
                }
            }
            _ => objects.push(Object { pointer, value }),
        }
    }
    let mut objects = Vec::new();
    collect(value, String::new(), 0, &mut objects);
    objects
}

fn below(pointer: &str, operation: PatchOperation) -> PatchOperation {
    match operation {
        PatchOperation::Add { path, value } => {
            PatchOperation::Add { path: format!("{pointer}{path}"), value }
        }
        other => other,
    }
}

/// The text of the document with the additions at their places; where that would not give the same object, as with aliases,
/// the object is written anew.
fn patched(document: &Document, patch: &[PatchOperation]) -> Result<String, CliError> {
    let mut value = document.value.clone();
    apply(&mut value, patch)
        .map_err(|error| CliError::usage("IRSA-X072", format!("{}: {error}", document.file)))?;
    let edited = edit::edited(&document.text, patch);
    if let Some(text) = edited.filter(|text| documents::parse(text, "").is_ok_and(|read| read == value)) {
        return Ok(text);
    }
    warn(&document.file, "a document is written anew, without its comments");
    let marker = if document.text.starts_with("---") { "---\n" } else { "" };
    Ok(format!("{marker}{}", yaml::document(&value)))
}
