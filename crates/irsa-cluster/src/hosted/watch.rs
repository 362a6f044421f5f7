//! Watches, answered in rounds: the events since the revision that the client names, as soon as there are any, and an
//! empty answer after a while. Clients ask again from where they are, as they do when a server ends a watch for time.

use std::collections::HashSet;
use std::time::Duration;

use http::header;
use irsa_store::{Change, Changes, Entity, Key, Revision, Snapshot, Store};
use serde_json::{Value, json};

use super::merge::merge;
use super::objects::{self, shown};
use super::query::Selector;
use super::resource::Place;
use super::status::Status;
use super::{Answer, Call, table};

/// The longest that an answer waits for an event.
const ROUND: Duration = Duration::from_secs(10);

pub(super) async fn watch(
    call: &Call,
    place: &Place,
    store: &dyn Store,
    mut revisions: tokio::sync::watch::Receiver<Revision>,
) -> Result<Answer, Status> {
    let selector = call.query.selector()?;
    let before = store.snapshot();
    let Some(mut since) = since(call)? else {
        let initial = initial(call, place, &selector, &before);
        if !initial.is_empty() {
            return Ok(answer(call, place, initial));
        }
        let since = before.revision();
        return wait(call, place, store, &mut revisions, &selector, (&before, since)).await;
    };
    since = since.min(before.revision());
    wait(call, place, store, &mut revisions, &selector, (&before, since)).await
}

async fn wait(
    call: &Call,
    place: &Place,
    store: &dyn Store,
    revisions: &mut tokio::sync::watch::Receiver<Revision>,
    selector: &Selector,
    (before, mut since): (&Snapshot, Revision),
) -> Result<Answer, Status> {
    let asked = call.query.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
    let round = asked.map_or(ROUND, |seconds| ROUND.min(Duration::from_secs(seconds)));
    let deadline = tokio::time::Instant::now() + round;
    loop {
        let now = *revisions.borrow_and_update();
        let events = events(call, place, store, selector, before, since)?;
        if !events.is_empty() {
            return Ok(answer(call, place, events));
        }
        since = since.max(now);
        match tokio::time::timeout_at(deadline, revisions.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Ok(Answer::events(Vec::new())),
        }
    }
}

/// The events, with their objects as tables for clients that ask for those.
fn answer(call: &Call, place: &Place, events: Vec<Value>) -> Answer {
    if !table::is_accepted(call.header(&header::ACCEPT)) {
        return Answer::events(events);
    }
    let include = call.query.get("includeObject");
    let in_table = |event: Value| {
        let object = event.get("object").cloned().unwrap_or_default();
        let version = object.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
        let metadata = json!({"resourceVersion": version});
        let table = table::table(place.resource, &[object], metadata, include, call.now);
        json!({"type": event.get("type"), "object": table})
    };
    Answer::events(events.into_iter().map(in_table).collect())
}

/// The revision to begin at; none to begin with all that is there.
fn since(call: &Call) -> Result<Option<Revision>, Status> {
    match call.query.get("resourceVersion") {
        None | Some("0") => Ok(None),
        Some(version) => version
            .parse()
            .map(|version| Some(Revision(version)))
            .map_err(|_| Status::bad_request(format!("invalid resource version \"{version}\""))),
    }
}

fn initial(call: &Call, place: &Place, selector: &Selector, snapshot: &Snapshot) -> Vec<Value> {
    objects::all(snapshot, &call.cluster.id, place)
        .filter(|stored| is_at(place, &stored.name) && selector.matches(&stored.object))
        .map(|stored| json!({"type": "ADDED", "object": shown(stored, stored.revision)}))
        .collect()
}

fn events(
    call: &Call,
    place: &Place,
    store: &dyn Store,
    selector: &Selector,
    before: &Snapshot,
    since: Revision,
) -> Result<Vec<Value>, Status> {
    let Changes::Since(commits) = store.changes_since(since) else {
        return Err(Status::expired(&format!("too old resource version: {since}")));
    };
    let mut events = Vec::new();
    // What this round has seen in any version: its delete is told even if the object did not match at the end.
    let mut seen: HashSet<String> = HashSet::new();
    for commit in &commits {
        for change in &commit.changes {
            let event = event(call, place, selector, before, change, commit.revision, &mut seen);
            events.extend(event);
        }
    }
    Ok(events)
}

fn event(
    call: &Call,
    place: &Place,
    selector: &Selector,
    before: &Snapshot,
    change: &Change,
    revision: Revision,
    seen: &mut HashSet<String>,
) -> Option<Value> {
    let key = change.key();
    let Key::KubeObject { cluster, resource, namespace, name } = &key else { return None };
    let here = *cluster == call.cluster.id
        && resource == place.resource.plural()
        && (place.namespace.is_empty() || *namespace == place.namespace)
        && is_at(place, name);
    if !here {
        return None;
    }
    let known = before.kube_object(cluster, resource, namespace, name);
    let matched_before =
        seen.contains(&key.path()) || known.is_some_and(|known| selector.matches(&known.object));
    match change {
        Change::Put(Entity::KubeObject(object)) if selector.matches(&object.object) => {
            let is_first = object.object.pointer("/metadata/resourceVersion").is_none();
            let kind = if is_first || !matched_before && known.is_some() { "ADDED" } else { "MODIFIED" };
            seen.insert(key.path());
            Some(json!({"type": kind, "object": shown(object, revision)}))
        }
        // It matches no more: for this client it is gone.
        Change::Put(Entity::KubeObject(object)) if matched_before => {
            seen.remove(&key.path());
            Some(json!({"type": "DELETED", "object": shown(object, revision)}))
        }
        Change::Delete(_) if matched_before || known.is_none() => {
            let gone = known.map_or_else(
                || {
                    let mut metadata = json!({"name": name, "resourceVersion": revision.to_string()});
                    if !namespace.is_empty() {
                        merge(&mut metadata, &json!({"namespace": namespace}));
                    }
                    json!({"kind": place.resource.kind(), "apiVersion": "v1", "metadata": metadata})
                },
                |known| shown(known, revision),
            );
            Some(json!({"type": "DELETED", "object": gone}))
        }
        _ => None,
    }
}

fn is_at(place: &Place, name: &str) -> bool {
    place.name.as_deref().is_none_or(|only| only == name)
}
