//! The manifests of `irsa run`: Namespaces and ServiceAccounts to apply, and one Pod to run.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::CliError;
use crate::input;

/// A manifest is read into memory; a pod's own limit is below 1.5 MiB.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest {
    pub(super) kind: String,
    /// Empty when the API server is to make one up.
    pub(super) name: String,
    /// Empty for Namespaces.
    pub(super) namespace: String,
    pub(super) object: Value,
}

/// All documents of all files.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifests {
    /// Namespaces first, each in the order of the files.
    pub(super) applied: Vec<Manifest>,
    pub(super) pod: Manifest,
}

impl Manifest {
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.object.pointer(pointer).and_then(Value::as_str)
    }
}

impl Manifests {
    /// Reads the files; `-` is standard input.
    pub(super) fn read(files: &[PathBuf], default_namespace: &str) -> Result<Self, CliError> {
        let mut documents = Vec::new();
        for file in files {
            let text = read(file)?;
            documents.extend(parse(&text, &file.display().to_string(), default_namespace)?);
        }
        Self::sort(documents)
    }

    fn sort(documents: Vec<Manifest>) -> Result<Self, CliError> {
        let (pods, mut applied): (Vec<_>, Vec<_>) =
            documents.into_iter().partition(|document| document.kind == "Pod");
        applied.sort_by_key(|document| document.kind != "Namespace");
        let mut pods = pods.into_iter();
        match (pods.next(), pods.next()) {
            (Some(pod), None) => Ok(Self { applied, pod }),
            (None, _) => Err(CliError::usage("IRSA-X025", "the manifests have no Pod to run")
                .with_fix("add -f FILE with a Pod; `irsa exec` runs a command without a manifest")),
            (Some(first), Some(second)) => Err(CliError::usage(
                "IRSA-X025",
                format!("the manifests have several Pods: `{}` and `{}`", first.name, second.name),
            )
            .with_fix("run one at a time")),
        }
    }
}

fn read(file: &Path) -> Result<String, CliError> {
    input::read(file, MOST_BYTES)
        .map_err(|error| CliError::usage("IRSA-X025", format!("{} cannot be read: {error}", file.display())))
}

fn parse(text: &str, file: &str, default_namespace: &str) -> Result<Vec<Manifest>, CliError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| {
        CliError::usage("IRSA-X025", format!("{file} is not YAML: {error}"))
            .with_fix("check the indentation; `kubectl apply --dry-run=client -f` reads the same files")
    })?;
    let mut manifests = Vec::new();
    for document in documents.into_iter().filter(|document| !document.is_null()) {
        if document.get("kind").is_some_and(|kind| kind == "List") {
            let items = document.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            for item in items {
                manifests.push(manifest(item, file, default_namespace)?);
            }
        } else {
            manifests.push(manifest(document, file, default_namespace)?);
        }
    }
    Ok(manifests)
}

fn manifest(object: Value, file: &str, default_namespace: &str) -> Result<Manifest, CliError> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    if !matches!(kind.as_str(), "Namespace" | "ServiceAccount" | "Pod") {
        let what = if kind.is_empty() {
            "a document without a kind".to_owned()
        } else {
            format!("the {kind} `{name}`")
        };
        return Err(CliError::usage(
            "IRSA-X026",
            format!("{file} has {what}: only Namespaces, ServiceAccounts and one Pod are run"),
        )
        .with_fix("for a Deployment or Job, put its spec.template into a Pod of its own"));
    }
    if text("/apiVersion") != "v1" {
        return Err(CliError::usage(
            "IRSA-X025",
            format!("{file}: {kind} `{name}` has not the apiVersion v1"),
        ));
    }
    if name.is_empty() && (kind != "Pod" || text("/metadata/generateName").is_empty()) {
        return Err(CliError::usage("IRSA-X025", format!("{file}: the {kind} has no metadata.name")));
    }
    let namespace = match (kind.as_str(), text("/metadata/namespace")) {
        ("Namespace", _) => String::new(),
        (_, namespace) if namespace.is_empty() => default_namespace.to_owned(),
        (_, namespace) => namespace,
    };
    // What becomes a part of a path must be a name; the API server's own message says what a name is.
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if !plain(&name) || !plain(&namespace) {
        return Err(CliError::usage(
            "IRSA-X025",
            format!("{file}: `{namespace}/{name}` is not the name of a {kind}"),
        ));
    }
    Ok(Manifest { kind, name, namespace, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_sorted_and_named() {
        let text = "\
apiVersion: v1
kind: ServiceAccount
metadata: {name: s3-app}
---
# a comment alone
---
apiVersion: v1
kind: Namespace
metadata: {name: dev}
---
apiVersion: v1
kind: Pod
metadata: {generateName: app-, namespace: dev}
spec: {containers: [{name: app, command: [env]}]}
";
        let manifests = Manifests::sort(parse(text, "a.yaml", "team").unwrap()).unwrap();
        let applied: Vec<_> =
            manifests.applied.iter().map(|one| (one.kind.as_str(), one.namespace.as_str())).collect();
        assert_eq!(applied, [("Namespace", ""), ("ServiceAccount", "team")]);
        assert_eq!((manifests.pod.name.as_str(), manifests.pod.namespace.as_str()), ("", "dev"));
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        let check = |text: &str, code: &str, part: &str| {
            let error = parse(text, "a.yaml", "default").and_then(Manifests::sort).unwrap_err();
            assert_eq!(error.code, code, "{text}");
            assert!(error.message.contains(part), "{}", error.message);
        };
        check("kind: [", "IRSA-X025", "not YAML");
        check("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}", "IRSA-X025", "no Pod");
        check("apiVersion: v1\nkind: Pod\nmetadata: {}", "IRSA-X025", "metadata.name");
        check("apiVersion: v2\nkind: Pod\nmetadata: {name: a}", "IRSA-X025", "apiVersion");
        check("apiVersion: v1\nkind: Pod\nmetadata: {name: ../a}", "IRSA-X025", "not the name");
        check(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}",
            "IRSA-X026",
            "Deployment `web`",
        );
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n";
        check(&format!("{pod}{pod}"), "IRSA-X025", "several Pods");
    }
}
