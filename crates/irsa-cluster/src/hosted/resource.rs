//! The resources that a hosted cluster has, and how requests name them.

use http::Method;

use super::issuer::IssuerDocument;
use super::status::Status;

/// What is kept in a hosted cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Namespaces,
    ServiceAccounts,
}

impl Resource {
    pub(super) const ALL: [Self; 2] = [Self::Namespaces, Self::ServiceAccounts];

    /// The name in paths.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::ServiceAccounts => "serviceaccounts",
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::ServiceAccounts => "ServiceAccount",
        }
    }
}

/// Where a request points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) resource: Resource,
    /// Empty for namespaces themselves, and for all namespaces.
    pub(super) namespace: String,
    /// None for a collection.
    pub(super) name: Option<String>,
}

/// What a path below a cluster's endpoint means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `/version`
    Version,
    /// `/healthz`, `/livez`, `/readyz`
    Health,
    /// What the cluster's issuer publishes, which a Kubernetes API server has, too.
    Issuer(IssuerDocument),
    /// A document of discovery: the path itself.
    Discovery(String),
    /// Objects.
    Objects(Place),
    /// `…/serviceaccounts/{name}/token`
    Token { namespace: String, name: String },
    /// `selfsubjectreviews` and its like: the plural name.
    Review(&'static str),
}

impl Target {
    /// Reads the path after `/k8/{ID}`.
    pub(super) fn parse(path: &str) -> Result<Self, Status> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let collection =
            |resource, namespace: &str| Place { resource, namespace: namespace.to_owned(), name: None };
        let object = |resource, namespace: &str, name: &str| Place {
            name: Some(name.to_owned()),
            ..collection(resource, namespace)
        };
        Ok(match segments.as_slice() {
            ["version"] => Self::Version,
            ["healthz" | "livez" | "readyz"] => Self::Health,
            [".well-known", "openid-configuration"] => Self::Issuer(IssuerDocument::Discovery),
            ["openid", "v1", "jwks"] => Self::Issuer(IssuerDocument::Keys),
            ["api" | "apis"] | ["api", "v1"] | ["openapi", "v3"] => Self::Discovery(segments.join("/")),
            ["openapi", "v3", "api", "v1"] => Self::Discovery(segments.join("/")),
            ["apis", "authentication.k8s.io" | "authorization.k8s.io"]
            | ["apis", "authentication.k8s.io" | "authorization.k8s.io", "v1"] => {
                Self::Discovery(segments.join("/"))
            }
            ["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"] => {
                Self::Review("selfsubjectreviews")
            }
            ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => {
                Self::Review("selfsubjectaccessreviews")
            }
            ["apis", "authorization.k8s.io", "v1", "selfsubjectrulesreviews"] => {
                Self::Review("selfsubjectrulesreviews")
            }
            ["api", "v1", "namespaces"] => Self::Objects(collection(Resource::Namespaces, "")),
            ["api", "v1", "namespaces", name] => Self::Objects(object(Resource::Namespaces, "", name)),
            ["api", "v1", "serviceaccounts"] => Self::Objects(collection(Resource::ServiceAccounts, "")),
            ["api", "v1", "namespaces", namespace, "serviceaccounts"] => {
                Self::Objects(collection(Resource::ServiceAccounts, namespace))
            }
            ["api", "v1", "namespaces", namespace, "serviceaccounts", name] => {
                Self::Objects(object(Resource::ServiceAccounts, namespace, name))
            }
            ["api", "v1", "namespaces", namespace, "serviceaccounts", name, "token"] => {
                Self::Token { namespace: (*namespace).to_owned(), name: (*name).to_owned() }
            }
            _ => return Err(Status::unknown_path()),
        })
    }

    /// Whether the request only reads, so that it never waits for the store.
    pub(super) fn only_reads(method: &Method) -> bool {
        matches!(*method, Method::GET | Method::HEAD)
    }
}
