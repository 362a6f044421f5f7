//! The rules of amazon-eks-pod-identity-webhook, case by case (`pkg/handler/handler.go`), and where ours is another.

use super::*;

fn settings() -> Settings {
    recorded_settings()
}

fn container_with(env: &[&str]) -> Value {
    let env: Vec<Value> = env.iter().map(|name| json!({"name": name, "value": "own"})).collect();
    json!({"spec": {"containers": [{"name": "a", "env": env}]}})
}

/// What is there by name decides; whatever is added comes after it, in this order.
#[test]
fn environment() {
    let check = |there: &[&str], added: &[&str], is_mounted: bool| {
        let after = mutated(&container_with(there), &with_role(), &settings());
        let container = &after["spec"]["containers"][0];
        let names: Vec<&str> = container["env"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, [there, added].concat());
        assert_eq!(container.get("volumeMounts").is_some(), is_mounted, "{there:?}");
    };
    let (sts, default, region) = ("AWS_STS_REGIONAL_ENDPOINTS", "AWS_DEFAULT_REGION", "AWS_REGION");
    let (role, token) = ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE");
    check(&[], &[sts, default, region, role, token], true);
    check(&["OTHER"], &[sts, default, region, role, token], true);
    check(&[role], &[sts, default, region], true);
    check(&[token], &[sts, default, region], true);
    check(&[role, token], &[sts, default, region], true);
    check(&[region], &[sts, role, token], true);
    check(&[default], &[sts, role, token], true);
    check(&[sts], &[default, region, role, token], true);
    check(&[sts, region], &[role, token], true);
    check(&[role, region], &[sts], true);
    check(&[role, sts, region], &[], false);
    check(&[token, sts, default], &[], false);
}

#[test]
fn half_a_pair_is_told() {
    let done = mutation(&container_with(&["AWS_ROLE_ARN"]), &with_role(), &settings());
    let container = "a".to_owned();
    let expected =
        Warning::HalfPreset { container, present: "AWS_ROLE_ARN", missing: "AWS_WEB_IDENTITY_TOKEN_FILE" };
    assert_eq!(done.warnings, [expected]);
}

/// Upstream adds a second mount at the path, which the API server refuses.
#[test]
fn a_mount_at_the_same_path_stays() {
    let path = "/var/run/secrets/eks.amazonaws.com/serviceaccount/";
    let pod = json!({"spec": {"containers": [{"name": "a", "volumeMounts": [{"name": "own", "mountPath": path}]}]}});
    let done = mutation(&pod, &with_role(), &settings());
    assert_eq!(
        done.warnings,
        [Warning::MountPathTaken { container: "a".to_owned(), volume: "own".to_owned() }]
    );
    let after = mutated(&pod, &with_role(), &settings());
    assert_eq!(after["spec"]["containers"][0]["volumeMounts"].as_array().unwrap().len(), 1);
    assert_eq!(variable(&after, "AWS_ROLE_ARN"), ROLE);
}

#[test]
fn a_volume_of_the_name_stays() {
    let pod = json!({"spec": {"volumes": [{"name": VOLUME, "hostPath": {"path": "/x"}}], "containers": [{"name": "a"}]}});
    let after = mutated(&pod, &with_role(), &settings());
    assert_eq!(after["spec"]["volumes"], pod["spec"]["volumes"]);
    assert_eq!(after["spec"]["containers"][0]["volumeMounts"][0]["name"], VOLUME);
}

#[test]
fn the_volume_is_the_first() {
    let pod = json!({"spec": {"volumes": [{"name": "x"}], "containers": []}});
    let after = mutated(&pod, &with_role(), &settings());
    assert_eq!(after["spec"]["volumes"][0]["name"], VOLUME);
    assert_eq!(after["spec"]["volumes"][1]["name"], "x");
}

/// By node selector as upstream, and by the pod's own word.
#[test]
fn windows() {
    let file = r"C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token";
    for spec in [
        json!({"nodeSelector": {"kubernetes.io/os": "windows"}}),
        json!({"nodeSelector": {"beta.kubernetes.io/os": "windows"}}),
        json!({"os": {"name": "windows"}}),
    ] {
        let mut pod = json!({"spec": spec});
        pod["spec"]["containers"] = json!([{"name": "a"}]);
        let after = mutated(&pod, &with_role(), &settings());
        assert_eq!(variable(&after, "AWS_WEB_IDENTITY_TOKEN_FILE"), file, "{pod}");
        assert_eq!(after["spec"]["containers"][0]["volumeMounts"][0]["mountPath"], settings().mount_path);
    }
    for spec in [
        json!({"nodeSelector": {"kubernetes.io/os": "linux"}}),
        json!({"os": {"name": "linux"}}),
        json!({"os": null}),
    ] {
        let mut pod = json!({"spec": spec});
        pod["spec"]["containers"] = json!([{"name": "a"}]);
        assert_ne!(variable(&mutated(&pod, &with_role(), &settings()), "AWS_WEB_IDENTITY_TOKEN_FILE"), file);
    }
}

