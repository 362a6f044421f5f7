//! Objects made and replaced, with what an API server adds to them.

use http::header;
use irsa_store::model::KubeObject;
use irsa_store::{Key, Precondition, Snapshot, Store, Transaction, transact};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::objects::{self, shown};
use super::resource::{Place, Resource};
use super::status::Status;
use super::{Answer, Call, protobuf, validate};

/// The most objects of a hosted cluster. They are held in memory.
const MOST_OBJECTS: usize = 5_000;

pub(super) fn create(call: &Call, store: &dyn Store, place: &Place) -> Result<Answer, Status> {
    if place.resource == Resource::ServiceAccounts && place.namespace.is_empty() {
        return Err(Status::method_not_allowed());
    }
    let (manifest, warnings) = manifest(call, place.resource)?;
    let (name, object) = new_object(call, place, manifest)?;
    let made = transact(store, |snapshot| add(snapshot, call, place, &name, object.clone()))?;
    Ok(Answer::created(written(store, &made)).warned(warnings))
}

pub(super) fn replace(call: &Call, store: &dyn Store, place: &Place, name: &str) -> Result<Answer, Status> {
    let (manifest, warnings) = manifest(call, place.resource)?;
    let stated = manifest.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    if stated != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({stated}) does not match the name on the URL ({name})"
        )));
    }
    check_namespace(place, &manifest)?;
    let replaced = transact(store, |snapshot| {
        let stored = objects::find(snapshot, &call.cluster.id, place, name)
            .ok_or_else(|| Status::not_found(place.resource.plural(), name))?;
        let object = updated(place.resource, stored, stored.revision.0, manifest.clone())?;
        put_if_changed(call, stored, object)
    })?;
    Ok(Answer::ok(written(store, &replaced)).warned(warnings))
}

/// The body, with the warnings that `fieldValidation` asks for.
fn manifest(call: &Call, resource: Resource) -> Result<(Value, Vec<String>), Status> {
    if !matches!(call.media_type(), "" | "application/json" | protobuf::MEDIA_TYPE) {
        return Err(Status::unsupported_media_type("application/json"));
    }
    let (manifest, unknown) = validate::decode(resource, &call.body)?;
    Ok((manifest, validation(call, resource, &unknown)?))
}

/// Kubernetes API concepts, "Field validation": `Strict` refuses unknown fields, `Warn` (the default) warns of them.
pub(super) fn validation(call: &Call, resource: Resource, unknown: &[String]) -> Result<Vec<String>, Status> {
    let each = unknown.iter().map(|field| format!("unknown field \"{field}\""));
    match call.query.get("fieldValidation") {
        Some("Strict") if !unknown.is_empty() => {
            let kind = resource.kind();
            let all: Vec<_> = each.collect();
            Err(Status::bad_request(format!(
                "{kind} in version \"v1\" cannot be handled as a {kind}: strict decoding error: {}",
                all.join(", ")
            )))
        }
        Some("Ignore") => Ok(Vec::new()),
        _ => Ok(each.collect()),
    }
}

/// Completes a manifest to a new object, and names it.
pub(super) fn new_object(call: &Call, place: &Place, mut manifest: Value) -> Result<(String, Value), Status> {
    check_namespace(place, &manifest)?;
    if let Some(members) = manifest.as_object_mut() {
        members.entry("metadata").or_insert_with(|| json!({}));
        if members.get("metadata").is_some_and(Value::is_null) {
            members.insert("metadata".to_owned(), json!({}));
        }
    }
    let resource = place.resource;
    let text = |name: &str| {
        let value = manifest.pointer(&format!("/metadata/{name}")).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let (mut name, prefix) = (text("name"), text("generateName"));
    if name.is_empty() && !prefix.is_empty() {
        name = format!("{}{}", prefix.chars().take(58).collect::<String>(), suffix());
    }
    let fresh = match resource {
        Resource::Namespaces => KubeObject::namespace("", &name, &uid(), call_time(call)),
        Resource::ServiceAccounts => {
            KubeObject::service_account("", &place.namespace, &name, &uid(), call_time(call))
        }
    };
    let mut object = json!({"kind": resource.kind(), "apiVersion": "v1"});
    super::merge::merge(&mut object, &manifest);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for managed_by_the_server in ["resourceVersion", "deletionTimestamp", "selfLink", "generation"] {
            metadata.shift_remove(managed_by_the_server);
        }
    }
    super::merge::merge(&mut object, &fresh.object);
    validate::check(resource, &object)?;
    Ok((name, object))
}

