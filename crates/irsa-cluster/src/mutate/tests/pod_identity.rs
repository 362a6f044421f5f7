//! EKS Pod Identity (`pkg/containercredentials`).

use super::*;

fn identities() -> Identities {
    Identities::parse(r#"{"identities":[{"namespace":"a","serviceAccount":"b"}]}"#).unwrap()
}

fn run(pod: &Value, facts: Option<&ServiceAccountFacts>, settings: &Settings, random: u64) -> Mutation {
    let identities = identities();
    let rules = Rules { identities: Some(&identities), random, ..Rules::of(settings) };
    mutate(&Pod::of(pod).unwrap(), &Account { namespace: "a", name: "b", facts }, &rules).unwrap()
}

#[test]
fn it_goes_before_the_role() {
    let pod = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "a"}]}});
    let done = run(&pod, Some(&with_role()), &recorded_settings(), 0);
    assert_eq!((done.method, done.role_arn.as_deref()), (Some(Method::ContainerCredentials), None));
    insta::assert_json_snapshot!("pod-identity", done.patch.operations());
    let mut after = pod;
    done.patch.apply_to(&mut after).unwrap();
    assert!(run(&after, None, &recorded_settings(), 1).patch.is_empty(), "nothing is left to do");
}

#[test]
fn accounts_that_are_not_listed_have_their_role() {
    let identities = identities();
    let settings = Settings::default();
    let rules = Rules { identities: Some(&identities), ..Rules::of(&settings) };
    let pod = json!({"spec": {}});
    let facts = with_role();
    let account = Account { namespace: "a", name: "c", facts: Some(&facts) };
    let done = mutate(&Pod::of(&pod).unwrap(), &account, &rules).unwrap();
    assert_eq!(done.method, Some(Method::StsWebIdentity));
}

/// The label is added wherever labels may be missing.
#[test]
fn labels() {
    for metadata in [
        json!(null),
        json!({}),
        json!({"labels": null}),
        json!({"labels": {}}),
        json!({"labels": {"a": "b"}}),
    ] {
        let mut pod = json!({"metadata": metadata, "spec": {}});
        run(&pod, None, &Settings::default(), 0).patch.apply_to(&mut pod).unwrap();
        assert_eq!(pod["metadata"]["labels"]["eks.amazonaws.com/pod-identity"], "enabled", "{metadata}");
    }
    let mut bare = json!({"spec": {}});
    run(&bare, None, &Settings::default(), 0).patch.apply_to(&mut bare).unwrap();
    assert_eq!(bare["metadata"], json!({"labels": {"eks.amazonaws.com/pod-identity": "enabled"}}));
}

/// One of the pair is enough for neither to be added; the pair of the other kind does not count.
#[test]
fn presets() {
    for (there, expected) in [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", false),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", false),
        ("AWS_ROLE_ARN", true),
    ] {
        let mut pod =
            json!({"spec": {"containers": [{"name": "a", "env": [{"name": there, "value": "own"}]}]}});
        run(&pod, None, &Settings::default(), 0).patch.apply_to(&mut pod).unwrap();
        let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
        assert_eq!(env.len() == 3, expected, "{there}");
    }
}

/// Only the default life is spread, over the last two hours; upstream spreads what is asked for by name too.
#[test]
fn expirations() {
    let day = |seconds: i64| ServiceAccountFacts {
        token_expiration: Some(seconds),
        ..ServiceAccountFacts::default()
    };
    let usual = Settings::default();
    let short = Settings { token_expiration: 3_600, ..Settings::default() };
    for (facts, settings, random, expected) in [
        (None, &usual, 0, 86_400),
        (None, &usual, 1, 86_399),
        (None, &usual, 7_200, 79_200),
        (None, &usual, 7_201, 86_400),
        (None, &short, 5, 3_600),
        (Some(day(86_400)), &usual, 5, 86_400),
        (Some(day(60)), &usual, 5, 600),
    ] {
        let token = run(&json!({"spec": {}}), facts.as_ref(), settings, random).token.unwrap();
        assert_eq!((token.expiration_seconds, token.audience.as_str()), (expected, "pods.eks.amazonaws.com"));
    }
    for random in [0, 1, 12_345, u64::MAX] {
        let seconds = run(&json!({"spec": {}}), None, &usual, random).token.unwrap().expiration_seconds;
        assert!((79_200..=86_400).contains(&seconds), "{seconds}");
    }
}

#[test]
fn settings_of_its_own() {
    let settings = Settings {
        container_credentials: ContainerCredentials {
            audience: "aud".to_owned(),
            mount_path: "/m".to_owned(),
            volume: "vol".to_owned(),
            token_file: "tok".to_owned(),
            full_uri: "http://agent".to_owned(),
        },
        ..Settings::default()
    };
    let mut pod = json!({"spec": {"containers": [{"name": "a"}]}});
    run(&pod, None, &settings, 0).patch.apply_to(&mut pod).unwrap();
    assert_eq!(variable(&pod, "AWS_CONTAINER_CREDENTIALS_FULL_URI"), "http://agent");
    assert_eq!(variable(&pod, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"), "/m/tok");
    let mount = json!({"name": "vol", "readOnly": true, "mountPath": "/m"});
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], json!([mount]));
    let token = json!({"audience": "aud", "expirationSeconds": 86_400, "path": "tok"});
    assert_eq!(pod["spec"]["volumes"][0]["projected"]["sources"], json!([{"serviceAccountToken": token}]));
}
