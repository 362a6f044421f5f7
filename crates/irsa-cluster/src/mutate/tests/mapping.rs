//! Roles from the ConfigMap.

use super::*;

fn mapping(config: &Value) -> (Mapping, Vec<String>) {
    let (mapping, problems) = Mapping::parse(&config.to_string()).unwrap();
    (mapping, problems.iter().map(ToString::to_string).collect())
}

fn role(name: &str) -> Value {
    json!({"RoleARN": format!("arn:aws:iam::111122223333:role/{name}")})
}

/// Exact names before patterns, patterns by how much of them is given, the namespace before the name.
#[test]
fn the_most_specific_entry_is_found() {
    let (mapping, problems) = mapping(&json!({
        "*/app": role("any-app"),
        "test-*/app": role("test-app"),
        "test-blue-*/app": role("blue-app"),
        "test-?/app": role("one-app"),
        "prod/app": role("prod-app"),
        "prod/*": role("prod-any"),
        "prod/web-*": role("prod-web"),
    }));
    assert_eq!((mapping.len(), problems), (7, vec![]));
    for (namespace, name, expected) in [
        ("prod", "app", Some("prod-app")),
        ("prod", "other", Some("prod-any")),
        ("prod", "web-1", Some("prod-web")),
        ("dev", "app", Some("any-app")),
        ("test-green", "app", Some("test-app")),
        ("test-blue-1", "app", Some("blue-app")),
        ("test-1", "app", Some("one-app")),
        ("dev", "other", None),
    ] {
        let found = mapping.find(namespace, name).and_then(|entry| entry.role_arn.as_deref());
        let expected = expected.map(|name| format!("arn:aws:iam::111122223333:role/{name}"));
        assert_eq!(found, expected.as_deref(), "{namespace}/{name}");
    }
}

/// Upstream panics at the first two.
#[test]
fn one_bad_entry_takes_no_other_with_it() {
    let (mapping, problems) = mapping(&json!({
        "no-slash": role("a"),
        "a/null": null,
        "a/b/c": role("a"),
        "/b": role("a"),
        "a/": role("a"),
        "a/text": "arn:aws:iam::111122223333:role/a",
        "a/wrong": {"RoleARN": 1},
        "a/late": {"RoleARN": "x", "TokenExpiration": "86400"},
        "a/none": {"Audience": "x"},
        "a/unknown": {"RoleARN": "x", "Rolearm": "y"},
        "a/good": role("good"),
    }));
    assert_eq!(mapping.len(), 2);
    assert!(mapping.find("a", "good").is_some() && mapping.find("a", "unknown").is_some());
    let expected = [
        "the entry `no-slash` is ignored: its key is not NAMESPACE/NAME",
        "the entry `a/null` is ignored: it is null",
        "the entry `a/b/c` is ignored: its key is not NAMESPACE/NAME",
        "the entry `/b` is ignored: its key is not NAMESPACE/NAME",
        "the entry `a/` is ignored: its key is not NAMESPACE/NAME",
        "the entry `a/text` is ignored: it is no object",
        "the entry `a/wrong` is ignored: `RoleARN` has the wrong type",
        "the entry `a/late` is ignored: `TokenExpiration` has the wrong type",
        "the entry `a/none` is ignored: it has no RoleARN",
        "the entry `a/unknown` has the field `Rolearm`, which nobody reads",
    ];
    assert_eq!(problems, expected);
}

/// Go's names of fields, without regard to case; what is absent, null or zero is the flag's.
#[test]
fn fields_are_decoded_as_go_does() {
    let settings = Settings { audience: "flag".to_owned(), regional_sts: true, ..Settings::default() };
    for (entry, audience, regional, expiration) in [
        (json!({"RoleARN": ROLE}), "flag", true, 86_400),
        (
            json!({"rolearn": ROLE, "AUDIENCE": "own", "useRegionalSts": false, "tokenexpiration": 3600}),
            "own",
            false,
            3_600,
        ),
        (
            json!({"RoleARN": ROLE, "Audience": null, "UseRegionalSTS": null, "TokenExpiration": 0}),
            "flag",
            true,
            86_400,
        ),
        (json!({"RoleARN": ROLE, "Audience": "", "TokenExpiration": 60}), "", true, 600),
    ] {
        let (mapping, problems) = mapping(&json!({"a/b": entry}));
        assert_eq!(problems, Vec::<String>::new());
        let pod = json!({"spec": {"containers": [{"name": "a"}]}});
        let rules = Rules { mapping: Some(&mapping), ..Rules::of(&settings) };
        let account = Account { namespace: "a", name: "b", facts: None };
        let done = mutate(&Pod::of(&pod).unwrap(), &account, &rules).unwrap();
        let token = done.token.unwrap();
        assert_eq!((token.audience.as_str(), token.expiration_seconds), (audience, expiration), "{entry}");
        let mut after = pod.clone();
        done.patch.apply_to(&mut after).unwrap();
        assert_eq!(variable(&after, "AWS_STS_REGIONAL_ENDPOINTS") == "regional", regional, "{entry}");
    }
}

#[test]
fn the_annotation_wins() {
    let (mapping, _) = mapping(&json!({"a/b": role("mapped")}));
    let settings = Settings {
        compose_role_arn: Some(RoleHome { partition: "aws".to_owned(), account: "444455556666".to_owned() }),
        ..Settings::default()
    };
    let rules = Rules { mapping: Some(&mapping), ..Rules::of(&settings) };
    let pod = json!({"spec": {}});
    let role_of = |facts: Option<&ServiceAccountFacts>, name: &str| {
        let account = Account { namespace: "a", name, facts };
        mutate(&Pod::of(&pod).unwrap(), &account, &rules).unwrap().role_arn
    };
    let mapped = Some("arn:aws:iam::111122223333:role/mapped".to_owned());
    assert_eq!(role_of(Some(&with_role()), "b").as_deref(), Some(ROLE));
    assert_eq!(role_of(Some(&ServiceAccountFacts::default()), "b"), mapped, "an account without annotation");
    assert_eq!(role_of(None, "b"), mapped, "an account that is not known");
    assert_eq!(role_of(None, "c"), None);
}

#[test]
fn texts_that_are_no_mapping() {
    for text in ["[", "[]", "1", r#"{"a/b":"#] {
        assert!(Mapping::parse(text).is_err(), "{text}");
    }
    for text in ["", " \n", "null", "{}"] {
        assert!(Mapping::parse(text).unwrap().0.is_empty(), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Mapping::parse(&format!(r#"{{"a/b":{deep}}}"#)).is_err());
}
