//! `POST …/serviceaccounts/{name}/token`: a token of a ServiceAccount, for an audience and a time.

use irsa_store::Snapshot;
use serde_json::{Value, json};
use uuid::Uuid;

use super::keys::Keys;
use super::objects;
use super::resource::{Place, Resource};
use super::status::{Cause, Status};
use super::validate::invalid;
use super::{Answer, Call};
use crate::token_request::{DEFAULT_SECONDS, LEAST_SECONDS, MOST_SECONDS, NamedUid, TokenSpec};

const KIND: &str = "TokenRequest.authentication.k8s.io";
/// More than any client asks for.
const MOST_AUDIENCES: usize = 100;

pub(super) fn request(
    call: &Call,
    snapshot: &Snapshot,
    keys: &Keys,
    namespace: &str,
    name: &str,
) -> Result<Answer, Status> {
    let asked: Value = serde_json::from_slice(&call.body)
        .map_err(|error| Status::bad_request(format!("the object provided is unrecognized: {error}")))?;
    if asked.get("kind").is_some_and(|kind| kind != "TokenRequest") {
        return Err(Status::bad_request(
            "the object provided is unrecognized (must be of type TokenRequest)",
        ));
    }
    let place = Place { resource: Resource::ServiceAccounts, namespace: namespace.to_owned(), name: None };
    let account = objects::find(snapshot, &call.cluster.id, &place, name)
        .ok_or_else(|| Status::not_found("serviceaccounts", name))?;
    let uid = account.object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();

    let audiences = audiences(&asked, &call.cluster.issuer)?;
    let (seconds, warnings) = seconds(&asked)?;
    let pod = bound_pod(&asked)?;
    let spec = TokenSpec {
        issuer: call.cluster.issuer.clone(),
        audiences,
        namespace: namespace.to_owned(),
        service_account: NamedUid { name: name.to_owned(), uid: uid.to_owned() },
        pod,
        issued_at: call.now,
        seconds,
        id: Uuid::new_v4().to_string(),
    };
    let keys = keys.of(&call.cluster);
    let token = keys.first().and_then(|key| spec.sign(key).ok()).ok_or_else(|| {
        tracing::error!(cluster = %call.cluster.name, "a token could not be signed");
        Status::new(
            http::StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "Internal error occurred: failed to generate token",
        )
    })?;
    let expires = jiff::Timestamp::from_second(spec.expires_at()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let body = json!({
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "creationTimestamp": call.timestamp(),
        },
        "spec": {
            "audiences": spec.audiences,
            "expirationSeconds": spec.seconds,
            "boundObjectRef": asked.pointer("/spec/boundObjectRef").cloned().unwrap_or_default(),
        },
        "status": {"token": token, "expirationTimestamp": expires.to_string()},
    });
    Ok(Answer::created(body).warned(warnings))
}

/// Without audiences, the token is for the API server itself, whose name is the issuer's.
fn audiences(asked: &Value, issuer: &str) -> Result<Vec<String>, Status> {
    let unreadable = || Status::bad_request("spec.audiences is not a list of strings");
    let audiences: Vec<String> = match asked.pointer("/spec/audiences") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|audience| audience.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(unreadable)?,
        Some(_) => return Err(unreadable()),
    };
    if audiences.len() > MOST_AUDIENCES {
        return Err(unreadable());
    }
    Ok(if audiences.is_empty() { vec![issuer.to_owned()] } else { audiences })
}

/// Kubernetes refuses too little (`validation.ValidateTokenRequest`) and shortens what is more than the server's limit.
fn seconds(asked: &Value) -> Result<(i64, Vec<String>), Status> {
    let asked = match asked.pointer("/spec/expirationSeconds") {
        None | Some(Value::Null) => DEFAULT_SECONDS,
        Some(seconds) => {
            seconds.as_i64().ok_or_else(|| Status::bad_request("spec.expirationSeconds is not an integer"))?
        }
    };
    let refuse = |rule: &str| {
        let mut cause = invalid("spec.expirationSeconds", "", rule);
        cause.message = format!("Invalid value: {asked}: {rule}");
        Status::invalid(KIND, "", &[cause])
    };
    match asked {
        ..LEAST_SECONDS => Err(refuse("may not specify a duration less than 10 minutes")),
        LEAST_SECONDS..=MOST_SECONDS => Ok((asked, Vec::new())),
        _ if asked > 1 << 32 => Err(refuse("may not specify a duration larger than 2^32 seconds")),
        _ => {
            let warning =
                format!("requested expiration of {asked} seconds shortened to {MOST_SECONDS} seconds");
            Ok((MOST_SECONDS, vec![warning]))
        }
    }
}

/// There are no pods here to look up: whoever names a pod with its UID is its kubelet, and is believed.
fn bound_pod(asked: &Value) -> Result<Option<NamedUid>, Status> {
    let reference = match asked.pointer("/spec/boundObjectRef") {
        None | Some(Value::Null) => return Ok(None),
        Some(reference) => reference,
    };
    let text = |name: &str| reference.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, name, uid) = (text("kind"), text("name"), text("uid"));
    match kind.as_str() {
        "Pod" if uid.is_empty() || name.is_empty() => Err(Status::not_found("pods", &name)),
        "Pod" if name.len() > 253 || uid.len() > 128 => {
            Err(Status::bad_request("spec.boundObjectRef is too long"))
        }
        "Pod" => Ok(Some(NamedUid { name, uid })),
        "Secret" => Err(Status::not_found("secrets", &name)),
        "Node" => Err(Status::not_found("nodes", &name)),
        other => {
            let cause = Cause {
                field: "spec.boundObjectRef".to_owned(),
                reason: "FieldValueInvalid",
                message: format!("Invalid value: {other:?}: cannot bind token to object of this kind"),
            };
            Err(Status::invalid(KIND, "", &[cause]))
        }
    }
}
