//! Creates, replaces, patches, deletes.

use super::*;

const NAMESPACES: &str = "/api/v1/namespaces";
const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";

#[test]
fn objects_are_completed() {
    let api = Api::new();
    let account = api.create(ACCOUNTS, "s3-app");
    let metadata = &account["metadata"];
    assert_eq!(
        (&metadata["namespace"], &metadata["creationTimestamp"]),
        (&json!("default"), &json!("2026-11-18T11:06:40Z"))
    );
    assert_eq!(metadata["uid"].as_str().unwrap().len(), 36);
    assert_eq!(metadata["resourceVersion"], api.store.snapshot().revision().to_string());
    assert_eq!(api.get(&format!("{ACCOUNTS}/s3-app")), account);
    let generated = api.call("POST", ACCOUNTS, json!({"metadata": {"generateName": "job-"}})).body;
    let name = generated["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("job-") && name.len() == 9, "{name}");
}

#[test]
fn a_namespace_has_a_service_account_and_takes_all_along() {
    let api = Api::new();
    let namespace = api.create(NAMESPACES, "dev");
    assert_eq!(namespace["status"], json!({"phase": "Active"}));
    assert_eq!(namespace["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "dev"}));
    let accounts = "/api/v1/namespaces/dev/serviceaccounts";
    let first = api.get(&format!("{accounts}/default"));
    api.create(accounts, "s3-app");
    let deleted =
        api.call("DELETE", "/api/v1/namespaces/dev", json!({"propagationPolicy": "Background"})).body;
    assert_eq!(deleted["status"]["phase"], "Terminating");
    api.refused(
        "GET",
        &format!("{accounts}/s3-app"),
        Value::Null,
        (404, "NotFound", "serviceaccounts \"s3-app\" not found"),
    );
    api.create(NAMESPACES, "dev");
    assert_eq!(api.get(accounts)["items"].as_array().unwrap().len(), 1);
    assert_ne!(api.get(&format!("{accounts}/default"))["metadata"]["uid"], first["metadata"]["uid"]);
}

#[test]
fn refusals_are_in_kubernetes_words() {
    let api = Api::new();
    api.create(ACCOUNTS, "a");
    let named = |name: &str| json!({"metadata": {"name": name}});
    api.refused("POST", ACCOUNTS, named("a"), (409, "AlreadyExists", "serviceaccounts \"a\" already exists"));
    api.refused(
        "GET",
        &format!("{ACCOUNTS}/b"),
        Value::Null,
        (404, "NotFound", "serviceaccounts \"b\" not found"),
    );
    let elsewhere = "/api/v1/namespaces/none/serviceaccounts";
    api.refused("POST", elsewhere, named("a"), (404, "NotFound", "namespaces \"none\" not found"));
    api.refused(
        "DELETE",
        &format!("{ACCOUNTS}/b"),
        Value::Null,
        (404, "NotFound", "serviceaccounts \"b\" not found"),
    );
    let immortal = "namespaces \"default\" is forbidden: this namespace may not be deleted";
    api.refused("DELETE", "/api/v1/namespaces/default", Value::Null, (403, "Forbidden", immortal));
    let other_namespace = json!({"metadata": {"name": "x", "namespace": "dev"}});
    let mismatch = "the namespace of the provided object does not match the namespace sent on the request";
    api.refused("POST", ACCOUNTS, other_namespace, (400, "BadRequest", mismatch));
    let other_name = "the name of the object (b) does not match the name on the URL (a)";
    api.refused("PUT", &format!("{ACCOUNTS}/a"), named("b"), (400, "BadRequest", other_name));
    let stale = json!({"metadata": {"name": "a", "resourceVersion": "1"}});
    let modified = "Operation cannot be fulfilled on serviceaccounts \"a\": the object has been modified; please apply your \
                    changes to the latest version and try again";
    api.refused("PUT", &format!("{ACCOUNTS}/a"), stale.clone(), (409, "Conflict", modified));
    api.refused("PATCH", &format!("{ACCOUNTS}/a"), stale, (409, "Conflict", modified));
    let not_allowed = "the server does not allow this method on the requested resource";
    api.refused("POST", "/api/v1/serviceaccounts", named("x"), (405, "MethodNotAllowed", not_allowed));
    api.refused("DELETE", NAMESPACES, Value::Null, (405, "MethodNotAllowed", not_allowed));
}

#[test]
fn unknown_fields_are_refused_when_asked() {
    let api = Api::new();
    let misspelt = json!({"metadata": {"name": "a", "anotations": {"x": "y"}}});
    let strict = "ServiceAccount in version \"v1\" cannot be handled as a ServiceAccount: strict decoding error: unknown field \
                  \"metadata.anotations\"";
    let path = format!("{ACCOUNTS}?fieldValidation=Strict");
    api.refused("POST", &path, misspelt.clone(), (400, "BadRequest", strict));
    let warned = api.call("POST", ACCOUNTS, misspelt);
    assert_eq!(
        (warned.status, &warned.headers["warning"]),
        (201, &"299 - \"unknown field \\\"metadata.anotations\\\"\"".parse().unwrap())
    );
}

#[test]
fn patches_keep_what_the_server_manages() {
    let api = Api::new();
    let made = api.create(ACCOUNTS, "a");
    let path = format!("{ACCOUNTS}/a");
    let patched = api.call(
        "PATCH",
        &path,
        json!({
            "metadata": {
                "name": "other", "uid": null, "creationTimestamp": null, "namespace": "x",
                "annotations": {"eks.amazonaws.com/role-arn": "arn:x", "b": "c"},
            },
        }),
    );
    assert_eq!(patched.status, 200, "{}", patched.body);
    for kept in ["name", "namespace", "uid", "creationTimestamp"] {
        assert_eq!(patched.body["metadata"][kept], made["metadata"][kept], "{kept}");
    }
    let send = |media_type: &str, query: &str, body: Value| {
        let headers = [("authorization", "Bearer good"), ("content-type", media_type)];
        api.send("PATCH", &format!("/k8/{ID}{path}{query}"), &headers, &body.to_string())
    };
    let json_patch = json!([{"op": "remove", "path": "/metadata/annotations/b"}]);
    assert_eq!(
        send("application/json-patch+json", "", json_patch).body["metadata"]["annotations"],
        json!({"eks.amazonaws.com/role-arn": "arn:x"})
    );
    let strategic = json!({"imagePullSecrets": [{"name": "r"}]});
    assert_eq!(
        send("application/strategic-merge-patch+json", "", strategic).body["imagePullSecrets"],
        json!([{"name": "r"}])
    );
    // Nothing changed: no new version.
    let before = api.get(&path);
    assert_eq!(send(MERGE, "", json!({"metadata": {"annotations": {"none": null}}})).body, before);
    assert_eq!(api.get(&path), before);
    assert_eq!(
        send(MERGE, "?dryRun=All", json!({"metadata": {"labels": {"x": "y"}}})).body["metadata"]["labels"],
        json!({"x": "y"})
    );
    assert_eq!(api.get(&path), before);
    for (media_type, body, status) in [
        ("text/plain", json!({}), 415),
        (MERGE, json!([]), 400),
        (MERGE, json!({"metadata": {"labels": {"a": "b c"}}}), 422),
        (MERGE, json!({"metadata": {"annotations": {"a": 1}}}), 400),
        (MERGE, json!({"kind": "Pod"}), 400),
        ("application/json-patch+json", json!([{"op": "remove", "path": "/none"}]), 422),
        ("application/json-patch+json", json!([{"op": "replace", "path": "", "value": 1}]), 400),
    ] {
        assert_eq!(send(media_type, "", body.clone()).status, status, "{media_type} {body}");
    }
    assert_eq!(api.get(&path), before);
}

#[test]
fn apply_makes_and_changes() {
    let api = Api::new();
    let apply = |query: &str, body: &str| {
        let headers = [("authorization", "Bearer good"), ("content-type", "application/apply-patch+yaml")];
        api.send("PATCH", &format!("/k8/{ID}{ACCOUNTS}/a?{query}"), &headers, body)
    };
    let manifest = |annotations: &str| {
        format!("apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\n  annotations: {annotations}\n")
    };
    let made = apply("fieldManager=one", &manifest("{x: '1', y: '2'}"));
    assert_eq!((made.status, &made.body["metadata"]["annotations"]), (201, &json!({"x": "1", "y": "2"})));
    let changed = apply("fieldManager=one", &manifest("{y: '3'}"));
    assert_eq!((changed.status, &changed.body["metadata"]["annotations"]), (200, &json!({"y": "3"})));
    let conflict = apply("fieldManager=two", &manifest("{y: '4'}"));
    let message = "Apply failed with 1 conflict: conflict with \"one\": .metadata.annotations.y";
    assert_eq!((conflict.status, &conflict.body["message"]), (409, &json!(message)));
    assert_eq!(
        apply("fieldManager=two&force=true", &manifest("{y: '4'}")).body["metadata"]["annotations"],
        json!({"y": "4"})
    );
    assert_eq!(apply("", &manifest("{}")).status, 422);
}

#[test]
fn deletes_have_preconditions_and_finalizers() {
    let api = Api::new();
    api.create(ACCOUNTS, "a");
    let path = format!("{ACCOUNTS}/a");
    assert_eq!(api.call("DELETE", &path, json!({"preconditions": {"uid": "other"}})).status, 409);
    assert_eq!(api.call("DELETE", &path, json!({"dryRun": ["All"]})).status, 200);
    api.call("PATCH", &path, json!({"metadata": {"finalizers": ["example.com/hold"]}}));
    let held = api.call("DELETE", &path, Value::Null).body;
    assert_eq!(held["metadata"]["deletionTimestamp"], "2026-11-18T11:06:40Z");
    assert_eq!(api.get(&path)["metadata"]["finalizers"], json!(["example.com/hold"]));
    api.call("PATCH", &path, json!({"metadata": {"finalizers": null}}));
    assert_eq!(api.call("GET", &path, Value::Null).status, 404);
    // The controller's: deleted, it is there again, as another.
    let default = format!("{ACCOUNTS}/default");
    let before = api.get(&default)["metadata"]["uid"].clone();
    let deleted = api.call("DELETE", &default, Value::Null).body;
    assert_eq!((&deleted["status"], &deleted["details"]["uid"]), (&json!("Success"), &before));
    assert_ne!(api.get(&default)["metadata"]["uid"], before);
}

#[test]
fn collections_are_deleted_by_selector() {
    let api = Api::new();
    for name in ["a", "b"] {
        api.create(ACCOUNTS, name);
    }
    api.call("PATCH", &format!("{ACCOUNTS}/b"), json!({"metadata": {"labels": {"x": "y"}}}));
    let deleted = api.call("DELETE", &format!("{ACCOUNTS}?labelSelector=x"), Value::Null).body;
    assert_eq!(deleted["items"].as_array().unwrap().len(), 1);
    assert_eq!(api.get(ACCOUNTS)["items"].as_array().unwrap().len(), 2);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever the body, the answer is a Kubernetes object, and what is stored stays valid.
    #[test]
    fn no_body_breaks_the_server(
        body in ".{0,80}",
        method in proptest::sample::select(vec!["POST", "PUT", "PATCH", "DELETE"]),
        media_type in proptest::sample::select(vec![
            "application/json", MERGE, "application/json-patch+json", "application/apply-patch+yaml",
            "application/vnd.kubernetes.protobuf",
        ]),
    ) {
        let api = Api::new();
        let headers = [("authorization", "Bearer good"), ("content-type", media_type)];
        for path in [ACCOUNTS.to_owned(), format!("{ACCOUNTS}/default?fieldManager=m"), format!("{ACCOUNTS}/default/token")] {
            let reply = api.send(method, &format!("/k8/{ID}{path}"), &headers, &body);
            proptest::prop_assert!(reply.status < 500, "{method} {path}: {}", reply.body);
            proptest::prop_assert!(reply.body["kind"].is_string());
        }
        proptest::prop_assert_eq!(&api.get(&format!("{ACCOUNTS}/default"))["metadata"]["name"], "default");
    }
}
