//! Deletes. A namespace takes its ServiceAccounts with it at once; finalizers hold an object until they are gone.

use irsa_store::model::KubeObject;
use irsa_store::{Revision, Snapshot, Store, Stored, Transaction, transact};
use serde_json::{Value, json};

use super::change::{call_time, has_finalizers, is_being_deleted, key, uid};
use super::merge::merge;
use super::objects::{self, shown};
use super::resource::{Place, Resource};
use super::status::Status;
use super::{Answer, Call};

/// `NamespaceLifecycle` keeps these (`--admission-control`, "immortal namespaces").
const IMMORTAL: [&str; 2] = ["default", "kube-system"];

/// `DeleteOptions`, as far as they matter. There are no dependents, so that every propagation policy is the same.
#[derive(Debug, Default)]
struct Options {
    uid: Option<String>,
    resource_version: Option<String>,
    dry_run: bool,
}

pub(super) fn delete(call: &Call, store: &dyn Store, place: &Place, name: &str) -> Result<Answer, Status> {
    let options = Options::of(call)?;
    let resource = place.resource;
    if resource == Resource::Namespaces && IMMORTAL.contains(&name) {
        return Err(Status::forbidden_object(resource, name, "this namespace may not be deleted"));
    }
    let (object, revision) = transact(store, |snapshot| {
        let stored = objects::find(snapshot, &call.cluster.id, place, name)
            .ok_or_else(|| Status::not_found(resource.plural(), name))?;
        options.check(resource, stored)?;
        let (transaction, left) = removal(snapshot, call, stored, resource);
        let transaction = if options.dry_run { Transaction::new() } else { transaction };
        Ok::<_, Status>((transaction, (left, stored.revision)))
    })?;
    let uid = object.object.pointer("/metadata/uid").cloned().unwrap_or_default();
    if resource == Resource::Namespaces || is_being_deleted(&object.object) {
        return Ok(Answer::ok(shown(&object, revision)));
    }
    Ok(Answer::ok(json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": name, "kind": resource.plural(), "uid": uid},
    })))
}

pub(super) fn delete_collection(call: &Call, store: &dyn Store, place: &Place) -> Result<Answer, Status> {
    if place.resource != Resource::ServiceAccounts || place.namespace.is_empty() {
        return Err(Status::method_not_allowed());
    }
    let options = Options::of(call)?;
    let selector = call.query.selector()?;
    let deleted = transact(store, |snapshot| {
        let mut transaction = Transaction::new();
        let mut deleted = Vec::new();
        for stored in
            objects::all(snapshot, &call.cluster.id, place).filter(|stored| selector.matches(&stored.object))
        {
            let (removal, left) = removal(snapshot, call, stored, place.resource);
            transaction.changes.extend(removal.changes);
            deleted.push(shown(&left, stored.revision));
        }
        let transaction = if options.dry_run { Transaction::new() } else { transaction };
        Ok::<_, Status>((transaction, deleted))
    })?;
    Ok(Answer::ok(json!({
        "kind": "ServiceAccountList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": store.snapshot().revision().to_string()},
        "items": deleted,
    })))
}

impl Options {
    fn of(call: &Call) -> Result<Self, Status> {
        let body: Value = match call.body.trim_ascii() {
            b"" => Value::Null,
            body => serde_json::from_slice(body)
                .map_err(|error| Status::bad_request(format!("the body is not DeleteOptions: {error}")))?,
        };
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let dry_run = body.pointer("/dryRun/0").and_then(Value::as_str) == Some("All");
        Ok(Self {
            uid: text("/preconditions/uid"),
            resource_version: text("/preconditions/resourceVersion"),
            dry_run: dry_run || call.query.is_dry_run(),
        })
    }

    fn check(&self, resource: Resource, stored: &Stored<KubeObject>) -> Result<(), Status> {
        let uid = stored.object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let version = stored.revision.to_string();
        let pairs = [("UID", &self.uid, uid), ("ResourceVersion", &self.resource_version, version.as_str())];
        for (what, wanted, is) in pairs {
            if let Some(wanted) = wanted.as_deref().filter(|wanted| *wanted != is) {
                let why = format!(
                    "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {is}"
                );
                return Err(Status::conflict(resource, &stored.name, &why));
            }
        }
        Ok(())
    }
}

/// What removes an object, and the object as it was last.
fn removal(
    snapshot: &Snapshot,
    call: &Call,
    stored: &Stored<KubeObject>,
    resource: Resource,
) -> (Transaction, KubeObject) {
    let cluster = &call.cluster.id;
    let mut left = KubeObject::clone(stored);
    if resource == Resource::Namespaces {
        let accounts = snapshot.kube_objects(cluster, Resource::ServiceAccounts.plural(), Some(&stored.name));
        let keys = accounts
            .map(|account| key(cluster, Resource::ServiceAccounts, &account.namespace, &account.name));
        let transaction = keys.fold(Transaction::new(), Transaction::delete);
        mark(&mut left, call, stored.revision);
        merge(&mut left.object, &json!({"status": {"phase": "Terminating"}}));
        return (transaction.delete(key(cluster, resource, "", &stored.name)), left);
    }
    if has_finalizers(&stored.object) {
        if is_being_deleted(&stored.object) {
            return (Transaction::new(), left);
        }
        mark(&mut left, call, stored.revision);
        return (Transaction::new().put(left.clone()), left);
    }
    // The ServiceAccount controller gives every namespace its `default` anew.
    if stored.name == "default" {
        let fresh =
            KubeObject::service_account(cluster, &stored.namespace, "default", &uid(), call_time(call));
        return (Transaction::new().put(fresh), left);
    }
    (Transaction::new().delete(key(cluster, resource, &stored.namespace, &stored.name)), left)
}

fn mark(object: &mut KubeObject, call: &Call, revision: Revision) {
    if let Some(metadata) = object.object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("deletionTimestamp".to_owned(), call.timestamp().into());
        metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
    }
}
