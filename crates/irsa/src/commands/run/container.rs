//! A container as a local process: its command, its arguments, and those of its variables that mean something here.

use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

use crate::error::CliError;

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    index: usize,
    name: String,
}

/// A process that is ready to start but for the pod's surroundings.
pub(super) struct Prepared {
    pub(super) process: Command,
    /// The container's own variables, which win.
    pub(super) variables: Vec<(String, String)>,
}

/// Chooses the container that was named, or the only one.
pub(super) fn choose(pod: &Value, asked: Option<&str>) -> Result<Chosen, CliError> {
    let containers =
        pod.pointer("/spec/containers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = containers
        .iter()
        .map(|container| container.get("name").and_then(Value::as_str).unwrap_or_default())
        .collect();
    let index = match (asked, names.as_slice()) {
        (_, []) => return Err(CliError::usage("IRSA-X025", "the Pod has no spec.containers")),
        (None, [_]) => 0,
        (None, several) => {
            return Err(CliError::usage(
                "IRSA-X026",
                format!("the Pod has several containers: {}", several.join(", ")),
            )
            .with_fix("choose one with --container NAME"));
        }
        (Some(asked), names) => names.iter().position(|name| *name == asked).ok_or_else(|| {
            CliError::usage(
                "IRSA-X026",
                format!("the Pod has no container `{asked}`; it has {}", names.join(", ")),
            )
        })?,
    };
    let name = names.get(index).copied().unwrap_or_default().to_owned();
    let chosen = Chosen { index, name };
    // Everything that cannot be done here is found before anything is.
    command(pod, &chosen, str::to_owned)?;
    Ok(chosen)
}

/// Makes the process of a container. `local` turns paths of the container into this machine's.
pub(super) fn command(
    pod: &Value,
    chosen: &Chosen,
    local: impl Fn(&str) -> String,
) -> Result<Prepared, CliError> {
    let path = format!("/spec/containers/{}", chosen.index);
    let container = pod.pointer(&path).unwrap_or(&Value::Null);
    let variables = variables(pod, container, &chosen.name, local)?;
    let words = |field: &str| -> Result<Vec<String>, CliError> {
        let list = container.get(field).and_then(Value::as_array);
        let text = |value: &Value| value.as_str().map(|text| expand(text, &variables));
        list.into_iter().flatten().map(text).collect::<Option<_>>().ok_or_else(|| {
            CliError::usage(
                "IRSA-X025",
                format!("spec.containers[{}].{field} is not a list of strings", chosen.index),
            )
        })
    };
    let command = words("command")?;
    let Some((program, rest)) = command.split_first() else {
        return Err(CliError::usage(
            "IRSA-X026",
            format!(
                "the container `{}` has no command: spec.containers[{}].command is missing, and the image's entrypoint is not \
                 known here",
                chosen.name, chosen.index
            ),
        )
        .with_fix("name the program in the manifest's `command`"));
    };
    let mut process = Command::new(program);
    process.args(rest).args(words("args")?);
    if let Some(folder) = container.get("workingDir").and_then(Value::as_str) {
        let folder = PathBuf::from(folder);
        if !folder.is_dir() {
            return Err(CliError::usage(
                "IRSA-X026",
                format!(
                    "spec.containers[{}].workingDir is {}, which is no folder of this machine",
                    chosen.index,
                    folder.display()
                ),
            ));
        }
        process.current_dir(folder);
    }
    Ok(Prepared { process, variables })
}

fn variables(
    pod: &Value,
    container: &Value,
    name: &str,
    local: impl Fn(&str) -> String,
) -> Result<Vec<(String, String)>, CliError> {
    let cannot = |what: String| {
        Err(CliError::usage(
            "IRSA-X026",
            format!("the container `{name}` takes {what}, which is not there without a cluster"),
        )
        .with_fix("give the value itself in the manifest that you run here"))
    };
    if container.get("envFrom").and_then(Value::as_array).is_some_and(|sources| !sources.is_empty()) {
        return cannot("its environment from ConfigMaps or Secrets (envFrom)".to_owned());
    }
    let mut variables: Vec<(String, String)> = Vec::new();
    for entry in container.get("env").and_then(Value::as_array).into_iter().flatten() {
        let variable = entry.get("name").and_then(Value::as_str).unwrap_or_default();
        if variable.is_empty() || variable.contains(['=', '\0']) {
            return Err(CliError::usage(
                "IRSA-X025",
                format!("the container `{name}` has a variable without a usable name"),
            ));
        }
        let value = match entry.get("valueFrom") {
            None | Some(Value::Null) => {
                let text = entry
                    .get("value")
                    .map_or(Some(""), |value| if value.is_null() { Some("") } else { value.as_str() });
                let Some(text) = text else {
                    return Err(CliError::usage(
                        "IRSA-X025",
                        format!("the value of {variable} is not a string"),
                    )
                    .with_fix("quote it"));
                };
                local(&expand(text, &variables))
            }
            Some(from) => {
                let field = from.pointer("/fieldRef/fieldPath").and_then(Value::as_str);
                match field.and_then(|field| downward(pod, field)) {
                    Some(value) => value,
                    None if is_optional(from) => continue,
                    None => {
                        let source =
                            from.as_object().and_then(|from| from.keys().next()).cloned().unwrap_or_default();
                        let of = field.map(|field| format!(" {field}")).unwrap_or_default();
                        return cannot(format!("{variable} from {source}{of}"));
                    }
                }
            }
        };
        variables.retain(|(known, _)| known != variable);
        variables.push((variable.to_owned(), value));
    }
    Ok(variables)
}

/// The downward API, as far as a pod has these fields without a node.
fn downward(pod: &Value, field: &str) -> Option<String> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    if let Some((map, key)) = field.strip_suffix("']").and_then(|field| field.split_once("['")) {
        let pointer = match map {
            "metadata.labels" => "/metadata/labels",
            "metadata.annotations" => "/metadata/annotations",
            _ => return None,
        };
        // Kubernetes gives an empty text for a label that is not there.
        let value = pod.pointer(pointer).and_then(|map| map.get(key)).and_then(Value::as_str);
        return Some(value.unwrap_or_default().to_owned());
    }
    match field {
        "metadata.name" => Some(text("/metadata/name").unwrap_or_default()),
        "metadata.namespace" => Some(text("/metadata/namespace").unwrap_or_default()),
        "metadata.uid" => Some(text("/metadata/uid").unwrap_or_default()),
        "spec.serviceAccountName" => Some(text("/spec/serviceAccountName").unwrap_or_default()),
        _ => None,
    }
}

