//! Our own paths: health, readiness, metrics, the record of denials, and accounts.
//!
//! The first three are for probes and scrapers and say nothing about accounts. The record of denials is for operators: the
//! holder of the data folder's operator token reads all of it, an IAM principal that is allowed `irsa:GetDecision` reads what
//! concerns its own account, signed for the service `irsa`: of a call across accounts, that it was denied and not why.
//! Accounts are the operator's alone.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use irsa_store::model::AccountId;
use irsa_wire::sigv4::Presented;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::authenticate::{Dialect, authenticate};
use super::body::Body;
use crate::accounts::create_account;
use crate::authorize::{Call, Check, Facts, RefusalStyle, decide};
use crate::context::Context;
use crate::decisions::Denial;

/// The most denials that one answer lists.
const MOST_LISTED: usize = 100;

/// Answers a request below `/_irsa/`.
pub(super) async fn answer(
    ctx: &Arc<Context>,
    parts: &Parts,
    presented: Option<&Presented>,
    facts: &Arc<Facts>,
) -> Response<Body> {
    let path = parts.uri.path().strip_prefix("/_irsa/").unwrap_or_default();
    let (room, rest) = path.split_once('/').unwrap_or((path, ""));
    if room == "accounts" {
        return accounts(ctx, parts, rest).await;
    }
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return json_answer(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "only GET is served here"}));
    }
    match (room, rest) {
        ("health", "") => {
            json_answer(StatusCode::OK, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
        }
        ("ready", "") => ready(ctx, holds_operator_token(ctx, parts)),
        ("metrics", "") => {
            text_answer("application/openmetrics-text; version=1.0.0; charset=utf-8", ctx.metrics.text())
        }
        ("decisions", id) => match reader(ctx, parts, presented, facts) {
            Ok(reader) => decisions(ctx, &reader, id),
            Err(refusal) => json_answer(StatusCode::FORBIDDEN, &json!({"error": refusal})),
        },
        _ => json_answer(StatusCode::NOT_FOUND, &json!({"error": format!("there is no /_irsa/{path}")})),
    }
}

/// Ready means that calls are decided by the policies that were written: a document that could not be compiled denies, and
/// its operator should know. Which they are names accounts and roles, and is for the holder of the operator token.
fn ready(ctx: &Context, by_operator: bool) -> Response<Body> {
    let snapshot = ctx.store.snapshot();
    let broken: Vec<_> = snapshot
        .broken_policies()
        .map(|broken| json!({"entity": broken.key.path(), "policy": broken.policy, "reason": broken.reason}))
        .collect();
    let broken = if by_operator { json!(broken) } else { json!(broken.len()) };
    json_answer(
        StatusCode::OK,
        &json!({"status": "ready", "revision": snapshot.revision().0, "policiesThatDenyEverything": broken}),
    )
}

/// Who reads the record of denials.
enum Reader {
    /// Everything.
    Operator,
    /// What concerns the caller's account.
    Principal(Box<Call>),
}

fn reader(
    ctx: &Context,
    parts: &Parts,
    presented: Option<&Presented>,
    facts: &Arc<Facts>,
) -> Result<Reader, String> {
    if holds_operator_token(ctx, parts) {
        return Ok(Reader::Operator);
    }
    let presented = presented
        .filter(|presented| presented.scope.service == "irsa")
        .ok_or("sign the request for the service `irsa`, or send the operator token of the data folder")?;
    let call = authenticate(ctx, parts, &[], presented, facts, Dialect::RestJson)
        .map_err(|failure| failure.body.message.into_owned())?;
    decide(ctx, &call, &Check::new("irsa:GetDecision", "*"), RefusalStyle::WithReason)
        .map_err(|refusal| refusal.message)?;
    Ok(Reader::Principal(Box::new(call)))
}

/// `X-Irsa-Operator-Token` rather than `Authorization`, which belongs to signatures.
fn holds_operator_token(ctx: &Context, parts: &Parts) -> bool {
    let presented = parts.headers.get("x-irsa-operator-token").map(HeaderValue::as_bytes).unwrap_or_default();
    let expected = ctx.operator_token.expose().as_bytes();
    !expected.is_empty() && bool::from(presented.ct_eq(expected))
}

fn decisions(ctx: &Context, reader: &Reader, id: &str) -> Response<Body> {
    let view = |denial: &Arc<Denial>| match reader {
        Reader::Operator => Some(Arc::clone(denial)),
        Reader::Principal(call) => denial.seen_from(call.account).map(Arc::new),
    };
    if id.is_empty() {
        let denials = ctx.decisions.newest_first(MOST_LISTED, view);
        return json_answer(
            StatusCode::OK,
            &json!({"apiVersion": "irsa/v1", "kind": "DecisionList", "items": denials}),
        );
    }
    match ctx.decisions.find(id, view) {
        Some(denial) => json_answer(
            StatusCode::OK,
            &json!({"apiVersion": "irsa/v1", "kind": "Decision", "decision": denial}),
        ),
        None => json_answer(
            StatusCode::NOT_FOUND,
            &json!({"error": format!("no decision {id} is remembered; the newest {} denials are", crate::decisions::MOST)}),
        ),
    }
}

async fn accounts(ctx: &Arc<Context>, parts: &Parts, id: &str) -> Response<Body> {
    if !holds_operator_token(ctx, parts) {
        return json_answer(
            StatusCode::FORBIDDEN,
            &json!({"error": "send the operator token of the data folder"}),
        );
    }
    if parts.method == Method::GET && id.is_empty() {
        let snapshot = ctx.store.snapshot();
        let items: Vec<_> = snapshot
            .accounts()
            .map(|account| json!({"id": account.id, "created": account.created.to_string()}))
            .collect();
        return json_answer(
            StatusCode::OK,
            &json!({"apiVersion": "irsa/v1", "kind": "AccountList", "items": items}),
        );
    }
    if parts.method != Method::POST {
        return json_answer(
            StatusCode::METHOD_NOT_ALLOWED,
            &json!({"error": "GET accounts, or POST accounts/ID"}),
        );
    }
    let Ok(id) = id.parse::<AccountId>() else {
        return json_answer(StatusCode::BAD_REQUEST, &json!({"error": "an account id is twelve digits"}));
    };
    let (store, now) = (Arc::clone(&ctx.store), ctx.now());
    match tokio::task::spawn_blocking(move || create_account(store.as_ref(), id, now)).await {
        Ok(Ok(Some(key))) => json_answer(
            StatusCode::OK,
            &json!({"id": id, "accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key.expose()}),
        ),
        Ok(Ok(None)) => {
            json_answer(StatusCode::CONFLICT, &json!({"error": format!("the account {id} exists")}))
        }
        Ok(Err(error)) => {
            json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error.to_string()}))
        }
        Err(error) => json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error.to_string()})),
    }
}

fn json_answer(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = text_answer("application/json", value.to_string());
    *response.status_mut() = status;
    response
}

fn text_answer(content_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into_bytes()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
