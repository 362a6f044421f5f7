//! Server-side apply: a manager states the fields that it wants, and owns them from then on (Kubernetes, "Server-Side
//! Apply"). Lists are owned as a whole.

use serde_json::{Map, Value, json};

use super::merge::merge;

/// A field that another manager owns and has otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApplyConflict {
    /// The other manager.
    pub(super) manager: String,
    /// `.metadata.annotations.x`
    pub(super) field: String,
}

/// Who applies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manager<'a> {
    pub(super) name: &'a str,
    /// Whether to take fields from others.
    pub(super) force: bool,
    /// RFC 3339.
    pub(super) time: &'a str,
}

/// Applies `wanted` to `object`: what the manager wanted before and does not any more goes, unless another owns it too.
///
/// # Errors
/// The fields that others own with other values, without `force`.
pub(super) fn apply(
    object: &mut Value,
    wanted: &Value,
    manager: Manager<'_>,
) -> Result<(), Vec<ApplyConflict>> {
    let mut entries = managed_fields(object);
    let fields = owned_fields(wanted);
    let others = || entries.iter().filter(|entry| entry.manager != manager.name);

    if !manager.force {
        let mut conflicts = Vec::new();
        for path in leaves(&fields) {
            if at(object, &path) == at(wanted, &path) {
                continue;
            }
            conflicts.extend(others().filter(|entry| owns(&entry.fields, &path)).map(|entry| {
                ApplyConflict {
                    manager: entry.manager.clone(),
                    field: path.iter().map(|part| format!(".{part}")).collect(),
                }
            }));
        }
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
    }
    let before =
        entries.iter().find(|entry| entry.manager == manager.name).map(|entry| leaves(&entry.fields));
    for path in before.into_iter().flatten() {
        if !owns(&fields, &path) && !others().any(|entry| owns(&entry.fields, &path)) {
            remove(object, &path);
        }
    }
    merge(object, wanted);
    entries.retain(|entry| entry.manager != manager.name);
    if manager.force {
        for path in leaves(&fields) {
            entries.iter_mut().for_each(|entry| disown(&mut entry.fields, &path));
        }
    }
    entries.push(Entry { manager: manager.name.to_owned(), time: manager.time.to_owned(), fields });
    let written: Vec<Value> = entries.iter().map(Entry::to_json).collect();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("managedFields".to_owned(), written.into());
    }
    Ok(())
}

/// An entry of `metadata.managedFields`.
struct Entry {
    manager: String,
    time: String,
    /// `FieldsV1`.
    fields: Value,
}

impl Entry {
    fn to_json(&self) -> Value {
        json!({
            "manager": self.manager,
            "operation": "Apply",
            "apiVersion": "v1",
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields,
        })
    }
}

fn managed_fields(object: &Value) -> Vec<Entry> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let text =
        |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    entries
        .into_iter()
        .flatten()
        .map(|entry| Entry {
            manager: text(entry, "manager"),
            time: text(entry, "time"),
            fields: entry.get("fieldsV1").cloned().unwrap_or_default(),
        })
        .collect()
}

/// `FieldsV1` of a configuration: what names the object belongs to nobody, and an empty map has nothing to own.
fn owned_fields(wanted: &Value) -> Value {
    fn fields(value: &Value) -> Option<Value> {
        let Value::Object(members) = value else { return Some(Value::Object(Map::new())) };
        let owned = members.iter().filter_map(|(name, value)| Some((format!("f:{name}"), fields(value)?)));
        let owned: Map<_, _> = owned.collect();
        (!owned.is_empty()).then_some(Value::Object(owned))
    }
    let mut wanted = wanted.clone();
    if let Some(members) = wanted.as_object_mut() {
        members.shift_remove("kind");
        members.shift_remove("apiVersion");
    }
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        for identity in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp", "managedFields"]
        {
            metadata.shift_remove(identity);
        }
    }
    fields(&wanted).unwrap_or_else(|| Value::Object(Map::new()))
}

fn leaves(fields: &Value) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (name, below) in fields.as_object().into_iter().flatten() {
        let Some(name) = name.strip_prefix("f:") else { continue };
        let deeper = leaves(below);
        if deeper.is_empty() {
            paths.push(vec![name.to_owned()]);
        }
        paths.extend(deeper.into_iter().map(|mut path| {
            path.insert(0, name.to_owned());
            path
        }));
    }
    paths
}

fn owns(fields: &Value, path: &[String]) -> bool {
    path.iter().try_fold(fields, |fields, part| fields.get(format!("f:{part}"))).is_some()
}

fn disown(fields: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let name = format!("f:{first}");
    if rest.is_empty() {
        if let Some(members) = fields.as_object_mut() {
            members.shift_remove(&name);
        }
    } else if let Some(below) = fields.get_mut(&name) {
        disown(below, rest);
    }
}

fn at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |object, part| object.get(part))
}

fn remove(object: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(members) = object.as_object_mut() else { return };
    if rest.is_empty() {
        members.shift_remove(first);
    } else if let Some(below) = members.get_mut(first) {
        remove(below, rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(annotations: Value) -> Value {
        json!({"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "a", "annotations": annotations}})
    }

    fn by(name: &str, force: bool) -> Manager<'_> {
        Manager { name, force, time: "2026-11-25T00:00:00Z" }
    }

    #[test]
    fn what_is_not_wanted_any_more_goes() {
        let mut object = manifest(json!({"mine": "kept"}));
        apply(&mut object, &manifest(json!({"x": "1", "y": "2"})), by("one", false)).unwrap();
        apply(&mut object, &manifest(json!({"y": "2"})), by("two", false)).unwrap();
        apply(&mut object, &manifest(json!({})), by("one", false)).unwrap();
        assert_eq!(object["metadata"]["annotations"], json!({"mine": "kept", "y": "2"}));
    }

    #[test]
    fn others_fields_are_taken_by_force_alone() {
        let mut object = manifest(json!({}));
        apply(&mut object, &manifest(json!({"x": "1"})), by("one", false)).unwrap();
        let conflicts = apply(&mut object, &manifest(json!({"x": "2"})), by("two", false)).unwrap_err();
        let expected =
            ApplyConflict { manager: "one".to_owned(), field: ".metadata.annotations.x".to_owned() };
        assert_eq!(conflicts, [expected]);
        apply(&mut object, &manifest(json!({"x": "2"})), by("two", true)).unwrap();
        assert_eq!(object["metadata"]["annotations"], json!({"x": "2"}));
        // `one` owns it no more: its next apply without the field removes nothing.
        apply(&mut object, &manifest(json!({})), by("one", false)).unwrap();
        assert_eq!(object["metadata"]["annotations"], json!({"x": "2"}));
    }
}