fn is_optional(from: &Value) -> bool {
    ["configMapKeyRef", "secretKeyRef"]
        .iter()
        .filter_map(|source| from.get(*source))
        .any(|source| source.get("optional").is_some_and(|optional| optional == true))
}

/// `$(NAME)` becomes the value of a variable that was defined before, `$$` a dollar; what is not defined stays as it is
/// (Kubernetes, "Define Dependent Environment Variables").
fn expand(text: &str, variables: &[(String, String)]) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
            continue;
        }
        let reference = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        match reference {
            Some((name, after)) => {
                match variables.iter().find(|(known, _)| known == name) {
                    Some((_, value)) => expanded.push_str(value),
                    None => expanded.push_str(&format!("$({name})")),
                }
                rest = after;
            }
            None => {
                expanded.push('$');
                rest = after;
            }
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(container: Value) -> Value {
        json!({
            "metadata": {"name": "app", "namespace": "dev", "uid": "u-1", "labels": {"tier": "back"}},
            "spec": {"serviceAccountName": "s3-app", "containers": [container]},
        })
    }

    fn prepared(container: Value) -> Result<Prepared, CliError> {
        let pod = pod(container);
        let chosen = choose(&pod, None)?;
        command(&pod, &chosen, |value| value.replace("/var/run", "/tmp/x/var/run"))
    }

    #[test]
    fn commands_and_variables_are_expanded() {
        let prepared = prepared(json!({
            "name": "app",
            "command": ["sh", "-c"],
            "args": ["echo $(B) $(NONE) $$(A) $HOME"],
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B", "value": "$(A)2"},
                {"name": "EMPTY"},
                {"name": "TOKEN", "value": "/var/run/token"},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "TIER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
                {"name": "OPTIONAL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}},
            ],
        }))
        .unwrap();
        let words: Vec<_> = prepared.process.as_std().get_args().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(words, ["-c", "echo 12 $(NONE) $(A) $HOME"]);
        let variables: Vec<_> =
            prepared.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("A", "1"),
            ("B", "12"),
            ("EMPTY", ""),
            ("TOKEN", "/tmp/x/var/run/token"),
            ("POD", "app"),
            ("TIER", "back"),
        ];
        assert_eq!(variables, expected);
    }

    #[test]
    fn what_only_a_cluster_has_is_named() {
        let check = |container: Value, part: &str| {
            let error = prepared(container.clone()).err().map(|error| error.message).unwrap_or_default();
            assert!(error.contains(part), "{container}: {error}");
        };
        check(json!({"name": "app", "image": "nginx"}), "spec.containers[0].command is missing");
        check(json!({"name": "app", "args": ["x"]}), "spec.containers[0].command is missing");
        check(json!({"name": "app", "command": [1]}), "command is not a list of strings");
        check(
            json!({"name": "app", "command": ["a"], "envFrom": [{"configMapRef": {"name": "c"}}]}),
            "envFrom",
        );
        let from = |source: Value| json!({"name": "app", "command": ["a"], "env": [{"name": "X", "valueFrom": source}]});
        check(from(json!({"secretKeyRef": {"name": "s", "key": "k"}})), "X from secretKeyRef");
        check(from(json!({"fieldRef": {"fieldPath": "status.podIP"}})), "X from fieldRef status.podIP");
        check(
            json!({"name": "app", "command": ["a"], "env": [{"name": "X", "value": 1}]}),
            "X is not a string",
        );
        check(json!({"name": "app", "command": ["a"], "workingDir": "/no/such/folder"}), "workingDir");
    }

    #[test]
    fn one_of_several_containers_is_chosen() {
        let container = |name: &str| json!({"name": name, "command": ["a"]});
        let pod = json!({"spec": {"containers": [container("a"), container("b")]}});
        assert!(choose(&pod, None).is_err());
        assert!(choose(&pod, Some("c")).is_err());
        assert_eq!(choose(&pod, Some("b")).unwrap(), Chosen { index: 1, name: "b".to_owned() });
    }
}
