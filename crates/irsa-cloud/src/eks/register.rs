//! `RegisterCluster` and `DeregisterCluster`: clusters that others run, made known to one account.
//!
//! AWS registers clusters to show them in its console (EKS API reference, `RegisterCluster`); here the point is their issuer.
//! So the request names it, and may bring its keys, where AWS's names a connector. The keys are what the account says: they
//! verify tokens for that account's roles, and for nobody else's ([`Snapshot::registered_cluster`]).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use irsa_store::model::{Cluster, Registration, ids};
use irsa_store::{Snapshot, Transaction, transact};
use irsa_token::jwks::Jwks;
use irsa_wire::query::Validator;
use irsa_wire::rest_json::{Binding, DecodeRest, Request, RestError, typed};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::create::{MOST_CLUSTERS, random};
use super::{EksError, cluster_check, clusters};
use crate::authorize::{Authorized, Call, Check, Requires};
use crate::context::Context;
use crate::generated::eks::{
    Certificate, Cluster as ClusterOutput, ConnectorConfigResponse, CreateClusterInput, Identity, OIDC,
};

/// The members of a public key (RFC 7518 §6.2.1 and §6.3.1, RFC 7517 §4); whatever else comes with one is not kept, least of
/// all a private part.
const PUBLIC_MEMBERS: [&str; 9] = ["kty", "use", "kid", "alg", "crv", "x", "y", "n", "e"];
/// The longest URL that is kept, in bytes (IAM: an OIDC provider's URL has at most 255).
const MOST_URL_BYTES: usize = 255;
/// The largest bundle of certificate authorities that is kept, in bytes.
const MOST_CA_BYTES: usize = 64 * 1024;

/// Input of `RegisterCluster`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RegisterClusterInput {
    /// The cluster's name, as for `CreateCluster`.
    pub(super) name: String,
    /// `identity.oidc.issuer`: the `iss` of its tokens.
    pub(super) identity: OfIdentity,
    /// The issuer's keys; without them, they are fetched from the issuer.
    pub(super) jwks: Option<Value>,
    /// The URL of its API server.
    pub(super) endpoint: Option<String>,
    /// The certificate authorities behind the endpoint.
    pub(super) certificate_authority: Option<OfAuthority>,
}

/// `identity`, as `DescribeCluster` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct OfIdentity {
    /// `oidc`.
    pub(super) oidc: OfIssuer,
}

/// `identity.oidc`, as `DescribeCluster` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct OfIssuer {
    /// The issuer's URL.
    pub(super) issuer: String,
}

/// `certificateAuthority`, as `DescribeCluster` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct OfAuthority {
    /// PEM in base64.
    pub(super) data: String,
}

/// Input of `DeregisterCluster`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DeregisterClusterInput {
    /// The cluster.
    pub(super) name: String,
}

/// Output of both.
#[derive(Debug, Serialize)]
pub(super) struct RegistrationOutput {
    cluster: ClusterOutput,
}

impl DecodeRest for RegisterClusterInput {
    const BINDING: Binding =
        Binding { operation: "RegisterCluster", method: "POST", uri: "/cluster-registrations" };

    fn decode(request: &Request<'_>) -> Result<Self, RestError> {
        // A name is what it is for the clusters that are made here.
        let json = request.json()?;
        let name = json.get("name").cloned().unwrap_or_default();
        let named = json!({"name": name, "roleArn": "", "resourcesVpcConfig": {}}).to_string();
        CreateClusterInput::decode(&Request::new(Vec::new(), None, named.as_bytes())?)?;
        typed(json)
    }
}

impl DecodeRest for DeregisterClusterInput {
    const BINDING: Binding =
        Binding { operation: "DeregisterCluster", method: "DELETE", uri: "/cluster-registrations/{name}" };

    fn decode(request: &Request<'_>) -> Result<Self, RestError> {
        let mut checks = Validator::new();
        let name = request.label("name").map(str::to_owned).unwrap_or_else(|| checks.missing("name"));
        Ok(checks.finish(Self { name })?)
    }
}

impl Requires for RegisterClusterInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![cluster_check(call, "eks:RegisterCluster", &self.name)]
    }
}