/// The containers that get the role, init containers and native sidecars among them.
#[test]
fn chosen_containers() {
    let check = |annotations: Value, expected: &[&str]| {
        let pod = json!({
            "metadata": {"annotations": annotations},
            "spec": {
                "containers": [{"name": "a"}, {"name": "b"}, {"name": " c"}],
                "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
            },
        });
        let after = mutated(&pod, &with_role(), &settings());
        let lists = ["containers", "initContainers"].map(|list| after["spec"][list].as_array().unwrap());
        let given = lists.into_iter().flatten().filter(|container| container.get("env").is_some());
        let given: Vec<&str> = given.map(|container| container["name"].as_str().unwrap()).collect();
        assert_eq!(given, expected, "{annotations}");
        assert_eq!(after["spec"]["volumes"][0]["name"], VOLUME, "the volume is there all the same");
    };
    let skip = |text: &str| json!({"eks.amazonaws.com/skip-containers": text});
    let include = |text: &str| json!({"eks.amazonaws.com/include-containers": text});
    check(json!({}), &["a", "b", " c", "i", "s"]);
    check(json!(null), &["a", "b", " c", "i", "s"]);
    check(skip("a,i"), &["b", " c", "s"]);
    check(skip("a, c"), &["b", "i", "s"]);
    check(skip("\"a\",b"), &[" c", "i", "s"]);
    check(skip(""), &["a", "b", " c", "i", "s"]);
    check(skip("\"a"), &["a", "b", " c", "i", "s"]);
    check(skip("a,b, c,i,s"), &[]);
    check(include("a,s"), &["a", "s"]);
    check(include("nobody"), &[]);
    check(
        json!({"eks.amazonaws.com/include-containers": "a,b", "eks.amazonaws.com/skip-containers": "b"}),
        &["a"],
    );
}

#[test]
fn containers_that_nobody_has_are_told() {
    let pod = json!({
        "metadata": {"annotations": {"eks.amazonaws.com/include-containers": "nobody"}},
        "spec": {"containers": [{"name": "a"}]},
    });
    let expected = [Warning::UnknownContainer("nobody".to_owned()), Warning::NoContainer];
    assert_eq!(mutation(&pod, &with_role(), &settings()).warnings, expected);
}

/// ServiceAccount before flag, both ways; what is no boolean is as if absent, and told.
#[test]
fn regional_endpoints() {
    for (annotation, flag, expected, is_told) in [
        (None, false, false, false),
        (None, true, true, false),
        (Some("true"), false, true, false),
        (Some("false"), true, false, false),
        (Some("T"), false, true, false),
        (Some("yes"), false, false, true),
        (Some("yes"), true, true, true),
    ] {
        let mut account = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}});
        if let Some(annotation) = annotation {
            account["metadata"]["annotations"]["eks.amazonaws.com/sts-regional-endpoints"] =
                annotation.into();
        }
        let facts = ServiceAccountFacts::of(&account, "eks.amazonaws.com");
        let settings = Settings { regional_sts: flag, ..Settings::default() };
        let pod = json!({"spec": {"containers": [{"name": "a"}]}});
        let after = mutated(&pod, &facts, &settings);
        let given = variable(&after, "AWS_STS_REGIONAL_ENDPOINTS") == "regional";
        assert_eq!((given, !facts.warnings.is_empty()), (expected, is_told), "{annotation:?} {flag}");
    }
}

#[test]
fn audiences() {
    for (annotation, expected) in
        [(None, "sts.amazonaws.com"), (Some("my.audience"), "my.audience"), (Some(""), "")]
    {
        let facts = ServiceAccountFacts { audience: annotation.map(str::to_owned), ..with_role() };
        let token = mutation(&json!({"spec": {}}), &facts, &Settings::default()).token.unwrap();
        assert_eq!(token.audience, expected);
    }
}

#[test]
fn expirations_may_have_a_most() {
    for (asked, most, expected) in [
        (100_000, None, 100_000),
        (100_000, Some(86_400), 86_400),
        (7_200, Some(86_400), 7_200),
        (7_200, Some(60), 600),
    ] {
        let facts = ServiceAccountFacts { token_expiration: Some(asked), ..with_role() };
        let settings = Settings { most_token_expiration: most, ..Settings::default() };
        let token = mutation(&json!({"spec": {}}), &facts, &settings).token.unwrap();
        assert_eq!(token.expiration_seconds, expected, "{asked} {most:?}");
    }
}

