//! Updates of a cluster's configuration, and the versions that there are.

use super::*;

#[test]
fn updates_are_remembered() {
    let eks = Eks::with_dev();
    let update = &eks.ok(
        "POST",
        "/clusters/dev/update-config",
        r#"{"resourcesVpcConfig":{"endpointPublicAccess":true,"endpointPrivateAccess":true},"clientRequestToken":"t-1"}"#,
    )["update"];
    assert_eq!((&update["type"], &update["status"]), (&json!("EndpointAccessUpdate"), &json!("InProgress")));
    let id = update["id"].as_str().unwrap();
    let described = eks.ok("GET", &format!("/clusters/dev/updates/{id}"), "");
    assert_eq!(described["update"]["status"], "Successful");
    assert_eq!(eks.ok("GET", "/clusters/dev/updates", ""), json!({"updateIds": [id]}));
    let network = &eks.ok("GET", "/clusters/dev", "")["cluster"]["resourcesVpcConfig"];
    assert_eq!(
        (&network["endpointPrivateAccess"], &network["subnetIds"]),
        (&json!(true), &json!(["subnet-1"]))
    );
    // The same token is the same update.
    eks.ok("POST", "/clusters/dev/update-config", r#"{"logging":{},"clientRequestToken":"t-1"}"#);
    assert_eq!(eks.ok("GET", "/clusters/dev/updates", ""), json!({"updateIds": [id]}));
    assert_eq!(eks.refused("GET", "/clusters/dev/updates/none", "").1, "ResourceNotFoundException");
}

#[test]
fn a_version_goes_up_one_at_a_time() {
    let eks = Eks::with_dev();
    let version = || eks.ok("GET", "/clusters/dev", "")["cluster"]["version"].as_str().unwrap().to_owned();
    let ask = |version: &str| json!({"version": version}).to_string();
    assert_eq!(version(), "1.34");
    for (asked, message) in [
        ("1.34", "Cluster is already at the desired configuration with version 1.34"),
        ("1.33", "Unsupported Kubernetes minor version update from 1.34 to 1.33"),
        ("1.99", "unsupported Kubernetes version 1.99"),
        ("", "unsupported Kubernetes version "),
    ] {
        let refused = eks.refused("POST", "/clusters/dev/updates", &ask(asked));
        assert_eq!(refused, (400, "InvalidParameterException".to_owned(), message.to_owned()), "{asked}");
    }
    let update = &eks.ok("POST", "/clusters/dev/updates", &ask("1.35"))["update"];
    assert_eq!(
        (&update["type"], &update["params"][0]),
        (&json!("VersionUpdate"), &json!({"type": "Version", "value": "1.35"}))
    );
    assert_eq!(version(), "1.35");
    let id = update["id"].as_str().unwrap();
    let described = eks.ok("GET", &format!("/clusters/dev/updates/{id}"), "");
    assert_eq!(described["update"]["status"], "Successful");
    assert_eq!(eks.refused("POST", "/clusters/none/updates", &ask("1.35")).1, "ResourceNotFoundException");
}

#[test]
fn a_zonal_shift_is_shown_where_it_was_set() {
    let eks = Eks::with_dev();
    let shown = || eks.ok("GET", "/clusters/dev", "")["cluster"].get("zonalShiftConfig").cloned();
    assert_eq!(shown(), None, "terraform would take it for a change");
    eks.ok("POST", "/clusters/dev/update-config", r#"{"zonalShiftConfig":{"enabled":false}}"#);
    assert_eq!(shown(), Some(json!({"enabled": false})));
}

#[test]
fn each_kind_of_update_has_its_name_and_effect() {
    let eks = Eks::with_dev();
    let check = |body: &str, kind: &str, pointer: &str, expected: Value| {
        let answer = eks.ok("POST", "/clusters/dev/update-config", body);
        assert_eq!(answer["update"]["type"], kind, "{body}");
        assert_eq!(
            eks.ok("GET", "/clusters/dev", "").pointer(&format!("/cluster{pointer}")),
            Some(&expected),
            "{body}"
        );
    };
    let logging = r#"{"logging":{"clusterLogging":[{"types":["api","audit"],"enabled":true}]}}"#;
    check(
        logging,
        "LoggingUpdate",
        "/logging/clusterLogging/0",
        json!({"types": ["api", "audit"], "enabled": true}),
    );
    check(
        r#"{"accessConfig":{"authenticationMode":"API"}}"#,
        "AccessConfigUpdate",
        "/accessConfig/authenticationMode",
        json!("API"),
    );
    check(
        r#"{"upgradePolicy":{"supportType":"STANDARD"}}"#,
        "UpgradePolicyUpdate",
        "/upgradePolicy/supportType",
        json!("STANDARD"),
    );
    check(
        r#"{"zonalShiftConfig":{"enabled":true}}"#,
        "ZonalShiftConfigUpdate",
        "/zonalShiftConfig/enabled",
        json!(true),
    );
    check(
        r#"{"resourcesVpcConfig":{"subnetIds":["subnet-2"]}}"#,
        "VpcConfigUpdate",
        "/resourcesVpcConfig/subnetIds",
        json!(["subnet-2"]),
    );
    check(r#"{"computeConfig":{"enabled":true}}"#, "AutoModeUpdate", "/computeConfig/enabled", json!(true));
    check(
        r#"{"controlPlaneScalingConfig":{"tier":"tier-xl"}}"#,
        "ControlPlaneScalingConfigUpdate",
        "/controlPlaneScalingConfig/tier",
        json!("tier-xl"),
    );
}

#[test]
fn updates_are_one_at_a_time_and_never_lock_out() {
    let eks = Eks::with_dev();
    let message = |body: &str| eks.refused("POST", "/clusters/dev/update-config", body).2;
    assert_eq!(message("{}"), "No changes needed for the cluster configuration");
    let two = r#"{"deletionProtection":true,"zonalShiftConfig":{"enabled":true}}"#;
    assert_eq!(message(two), "Only one type of update can be allowed.");
    let closed = r#"{"resourcesVpcConfig":{"endpointPublicAccess":false}}"#;
    assert_eq!(message(closed), "Private and public endpoint access cannot both be disabled");
    eks.ok("POST", "/clusters/dev/update-config", r#"{"accessConfig":{"authenticationMode":"API"}}"#);
    let back = r#"{"accessConfig":{"authenticationMode":"CONFIG_MAP"}}"#;
    assert_eq!(message(back), "Unsupported authentication mode update from API to CONFIG_MAP");
}

#[test]
fn versions_are_shown_by_their_support() {
    let eks = Eks::new();
    let names = |query: &str| -> Vec<String> {
        let answer = eks.ok("GET", &format!("/cluster-versions{query}"), "");
        let versions = answer["clusterVersions"].as_array().unwrap();
        versions.iter().map(|version| version["clusterVersion"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("?defaultOnly=true"), ["1.34"]);
    assert_eq!(names("?clusterVersions=1.30"), ["1.30"]);
    let all = names("?includeAll=true");
    let shown = names("");
    assert!(shown.len() < all.len() && shown.iter().all(|name| all.contains(name)), "{shown:?} of {all:?}");
    assert_eq!(names("?versionStatus=UNSUPPORTED"), ["1.30"]);
}
