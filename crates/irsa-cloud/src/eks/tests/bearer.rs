//! What opens a cluster, and everything that does not.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use irsa_wire::sigv4::{Credentials, presign};

use super::super::bearer::{BearerError, BearerPrincipal, review};
use super::*;

const GET_CALLER_IDENTITY: &str =
    "https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15";

/// Where the tests' requests come from.
const ADDRESS: &str = "192.0.2.7";

fn reviewed(eks: &Eks, token: &str) -> Result<BearerPrincipal, BearerError> {
    review(&eks.ctx, &eks.dev(), token, ADDRESS.parse().unwrap(), "kubectl/v1.32.4")
}

/// How a token is made; the default is as `aws eks get-token` does.
struct Token<'a> {
    uri: &'a str,
    cluster: Option<&'a str>,
    service: &'a str,
    signed_at: i64,
    expires: u32,
    key: (&'a str, &'a str),
}

impl<'a> Token<'a> {
    fn of(key: &'a AdministratorKey) -> Self {
        Self {
            uri: GET_CALLER_IDENTITY,
            cluster: Some("dev"),
            service: "sts",
            signed_at: NOW,
            expires: 60,
            key: (&key.access_key_id, key.secret_access_key.expose()),
        }
    }

    fn url(&self) -> String {
        let mut request = Request::get(self.uri);
        if let Some(cluster) = self.cluster {
            request = request.header("x-k8s-aws-id", cluster);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let (access_key_id, secret_access_key) = self.key;
        let credentials = Credentials { access_key_id, secret_access_key, session_token: None };
        presign(&mut parts, &credentials, REGION, self.service, self.signed_at, self.expires).unwrap();
        parts.uri.to_string()
    }

    fn text(&self) -> String {
        format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(self.url()))
    }
}

#[test]
fn the_administrators_token_opens_the_cluster() {
    let eks = Eks::with_dev();
    let token = Token::of(&eks.administrator);
    let principal = reviewed(&eks, &token.text()).unwrap();
    assert_eq!(principal.arn, "arn:aws:iam::111122223333:user/administrator");
    // Some encoders pad; the endpoint may be anybody's; STS lets fourteen minutes pass.
    let padded = format!("k8s-aws-v1.{}", URL_SAFE.encode(token.url()));
    assert!(reviewed(&eks, &padded).is_ok());
    let local = Token {
        uri: "http://127.0.0.1:4566/?Action=GetCallerIdentity&Version=2011-06-15",
        ..Token::of(&eks.administrator)
    };
    assert!(reviewed(&eks, &local.text()).is_ok());
    let old = Token { signed_at: NOW - 14 * 60, ..Token::of(&eks.administrator) };
    assert!(reviewed(&eks, &old.text()).is_ok());
}

#[test]
fn every_other_token_is_refused() {
    let eks = Eks::with_dev();
    let key = &eks.administrator;
    let secret = key.secret_access_key.expose();
    let other_action = GET_CALLER_IDENTITY.replace("GetCallerIdentity", "GetSessionToken");
    let extra = format!("{GET_CALLER_IDENTITY}&X-Amz-Copy-Source=x");
    let twice = format!("{GET_CALLER_IDENTITY}&Action=GetCallerIdentity");
    let below = GET_CALLER_IDENTITY.replace("/?", "/bucket?");
    let tampered =
        Token::of(key).url().replace("Version=2011-06-15", "Version=2011-06-15&x-amz-user-agent=a");
    let cases = [
        ("nothing", String::new()),
        ("another prefix", Token::of(key).text().replace("v1", "v2")),
        ("no base64", "k8s-aws-v1.***".to_owned()),
        ("no URL", format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode("\u{0}"))),
        ("unsigned", format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(GET_CALLER_IDENTITY))),
        ("another cluster's", Token { cluster: Some("prod"), ..Token::of(key) }.text()),
        ("no cluster", Token { cluster: None, ..Token::of(key) }.text()),
        ("another service's", Token { service: "s3", ..Token::of(key) }.text()),
        ("another action", Token { uri: &other_action, ..Token::of(key) }.text()),
        ("a further parameter", Token { uri: &extra, ..Token::of(key) }.text()),
        ("the action twice", Token { uri: &twice, ..Token::of(key) }.text()),
        ("another path", Token { uri: &below, ..Token::of(key) }.text()),
        ("too old", Token { signed_at: NOW - 16 * 60, ..Token::of(key) }.text()),
        ("of the future", Token { signed_at: NOW + 16 * 60, ..Token::of(key) }.text()),
        ("lives too long", Token { expires: 901, ..Token::of(key) }.text()),
        ("an unknown key", Token { key: ("AKIAIOSFODNN7EXAMPLE", secret), ..Token::of(key) }.text()),
        ("another secret", Token { key: (&key.access_key_id, "secret"), ..Token::of(key) }.text()),
        ("changed after it was signed", format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(tampered))),
        ("too long", format!("k8s-aws-v1.{}", "A".repeat(9_000))),
    ];
    for (name, token) in cases {
        let outcome = reviewed(&eks, &token);
        assert!(
            matches!(outcome, Err(ref error) if !matches!(error, BearerError::Refused(_))),
            "{name}: {outcome:?}"
        );
    }
}

/// Who is authenticated may do nothing by that: `eks:AccessKubernetesApi` decides, and the denial is recorded.
#[test]
fn without_a_policy_nobody_enters() {
    let eks = Eks::with_dev();
    let account: AccountId = ACCOUNT.parse().unwrap();
    let mut user =
        irsa_store::model::User::clone(eks.ctx.store.snapshot().user(account, "administrator").unwrap());
    let enter = |document: Option<&str>, user: &mut irsa_store::model::User| {
        user.attached.clear();
        user.inline = document.iter().map(|document| ("p".to_owned(), (*document).to_owned())).collect();
        eks.ctx.store.commit(irsa_store::Transaction::new().put(user.clone())).unwrap();
        reviewed(&eks, &Token::of(&eks.administrator).text())
    };
    let statement = |effect: &str, resource: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":"eks:AccessKubernetesApi","Resource":"{resource}"}}]}}"#
        )
    };
    let arn = "arn:aws:eks:eu-central-1:111122223333:cluster/dev";
    let Err(BearerError::Refused(refusal)) = enter(None, &mut user) else {
        panic!("entered without a policy")
    };
    assert!(
        refusal.message.contains("is not authorized to perform: eks:AccessKubernetesApi"),
        "{}",
        refusal.message
    );
    assert!(enter(Some(&statement("Allow", arn)), &mut user).is_ok());
    assert!(enter(Some(&statement("Allow", &arn.replace("dev", "prod"))), &mut user).is_err());
    assert!(enter(Some(&statement("Deny", arn)), &mut user).is_err());

    let from = |network: &str| {
        statement("Allow", arn).replace(
            "}]}",
            &format!(r#","Condition":{{"IpAddress":{{"aws:SourceIp":"{network}"}},"StringLike":{{"aws:UserAgent":"kubectl/*"}}}}}}]}}"#),
        )
    };
    assert!(enter(Some(&from("192.0.2.0/24")), &mut user).is_ok());
    assert!(enter(Some(&from("198.51.100.0/24")), &mut user).is_err());
}
