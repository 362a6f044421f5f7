//! What amazon-eks-pod-identity-webhook does not do; each is off unless asked for.

use super::*;

const TARGET: &str = "arn:aws:iam::444455556666:role/target";

fn pod() -> Value {
    json!({"metadata": {"generateName": "web-7b46-"}, "spec": {"containers": [{"name": "a"}]}})
}

fn local() -> Settings {
    Settings {
        endpoints: Endpoints {
            all: Some("https://aws.internal:4567".to_owned()),
            sts: Some("https://sts.internal".to_owned()),
            s3: Some("https://s3.internal".to_owned()),
        },
        ca_bundle: Some("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_owned()),
        session_name_from_pod: true,
        ..Settings::default()
    }
}

#[test]
fn endpoints_authorities_and_session_names() {
    let done = mutation(&pod(), &with_role(), &local());
    assert_eq!(done.warnings, []);
    insta::assert_json_snapshot!("endpoints", done.patch.operations());
    let after = mutated(&pod(), &with_role(), &local());
    assert!(mutation(&after, &with_role(), &local()).patch.is_empty(), "nothing is left to do");
}

/// A sidecar that another webhook adds later gets all of it too, from the volume that is there by then.
#[test]
fn a_later_sidecar() {
    let mut after = mutated(&pod(), &with_role(), &local());
    after["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "late"}));
    let done = mutated(&after, &with_role(), &local());
    let containers = done["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers[0]["env"], containers[1]["env"]);
    assert_eq!(containers[0]["volumeMounts"], containers[1]["volumeMounts"]);
    assert_eq!(done["spec"]["volumes"].as_array().unwrap().len(), 1);
}

#[test]
fn what_a_container_sets_itself_stays() {
    let env =
        json!([{"name": "AWS_ENDPOINT_URL_S3", "value": "own"}, {"name": "AWS_CA_BUNDLE", "value": "own"}]);
    let pod = json!({"spec": {"containers": [{"name": "a", "env": env}]}});
    let after = mutated(&pod, &with_role(), &local());
    assert_eq!(variable(&after, "AWS_ENDPOINT_URL_S3"), "own");
    assert_eq!(variable(&after, "AWS_CA_BUNDLE"), "own");
    assert_eq!(variable(&after, "AWS_ENDPOINT_URL"), "https://aws.internal:4567");
    let names =
        after["spec"]["containers"][0]["env"].as_array().unwrap().iter().map(|entry| entry["name"].as_str());
    let unique: std::collections::BTreeSet<_> = names.clone().collect();
    assert_eq!(unique.len(), names.count());
}

/// A pod that brings the volume cannot be given files in it.
#[test]
fn a_volume_without_the_file() {
    let pod = json!({"spec": {"volumes": [{"name": VOLUME, "emptyDir": {}}], "containers": [{"name": "a"}]}});
    let facts = ServiceAccountFacts { target_role_arn: Some(TARGET.to_owned()), ..with_role() };
    let done = mutation(&pod, &facts, &local());
    let taken = |file| Warning::VolumeTaken { volume: VOLUME.to_owned(), file };
    assert_eq!(done.warnings, [taken(CA_FILE), taken(CONFIG_FILE)]);
    let after = mutated(&pod, &facts, &local());
    for name in ["AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_ROLE_ARN"] {
        assert_eq!(
            variable(&after, name),
            &Value::Null,
            "{name}: the first role instead of the second would be wrong"
        );
    }
    assert_eq!(after.pointer("/metadata/annotations"), None);
}

/// STS: 2 to 64 characters. Names that the API server makes up are at most 63 long.
#[test]
fn session_names() {
    let by_field =
        json!({"name": "AWS_ROLE_SESSION_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    let literal = |value: &str| json!({"name": "AWS_ROLE_SESSION_NAME", "value": value});
    let long = "p".repeat(65);
    for (metadata, expected) in [
        (json!({"generateName": "web-"}), by_field.clone()),
        (json!({"name": "p".repeat(64)}), by_field.clone()),
        (json!({"name": "ab"}), by_field),
        (json!({"name": long}), literal(&"p".repeat(64))),
        (json!({"name": "a"}), literal("pod-a")),
    ] {
        let pod = json!({"metadata": metadata, "spec": {"containers": [{"name": "a"}]}});
        let after = mutated(&pod, &with_role(), &local());
        let last = after["spec"]["containers"][0]["env"].as_array().unwrap().last().unwrap();
        assert_eq!(last, &expected, "{metadata}");
    }
    for (annotation, setting, expected) in
        [(None, false, false), (Some(true), false, true), (Some(false), true, false), (None, true, true)]
    {
        let facts = ServiceAccountFacts { session_name_from_pod: annotation, ..with_role() };
        let settings = Settings { session_name_from_pod: setting, ..Settings::default() };
        let given =
            format!("{:?}", mutation(&pod(), &facts, &settings).patch).contains("AWS_ROLE_SESSION_NAME");
        assert_eq!(given, expected);
    }
}

#[test]
fn a_chain_of_roles() {
    let facts = ServiceAccountFacts {
        target_role_arn: Some(TARGET.to_owned()),
        external_id: Some("external".to_owned()),
        ..with_role()
    };
    let done = mutation(&pod(), &facts, &Settings::default());
    assert_eq!((done.warnings.as_slice(), done.role_arn.as_deref()), ([].as_slice(), Some(ROLE)));
    insta::assert_json_snapshot!("chain", done.patch.operations());
    let after = mutated(&pod(), &facts, &Settings::default());
    assert!(mutation(&after, &facts, &Settings::default()).patch.is_empty(), "nothing is left to do");
    insta::assert_snapshot!(
        "aws-config",
        after["metadata"]["annotations"]["eks.amazonaws.com/aws-config"].as_str().unwrap()
    );
}

/// The pod's annotations win, each by itself; a container that has an own role is left with it.
#[test]
fn chains_by_annotations_of_the_pod() {
    let mut pod = pod();
    pod["metadata"]["annotations"] =
        json!({"eks.amazonaws.com/target-role-arn": "arn:aws:iam::444455556666:role/of-pod"});
    let facts = ServiceAccountFacts {
        target_role_arn: Some(TARGET.to_owned()),
        external_id: Some("external".to_owned()),
        ..with_role()
    };
    let after = mutated(&pod, &facts, &Settings::default());
    let config = after["metadata"]["annotations"]["eks.amazonaws.com/aws-config"].as_str().unwrap();
    assert!(config.contains("role_arn = arn:aws:iam::444455556666:role/of-pod\n"), "{config}");
    assert!(config.contains("external_id = external\n"), "{config}");
    assert_eq!(
        variable(&after, "AWS_CONFIG_FILE"),
        "/var/run/secrets/eks.amazonaws.com/serviceaccount/config"
    );
    assert_eq!(variable(&after, "AWS_SDK_LOAD_CONFIG"), "1");
    assert_eq!(variable(&after, "AWS_ROLE_ARN"), &Value::Null, "SDKs would prefer it to the profile");

    pod["spec"]["containers"][0]["env"] = json!([{"name": "AWS_ROLE_ARN", "value": "own"}]);
    let after = mutated(&pod, &facts, &Settings::default());
    assert_eq!(variable(&after, "AWS_CONFIG_FILE"), &Value::Null);
}

/// A line break would write further lines into the config file.
#[test]
fn control_characters_make_no_config() {
    let facts = ServiceAccountFacts {
        target_role_arn: Some(TARGET.to_owned()),
        external_id: Some("x\ncredential_process = sh".to_owned()),
        ..with_role()
    };
    let pod = pod();
    let account = Account { namespace: "a", name: "b", facts: Some(&facts) };
    let refused = mutate(&Pod::of(&pod).unwrap(), &account, &Rules::of(&Settings::default()));
    assert_eq!(refused, Err(Refusal::Unwritable("eks.amazonaws.com/external-id".to_owned())));
}

#[test]
fn roles_that_a_namespace_may_not_use() {
    let allowed = AllowedRoles::new([("team-*", ["arn:aws:iam::111122223333:role/*"])]);
    let settings = Settings { allowed_roles: Some(allowed), ..Settings::default() };
    let pod = pod();
    let run = |namespace: &str, target: Option<&str>| {
        let facts = ServiceAccountFacts { target_role_arn: target.map(str::to_owned), ..with_role() };
        let account = Account { namespace, name: "b", facts: Some(&facts) };
        mutate(&Pod::of(&pod).unwrap(), &account, &Rules::of(&settings)).map(|done| done.role_arn)
    };
    let refused = |namespace: &str, role: &str| {
        let (namespace, role_arn) = (namespace.to_owned(), role.to_owned());
        Err(Refusal::RoleNotAllowed { namespace, role_arn })
    };
    assert_eq!(run("team-a", None), Ok(Some(ROLE.to_owned())));
    assert_eq!(run("other", None), refused("other", ROLE));
    assert_eq!(run("team-a", Some(TARGET)), refused("team-a", TARGET), "nor the second role");
}
