//! What the pod identity webhook does to a pod: a JSON patch that gives its containers the token and the environment from
//! which AWS SDKs find their role.
//!
//! A pure function, and additive: it adds environment entries, a mount and a volume at their places, and never writes a
//! container anew, so that fields which nobody here knows survive. Rules and their order are those of
//! amazon-eks-pod-identity-webhook (`pkg/handler/handler.go`).

mod facts;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::json_patch::PatchOperation;

pub use facts::ServiceAccountFacts;

/// The name of the volume that carries the token.
pub const VOLUME: &str = "aws-iam-token";
/// The token's file in that volume.
pub const TOKEN_FILE: &str = "token";
/// Kubernetes refuses tokens that live shorter, in seconds.
const LEAST_EXPIRATION: i64 = 600;

/// How the webhook is set up; the defaults are those of the flags of amazon-eks-pod-identity-webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the annotations' names begin with, before the slash.
    pub annotation_prefix: String,
    /// The token's audience where the ServiceAccount names none.
    pub audience: String,
    /// Where the token's volume is mounted.
    pub mount_path: String,
    /// The token's life where neither pod nor ServiceAccount name one, in seconds.
    pub token_expiration: i64,
    /// The region to give to containers that have none.
    pub region: Option<String>,
    /// Whether containers are told to use STS in their region.
    pub regional_sts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            annotation_prefix: "eks.amazonaws.com".to_owned(),
            audience: "sts.amazonaws.com".to_owned(),
            mount_path: "/var/run/secrets/eks.amazonaws.com/serviceaccount".to_owned(),
            token_expiration: 86_400,
            region: None,
            regional_sts: false,
        }
    }
}

/// What is to be done to a pod.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mutation {
    /// The patch; empty when the ServiceAccount has no role, or the pod has all that it needs.
    pub patch: Vec<PatchOperation>,
    /// The token that the pod is to get; none when the ServiceAccount has no role.
    pub token: Option<Token>,
}

/// A token as the pod's volume asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its audience.
    pub audience: String,
    /// Its life, in seconds.
    pub expiration_seconds: i64,
}

/// What to do to `pod` (a Pod as JSON), whose ServiceAccount says `facts`.
#[must_use]
pub fn mutate(pod: &Value, facts: &ServiceAccountFacts, settings: &Settings) -> Mutation {
    let Some(role_arn) = facts.role_arn.as_deref() else { return Mutation::default() };
    let token = Token {
        audience: facts.audience.clone().unwrap_or_else(|| settings.audience.clone()),
        expiration_seconds: expiration(pod, facts, settings),
    };
    let additions = Additions {
        settings,
        role_arn,
        regional_sts: facts.regional_sts.unwrap_or(settings.regional_sts),
        token_file: token_file(pod, settings),
    };
    let skipped = skipped_containers(pod, &settings.annotation_prefix);
    let mut patch: Vec<_> = volume(pod, &token).into_iter().collect();
    for list in ["containers", "initContainers"] {
        let containers = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            if !skipped.iter().any(|skipped| skipped == name) {
                additions.to_container(container, &format!("/spec/{list}/{index}"), &mut patch);
            }
        }
    }
    Mutation { patch, token: Some(token) }
}

/// What every container of a pod gets.
struct Additions<'a> {
    settings: &'a Settings,
    role_arn: &'a str,
    regional_sts: bool,
    token_file: String,
}

