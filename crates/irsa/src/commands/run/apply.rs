//! The Namespaces and ServiceAccounts of the manifests: made, or merged into those that are there.
//!
//! In a cluster of the user's own, what would be done is shown, and done with `--approve` alone: others share it, and a
//! ServiceAccount's role is theirs to choose.

use http::Method;
use serde_json::Value;

use super::manifests::Manifest;
use super::merge;
use crate::client::Answer;
use crate::error::CliError;
use crate::output::{note, visible};
use crate::pod::Cluster;

/// Values longer than this are cut when they are shown.
const MOST_CHARACTERS: usize = 120;

/// What applying a manifest does.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// The cluster has no such object.
    Make,
    /// The cluster's object, and what the manifest makes of it.
    Change { from: Value, to: Value },
    /// The cluster's object is as the manifest says.
    Nothing,
}

/// Applies all of them, or none without `approve` where that is needed.
pub(super) async fn apply(cluster: &Cluster, manifests: &[Manifest], approve: bool) -> Result<(), CliError> {
    if cluster.is_the_users_own() && !approve {
        return check(cluster, manifests).await;
    }
    for manifest in manifests {
        let step = apply_one(cluster, manifest).await?;
        if cluster.is_the_users_own() {
            step.show(manifest, "");
        }
    }
    Ok(())
}

/// Refuses, after showing it, when anything would be done.
async fn check(cluster: &Cluster, manifests: &[Manifest]) -> Result<(), CliError> {
    let mut steps = 0;
    for manifest in manifests {
        let step = step(cluster, manifest).await?;
        step.show(manifest, "would be ");
        steps += usize::from(step != Step::Nothing);
    }
    if steps == 0 {
        return Ok(());
    }
    Err(CliError::usage(
        "IRSA-X035",
        format!("the manifests would make or change {steps} object(s) of the cluster: nothing was done"),
    )
    .with_fix("--approve does it; without them in the manifests, the pod runs with what the cluster has"))
}

async fn apply_one(cluster: &Cluster, manifest: &Manifest) -> Result<Step, CliError> {
    // Somebody else may make or change it meanwhile: the second round sees that.
    for _ in 0..2 {
        let step = step(cluster, manifest).await?;
        let answer = match &step {
            Step::Make => cluster.kubernetes(Method::POST, &collection(manifest), &manifest.object).await?,
            Step::Change { to, .. } => cluster.kubernetes(Method::PUT, &path(manifest), to).await?,
            Step::Nothing => return Ok(step),
        };
        match answer.status {
            200 | 201 => return Ok(step),
            409 => {}
            _ => return Err(refused(manifest, &answer)),
        }
    }
    Err(CliError::undecided(
        "IRSA-X027",
        format!("{} `{}` is being changed by somebody else", manifest.kind, manifest.name),
    )
    .with_fix("try again"))
}

async fn step(cluster: &Cluster, manifest: &Manifest) -> Result<Step, CliError> {
    let answer = cluster.kubernetes(Method::GET, &path(manifest), &Value::Null).await?;
    match answer.status {
        200 => Ok(Step::of(answer.json(), &manifest.object)),
        404 => Ok(Step::Make),
        _ => Err(refused(manifest, &answer)),
    }
}

fn collection(manifest: &Manifest) -> String {
    match manifest.kind.as_str() {
        "Namespace" => "/api/v1/namespaces".to_owned(),
        _ => format!("/api/v1/namespaces/{}/serviceaccounts", manifest.namespace),
    }
}

fn path(manifest: &Manifest) -> String {
    format!("{}/{}", collection(manifest), manifest.name)
}

fn refused(manifest: &Manifest, answer: &Answer) -> CliError {
    let body = answer.json();
    let message = body.get("message").and_then(Value::as_str).unwrap_or("no reason was given").to_owned();
    CliError::no("IRSA-X027", format!("the cluster refused {} `{}`: {message}", manifest.kind, manifest.name))
}

impl Step {
    fn of(from: Value, manifest: &Value) -> Self {
        let mut to = from.clone();
        merge(&mut to, manifest);
        if to == from { Self::Nothing } else { Self::Change { from, to } }
    }

    fn show(&self, manifest: &Manifest, would: &str) {
        for line in self.lines(manifest, would) {
            note(&visible(&line));
        }
    }

    fn lines(&self, manifest: &Manifest, would: &str) -> Vec<String> {
        let named = match manifest.namespace.as_str() {
            "" => format!("{} {}", manifest.kind, manifest.name),
            namespace => format!("{} {namespace}/{}", manifest.kind, manifest.name),
        };
        match self {
            Self::Nothing => Vec::new(),
            Self::Make => vec![format!("{would}made: {named}")],
            Self::Change { from, to } => {
                let mut lines = vec![format!("{would}changed: {named}")];
                differences("", from, to, &mut lines);
                lines
            }
        }
    }
}

/// A line for each field that differs. Nothing is ever taken away.
fn differences(path: &str, from: &Value, to: &Value, lines: &mut Vec<String>) {
    if from == to {
        return;
    }
    if let (Value::Object(from), Value::Object(to)) = (from, to) {
        for (name, to) in to {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            differences(&path, from.get(name).unwrap_or(&Value::Null), to, lines);
        }
        return;
    }
    let shown = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        value => value.to_string().chars().take(MOST_CHARACTERS).collect(),
    };
    lines.push(format!("  {path}: {} → {}", shown(from), shown(to)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(object: Value) -> Manifest {
        Manifest {
            kind: "ServiceAccount".to_owned(),
            name: "s3-app".to_owned(),
            namespace: "dev".to_owned(),
            object,
        }
    }

    #[test]
    fn what_would_change_is_shown() {
        let there =
            json!({"metadata": {"uid": "u", "annotations": {"role": "old", "own": "1"}}, "secrets": []});
        let check = |object: Value, expected: &[&str]| {
            let step = Step::of(there.clone(), &object);
            assert_eq!(step.lines(&manifest(object), "would be "), expected);
        };
        check(json!({"metadata": {"annotations": {"own": "1"}}}), &[]);
        check(
            json!({"metadata": {"annotations": {"role": "new"}, "labels": {"a": "b"}}}),
            &[
                "would be changed: ServiceAccount dev/s3-app",
                "  metadata.annotations.role: \"old\" → \"new\"",
                "  metadata.labels: nothing → {\"a\":\"b\"}",
            ],
        );
        let made = Step::Make.lines(&manifest(Value::Null), "");
        assert_eq!(made, ["made: ServiceAccount dev/s3-app"]);
    }
}
