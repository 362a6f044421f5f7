//! The bearer tokens of `aws eks get-token`: a presigned `GetCallerIdentity` that names the cluster it is for.
//!
//! EKS sends the URL to STS and believes the answer; we are both, so the signature is checked here, exactly as the server
//! checks it. Who was authenticated is allowed nothing by that: `eks:AccessKubernetesApi` on the cluster decides.
//! Source: aws-iam-authenticator, "API Authorization from Outside a Cluster" and `pkg/token`.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Request, Uri};
use irsa_store::model::Cluster;
use irsa_wire::query::parse_pairs;
use irsa_wire::sigv4::{EMPTY_SHA256, MAX_SKEW, Presented};

use crate::authorize::{Call, Check, Facts, Refusal, RefusalStyle, decide};
use crate::context::Context;
use crate::credentials::caller::{claim, still_running};

/// What every such token begins with.
const PREFIX: &str = "k8s-aws-v1.";
/// The signed header that names the cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// aws-iam-authenticator: `maxTokenLenBytes`, for our session tokens twice as long.
const MOST_BYTES: usize = 8 * 1024;

/// Who a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerPrincipal {
    /// The caller's ARN, as `GetCallerIdentity` shows it.
    pub arn: String,
}

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BearerError {
    /// Not `k8s-aws-v1.` and a presigned `GetCallerIdentity`.
    #[error("the token is not one of `aws eks get-token`: {0}")]
    Malformed(&'static str),
    /// The signature is missing or wrong, or too old.
    #[error("the token's signature is refused: {0}")]
    Signature(#[from] irsa_wire::sigv4::SigError),
    /// Nobody's credentials.
    #[error("the token's credentials are refused: {0}")]
    Caller(#[from] crate::credentials::caller::CallerError),
    /// The policies say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Finds out whose `token` it is and whether its caller may use the Kubernetes API of `cluster`.
///
/// # Errors
/// [`BearerError::Refused`] when policies deny; the others when the token proves nobody's identity.
pub fn review(
    ctx: &Context,
    cluster: &Cluster,
    token: &str,
    source_ip: IpAddr,
    user_agent: &str,
) -> Result<BearerPrincipal, BearerError> {
    let parts = presigned_request(token, &cluster.name)?;
    let presented =
        Presented::from_parts(&parts)?.ok_or(BearerError::Malformed("its URL is not presigned"))?;
    presented.check_scope("sts", None)?;
    if !presented.signs(CLUSTER_HEADER) {
        return Err(BearerError::Malformed("it does not sign the header x-k8s-aws-id"));
    }
    if presented.expires.is_none_or(|seconds| i64::from(seconds) > MAX_SKEW) {
        return Err(BearerError::Malformed("its URL lives longer than 15 minutes"));
    }
    let (snapshot, now) = (ctx.store.snapshot(), ctx.now());
    let claimed = claim(&snapshot, &ctx.keys, &presented.access_key_id, presented.session_token.as_deref())?;
    presented.verify(&parts, Some(EMPTY_SHA256), &claimed.secret, now)?;
    still_running(&claimed.caller, now)?;
    ctx.uses.note(&snapshot, &claimed.caller, &presented.scope.service, &presented.scope.region, now);

    let arn = claimed.caller.arn();
    let call = Call {
        caller: claimed.caller,
        account: cluster.account,
        facts: Arc::new(facts(ctx, cluster, now, source_ip, user_agent)),
        snapshot,
    };
    let mut check = Check::new("eks:AccessKubernetesApi", cluster.arn());
    check.resource_account = Some(cluster.account);
    for (name, value) in &cluster.tags {
        check = check.with_key(format!("aws:ResourceTag/{name}"), value.as_str());
    }
    decide(ctx, &call, &check, RefusalStyle::WithReason)?;
    Ok(BearerPrincipal { arn })
}

/// The request that the token's URL was signed for.
fn presigned_request(token: &str, cluster: &str) -> Result<Parts, BearerError> {
    if token.len() > MOST_BYTES {
        return Err(BearerError::Malformed("it is longer than 8 KiB"));
    }
    let encoded =
        token.strip_prefix(PREFIX).ok_or(BearerError::Malformed("it does not begin with k8s-aws-v1."))?;
    // Python's and Go's encoders differ in the padding.
    let url = URL_SAFE_NO_PAD
        .decode(encoded.trim_end_matches('='))
        .map_err(|_| BearerError::Malformed("it is not base64url"))?;
    let uri = Uri::from_maybe_shared(bytes::Bytes::from(url))
        .map_err(|_| BearerError::Malformed("it does not hold a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.path() != "/" {
        return Err(BearerError::Malformed("its URL is not an STS endpoint's"));
    }
    check_query(uri.query().unwrap_or_default())?;
    let host = uri.authority().map(|authority| authority.as_str().to_owned());
    let host = host
        .and_then(|host| HeaderValue::from_str(&host).ok())
        .ok_or(BearerError::Malformed("its URL has no host"))?;
    let cluster = HeaderValue::from_str(cluster)
        .map_err(|_| BearerError::Malformed("the cluster's name cannot be a header"))?;
    let request = Request::get(uri).header(HOST, host).header(CLUSTER_HEADER, cluster).body(());
    let request = request.map_err(|_| BearerError::Malformed("it does not hold a request"))?;
    Ok(request.into_parts().0)
}

/// aws-iam-authenticator's `parameterWhitelist`: what else a URL says might mean another request.
fn check_query(query: &str) -> Result<(), BearerError> {
    const SIGNATURE: [&str; 7] = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
    ];
    let pairs =
        parse_pairs(query.as_bytes()).map_err(|_| BearerError::Malformed("its query is malformed"))?;
    let mut actions = 0;
    for (name, value) in &pairs {
        match (&**name, &**value) {
            ("Action", "GetCallerIdentity") => actions += 1,
            ("Action", _) => return Err(BearerError::Malformed("its action is not GetCallerIdentity")),
            ("Version", "2011-06-15") | ("X-Amz-User-Agent" | "x-amz-user-agent", _) => {}
            (name, _) if SIGNATURE.contains(&name) => {}
            _ => return Err(BearerError::Malformed("its URL has parameters that no such token has")),
        }
    }
    if actions == 1 { Ok(()) } else { Err(BearerError::Malformed("its action is not GetCallerIdentity")) }
}

/// The circumstances of a use of the Kubernetes API.
fn facts(ctx: &Context, cluster: &Cluster, now: i64, source_ip: IpAddr, user_agent: &str) -> Facts {
    let mut random = [0_u8; 16];
    // Without randomness ids collide in logs; nothing is decided by them.
    let _ = aws_lc_rs::rand::fill(&mut random);
    Facts {
        request_id: uuid::Builder::from_random_bytes(random).into_uuid().to_string(),
        source_ip,
        secure: ctx.hosting.endpoint_base.starts_with("https://"),
        user_agent: user_agent.to_owned(),
        region: cluster.region.clone(),
        now,
    }
}