impl Additions<'_> {
    fn to_container(&self, container: &Value, path: &str, patch: &mut Vec<PatchOperation>) {
        let env = list(container, "env");
        let defined =
            |name: &str| env.iter().any(|entry| entry.get("name").is_some_and(|known| known == name));
        let has_credentials = defined("AWS_ROLE_ARN") || defined("AWS_WEB_IDENTITY_TOKEN_FILE");
        let has_region = defined("AWS_REGION") || defined("AWS_DEFAULT_REGION");
        let has_sts = defined("AWS_STS_REGIONAL_ENDPOINTS");
        if has_credentials && has_region && has_sts {
            return;
        }
        let mut added = Vec::new();
        if self.regional_sts && !has_sts {
            added.push(("AWS_STS_REGIONAL_ENDPOINTS", "regional"));
        }
        if let Some(region) =
            self.settings.region.as_deref().filter(|region| !region.is_empty() && !has_region)
        {
            added.extend([("AWS_DEFAULT_REGION", region), ("AWS_REGION", region)]);
        }
        if !has_credentials {
            added
                .extend([("AWS_ROLE_ARN", self.role_arn), ("AWS_WEB_IDENTITY_TOKEN_FILE", &self.token_file)]);
        }
        let added = added.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        append(container, path, "env", added, patch);

        let mounts = list(container, "volumeMounts");
        if !mounts.iter().any(|mount| mount.get("name").is_some_and(|name| name == VOLUME)) {
            let mount = json!({"name": VOLUME, "readOnly": true, "mountPath": self.settings.mount_path});
            append(container, path, "volumeMounts", vec![mount], patch);
        }
    }
}

/// A volume of this name that is there already is the user's, and kept.
fn volume(pod: &Value, token: &Token) -> Option<PatchOperation> {
    let spec = pod.get("spec")?;
    let volumes = list(spec, "volumes");
    if volumes.iter().any(|volume| volume.get("name").is_some_and(|name| name == VOLUME)) {
        return None;
    }
    let volume = json!({
        "name": VOLUME,
        "projected": {"sources": [{"serviceAccountToken": {
            "audience": token.audience,
            "expirationSeconds": token.expiration_seconds,
            "path": TOKEN_FILE,
        }}]},
    });
    Some(match spec.get("volumes") {
        Some(Value::Array(_)) => PatchOperation::Add { path: "/spec/volumes/0".to_owned(), value: volume },
        _ => PatchOperation::Add { path: "/spec/volumes".to_owned(), value: json!([volume]) },
    })
}

/// Adds elements at the end of a container's list, which may be absent or null.
fn append(container: &Value, path: &str, name: &str, added: Vec<Value>, patch: &mut Vec<PatchOperation>) {
    if added.is_empty() {
        return;
    }
    if container.get(name).is_some_and(Value::is_array) {
        let each = |value| PatchOperation::Add { path: format!("{path}/{name}/-"), value };
        patch.extend(added.into_iter().map(each));
    } else {
        patch.push(PatchOperation::Add { path: format!("{path}/{name}"), value: Value::Array(added) });
    }
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The pod's annotation wins over the ServiceAccount's and that over the setting; what does not parse is as if absent.
fn expiration(pod: &Value, facts: &ServiceAccountFacts, settings: &Settings) -> i64 {
    let of_pod =
        annotation(pod, &settings.annotation_prefix, "token-expiration").and_then(|text| text.parse().ok());
    of_pod.or(facts.token_expiration).unwrap_or(settings.token_expiration).max(LEAST_EXPIRATION)
}

/// One CSV record of container names; none if it is malformed. Blanks are part of the names.
fn skipped_containers(pod: &Value, prefix: &str) -> Vec<String> {
    annotation(pod, prefix, "skip-containers").and_then(facts::csv_record).unwrap_or_default()
}

fn annotation<'a>(object: &'a Value, prefix: &str, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(format!("{prefix}/{name}"))?.as_str()
}

/// The file's name in the container. Windows is recognised by the pod's node selector alone.
fn token_file(pod: &Value, settings: &Settings) -> String {
    let file = format!("{}/{TOKEN_FILE}", settings.mount_path);
    let selects_windows = |label: &str| {
        let selector = pod.pointer("/spec/nodeSelector").and_then(|selector| selector.get(label));
        selector.is_some_and(|os| os == "windows")
    };
    if selects_windows("kubernetes.io/os") || selects_windows("beta.kubernetes.io/os") {
        format!("C:{}", file.replace('/', "\\"))
    } else {
        file
    }
}