/// The transaction that adds a new object.
pub(super) fn add(
    snapshot: &Snapshot,
    call: &Call,
    place: &Place,
    name: &str,
    object: Value,
) -> Result<(Transaction, KubeObject), Status> {
    let (resource, cluster) = (place.resource, &call.cluster.id);
    let mut transaction = Transaction::new();
    if resource == Resource::ServiceAccounts {
        let namespace = snapshot.kube_object(cluster, Resource::Namespaces.plural(), "", &place.namespace);
        let namespace = namespace.ok_or_else(|| Status::not_found("namespaces", &place.namespace))?;
        // Together with the deletes of its own, a namespace's delete is noticed here.
        let key = key(cluster, Resource::Namespaces, "", &namespace.name);
        transaction = transaction.require(Precondition::Unchanged { key, since: namespace.revision });
    }
    if objects::find(snapshot, cluster, place, name).is_some() {
        return Err(Status::already_exists(resource, name));
    }
    if snapshot.all_kube_objects(cluster).count() >= MOST_OBJECTS {
        let why = format!("exceeded quota: the cluster has {MOST_OBJECTS} objects");
        return Err(Status::forbidden_object(resource, name, &why));
    }
    let made = KubeObject {
        cluster: cluster.clone(),
        resource: resource.plural().to_owned(),
        namespace: place.namespace.clone(),
        name: name.to_owned(),
        object,
    };
    if call.query.is_dry_run() {
        return Ok((Transaction::new(), made));
    }
    let cluster_key =
        Key::Cluster(call.cluster.account, call.cluster.region.clone(), call.cluster.name.clone());
    let is_there = snapshot.cluster(call.cluster.account, &call.cluster.region, &call.cluster.name);
    let is_there = is_there.filter(|there| there.id == *cluster).ok_or_else(Status::unauthorized)?;
    transaction = transaction.require(Precondition::Unchanged { key: cluster_key, since: is_there.revision });
    if resource == Resource::Namespaces {
        transaction = leftovers(snapshot, cluster, name).fold(transaction, Transaction::delete);
        let account = KubeObject::service_account(cluster, name, "default", &uid(), call_time(call));
        transaction = transaction.put(account);
    }
    Ok((transaction.put(made.clone()), made))
}

/// What a namespace of this name had when it was deleted and another request was still writing into it. It must not come
/// back with its annotations.
fn leftovers(snapshot: &Snapshot, cluster: &str, namespace: &str) -> impl Iterator<Item = Key> {
    let accounts = snapshot.kube_objects(cluster, Resource::ServiceAccounts.plural(), Some(namespace));
    accounts
        .filter(|account| account.name != "default")
        .map(|account| key(&account.cluster, Resource::ServiceAccounts, &account.namespace, &account.name))
}