/// Makes the cluster known, or replaces what is known of it: with other keys, and the endpoint if one is given.
pub(super) fn register_cluster(
    ctx: &Context,
    permit: Authorized<RegisterClusterInput>,
) -> Result<RegistrationOutput, EksError> {
    let (account, region, now) = (permit.account(), permit.region().to_owned(), permit.now());
    let input = permit.into_input();
    let issuer = input.identity.oidc.issuer.clone();
    check_issuer(ctx, &issuer)?;
    let jwks = input.jwks.as_ref().map(public_keys).transpose()?;
    let endpoint = input.endpoint.as_deref().map(https).transpose()?;
    let authority =
        input.certificate_authority.as_ref().map(|authority| certificates(&authority.data)).transpose()?;
    let id = ids::cluster_id(&random()?);

    transact(ctx.store.as_ref(), |snapshot| {
        if snapshot.cluster_by_issuer(&issuer).is_some() {
            return Err(hosted_issuer(&issuer));
        }
        let existing = snapshot.cluster(account, &region, &input.name);
        let mut cluster = match existing {
            Some(existing) => replaceable(existing, &issuer)?,
            None => {
                check_free(snapshot, account, &issuer)?;
                if snapshot.clusters(account, &region, None).count() >= MOST_CLUSTERS {
                    return Err(EksError::ClusterQuota(MOST_CLUSTERS));
                }
                Cluster {
                    account,
                    region: region.clone(),
                    name: input.name.clone(),
                    id: id.clone(),
                    version: String::new(),
                    role_arn: String::new(),
                    issuer: issuer.clone(),
                    endpoint: String::new(),
                    certificate_authority: None,
                    signing_keys: Vec::new(),
                    registration: None,
                    settings: Value::Null,
                    created: Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH),
                    tags: Default::default(),
                }
            }
        };
        cluster.registration = Some(Registration { jwks: jwks.clone() });
        if let Some(endpoint) = &endpoint {
            cluster.endpoint.clone_from(endpoint);
            cluster.certificate_authority.clone_from(&authority);
        }
        let output = RegistrationOutput { cluster: described(&cluster) };
        Ok((Transaction::new().put(cluster), output))
    })
}

impl Requires for DeregisterClusterInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![cluster_check(call, "eks:DeregisterCluster", &self.name)]
    }
}

/// Forgets the cluster and its keys. Its tokens are refused from now on, unless the issuer's own server still publishes keys.
pub(super) fn deregister_cluster(
    ctx: &Context,
    permit: Authorized<DeregisterClusterInput>,
) -> Result<RegistrationOutput, EksError> {
    let (account, region, name) = (permit.account(), permit.region(), &permit.input().name);
    transact(ctx.store.as_ref(), |snapshot| {
        let cluster = snapshot.cluster(account, region, name);
        let cluster = cluster.ok_or_else(|| EksError::NoCluster(name.clone()))?;
        if !cluster.is_registered() {
            return Err(EksError::InvalidRequest(format!(
                "Cluster {name} is not a registered cluster. Use DeleteCluster instead."
            )));
        }
        let mut output = clusters::described(ctx, cluster);
        output.status = Some("DELETING".to_owned());
        let key = irsa_store::Key::Cluster(account, region.to_owned(), name.clone());
        Ok((Transaction::new().delete(key), RegistrationOutput { cluster: output }))
    })
}

/// Refuses what can be done to hosted clusters alone.
pub(super) fn refuse_registered(cluster: &Cluster, instead: &str) -> Result<(), EksError> {
    if !cluster.is_registered() {
        return Ok(());
    }
    Err(EksError::InvalidRequest(format!(
        "Cluster {} is a registered cluster. Use {instead} instead.",
        cluster.name
    )))
}

/// As EKS shows a connected cluster. Without an endpoint it is one that nothing has connected yet: `aws eks update-kubeconfig`
/// says so, in place of writing a kubeconfig that leads nowhere.
pub(super) fn described(cluster: &Cluster) -> ClusterOutput {
    let endpoint = Some(cluster.endpoint.clone()).filter(|endpoint| !endpoint.is_empty());
    let authority = cluster.certificate_authority.as_ref();
    ClusterOutput {
        name: Some(cluster.name.clone()),
        arn: Some(cluster.arn()),
        created_at: Some(cluster.created.as_second()),
        identity: Some(Identity { oidc: Some(OIDC { issuer: Some(cluster.issuer.clone()) }) }),
        status: Some(if endpoint.is_some() { "ACTIVE" } else { "PENDING" }.to_owned()),
        certificate_authority: authority.map(|pem| Certificate { data: Some(STANDARD.encode(pem)) }),
        endpoint,
        tags: Some(cluster.tags.clone()),
        connector_config: Some(ConnectorConfigResponse {
            provider: Some("OTHER".to_owned()),
            ..ConnectorConfigResponse::default()
        }),
        ..ClusterOutput::default()
    }
}

