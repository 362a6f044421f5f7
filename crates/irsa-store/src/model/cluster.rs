//! Clusters: those that we host, with the Kubernetes objects in them, and those that others run and that are only known here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AccountId, SecretBytes, Tags};

/// An EKS cluster: hosted here, an issuer of ServiceAccount tokens with a small Kubernetes API; or registered, run by others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Whose it is.
    pub account: AccountId,
    /// The region it was made in.
    pub region: String,
    /// Its name, unique in the account and region.
    pub name: String,
    /// What ends its issuer URL and ties its objects to it: 32 upper-case hex digits, never used again after a delete.
    pub id: String,
    /// The Kubernetes version that was asked for; empty for one that is registered.
    pub version: String,
    /// The cluster's own role (`roleArn`); empty for one that is registered.
    pub role_arn: String,
    /// The `iss` of its tokens, an `https://` URL.
    pub issuer: String,
    /// The URL of its Kubernetes API; empty where it is not known.
    pub endpoint: String,
    /// PEM of the certificate authority behind `endpoint`.
    #[serde(default)]
    pub certificate_authority: Option<String>,
    /// The keys that sign its tokens: the first signs, all are published.
    #[serde(default)]
    pub signing_keys: Vec<ClusterSigningKey>,
    /// What is known of a cluster that others run; none for those that are hosted here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// What the client asked for and we only give back (`resourcesVpcConfig`, `logging`, `accessConfig`...).
    #[serde(default)]
    pub settings: Value,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Cluster {
    /// `arn:aws:eks:<region>:<account>:cluster/<name>`.
    pub fn arn(&self) -> String {
        format!("arn:aws:eks:{}:{}:cluster/{}", self.region, self.account, self.name)
    }

    /// Whether others run it. Its issuer and its API are not served here then.
    pub fn is_registered(&self) -> bool {
        self.registration.is_some()
    }
}

/// What an account says of a cluster that others run.
///
/// It is that account's word alone: nobody else's tokens may be verified by it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// The public keys that verify its tokens, as a JWKS document; none where they are fetched from the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
}

/// A private key that signs a cluster's tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterSigningKey {
    /// Its `kid`: base64url(SHA-256 of the public key's DER).
    pub kid: String,
    /// PKCS#8 DER.
    pub pkcs8: SecretBytes,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
}

/// An object of a hosted cluster: a Namespace or a ServiceAccount, as its JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KubeObject {
    /// [`Cluster::id`] of its cluster.
    pub cluster: String,
    /// The plural resource name in the API's paths, such as `serviceaccounts`.
    pub resource: String,
    /// Its namespace; empty for what has none.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The whole object. Fields that we do not know survive.
    pub object: Value,
}

impl KubeObject {
    /// A new Namespace, as an API server completes it.
    pub fn namespace(cluster: &str, name: &str, uid: &str, created: Timestamp) -> Self {
        let object = json!({
            "kind": "Namespace",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "uid": uid,
                "creationTimestamp": created.to_string(),
                "labels": {"kubernetes.io/metadata.name": name},
            },
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        });
        Self {
            cluster: cluster.to_owned(),
            resource: "namespaces".to_owned(),
            namespace: String::new(),
            name: name.to_owned(),
            object,
        }
    }

    /// A new ServiceAccount without annotations.
    pub fn service_account(
        cluster: &str,
        namespace: &str,
        name: &str,
        uid: &str,
        created: Timestamp,
    ) -> Self {
        let object = json!({
            "kind": "ServiceAccount",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": uid,
                "creationTimestamp": created.to_string(),
            },
        });
        Self {
            cluster: cluster.to_owned(),
            resource: "serviceaccounts".to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            object,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_of_before_registrations_are_hosted() {
        let old = json!({
            "account": "111122223333", "region": "eu-central-1", "name": "dev", "id": "A", "version": "1.34",
            "role_arn": "arn:aws:iam::111122223333:role/eks", "issuer": "https://oidc.example/id/A",
            "endpoint": "https://cluster.example", "created": 0,
        });
        let cluster: Cluster = serde_json::from_value(old.clone()).unwrap();
        assert!(!cluster.is_registered());
        // And what is not registered is written as before.
        assert_eq!(serde_json::to_value(&cluster).unwrap().get("registration"), None);
        let registered = Cluster { registration: Some(Registration::default()), ..cluster };
        let again: Cluster = serde_json::from_value(serde_json::to_value(&registered).unwrap()).unwrap();
        assert!(again.is_registered() && again == registered);
    }
}