/// The object that `wanted` makes of what is stored: what the server manages stays.
pub(super) fn updated(
    resource: Resource,
    stored: &KubeObject,
    revision: u64,
    mut wanted: Value,
) -> Result<Value, Status> {
    let name = stored.name.as_str();
    if let Some(version) = wanted.pointer("/metadata/resourceVersion").and_then(Value::as_str)
        && !version.is_empty()
        && version != revision.to_string()
    {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        return Err(Status::conflict(resource, name, why));
    }
    let of_stored = |pointer: &str| stored.object.pointer(pointer).cloned();
    if let Some(uid) = wanted.pointer("/metadata/uid").filter(|uid| !uid.is_null() && **uid != "")
        && Some(uid) != stored.object.pointer("/metadata/uid")
    {
        let why = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            uid.as_str().unwrap_or_default(),
            of_stored("/metadata/uid").as_ref().and_then(Value::as_str).unwrap_or_default()
        );
        return Err(Status::conflict(resource, name, &why));
    }
    if let Some(members) = wanted.as_object_mut() {
        members.insert("kind".to_owned(), resource.kind().into());
        members.insert("apiVersion".to_owned(), "v1".into());
        if resource == Resource::Namespaces {
            for managed in ["spec", "status"] {
                members.extend(stored.object.get(managed).map(|value| (managed.to_owned(), value.clone())));
            }
        }
        members.entry("metadata").or_insert_with(|| json!({}));
    }
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        for managed in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generateName"]
        {
            match of_stored(&format!("/metadata/{managed}")) {
                Some(value) => drop(metadata.insert(managed.to_owned(), value)),
                None => drop(metadata.shift_remove(managed)),
            }
        }
        // Marks that this is not the object's first version, by which watches tell changes from additions.
        metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
        if resource == Resource::Namespaces {
            let labels = metadata.entry("labels").or_insert_with(|| json!({}));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
            }
        }
    }
    validate::check_shape(resource, &wanted)?;
    validate::check(resource, &wanted)?;
    Ok(wanted)
}

/// Puts an object unless it is what is there already: a change of nothing makes no new version.
pub(super) fn put_if_changed(
    call: &Call,
    stored: &KubeObject,
    object: Value,
) -> Result<(Transaction, KubeObject), Status> {
    let without_version = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.shift_remove("resourceVersion");
        }
        object
    };
    if without_version(&object) == without_version(&stored.object) {
        return Ok((Transaction::new(), stored.clone()));
    }
    let changed = KubeObject { object, ..stored.clone() };
    if call.query.is_dry_run() {
        return Ok((Transaction::new(), changed));
    }
    // The last finalizer's removal completes a delete (Kubernetes, "Finalizers").
    if is_being_deleted(&changed.object) && !has_finalizers(&changed.object) {
        let key = Key::KubeObject {
            cluster: changed.cluster.clone(),
            resource: changed.resource.clone(),
            namespace: changed.namespace.clone(),
            name: changed.name.clone(),
        };
        return Ok((Transaction::new().delete(key), changed));
    }
    Ok((Transaction::new().put(changed.clone()), changed))
}

/// What was written, with its version as the store has it.
pub(super) fn written(store: &dyn Store, object: &KubeObject) -> Value {
    let snapshot = store.snapshot();
    let stored = snapshot.kube_object(&object.cluster, &object.resource, &object.namespace, &object.name);
    match stored.filter(|stored| stored.object == object.object) {
        Some(stored) => shown(stored, stored.revision),
        None => object.object.clone(),
    }
}

pub(super) fn key(cluster: &str, resource: Resource, namespace: &str, name: &str) -> Key {
    Key::KubeObject {
        cluster: cluster.to_owned(),
        resource: resource.plural().to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

pub(super) fn has_finalizers(object: &Value) -> bool {
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

pub(super) fn is_being_deleted(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string)
}

pub(super) fn call_time(call: &Call) -> Timestamp {
    Timestamp::from_second(call.now).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn uid() -> String {
    Uuid::new_v4().to_string()
}

/// Who writes, as `managedFields` names it: the parameter, or the program before the slash of the `User-Agent`.
pub(super) fn manager(call: &Call) -> String {
    let agent = call.header(&header::USER_AGENT).split('/').next().unwrap_or_default();
    call.query.get("fieldManager").unwrap_or(agent).to_owned()
}

fn check_namespace(place: &Place, manifest: &Value) -> Result<(), Status> {
    let stated = manifest.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    if stated.is_empty() || stated == place.namespace {
        return Ok(());
    }
    Err(Status::bad_request(
        "the namespace of the provided object does not match the namespace sent on the request",
    ))
}

/// Five letters and digits of those that spell no words (`apimachinery/pkg/util/rand`).
fn suffix() -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let random = Uuid::new_v4().into_bytes();
    let letters = random.iter().filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()));
    letters.take(5).map(|letter| char::from(*letter)).collect()
}