fn check_issuer(ctx: &Context, issuer: &str) -> Result<(), EksError> {
    if issuer.is_empty() {
        return Err(EksError::InvalidParameter(
            "identity.oidc.issuer is missing: `irsa cluster register` sends it, a connector is not needed"
                .to_owned(),
        ));
    }
    if issuer.len() > MOST_URL_BYTES {
        return Err(EksError::InvalidParameter("The issuer URL is longer than 255 characters".to_owned()));
    }
    irsa_token::discovery::provider_name(issuer)
        .map_err(|error| EksError::InvalidParameter(format!("Invalid issuer URL: {error}")))?;
    if issuer.starts_with(&ctx.hosting.issuer("")) {
        return Err(hosted_issuer(issuer));
    }
    Ok(())
}

fn hosted_issuer(issuer: &str) -> EksError {
    EksError::InvalidParameter(format!("The issuer {issuer} belongs to a cluster that is hosted here"))
}

/// Two clusters with one issuer would take each other's ServiceAccounts for their own.
fn check_free(
    snapshot: &Snapshot,
    account: irsa_store::model::AccountId,
    issuer: &str,
) -> Result<(), EksError> {
    match snapshot.registered_cluster(account, issuer) {
        None => Ok(()),
        Some(other) => Err(EksError::InUse {
            name: other.name.clone(),
            message: format!("The issuer {issuer} is registered with {} already", other.arn()),
        }),
    }
}

fn replaceable(existing: &Cluster, issuer: &str) -> Result<Cluster, EksError> {
    let name = existing.name.clone();
    if !existing.is_registered() {
        return Err(EksError::ClusterExists(name));
    }
    if existing.issuer != issuer {
        let message = format!(
            "Cluster {name} is registered with the issuer {}. Deregister it first to give it another",
            existing.issuer
        );
        return Err(EksError::InUse { name, message });
    }
    Ok(existing.clone())
}

/// The public parts of those keys that can verify a token.
fn public_keys(jwks: &Value) -> Result<Value, EksError> {
    let wrong = |message: String| EksError::InvalidParameter(format!("Invalid jwks: {message}"));
    let all = Jwks::parse(jwks.to_string().as_bytes()).map_err(|error| wrong(error.to_string()))?;
    if all.keys().is_empty() {
        let why = all.unusable().first().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
        return Err(wrong(format!("no key of it can be used: {why}")));
    }
    let keys = jwks.get("keys").and_then(Value::as_array);
    let keys = keys.into_iter().flatten().filter_map(Value::as_object).map(|key| {
        let public = key.iter().filter(|(name, _)| PUBLIC_MEMBERS.contains(&name.as_str()));
        public.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>()
    });
    let usable = keys.filter(|key| {
        let alone = json!({"keys": [key]}).to_string();
        Jwks::parse(alone.as_bytes()).is_ok_and(|jwks| !jwks.keys().is_empty())
    });
    Ok(json!({"keys": usable.collect::<Vec<_>>()}))
}

fn https(url: &str) -> Result<String, EksError> {
    let parsed: Option<http::Uri> = url.parse().ok().filter(|_| url.len() <= MOST_URL_BYTES);
    let is_https = parsed.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    is_https
        .then(|| url.to_owned())
        .ok_or_else(|| EksError::InvalidParameter("The endpoint must be an https URL".to_owned()))
}

fn certificates(data: &str) -> Result<String, EksError> {
    let pem = STANDARD.decode(data).ok().and_then(|pem| String::from_utf8(pem).ok());
    let pem = pem.filter(|pem| pem.len() <= MOST_CA_BYTES && pem.contains("-----BEGIN CERTIFICATE-----"));
    pem.ok_or_else(|| {
        EksError::InvalidParameter(
            "certificateAuthority.data must be certificates in PEM, in base64".to_owned(),
        )
    })
}
