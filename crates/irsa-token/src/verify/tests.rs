use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::claims::MAX_AGE_SECONDS;
use crate::jwk::PublicKey;
use crate::jwks::JwksError;
use crate::sign::{SigningKey, jwks_document};
use crate::strict::to_base64url;

const JWKS: &[u8] = include_bytes!("../fixtures/jwks.json");
const TOKEN: &str = include_str!("../fixtures/token.jwt");
const POD_TOKEN: &str = include_str!("../fixtures/token-bound-to-pod.jwt");
const ISSUED: i64 = 1_795_306_432;

fn published(keys: &[&SigningKey]) -> Jwks {
    Jwks::parse(jwks_document(keys.iter().copied()).to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({ "iss": "https://issuer", "sub": "system:serviceaccount:a:b", "aud": "sts.amazonaws.com", "exp": 2_000_000_000_i64 })
}

fn unsigned(header: &str, payload: &str) -> String {
    format!("{}.{}.{}", to_base64url(header), to_base64url(payload), to_base64url("signature"))
}

#[test]
fn verifies_a_real_clusters_tokens() {
    let jwks = Jwks::parse(JWKS).unwrap();
    for token in [TOKEN.to_owned(), POD_TOKEN.to_owned(), format!("\n {}\r\n", TOKEN.trim())] {
        let claims = Unverified::parse(&token).unwrap().verify(&jwks).unwrap();
        assert_eq!(claims.iss, "https://127.0.0.1:6443");
        assert_eq!(claims.sub, "system:serviceaccount:demo:s3-app");
        assert_eq!(claims.aud, ["sts.amazonaws.com"]);
        let kubernetes = claims.kubernetes.clone().unwrap();
        assert_eq!((&*kubernetes.namespace, &*kubernetes.serviceaccount.name), ("demo", "s3-app"));
    }
    let pod =
        Unverified::parse(POD_TOKEN).unwrap().verify(&jwks).unwrap().kubernetes.clone().unwrap().pod.unwrap();
    assert_eq!(pod.name, "app");
}

#[test]
fn a_token_does_not_show() {
    let shown = format!("{:?}", Unverified::parse(TOKEN).unwrap());
    assert!(
        shown.contains("https://127.0.0.1:6443") && !TOKEN.trim().split('.').any(|part| shown.contains(part))
    );
    assert!(!shown.contains("signature"), "{shown}");
}

#[test]
fn checks_time() {
    let claims = Unverified::parse(TOKEN).unwrap().verify(&Jwks::parse(JWKS).unwrap()).unwrap();
    let exp = claims.exp;
    let cases = [
        (ISSUED, 0, Ok(())),
        (ISSUED - 1, 0, Err(TokenError::NotYetValid { now: ISSUED - 1, from: ISSUED })),
        (ISSUED - 60, 60, Ok(())),
        (exp - 1, 0, Ok(())),
        (exp, 0, Err(TokenError::Expired { now: exp, exp })),
        (exp + 59, 60, Ok(())),
        (i64::MIN, 0, Err(TokenError::NotYetValid { now: i64::MIN, from: ISSUED })),
        (i64::MAX, 0, Err(TokenError::Expired { now: i64::MAX, exp })),
    ];
    for (now, leeway, expected) in cases {
        assert_eq!(claims.check_time(now, leeway), expected, "{now} {leeway}");
    }
    let long = Claims { exp: exp + 10 * MAX_AGE_SECONDS, ..(*claims).clone() };
    assert_eq!(long.check_time(ISSUED + MAX_AGE_SECONDS, 0), Ok(()));
    assert_eq!(long.check_time(ISSUED + 441_398, 0).unwrap_err().to_string(), "Token too old: 441398");
    // aws-sdk-java-v2#5709
    let expired = TokenError::Expired { now: 2, exp: 1 };
    assert_eq!(
        expired.to_string(),
        "Token expired: current date/time 2 must be before the expiration date/time 1"
    );
}

#[test]
fn our_own_tokens_verify_with_the_keys_we_publish() {
    let (rsa, p256) = (SigningKey::generate_rsa2048().unwrap(), SigningKey::generate_p256().unwrap());
    let jwks = published(&[&rsa, &p256]);
    for key in [&rsa, &p256] {
        let token = key.sign(&claims()).unwrap();
        let unverified = Unverified::parse(&token).unwrap();
        assert_eq!((unverified.kid(), unverified.algorithm()), (Some(key.kid()), key.algorithm()));
        assert_eq!(unverified.verify(&jwks).unwrap().raw, claims());
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!((again.kid(), again.jwk()), (key.kid(), key.jwk()));
        Unverified::parse(&again.sign(&claims()).unwrap()).unwrap().verify(&jwks).unwrap();
    }
    assert_eq!(SigningKey::from_pkcs8(b"no key").unwrap_err(), crate::SignError::NotAKey);
}

/// kid = base64url(SHA-256(SubjectPublicKeyInfo)), as the real cluster's key has it.
#[test]
fn names_keys_as_kubernetes_does() {
    let document: Value = serde_json::from_slice(JWKS).unwrap();
    let (key, n) = (&document["keys"][0], document["keys"][0]["n"].as_str().unwrap());
    let prefix: [u8; 33] = [
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01,
        0x05, 0x00, 0x03, 0x82, 0x01, 0x0F, 0x00, 0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01, 0x00,
    ];
    let spki = [&prefix[..], &strict::base64url(n).unwrap(), &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
    assert_eq!(PublicKey::from_spki(&spki).unwrap().jwk(), key);
    let members = |key: &Value| key.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&SigningKey::generate_rsa2048().unwrap().jwk()), members(key));
    for cut in 0..spki.len() {
        assert!(PublicKey::from_spki(&spki[..cut]).is_err(), "{cut}");
    }
    assert!(PublicKey::from_spki(&[&spki[..], &[0]].concat()).is_err());
}

