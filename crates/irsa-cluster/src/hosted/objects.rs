//! Objects as clients read them: one, or a list of those that match, as they are or as a table.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header;
use irsa_store::model::KubeObject;
use irsa_store::{Revision, Snapshot, Stored};
use serde_json::{Value, json};

use super::merge::merge;
use super::resource::{Place, Resource};
use super::status::Status;
use super::table;
use super::{Answer, Call};

pub(super) fn get(call: &Call, snapshot: &Snapshot, place: &Place, name: &str) -> Result<Answer, Status> {
    let stored = find(snapshot, &call.cluster.id, place, name)
        .ok_or_else(|| Status::not_found(place.resource.plural(), name))?;
    let object = shown(stored, stored.revision);
    Ok(Answer::ok(if table::is_accepted(call.header(&header::ACCEPT)) {
        let metadata = json!({"resourceVersion": stored.revision.to_string()});
        let include = call.query.get("includeObject");
        table::table(place.resource, &[object], metadata, include, call.now)
    } else {
        object
    }))
}

pub(super) fn list(call: &Call, snapshot: &Snapshot, place: &Place) -> Result<Answer, Status> {
    let selector = call.query.selector()?;
    let after = call.query.get("continue").map(from_token).transpose()?;
    let most = call.query.get("limit").and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0);
    let matching = all(snapshot, &call.cluster.id, place)
        .filter(|stored| after.as_ref().is_none_or(|after| position(stored) > *after))
        .filter(|stored| selector.matches(&stored.object));
    let mut page: Vec<_> =
        matching.take(most.map_or(usize::MAX, |most: usize| most.saturating_add(1))).collect();
    let mut metadata = json!({"resourceVersion": snapshot.revision().to_string()});
    if let Some(most) = most.filter(|most| page.len() > *most) {
        page.truncate(most);
        if let Some(last) = page.last() {
            merge(&mut metadata, &json!({"continue": to_token(last)}));
        }
    }
    let objects: Vec<Value> = page.iter().map(|stored| shown(stored, stored.revision)).collect();
    if table::is_accepted(call.header(&header::ACCEPT)) {
        let include = call.query.get("includeObject");
        return Ok(Answer::ok(table::table(place.resource, &objects, metadata, include, call.now)));
    }
    Ok(Answer::ok(json!({
        "kind": format!("{}List", place.resource.kind()),
        "apiVersion": "v1",
        "metadata": metadata,
        "items": objects,
    })))
}

/// An object by name. What is left in a namespace that is gone, by whatever accident, is not there.
pub(super) fn find<'a>(
    snapshot: &'a Snapshot,
    cluster: &str,
    place: &Place,
    name: &str,
) -> Option<&'a Stored<KubeObject>> {
    if place.resource == Resource::ServiceAccounts {
        snapshot.kube_object(cluster, Resource::Namespaces.plural(), "", &place.namespace)?;
    }
    let stored = snapshot.kube_object(cluster, place.resource.plural(), &place.namespace, name)?;
    Some(stored.as_ref())
}

/// The objects of a collection, in the order of namespace and name.
pub(super) fn all<'a>(
    snapshot: &'a Snapshot,
    cluster: &'a str,
    place: &Place,
) -> impl Iterator<Item = &'a Stored<KubeObject>> {
    let namespace = (!place.namespace.is_empty()).then_some(place.namespace.as_str());
    let stored = snapshot.kube_objects(cluster, place.resource.plural(), namespace).map(AsRef::as_ref);
    stored.filter(move |stored: &&Stored<KubeObject>| {
        stored.namespace.is_empty()
            || snapshot.kube_object(cluster, Resource::Namespaces.plural(), "", &stored.namespace).is_some()
    })
}

/// An object as clients see it: its version is the revision that wrote it.
pub(super) fn shown(object: &KubeObject, revision: Revision) -> Value {
    let mut shown = object.object.clone();
    if let Some(metadata) = shown.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
    }
    shown
}

fn position(object: &KubeObject) -> (String, String) {
    (object.namespace.clone(), object.name.clone())
}

fn to_token(last: &KubeObject) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", last.namespace, last.name))
}

fn from_token(token: &str) -> Result<(String, String), Status> {
    let position = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let position = position.as_deref().and_then(|text| text.split_once('/'));
    let (namespace, name) = position
        .ok_or_else(|| Status::bad_request("continue key is not valid: it is not a token of this list"))?;
    Ok((namespace.to_owned(), name.to_owned()))
}
