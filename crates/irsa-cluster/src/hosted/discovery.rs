//! What a client learns of a hosted cluster before it asks for anything: its version, its groups and resources, and as
//! much OpenAPI as `kubectl` needs to know that the server validates fields itself.

use serde_json::{Value, json};

use super::merge::merge;
use super::resource::Resource;

/// The document of one of the paths that [`Target`](super::resource::Target) knows; none for another path.
pub(super) fn document(path: &str) -> Option<Value> {
    Some(match path {
        "api" => json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        }),
        "apis" => json!({
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [group("authentication.k8s.io"), group("authorization.k8s.io")],
        }),
        "apis/authentication.k8s.io" => with_kind(group("authentication.k8s.io"), "APIGroup"),
        "apis/authorization.k8s.io" => with_kind(group("authorization.k8s.io"), "APIGroup"),
        "api/v1" => resources("v1", &core_resources()),
        "apis/authentication.k8s.io/v1" => {
            resources("authentication.k8s.io/v1", &[review("selfsubjectreviews", "SelfSubjectReview")])
        }
        "apis/authorization.k8s.io/v1" => resources(
            "authorization.k8s.io/v1",
            &[
                review("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
                review("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
            ],
        ),
        "openapi/v3" => json!({"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"}}}),
        "openapi/v3/api/v1" => openapi(),
        _ => return None,
    })
}

/// `/version`, of a cluster of Kubernetes `1.N`.
pub(super) fn version(cluster_version: &str) -> Value {
    let (major, minor) = cluster_version.split_once('.').unwrap_or(("1", cluster_version));
    json!({
        "major": major,
        "minor": minor,
        "gitVersion": format!("v{cluster_version}.0-irsa"),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

fn group(name: &str) -> Value {
    let version = json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
    json!({"name": name, "versions": [version], "preferredVersion": version})
}

fn with_kind(mut group: Value, kind: &str) -> Value {
    merge(&mut group, &json!({"kind": kind, "apiVersion": "v1"}));
    group
}

fn resources(group_version: &str, resources: &[Value]) -> Value {
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
}

fn core_resources() -> Vec<Value> {
    vec![
        json!({
            "name": "namespaces",
            "singularName": "namespace",
            "namespaced": false,
            "kind": "Namespace",
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            "shortNames": ["ns"],
        }),
        json!({
            "name": "serviceaccounts",
            "singularName": "serviceaccount",
            "namespaced": true,
            "kind": "ServiceAccount",
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            "shortNames": ["sa"],
        }),
        json!({
            "name": "serviceaccounts/token",
            "singularName": "",
            "namespaced": true,
            "group": "authentication.k8s.io",
            "version": "v1",
            "kind": "TokenRequest",
            "verbs": ["create"],
        }),
    ]
}

fn review(name: &str, kind: &str) -> Value {
    json!({
        "name": name,
        "singularName": kind.to_lowercase(),
        "namespaced": false,
        "kind": kind,
        "verbs": ["create"],
    })
}

/// `kubectl` looks for the parameter `fieldValidation` of the kind's PATCH; with it, it leaves validation to the server.
fn openapi() -> Value {
    let mut paths = serde_json::Map::new();
    for resource in Resource::ALL {
        let path = match resource {
            Resource::Namespaces => "/api/v1/namespaces/{name}".to_owned(),
            Resource::ServiceAccounts => "/api/v1/namespaces/{namespace}/serviceaccounts/{name}".to_owned(),
        };
        let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
        let operation = json!({
            "operationId": format!("patch{}", resource.kind()),
            "parameters": [parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation"), parameter("force")],
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": {"group": "", "version": "v1", "kind": resource.kind()},
        });
        paths.insert(path, json!({"patch": operation}));
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1"},
        "paths": paths,
        "components": {"schemas": {}},
    })
}