/// Every accepted algorithm, signed by aws-lc-rs alone.
#[test]
fn verifies_each_algorithm() {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair};

    let random = SystemRandom::new();
    let check = |algorithm: &str, spki: PublicKeyX509Der<'_>, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut key = PublicKey::from_spki(spki.as_ref()).unwrap().jwk().clone();
        key["alg"] = json!(algorithm);
        let signed = format!(
            "{}.{}",
            to_base64url(json!({ "alg": algorithm }).to_string()),
            to_base64url(claims().to_string())
        );
        let token = |signature: &[u8]| format!("{signed}.{}", to_base64url(signature));
        let jwks = Jwks::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
        let mut signature = sign(signed.as_bytes());
        let good = token(&signature);
        assert_eq!(Unverified::parse(&good).unwrap().verify(&jwks).unwrap().raw, claims(), "{algorithm}");
        signature[7] ^= 1;
        let bad = token(&signature);
        assert_eq!(
            Unverified::parse(&bad).unwrap().verify(&jwks),
            Err(TokenError::BadSignature),
            "{algorithm}"
        );
        let none = token(&[]);
        assert_eq!(
            Unverified::parse(&none).unwrap().verify(&jwks),
            Err(TokenError::BadSignature),
            "{algorithm}"
        );
    };
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let paddings: [(_, &dyn signature::RsaEncoding); 3] = [
        ("RS256", &signature::RSA_PKCS1_SHA256),
        ("RS384", &signature::RSA_PKCS1_SHA384),
        ("RS512", &signature::RSA_PKCS1_SHA512),
    ];
    for (algorithm, padding) in paddings {
        check(algorithm, rsa.public_key().as_der().unwrap(), &|message| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(padding, &random, message, &mut signature).unwrap();
            signature
        });
    }
    let curves = [
        ("ES256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        ("ES384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ("ES512", &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
    ];
    for (algorithm, curve) in curves {
        let pair = EcdsaKeyPair::generate(curve).unwrap();
        check(algorithm, pair.public_key().as_der().unwrap(), &|message| {
            pair.sign(&random, message).unwrap().as_ref().to_vec()
        });
    }
}

#[test]
fn a_missing_kid_tries_every_key_and_an_unknown_one_none() {
    let (first, second, other) = (
        SigningKey::generate_p256().unwrap(),
        SigningKey::generate_p256().unwrap(),
        SigningKey::generate_p256().unwrap(),
    );
    let without_kid = |key: &SigningKey| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let token = second.sign(&claims()).unwrap();
    let jwks = published(&[&first, &other]);
    assert_eq!(
        Unverified::parse(&token).unwrap().verify(&jwks),
        Err(TokenError::UnknownKey { kid: Some(second.kid().to_owned()) })
    );
    // The header is signed, so a token without kid is one whose kid no key bears: `find` is asked directly.
    let document = json!({ "keys": [without_kid(&first), without_kid(&second)] }).to_string();
    let jwks = Jwks::parse(document.as_bytes()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = strict::base64url(signature).unwrap();
    let found = jwks.find(None, Algorithm::Es256);
    assert_eq!(found.filter(|key| key.verify(Algorithm::Es256, signed.as_bytes(), &signature)).count(), 1);
    assert_eq!(jwks.find(None, Algorithm::Es384).count(), 0);
    assert_eq!(jwks.find(None, Algorithm::Rs256).count(), 0);
}

#[test]
fn refuses_what_is_not_plainly_a_token() {
    let payload = claims().to_string();
    let token = |header: &str| unsigned(header, &payload);
    let unsupported = |name: &str| Some(TokenError::UnsupportedAlgorithm(name.to_owned()));
    let good = TOKEN.trim();
    let duplicate_claim = r#"{"iss":"a","iss":"b","sub":"s","aud":"a","exp":1}"#;
    let cases = [
        (token(r#"{"alg":"RS256"}"#), None),
        (token(r#"{"alg":"none"}"#), unsupported("none")),
        (token(r#"{"alg":"HS256"}"#), unsupported("HS256")),
        (token(r#"{"alg":"PS256"}"#), unsupported("PS256")),
        (token(r#"{"alg":"EdDSA"}"#), unsupported("EdDSA")),
        (token(r#"{"alg":"rs256"}"#), unsupported("rs256")),
        (token(r#"{"alg":"RS256","crit":["exp"]}"#), Some(TokenError::UnsupportedHeader("crit"))),
        (token(r#"{"alg":"RS256","zip":"DEF"}"#), Some(TokenError::UnsupportedHeader("zip"))),
        (token(r#"{"alg":"RS256","b64":false}"#), Some(TokenError::UnsupportedHeader("b64"))),
        (token(r#"{"typ":"JWT"}"#), Some(TokenError::NotAJwt("its header has no `alg`"))),
        (token(r#"{"alg":"RS256","kid":1}"#), Some(TokenError::NotAJwt("its `kid` is not a string"))),
        (
            token(r#"{"alg":"RS256","alg":"none"}"#),
            Some(TokenError::NotAJwt("its header is not an unambiguous JSON object")),
        ),
        (
            unsigned(r#"{"alg":"RS256"}"#, duplicate_claim),
            Some(TokenError::NotAJwt("its payload is not an unambiguous JSON object")),
        ),
        (format!("{good}.e30"), Some(TokenError::NotAJwt("its payload is not base64url"))),
        (format!("{good}="), Some(TokenError::NotAJwt("its signature is not base64url"))),
        (format!("{good}\u{a0}"), Some(TokenError::NotAJwt("its signature is not base64url"))),
        ("a.b".to_owned(), Some(TokenError::NotAJwt("it has one dot only"))),
        (String::new(), Some(TokenError::NotAJwt("it has no dots"))),
        ("a".repeat(MAX_CHARS + 1), Some(TokenError::TooLong)),
    ];
    for (token, expected) in cases {
        assert_eq!(Unverified::parse(&token).err(), expected, "{token}");
    }
}

#[test]
fn reads_claims() {
    let with = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut claims = claims();
        change(claims.as_object_mut().unwrap());
        Unverified::parse(&unsigned(r#"{"alg":"RS256"}"#, &claims.to_string()))
            .map(|token| token.claims().clone())
    };
    assert_eq!(with(&|_| ()).unwrap().aud, ["sts.amazonaws.com"]);
    assert_eq!(with(&|claims| drop(claims.insert("exp".into(), json!(5.75)))).unwrap().exp, 5);
    for name in ["iss", "sub", "aud", "exp"] {
        let error = with(&|claims| drop(claims.remove(name))).unwrap_err();
        assert_eq!(error.to_string(), format!("Missing a required claim: {name}"));
        assert_eq!(
            with(&|claims| drop(claims.insert(name.into(), json!({})))),
            Err(TokenError::InvalidClaim(name))
        );
    }
    assert_eq!(
        with(&|claims| drop(claims.insert("aud".into(), json!(["a", 1])))),
        Err(TokenError::InvalidClaim("aud"))
    );
    assert_eq!(
        with(&|claims| drop(claims.insert("exp".into(), json!(1e300)))),
        Err(TokenError::InvalidClaim("exp"))
    );

    // STS guide, "Passing session tags using AssumeRoleWithWebIdentity", both forms
    let nested =
        json!({ "principal_tags": { "Project": ["Automation"] }, "transitive_tag_keys": ["Project"] });
    let nested =
        with(&|claims| drop(claims.insert("https://aws.amazon.com/tags".into(), nested.clone()))).unwrap();
    let flat = with(&|claims| {
        claims.insert("https://aws.amazon.com/tags/principal_tags/Project".into(), json!("Automation"));
        claims.insert("https://aws.amazon.com/tags/transitive_tag_keys".into(), json!(["Project"]));
    });
    assert_eq!(nested.tags, flat.unwrap().tags);
    assert_eq!(nested.tags.unwrap().principal_tags["Project"], ["Automation"]);
    assert_eq!(
        with(&|claims| drop(claims.insert("https://aws.amazon.com/tags".into(), json!("x")))),
        Err(TokenError::InvalidClaim("https://aws.amazon.com/tags"))
    );
}

#[test]
fn leaves_out_keys_that_must_not_be_used() {
    let rsa = serde_json::from_slice::<Value>(JWKS).unwrap()["keys"][0].clone();
    let p256 = SigningKey::generate_p256().unwrap().jwk();
    let changed = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let number = |bytes: &[u8]| json!(to_base64url(bytes));
    let cases = [
        (rsa.clone(), Ok(())),
        (p256.clone(), Ok(())),
        (changed(&rsa, "key_ops", json!(["verify"])), Ok(())),
        (changed(&rsa, "key_ops", json!(["encrypt"])), Err("its `key_ops` do not allow `verify`")),
        (changed(&rsa, "use", json!("enc")), Err("its `use` is not `sig`")),
        (changed(&rsa, "alg", json!("HS256")), Err("its `alg` is not RS256/384/512 or ES256/384/512")),
        (changed(&rsa, "alg", json!("ES256")), Err("its `alg` does not belong to its `kty` or `crv`")),
        (changed(&p256, "alg", json!("ES384")), Err("its `alg` does not belong to its `kty` or `crv`")),
        (changed(&rsa, "kty", json!("oct")), Err("its `kty` is not RSA or EC")),
        (changed(&rsa, "n", number(&[0xFF; 128])), Err("it has fewer than 2,048 bits")),
        (
            changed(&rsa, "n", number(&[&[0x7F][..], &[0xFF; 255]].concat())),
            Err("it has fewer than 2,048 bits"),
        ),
        (changed(&rsa, "n", number(&[0xFF; 1025])), Err("it has more than 8,192 bits")),
        (changed(&rsa, "n", number(&[0xFE; 256])), Err("its modulus is even")),
        (changed(&rsa, "n", number(&[])), Err("it has fewer than 2,048 bits")),
        (changed(&rsa, "e", number(&[1])), Err("its exponent is 0 or 1")),
        (changed(&rsa, "e", number(&[0, 1])), Err("its exponent is 0 or 1")),
        (changed(&rsa, "e", number(&[0])), Err("its exponent is 0 or 1")),
        (changed(&rsa, "e", number(&[1, 0, 0])), Err("its exponent is even")),
        (changed(&rsa, "e", number(&[3; 9])), Err("its exponent is too large")),
        (changed(&rsa, "e", json!("AQAB=")), Err("its `e` is missing or not base64url")),
        (changed(&p256, "crv", json!("secp256k1")), Err("its `crv` is not P-256, P-384 or P-521")),
        (changed(&p256, "x", number(&[1; 31])), Err("its `x` is missing or not a coordinate of its curve")),
        (changed(&p256, "y", number(&[1; 32])), Err("its point is not on its curve")),
    ];
    for (key, expected) in cases {
        let jwks = Jwks::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
        match expected {
            Ok(()) => assert_eq!((jwks.keys().len(), jwks.unusable().len()), (1, 0), "{key}"),
            Err(reason) => {
                assert_eq!(jwks.keys().len(), 0, "{key}");
                assert_eq!(jwks.unusable()[0].reason, reason, "{key}");
            }
        }
    }
}

#[test]
fn the_key_decides_the_algorithm() {
    let rsa = SigningKey::generate_rsa2048().unwrap();
    let token = rsa.sign(&claims()).unwrap();
    let mut jwk = rsa.jwk();
    jwk["alg"] = json!("RS512");
    let jwks = Jwks::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    assert!(jwks.has(rsa.kid()));
    let refused = Unverified::parse(&token).unwrap().verify(&jwks);
    assert_eq!(refused, Err(TokenError::UnknownKey { kid: Some(rsa.kid().to_owned()) }));

    let mut jwk = rsa.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let jwks = Jwks::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    assert!(Unverified::parse(&token).unwrap().verify(&jwks).is_ok());
}

#[test]
fn bounds_key_sets() {
    let keys = |count| json!({ "keys": vec![json!({ "kty": "oct" }); count] }).to_string();
    assert_eq!(Jwks::parse(keys(100).as_bytes()).unwrap().unusable().len(), 100);
    assert_eq!(Jwks::parse(keys(101).as_bytes()).unwrap_err(), JwksError::TooManyKeys);
    assert_eq!(Jwks::parse(&[b' '; 64 * 1024 + 1]).unwrap_err(), JwksError::TooLarge);
    for document in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[1]}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(matches!(Jwks::parse(document.as_bytes()), Err(JwksError::Malformed(_))), "{document}");
    }
}

/// Flipping any bit of a token makes it another token, and no other token verifies.
#[test]
fn every_flipped_bit_is_noticed() {
    let jwks = Jwks::parse(JWKS).unwrap();
    let good = TOKEN.trim().as_bytes();
    for place in 0..good.len() {
        for bit in 0..7 {
            let mut token = good.to_vec();
            token[place] ^= 1 << bit;
            // White space at either end is dropped: it leaves a shorter token, which must fail as well.
            let token = String::from_utf8(token).unwrap();
            let accepted = Unverified::parse(&token).is_ok_and(|token| token.verify(&jwks).is_ok());
            assert!(!accepted, "byte {place}, bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn never_panics(token in "\\PC*", header in "\\PC{0,40}", payload in "\\PC{0,80}", bytes in any::<Vec<u8>>()) {
        let _ = Unverified::parse(&token);
        let _ = Unverified::parse(&unsigned(&header, &payload));
        let _ = Jwks::parse(&bytes);
        let _ = PublicKey::from_spki(&bytes);
        let _ = crate::provider_name(&token);
        let _ = crate::provider_name(&format!("https://{token}"));
        let _ = crate::Document::parse(&bytes, "https://a");
    }
}
