//! What holds for every pod.

use proptest::prelude::*;

use super::*;

fn list(element: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), proptest::collection::vec(element, 0..4).prop_map(Value::Array)]
}

fn entry() -> impl Strategy<Value = Value> {
    let names = vec![
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_REGION",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_CONFIG_FILE",
        "AWS_CA_BUNDLE",
        "OTHER",
    ];
    proptest::sample::select(names).prop_map(|name| json!({"name": name, "value": "own", "future": 1.50}))
}

fn mount() -> impl Strategy<Value = Value> {
    let mounts = vec![
        json!({"name": VOLUME, "mountPath": "/x"}),
        json!({"name": "own", "mountPath": Settings::default().mount_path}),
        json!({"name": "y", "mountPath": "/y", "future": {}}),
    ];
    proptest::sample::select(mounts)
}

fn container() -> impl Strategy<Value = Value> {
    ("[ab]", list(entry()), list(mount())).prop_map(|(name, env, mounts)| {
        json!({"name": name, "env": env, "volumeMounts": mounts, "future": {"deep": [null, 1e3]}})
    })
}

fn pod() -> impl Strategy<Value = Value> {
    let annotations = vec![
        json!(null),
        json!({}),
        json!({"eks.amazonaws.com/skip-containers": "a"}),
        json!({"eks.amazonaws.com/target-role-arn": "arn:aws:iam::444455556666:role/t", "x": "y"}),
        json!({"eks.amazonaws.com/ca-bundle": "own"}),
    ];
    let volumes = vec![json!({"name": VOLUME, "emptyDir": {}}), json!({"name": "y"})];
    let annotations = proptest::sample::select(annotations);
    let volumes = list(proptest::sample::select(volumes));
    (annotations, volumes, list(container()), list(container()), any::<bool>()).prop_map(
        |(annotations, volumes, containers, init, has_metadata)| {
            let spec =
                json!({"volumes": volumes, "containers": containers, "initContainers": init, "future": 0.10});
            let metadata = json!({"name": "p", "annotations": annotations, "future": true});
            if has_metadata { json!({"metadata": metadata, "spec": spec}) } else { json!({"spec": spec}) }
        },
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    any::<[bool; 4]>().prop_map(|[region, regional_sts, ca, session]| Settings {
        region: region.then(|| "us-east-1".to_owned()),
        regional_sts,
        ca_bundle: ca.then(|| "-----BEGIN CERTIFICATE-----\n".to_owned()),
        session_name_from_pod: session,
        ..Settings::default()
    })
}

/// Whether everything of `before` is in `after`, in its order; nulls may have become something.
fn is_kept(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Null, _) => true,
        (Value::Object(before), Value::Object(after)) => {
            let keys: Vec<_> = after.keys().filter(|key| before.contains_key(*key)).collect();
            keys == before.keys().collect::<Vec<_>>()
                && before.iter().all(|(key, value)| after.get(key).is_some_and(|after| is_kept(value, after)))
        }
        (Value::Array(before), Value::Array(after)) => {
            let mut after = after.iter();
            before.iter().all(|element| after.any(|after| is_kept(element, after)))
        }
        (before, after) => before == after,
    }
}

proptest! {
    /// It applies, keeps all that was there, and finds nothing to do the second time.
    #[test]
    fn patches_are_additive_and_final(pod in pod(), settings in settings()) {
        let done = mutation(&pod, &with_role(), &settings);
        let mut after = pod.clone();
        prop_assert!(done.patch.apply_to(&mut after).is_ok(), "{:?}", done.patch);
        prop_assert!(is_kept(&pod, &after), "{} {}", pod, after);
        for operation in done.patch.operations() {
            let PatchOperation::Add { path, .. } = &operation else { panic!("{operation:?}") };
            let is_insertion = path.ends_with("/-") || path == "/spec/volumes/0";
            prop_assert!(is_insertion || pod.pointer(path).is_none_or(Value::is_null), "{path} is there");
        }
        let again = mutation(&after, &with_role(), &settings);
        prop_assert!(again.patch.is_empty(), "{:?}", again.patch);
        prop_assert_eq!(again.token, done.token);
    }

    /// From text as from a value.
    #[test]
    fn borrowed_pods_are_the_same(pod in pod(), settings in settings()) {
        let text = pod.to_string();
        let facts = with_role();
        let account = Account { namespace: "cases", name: "app", facts: Some(&facts) };
        let borrowed = mutate(&Pod::parse(&text).unwrap(), &account, &Rules::of(&settings));
        prop_assert_eq!(borrowed.unwrap(), mutation(&pod, &facts, &settings));
    }

    #[test]
    fn any_text_is_a_mapping_or_none(text in "\\PC{0,64}") {
        let _ = Mapping::parse(&text);
        let _ = Identities::parse(&text);
        let _ = AllowedRoles::parse(&text);
    }

    /// As the regular expression that the pattern stands for.
    #[test]
    fn globs(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        fn matches(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern.split_first(), text.split_first()) {
                (None, None) => true,
                (Some((b'*', rest)), _) if matches(rest, text) => true,
                (Some((b'*', _)), Some((_, text))) => matches(pattern, text),
                (Some((b'?', pattern)), Some((_, text))) => matches(pattern, text),
                (Some((expected, pattern)), Some((found, text))) => expected == found && matches(pattern, text),
                _ => false,
            }
        }
        let expected = matches(pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(glob::Glob::new(&pattern).matches(&text), expected);
    }
}
