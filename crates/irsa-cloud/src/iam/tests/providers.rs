//! OIDC providers.

use super::*;

const ISSUER: &str = "https://oidc.example.com/id/A1";
const THUMBPRINT: &str = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280";

#[test]
fn a_provider_from_creation_to_deletion() {
    let iam = Iam::new();
    let made = iam.ok(
        "CreateOpenIDConnectProvider",
        &[
            ("Url", "https://oidc.example.com:443/id/A1"),
            ("ClientIDList.member.1", "sts.amazonaws.com"),
            ("ClientIDList.member.2", "sts.amazonaws.com"),
            ("ThumbprintList.member.1", THUMBPRINT),
            ("Tags.member.1.Key", "cluster"),
            ("Tags.member.1.Value", "a"),
        ],
    );
    let arn = text(&made, "OpenIDConnectProviderArn");
    assert_eq!(arn, "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A1");
    assert_eq!(
        iam.refused("CreateOpenIDConnectProvider", &[("Url", ISSUER)]),
        ("EntityAlreadyExists".into(), format!("Provider with url {ISSUER} already exists."))
    );
    let provider = [("OpenIDConnectProviderArn", arn.as_str())];
    let with = |name, value| [provider[0], (name, value)];
    let got = || iam.ok("GetOpenIDConnectProvider", &provider);
    assert_eq!(text(&got(), "Url"), "oidc.example.com/id/A1", "without the scheme");
    assert_eq!(all(&got(), "member")[..2], ["sts.amazonaws.com", THUMBPRINT]);
    assert!(iam.ok("ListOpenIDConnectProviders", &[]).contains(&format!("<Arn>{arn}</Arn>")));

    iam.ok("AddClientIDToOpenIDConnectProvider", &with("ClientID", "other"));
    iam.ok("AddClientIDToOpenIDConnectProvider", &with("ClientID", "other"));
    assert!(
        got().contains(
            "<ClientIDList><member>sts.amazonaws.com</member><member>other</member></ClientIDList>"
        )
    );
    iam.ok("RemoveClientIDFromOpenIDConnectProvider", &with("ClientID", "other"));
    iam.ok("RemoveClientIDFromOpenIDConnectProvider", &with("ClientID", "other"));
    assert!(!got().contains("other"));
    let other = "a".repeat(40);
    iam.ok("UpdateOpenIDConnectProviderThumbprint", &with("ThumbprintList.member.1", &other));
    assert!(got().contains(&other) && !got().contains(THUMBPRINT));

    iam.ok(
        "TagOpenIDConnectProvider",
        &[provider[0], ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")],
    );
    assert_eq!(paged(&iam, "ListOpenIDConnectProviderTags", &provider, "Key"), ["cluster", "k"]);
    iam.ok("UntagOpenIDConnectProvider", &with("TagKeys.member.1", "cluster"));
    assert_eq!(all(&got(), "Key"), ["k"]);

    iam.ok("DeleteOpenIDConnectProvider", &provider);
    iam.ok("DeleteOpenIDConnectProvider", &provider);
    assert_eq!(
        iam.refused("GetOpenIDConnectProvider", &provider),
        ("NoSuchEntity".into(), format!("OpenIDConnect Provider not found for arn {arn}"))
    );
}

/// kind and k3s issuers have a port; thumbprints and client ids may be left out.
#[test]
fn names_of_providers() {
    let iam = Iam::new();
    for (url, name) in [
        ("https://127.0.0.1:6443", "127.0.0.1:6443"),
        ("https://kubernetes.default.svc.cluster.local", "kubernetes.default.svc.cluster.local"),
        ("https://Example.com/Path/", "Example.com/Path/"),
    ] {
        let made = iam.ok("CreateOpenIDConnectProvider", &[("Url", url)]);
        assert_eq!(
            text(&made, "OpenIDConnectProviderArn"),
            format!("arn:aws:iam::111122223333:oidc-provider/{name}")
        );
    }
    for url in
        ["http://example.com", "example.com", "https://", "https://a/b?c=d", "https://u@a/", "https://a:b"]
    {
        assert_eq!(
            iam.refused("CreateOpenIDConnectProvider", &[("Url", url)]),
            ("ValidationError".into(), "Invalid Open ID Connect Provider URL".into()),
            "{url}"
        );
    }
}

#[test]
fn quotas_of_providers() {
    let iam = Iam::new();
    let names: Vec<String> = (1..=101).map(|number| format!("ClientIDList.member.{number}")).collect();
    let values: Vec<String> = (1..=101).map(|number| format!("client{number}")).collect();
    let mut params = vec![("Url", ISSUER)];
    params.extend(names.iter().map(String::as_str).zip(values.iter().map(String::as_str)));
    assert_eq!(
        iam.refused("CreateOpenIDConnectProvider", &params),
        ("LimitExceeded".into(), "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100".into())
    );
    let arn = text(&iam.ok("CreateOpenIDConnectProvider", &params[..101]), "OpenIDConnectProviderArn");
    let add = [("OpenIDConnectProviderArn", arn.as_str()), ("ClientID", "one-more")];
    assert_eq!(iam.refused("AddClientIDToOpenIDConnectProvider", &add).0, "LimitExceeded");

    let names: Vec<String> = (1..=6).map(|number| format!("ThumbprintList.member.{number}")).collect();
    let mut params = vec![("Url", "https://other.example.com")];
    params.extend(names.iter().map(|name| (name.as_str(), THUMBPRINT)));
    assert_eq!(
        iam.refused("CreateOpenIDConnectProvider", &params),
        ("InvalidInput".into(), "Thumbprint list must contain fewer than 5 entries.".into())
    );
}

#[test]
fn another_accounts_provider_does_not_exist() {
    let iam = Iam::new();
    let arn = text(&iam.ok("CreateOpenIDConnectProvider", &[("Url", ISSUER)]), "OpenIDConnectProviderArn");
    let other = &iam.administrators[1].access_key_id;
    let provider = ("OpenIDConnectProviderArn", arn.as_str());
    assert_eq!(iam.refused_to(other, "GetOpenIDConnectProvider", &[provider]).0, "NoSuchEntity");
    let add = iam.refused_to(other, "AddClientIDToOpenIDConnectProvider", &[provider, ("ClientID", "x")]);
    assert_eq!(add.0, "NoSuchEntity");
    iam.call(other, "DeleteOpenIDConnectProvider", &[provider]).unwrap();
    iam.ok("GetOpenIDConnectProvider", &[provider]);
}
