//! Cuts botocore's service models down to what is generated: names, shapes, constraints, error codes.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Files;
use super::operations::{SERVICES, Service};

/// What is kept of a shape, a member and an operation. Documentation is not among it.
const SHAPE_KEYS: &[&str] = &[
    "type",
    "required",
    "member",
    "key",
    "value",
    "min",
    "max",
    "pattern",
    "enum",
    "sensitive",
    "flattened",
    "timestampFormat",
];
const MEMBER_KEYS: &[&str] = &["shape", "location", "locationName"];

/// The trimmed models, by file name.
pub(crate) fn run(botocore: &Path) -> Result<Files, String> {
    let source = format!("botocore {} (Apache-2.0)", version(botocore)?);
    let mut models = Files::new();
    for service in SERVICES {
        let folder = botocore.join("data").join(service.name).join(service.version);
        let mut text = serde_json::to_string_pretty(&trim(&read(&folder)?, service, &source)?)
            .map_err(|error| format!("{}: {error}", service.name))?;
        text.push('\n');
        models.insert(format!("{}.json", service.name), text);
    }
    Ok(models)
}

fn version(botocore: &Path) -> Result<String, String> {
    let path = botocore.join("__init__.py");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "));
    line.map(|version| version.trim_matches(['\'', '"']).to_owned())
        .ok_or_else(|| format!("{} states no version", path.display()))
}

fn read(folder: &Path) -> Result<Value, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let text = match std::fs::read(folder.join("service-2.json")) {
        Ok(text) => text,
        Err(_) => {
            let file =
                std::fs::File::open(folder.join("service-2.json.gz")).map_err(|error| failed(&error))?;
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(file).read_to_end(&mut text).map_err(|error| failed(&error))?;
            text
        }
    };
    serde_json::from_slice(&text).map_err(|error| failed(&error))
}

fn trim(full: &Value, service: &Service, source: &str) -> Result<Value, String> {
    let mut operations = Map::new();
    let mut reached = BTreeSet::new();
    let mut errors = BTreeSet::new();
    for name in service.operations {
        let operation = full
            .pointer(&format!("/operations/{name}"))
            .ok_or_else(|| format!("{}: the model has no operation {name}", service.name))?;
        for side in ["input", "output"] {
            if let Some(shape) = operation.pointer(&format!("/{side}/shape")).and_then(Value::as_str) {
                reach(full, shape, &mut reached);
            }
        }
        let names: Vec<&str> = operation
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|error| error.get("shape")?.as_str())
            .collect();
        errors.extend(names.iter().map(|name| (*name).to_owned()));
        operations.insert(
            (*name).to_owned(),
            json!({
                "http": operation.get("http"),
                "input": operation.pointer("/input/shape"),
                "output": operation.pointer("/output/shape"),
                "resultWrapper": operation.pointer("/output/resultWrapper"),
                "authtype": operation.get("authtype"),
                "errors": names,
            }),
        );
    }
    let mut shapes = Map::new();
    for name in reached {
        let shape = full.pointer(&format!("/shapes/{name}")).ok_or_else(|| format!("no shape {name}"))?;
        shapes.insert(name, trim_shape(shape));
    }
    let errors: Map<String, Value> = errors
        .into_iter()
        .map(|name| {
            let error = full.pointer(&format!("/shapes/{name}/error"));
            let code =
                error.and_then(|error| error.get("code")).cloned().unwrap_or_else(|| name.as_str().into());
            let status =
                error.and_then(|error| error.get("httpStatusCode")).cloned().unwrap_or_else(|| 400.into());
            (name, json!({"code": code, "status": status}))
        })
        .collect();
    let metadata = full.get("metadata").cloned().unwrap_or_default();
    Ok(drop_nulls(json!({
        "source": source,
        "apiVersion": metadata.get("apiVersion"),
        "protocol": metadata.get("protocol"),
        "xmlNamespace": metadata.get("xmlNamespace"),
        "operations": operations,
        "errors": errors,
        "shapes": shapes,
    })))
}

fn reach(full: &Value, name: &str, reached: &mut BTreeSet<String>) {
    if !reached.insert(name.to_owned()) {
        return;
    }
    let Some(shape) = full.pointer(&format!("/shapes/{name}")) else { return };
    let members =
        shape.get("members").and_then(Value::as_object).into_iter().flat_map(|members| members.values());
    let elements = ["member", "key", "value"].iter().filter_map(|part| shape.get(*part));
    for target in members.chain(elements).filter_map(|part| part.get("shape")?.as_str()) {
        reach(full, target, reached);
    }
}

fn trim_shape(shape: &Value) -> Value {
    let mut kept = pick(shape, SHAPE_KEYS);
    for part in ["member", "key", "value"] {
        if let Some(part) = kept.get_mut(part) {
            *part = Value::Object(pick(part, MEMBER_KEYS));
        }
    }
    if let Some(members) = shape.get("members").and_then(Value::as_object) {
        let members = members
            .iter()
            .map(|(name, member)| (name.clone(), Value::Object(pick(member, MEMBER_KEYS))))
            .collect();
        kept.insert("members".to_owned(), Value::Object(members));
    }
    Value::Object(kept)
}

fn pick(from: &Value, keys: &[&str]) -> Map<String, Value> {
    let members = from.as_object().into_iter().flatten();
    members
        .filter(|(key, _)| keys.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn drop_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(key, member)| (key, drop_nulls(member)))
                .collect(),
        ),
        other => other,
    }
}
