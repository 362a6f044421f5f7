//! Tokens as a cluster makes them: one key, every token different.

use std::sync::Arc;
use std::thread;

use irsa_token::sign::SigningKey;
use serde_json::json;

use crate::Failure;

/// The subject of every token.
pub(crate) const SUBJECT: &str = "system:serviceaccount:default:bench";
/// The audience of every token.
pub(crate) const AUDIENCE: &str = "sts.amazonaws.com";

/// Makes `count` tokens of `issuer`, on all cores: a signature costs twenty verifications. SeaweedFS needs `aud` as a string.
pub(crate) fn make(
    key: &Arc<SigningKey>,
    issuer: &str,
    count: usize,
    now: i64,
    audience_is_array: bool,
) -> Result<Vec<String>, Failure> {
    let threads = thread::available_parallelism()?.get();
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            let (key, issuer) = (Arc::clone(key), issuer.to_owned());
            thread::spawn(move || {
                (worker..count)
                    .step_by(threads)
                    .map(|serial| key.sign(&claims(&issuer, serial, now, audience_is_array)))
                    .collect::<Result<Vec<_>, _>>()
            })
        })
        .collect();
    let mut tokens = Vec::with_capacity(count);
    for worker in workers {
        tokens.extend(worker.join().map_err(|_panic| "a signing thread panicked")??);
    }
    Ok(tokens)
}

fn claims(issuer: &str, serial: usize, now: i64, audience_is_array: bool) -> serde_json::Value {
    let audience = if audience_is_array { json!([AUDIENCE]) } else { json!(AUDIENCE) };
    json!({
        "aud": audience,
        "exp": now + 86_400,
        "iat": now,
        "iss": issuer,
        "jti": format!("00000000-0000-4000-8000-{serial:012}"),
        "kubernetes.io": {
            "namespace": "default",
            "node": {"name": "node-1", "uid": "3c1d7e1e-6f5e-4cbb-8d60-6f1a4f1a7c11"},
            "pod": {"name": format!("bench-{serial}"), "uid": format!("47a2e254-d0d3-44bc-acdc-{serial:012}")},
            "serviceaccount": {"name": "bench", "uid": "91bb19bc-dab8-4c72-9718-eac7adbc4b59"}
        },
        "nbf": now,
        "sub": SUBJECT
    })
}
