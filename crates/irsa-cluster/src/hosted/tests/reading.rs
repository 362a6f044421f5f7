//! Discovery, gets, lists, tables, watches.

use super::*;

#[test]
fn discovery_names_what_there_is() {
    let api = Api::new();
    assert_eq!(api.get("/api")["versions"], json!(["v1"]));
    let resources = api.get("/api/v1");
    let names: Vec<_> =
        resources["resources"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["namespaces", "serviceaccounts", "serviceaccounts/token"]);
    assert_eq!(api.get("/version")["minor"], "34");
    for group in api.get("/apis")["groups"].as_array().unwrap() {
        let path = format!("/apis/{}", group["preferredVersion"]["groupVersion"].as_str().unwrap());
        assert_eq!(api.get(&path)["kind"], "APIResourceList");
    }
    let openapi = api.get("/openapi/v3");
    assert_eq!(
        api.get(openapi["paths"]["api/v1"]["serverRelativeURL"].as_str().unwrap())["openapi"],
        "3.0.0"
    );
    let unknown = (404, "NotFound", "the server could not find the requested resource");
    api.refused("GET", "/api/v1/namespaces/default/pods", Value::Null, unknown);
    api.refused("GET", "/apis/apps/v1/deployments", Value::Null, unknown);
}

#[test]
fn whoami_and_can_i() {
    let api = Api::new();
    let whoami = api.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).body;
    assert_eq!(whoami["status"]["userInfo"]["username"], "arn:aws:iam::111122223333:user/a");
    let may = |attributes: Value| {
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        api.call("POST", path, json!({"spec": {"resourceAttributes": attributes}})).body["status"]["allowed"]
            .clone()
    };
    assert_eq!(may(json!({"verb": "create", "resource": "serviceaccounts"})), true);
    assert_eq!(may(json!({"verb": "create", "resource": "pods"})), false);
    assert_eq!(may(json!({"verb": "create", "group": "x", "resource": "serviceaccounts"})), false);
}

#[test]
fn lists_are_selected_and_paged() {
    let api = Api::new();
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    for name in ["a", "b", "c"] {
        api.create(accounts, name);
    }
    api.call("PATCH", &format!("{accounts}/b"), json!({"metadata": {"labels": {"team": "data"}}}));
    let names = |query: &str| -> Vec<String> {
        let list = api.get(&format!("{accounts}?{query}"));
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(""), ["a", "b", "c", "default"]);
    assert_eq!(names("labelSelector=team%3Ddata"), ["b"]);
    assert_eq!(names("fieldSelector=metadata.name%3Dc"), ["c"]);
    let first = api.get(&format!("{accounts}?limit=3"));
    let token = first["metadata"]["continue"].as_str().unwrap();
    assert_eq!(names(&format!("limit=3&continue={token}")), ["default"]);
    assert_eq!(names("limit=4").len(), 4);
    assert!(api.get(&format!("{accounts}?limit=4"))["metadata"].get("continue").is_none());
    assert_eq!(api.get("/api/v1/serviceaccounts")["items"].as_array().unwrap().len(), 4);
}

#[test]
fn tables_are_given_to_who_asks() {
    let api = Api::new();
    let accept = ("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
    let table = api
        .send("GET", &format!("/k8/{ID}/api/v1/namespaces"), &[("authorization", "Bearer good"), accept], "")
        .body;
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["rows"][0]["cells"], json!(["default", "Active", "0s"]));
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

/// A watch tells what came after the revision that it begins at, in order.
#[test]
fn watches_tell_changes() {
    let api = Api::new();
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let since = api.get(accounts)["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    api.create(accounts, "a");
    api.call("PATCH", &format!("{accounts}/a"), json!({"metadata": {"labels": {"x": "y"}}}));
    api.call("DELETE", &format!("{accounts}/a"), Value::Null);
    let watch = |query: &str| -> Vec<(String, String)> {
        let reply = api.call("GET", &format!("{accounts}?watch=true&timeoutSeconds=1&{query}"), Value::Null);
        let text = if let Value::String(text) = reply.body { text } else { reply.body.to_string() };
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let field =
            |event: &Value, pointer: &str| event.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        events.map(|event| (field(&event, "/type"), field(&event, "/object/metadata/name"))).collect()
    };
    let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
    let all = [pair("ADDED", "a"), pair("MODIFIED", "a"), pair("DELETED", "a")];
    assert_eq!(watch(&format!("resourceVersion={since}")), all);
    // Without a revision: what is there now.
    assert_eq!(watch(""), [pair("ADDED", "default")]);
    assert_eq!(watch("fieldSelector=metadata.name%3Dnone"), []);
    let now = api.get(accounts)["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    assert_eq!(watch(&format!("resourceVersion={now}")), []);
}

/// An event ends the waiting.
#[test]
fn watches_wait() {
    let api = Api::new();
    let accounts = format!("/k8/{ID}/api/v1/namespaces/default/serviceaccounts");
    let since = api.store.snapshot().revision();
    let watch = Request::get(format!("{accounts}?watch=1&resourceVersion={since}"))
        .header("authorization", "Bearer good")
        .body(Bytes::new())
        .unwrap();
    let create = Request::post(&accounts)
        .header("authorization", "Bearer good")
        .body(Bytes::from_static(br#"{"metadata":{"name":"late"}}"#))
        .unwrap();
    let watched = api.runtime.block_on(async {
        let later = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            api.hosted.answer(std::net::Ipv4Addr::LOCALHOST.into(), create).await
        };
        tokio::join!(api.hosted.answer(std::net::Ipv4Addr::LOCALHOST.into(), watch), later).0
    });
    let event: Value = serde_json::from_slice(watched.body()).unwrap();
    assert_eq!((&event["type"], &event["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("late")));
}