#[test]
fn annotations_have_the_prefix_of_the_flag() {
    let account = json!({"metadata": {"annotations": {
        "iam.example.com/role-arn": ROLE, "iam.example.com/token-expiration": "3600", "eks.amazonaws.com/audience": "x",
    }}});
    let facts = ServiceAccountFacts::of(&account, "iam.example.com");
    let settings = Settings { annotation_prefix: "iam.example.com".to_owned(), ..Settings::default() };
    let pod = json!({"metadata": {"annotations": {"iam.example.com/skip-containers": "a"}}, "spec": {"containers": [{"name": "a"}]}});
    let done = mutation(&pod, &facts, &settings);
    let token = Token { audience: "sts.amazonaws.com".to_owned(), expiration_seconds: 3600 };
    assert_eq!(done.token, Some(token));
    assert_eq!(done.patch.operations().len(), 1, "the volume");
    assert!(matches!(done.warnings.as_slice(), [Warning::MisspelledAnnotation { .. }, Warning::NoContainer]));
}

#[test]
fn roles_by_name() {
    let home = || Some(RoleHome { partition: "aws-cn".to_owned(), account: "111122223333".to_owned() });
    for (role, home, expected) in [
        ("app", home(), "arn:aws-cn:iam::111122223333:role/app"),
        ("team/app", home(), "arn:aws-cn:iam::111122223333:role/team/app"),
        (ROLE, home(), ROLE),
        ("app", None, "app"),
    ] {
        let facts = ServiceAccountFacts { role_arn: Some(role.to_owned()), ..ServiceAccountFacts::default() };
        let settings = Settings { compose_role_arn: home, ..Settings::default() };
        let done = mutation(&json!({"spec": {"containers": []}}), &facts, &settings);
        assert_eq!(done.role_arn.as_deref(), Some(expected));
        let is_told = done.warnings.contains(&Warning::MalformedRoleArn(expected.to_owned()));
        assert_eq!(is_told, expected == "app", "what is no ARN is used as it is, and told");
    }
    for (region, partition) in [
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eusc-de-east-1", "aws-eusc"),
        ("", "aws"),
    ] {
        assert_eq!(RoleHome::partition_of(region), partition, "{region}");
    }
}

/// Misspelled on the ServiceAccount and on the pod; a pod without an identity is told of the first, which is why it has none.
#[test]
fn misspelled_annotations_are_told() {
    let account = json!({"metadata": {"annotations": {"eks.amazon.com/role-arn": ROLE}}});
    let pod = json!({"metadata": {"annotations": {"eks.amazonaws.com/skip-container": "a", "app.kubernetes.io/name": "x"}}});
    let done = mutation(&pod, &ServiceAccountFacts::of(&account, "eks.amazonaws.com"), &settings());
    let misspelled = |name: &str, meant: &str, on| {
        let (name, meant) = (format!("eks.{name}"), format!("eks.amazonaws.com/{meant}"));
        Warning::MisspelledAnnotation { name, meant, on }
    };
    let expected = [
        misspelled("amazon.com/role-arn", "role-arn", Annotated::ServiceAccount),
        misspelled("amazonaws.com/skip-container", "skip-containers", Annotated::Pod),
    ];
    assert_eq!(done, Mutation { warnings: expected.into(), ..Mutation::default() });
}

#[test]
fn warnings_are_short_and_plain() {
    let sentence = Warning::MalformedRoleArn(format!("a\n{}", "b".repeat(1_000))).sentence();
    assert!(sentence.chars().count() <= 256 && !sentence.contains('\n'), "{sentence}");
}

#[test]
fn what_is_no_pod_is_refused() {
    for pod in [
        json!([]),
        json!(1),
        json!({"spec": []}),
        json!({"spec": {"containers": {}}}),
        json!({"spec": {"containers": [[]]}}),
        json!({"spec": {"containers": [{"env": "x"}]}}),
        json!({"spec": {"serviceAccountName": 1}}),
        json!({"metadata": {"annotations": {"eks.amazonaws.com/token-expiration": 600}}}),
    ] {
        assert!(Pod::of(&pod).is_err(), "{pod}");
    }
}

#[test]
fn service_account_of_a_pod() {
    for (spec, expected) in [
        (json!({"serviceAccountName": "a", "serviceAccount": "b"}), "a"),
        (json!({"serviceAccount": "b"}), "b"),
        (json!({"serviceAccountName": ""}), "default"),
        (json!(null), "default"),
    ] {
        assert_eq!(Pod::of(&json!({"spec": spec})).unwrap().service_account(), expected);
    }
}
