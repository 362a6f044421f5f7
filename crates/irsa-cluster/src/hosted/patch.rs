//! PATCH, in all four forms: strategic merge, merge, JSON patch, and apply (which may make the object).

use irsa_store::{Store, transact};
use serde_json::Value;

use super::apply::{self, Manager};
use super::change::{add, manager, new_object, put_if_changed, updated, validation, written};
use super::merge::{merge, strategic};
use super::objects;
use super::resource::{Place, Resource};
use super::status::Status;
use super::{Answer, Call, validate};
use crate::json_patch::{self, PatchOperation};

const MEDIA_TYPES: &str = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml, \
                           application/strategic-merge-patch+json";

enum Patch {
    Json(Vec<PatchOperation>),
    Merge(Value),
    Strategic(Value),
    Apply(Value),
}

pub(super) fn patch(call: &Call, store: &dyn Store, place: &Place, name: &str) -> Result<Answer, Status> {
    let patch = decode(call)?;
    if let Patch::Apply(wanted) = &patch {
        return server_side_apply(call, store, place, name, wanted);
    }
    let (patched, warnings) = transact(store, |snapshot| {
        let stored = objects::find(snapshot, &call.cluster.id, place, name)
            .ok_or_else(|| Status::not_found(place.resource.plural(), name))?;
        let mut object = stored.object.clone();
        // A version in the patch is a precondition; the stored one is none.
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), stored.revision.to_string().into());
        }
        match &patch {
            Patch::Json(operations) => {
                json_patch::apply(&mut object, operations)
                    .map_err(|error| refused(place.resource, name, &error.to_string()))?;
            }
            Patch::Merge(patch) => merge(&mut object, patch),
            Patch::Strategic(patch) | Patch::Apply(patch) => strategic(&mut object, patch),
        }
        let (object, warnings) = checked(call, place.resource, object)?;
        let object = updated(place.resource, stored, stored.revision.0, object)?;
        put_if_changed(call, stored, object).map(|(transaction, object)| (transaction, (object, warnings)))
    })?;
    Ok(Answer::ok(written(store, &patched)).warned(warnings))
}

fn server_side_apply(
    call: &Call,
    store: &dyn Store,
    place: &Place,
    name: &str,
    wanted: &Value,
) -> Result<Answer, Status> {
    let (wanted, warnings) = checked(call, place.resource, wanted.clone())?;
    let stated = wanted.pointer("/metadata/name").and_then(Value::as_str).unwrap_or(name);
    if stated != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({stated}) does not match the name on the URL ({name})"
        )));
    }
    let manager_name = manager(call);
    if call.query.get("fieldManager").is_none() {
        return Err(Status::invalid(
            "PatchOptions.meta.k8s.io",
            "",
            &[super::status::Cause {
                field: "fieldManager".to_owned(),
                reason: "FieldValueRequired",
                message: "Required value: is required for apply patch".to_owned(),
            }],
        ));
    }
    let time = call.timestamp();
    let manager = Manager { name: &manager_name, force: call.query.is_set("force"), time: &time };
    let (applied, is_new) = transact(store, |snapshot| {
        let Some(stored) = objects::find(snapshot, &call.cluster.id, place, name) else {
            let mut named = wanted.clone();
            merge(&mut named, &serde_json::json!({"metadata": {"name": name}}));
            let (_, mut object) = new_object(call, place, named)?;
            // Nobody owns anything of a new object, so that nothing conflicts.
            let _ = apply::apply(&mut object, &wanted, manager);
            return add(snapshot, call, place, name, object)
                .map(|(transaction, made)| (transaction, (made, true)));
        };
        let mut object = stored.object.clone();
        apply::apply(&mut object, &wanted, manager).map_err(|conflicts| conflict(&conflicts))?;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            match wanted.pointer("/metadata/resourceVersion") {
                Some(version) => drop(metadata.insert("resourceVersion".to_owned(), version.clone())),
                None => drop(metadata.shift_remove("resourceVersion")),
            }
        }
        let object = updated(place.resource, stored, stored.revision.0, object)?;
        put_if_changed(call, stored, object).map(|(transaction, object)| (transaction, (object, false)))
    })?;
    let body = written(store, &applied);
    Ok(if is_new { Answer::created(body) } else { Answer::ok(body) }.warned(warnings))
}

fn decode(call: &Call) -> Result<Patch, Status> {
    let unreadable =
        |error: &dyn std::fmt::Display| Status::bad_request(format!("error decoding patch: {error}"));
    let object = || -> Result<Value, Status> {
        let value: Value = serde_json::from_slice(&call.body).map_err(|error| unreadable(&error))?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(Status::bad_request("error decoding patch: not a JSON object"))
        }
    };
    match call.media_type() {
        "application/json-patch+json" => {
            serde_json::from_slice(&call.body).map(Patch::Json).map_err(|error| unreadable(&error))
        }
        "application/merge-patch+json" => object().map(Patch::Merge),
        "application/strategic-merge-patch+json" => object().map(Patch::Strategic),
        "application/apply-patch+yaml" => {
            let text = std::str::from_utf8(&call.body).map_err(|error| unreadable(&error))?;
            // What `kubectl` sends is JSON, which needs no YAML parser.
            serde_json::from_str(text)
                .or_else(|_| serde_saphyr::from_str(text))
                .map(Patch::Apply)
                .map_err(|error| unreadable(&error))
        }
        _ => Err(Status::unsupported_media_type(MEDIA_TYPES)),
    }
}

/// The shape of a patched object, and what `fieldValidation` says of it.
fn checked(call: &Call, resource: Resource, object: Value) -> Result<(Value, Vec<String>), Status> {
    let (object, unknown) = validate::decode(resource, object.to_string().as_bytes())?;
    let warnings = validation(call, resource, &unknown)?;
    Ok((object, warnings))
}

fn refused(resource: Resource, name: &str, why: &str) -> Status {
    let cause = super::status::Cause {
        field: "patch".to_owned(),
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {why}"),
    };
    Status::invalid(resource.kind(), name, &[cause])
}

fn conflict(conflicts: &[apply::ApplyConflict]) -> Status {
    let each: Vec<_> = conflicts
        .iter()
        .map(|conflict| format!("conflict with \"{}\": {}", conflict.manager, conflict.field))
        .collect();
    let count = if each.len() == 1 { "1 conflict".to_owned() } else { format!("{} conflicts", each.len()) };
    let message = format!("Apply failed with {count}: {}", each.join(", "));
    Status::new(http::StatusCode::CONFLICT, "Conflict", message)
}
