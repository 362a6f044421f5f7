use super::*;
use crate::error::Protocol;
use http::Request;
use http::request::Parts;
use proptest::prelude::*;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// 2013-05-24T00:00:00Z, the time of the S3 documentation's examples.
const MAY_2013: i64 = 1_369_353_600;
/// 2026-11-25T19:00:00Z.
const NOW: i64 = 1_795_633_200;

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn presented(parts: &Parts) -> Presented {
    Presented::from_parts(parts).unwrap().unwrap()
}

/// S3 API reference, "Examples: Signature Calculations" (header form).
#[test]
fn s3_documentation_examples() {
    let check = |method, uri, headers: &[(&str, &str)], body: &[u8], signed, signature| {
        let hash = sha256_hex(body);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/20130524/us-east-1/s3/aws4_request,SignedHeaders={signed},Signature={signature}"
        );
        let mut all = vec![
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-content-sha256", hash.as_str()),
            ("authorization", authorization.as_str()),
        ];
        all.extend_from_slice(headers);
        let parts = parts(method, uri, &all);
        let presented = presented(&parts);
        presented.verify(&parts, Some(&hash), SECRET, MAY_2013).unwrap();
        presented.verify(&parts, None, SECRET, MAY_2013 + 900).unwrap();
        assert_eq!(presented.verify(&parts, Some(&hash), "other", MAY_2013).unwrap_err(), SigError::Mismatch);
    };
    let plain = "host;x-amz-content-sha256;x-amz-date";
    check(
        "GET",
        "/test.txt",
        &[("range", "bytes=0-9")],
        b"",
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    check(
        "PUT",
        "/test$file.text",
        &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        b"Welcome to Amazon S3.",
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    check(
        "GET",
        "/?lifecycle",
        &[],
        b"",
        plain,
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    );
    check(
        "GET",
        "/?max-keys=2&prefix=J",
        &[],
        b"",
        plain,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    );
}

/// S3 API reference, "Authenticating Requests: Using Query Parameters".
#[test]
fn s3_documentation_presigned_url() {
    let uri = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1\
        %2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let parts = parts("GET", uri, &[("host", "examplebucket.s3.amazonaws.com")]);
    let presented = presented(&parts);
    assert!(presented.is_query);
    assert_eq!(presented.expires, Some(86_400));
    presented.verify(&parts, None, SECRET, MAY_2013).unwrap();
    presented.verify(&parts, None, SECRET, MAY_2013 + 86_400).unwrap();
    let error = presented.verify(&parts, None, SECRET, MAY_2013 + 86_401).unwrap_err();
    assert_eq!(error.body(Protocol::RestXml).message, "Request has expired");
    let error = presented.verify(&parts, None, SECRET, MAY_2013 - 901).unwrap_err();
    assert_eq!(error.body(Protocol::RestXml).message, "Request is not valid yet");
}

/// IAM user guide, the worked example of Signature Version 4.
#[test]
fn iam_documentation_example() {
    let parts = parts(
        "GET",
        "/?Action=ListUsers&Version=2010-05-08",
        &[
            ("host", "iam.amazonaws.com"),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("x-amz-date", "20150830T123600Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ],
    );
    let presented = presented(&parts);
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    presented.verify(&parts, Some(EMPTY_SHA256), secret, 1_440_938_160).unwrap();
    assert_eq!(
        presented.verify(&parts, None, secret, 1_440_938_160).unwrap_err(),
        SigError::BodyHashNeeded,
        "the body is part of the signature"
    );
    let error = presented.verify(&parts, Some(EMPTY_SHA256), secret, 1_440_938_160 + 901).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"
    );
}

/// Requests that botocore signed; `fixtures/generate.py` made them.
#[test]
fn botocore_signatures_verify() {
    let fixture: serde_json::Value = serde_json::from_str(include_str!("fixtures/botocore.json")).unwrap();
    let requests = fixture["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 20);
    for request in requests {
        let name = request["name"].as_str().unwrap();
        let headers: Vec<_> = request["headers"].as_object().unwrap().iter().collect();
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let url = request["url"].as_str().unwrap();
        let parts = parts(request["method"].as_str().unwrap(), url, &headers);
        let presented = presented(&parts);
        let body = sha256_hex(request["body"].as_str().unwrap().as_bytes());
        let verified = presented.verify(&parts, Some(&body), SECRET, NOW);
        assert!(verified.is_ok(), "{name}: {verified:?}");
        if name.contains("session") {
            assert_eq!(presented.session_token.as_deref(), fixture["token"].as_str(), "{name}");
        }
    }
}

#[test]
fn what_is_signed_verifies_until_it_is_changed() {
    let credentials =
        Credentials { access_key_id: KEY, secret_access_key: SECRET, session_token: Some("to/k+en=") };
    for service in ["s3", "sts", "eks"] {
        let mut signed =
            parts("POST", "https://h.example:8443/a%20b/c?x=1&x=%2B&y", &[("content-type", "a/b")]);
        sign(&mut signed, b"body", &credentials, "eu-west-1", service, NOW).unwrap();
        let hash = sha256_hex(b"body");
        let claim = presented(&signed);
        claim.verify(&signed, Some(&hash), SECRET, NOW).unwrap();
        claim.check_scope(service, Some("eu-west-1")).unwrap();
        assert!(!format!("{claim:?}").contains("to/k+en="), "the token stays out of Debug");
        assert!(claim.verify(&signed, Some(EMPTY_SHA256), SECRET, NOW).is_err(), "another body");

        let mut changed = signed.clone();
        changed.uri = "https://h.example:8443/a%20b/c?x=1&x=%2B&y=z".parse().unwrap();
        assert_eq!(claim.verify(&changed, Some(&hash), SECRET, NOW).unwrap_err(), SigError::Mismatch);
        let mut changed = signed.clone();
        changed.headers.insert("x-amz-security-token", "other".parse().unwrap());
        assert_eq!(
            presented(&changed).verify(&changed, Some(&hash), SECRET, NOW).unwrap_err(),
            SigError::Mismatch
        );

        let mut url = parts("GET", "https://h.example/a?b=c", &[]);
        presign(&mut url, &credentials, "eu-west-1", service, NOW, 60).unwrap();
        let claim = presented(&url);
        assert_eq!(claim.session_token.as_deref(), Some("to/k+en="));
        let life = if service == "sts" { 900 } else { 60 };
        claim.verify(&url, Some(EMPTY_SHA256), SECRET, NOW + life).unwrap();
        assert!(matches!(
            claim.verify(&url, Some(EMPTY_SHA256), SECRET, NOW + life + 1),
            Err(SigError::Expired { is_query: true, .. })
        ));
    }
}

#[test]
fn host_of_http2_is_the_authority() {
    let credentials = Credentials { access_key_id: KEY, secret_access_key: SECRET, session_token: None };
    let mut signed = parts("GET", "https://h.example:8443/", &[]);
    sign(&mut signed, b"", &credentials, "r", "s3", NOW).unwrap();
    signed.headers.remove("host");
    presented(&signed).verify(&signed, None, SECRET, NOW).unwrap();
}

/// IAM user guide: without `x-amz-date`, the `Date` header is the request's time.
#[test]
fn date_header_stands_in() {
    let scope = Scope { date: "20261125".into(), region: "r".into(), service: "sts".into() };
    let headers = [("host", "h"), ("date", "Wed, 25 Nov 2026 19:00:00 GMT")];
    let unsigned = parts("GET", "/", &headers);
    let text = canonical::string_to_sign(&unsigned, &scope, "20261125T190000Z", "date;host", EMPTY_SHA256);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={KEY}/20261125/r/sts/aws4_request, SignedHeaders=date;host, Signature={}",
        hex::encode(SigningKey::derive(SECRET, &scope).sign(&text))
    );
    let signed = parts("GET", "/", &[headers[0], headers[1], ("authorization", &authorization)]);
    presented(&signed).verify(&signed, Some(EMPTY_SHA256), SECRET, NOW).unwrap();
    let undated = parts("GET", "/", &[headers[0], ("authorization", &authorization)]);
    assert!(Presented::from_parts(&undated).unwrap_err().to_string().contains("'X-Amz-Date' or a 'Date'"));
}

const AUTH: &str = "AWS4-HMAC-SHA256 Credential=AK/20261125/r/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
     Signature=0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn refusals() {
    let check = |uri: &str,
                 authorization: Option<&str>,
                 extra: &[(&str, &str)],
                 expected: &str,
                 code: &str| {
        let mut headers =
            vec![("host", "h"), ("x-amz-date", "20261125T190000Z"), ("x-amz-content-sha256", EMPTY_SHA256)];
        headers.extend(authorization.map(|value| ("authorization", value)));
        headers.extend_from_slice(extra);
        let error = Presented::from_parts(&parts("GET", uri, &headers)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.body(Protocol::RestXml).code, code, "{error}");
    };
    let v2 = "Signature Version 2";
    check("/", Some("AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo="), &[], v2, "InvalidRequest");
    check("/k?AWSAccessKeyId=A&Signature=b&Expires=1", None, &[], v2, "InvalidRequest");
    check("/", Some("Bearer x"), &[], "Unsupported", "InvalidArgument");
    check("/", Some("AWS4-ECDSA-P256-SHA256 Credential=x"), &[], "Unsupported", "InvalidArgument");
    check("/?X-Amz-Signature=0", Some(AUTH), &[], "Only one auth", "InvalidArgument");
    check(
        "/",
        Some("AWS4-HMAC-SHA256 Credential=a"),
        &[],
        "requires 'Signature'",
        "AuthorizationHeaderMalformed",
    );
    check("/", Some(&AUTH.replace("/r/", "/")), &[], "exactly 5", "AuthorizationHeaderMalformed");
    check(
        "/",
        Some(&AUTH.replace("20261125", "20261124")),
        &[],
        "'20261124' != '20261125'",
        "AuthorizationHeaderMalformed",
    );
    check("/", Some(&AUTH.replace("host;", "")), &[], "'Host'", "AccessDenied");
    check("/", Some(AUTH), &[("x-amz-security-token", "t")], "not signed", "AccessDenied");
    check("/", Some(AUTH), &[("x-amz-date", "20261125T190001Z")], "more than once", "InvalidArgument");
    check(
        "/",
        Some(&AUTH.replace("host;x-amz-content-sha256", "x-amz-content-sha256;host")),
        &[],
        "sorted",
        "AuthorizationHeaderMalformed",
    );
    check("/", Some(&AUTH.replace("=0000", "=zzzz")), &[], "does not match", "SignatureDoesNotMatch");
    let query = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK/20261125/r/s3/aws4_request&X-Amz-Date=20261125T190000Z\
        &X-Amz-SignedHeaders=host&X-Amz-Signature=00&X-Amz-Expires=";
    check(&format!("{query}604801"), None, &[], "between 1 and 604800", "AuthorizationQueryParametersError");
    check(&format!("{query}0"), None, &[], "between 1 and 604800", "AuthorizationQueryParametersError");
    check(&format!("{query}5&X-Amz-Expires=6"), None, &[], "more than once", "InvalidArgument");
    assert_eq!(Presented::from_parts(&parts("GET", "/", &[("host", "h")])), Ok(None));
}

#[test]
fn payload_statements() {
    let check = |stated: &str, service: &str, expected: Result<Payload, SigError>| {
        let authorization = AUTH.replace("/s3/", &format!("/{service}/"));
        let headers = [
            ("host", "h"),
            ("x-amz-date", "20261125T190000Z"),
            ("x-amz-content-sha256", stated),
            ("authorization", authorization.as_str()),
        ];
        let payload = Presented::from_parts(&parts("GET", "/", &headers)).map(|found| found.unwrap().payload);
        assert_eq!(payload, expected, "{stated} {service}");
    };
    check("UNSIGNED-PAYLOAD", "s3", Ok(Payload::Unsigned));
    check("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "s3", Ok(Payload::StreamingUnsignedTrailer));
    check("nonsense", "s3", Err(SigError::ContentSha256Invalid));
    check("UNSIGNED-PAYLOAD", "sts", Ok(Payload::Body));
    check(EMPTY_SHA256, "sts", Ok(Payload::Hash(EMPTY_SHA256.to_owned())));
}

#[test]
fn scope_of_another_endpoint() {
    let headers = [
        ("host", "h"),
        ("x-amz-date", "20261125T190000Z"),
        ("x-amz-content-sha256", EMPTY_SHA256),
        ("authorization", AUTH),
    ];
    let claim = presented(&parts("GET", "/", &headers));
    assert!(matches!(claim.check_scope("sts", None), Err(SigError::ScopeService { .. })));
    let body = claim.check_scope("s3", Some("eu-west-1")).unwrap_err().body(Protocol::RestXml);
    assert_eq!(body.code, "AuthorizationHeaderMalformed");
    assert_eq!(
        body.message,
        "The authorization header is malformed; the region 'r' is wrong; expecting 'eu-west-1'"
    );
    assert_eq!(body.details, [("Region".into(), "eu-west-1".to_owned())]);
}

#[test]
fn keys_are_cached_by_secret() {
    let scope = Scope { date: "20261125".into(), region: "r".into(), service: "s3".into() };
    let mut cache = KeyCache::new(2);
    let first = cache.get_or_derive(KEY, &scope, SECRET).sign(b"x");
    assert_eq!(cache.get_or_derive(KEY, &scope, SECRET).sign(b"x"), first);
    assert_eq!(SigningKey::derive(SECRET, &scope).sign(b"x"), first);
    assert_ne!(cache.get_or_derive(KEY, &scope, "other").sign(b"x"), first);
    assert!(!format!("{:?}", SigningKey::derive(SECRET, &scope)).contains(char::is_numeric));
}

proptest! {
    #[test]
    fn arbitrary_heads_never_panic(
        query in "([A-Za-z0-9%&=+/-]|X-Amz-(Algorithm|Credential|Date|Signature|SignedHeaders|Expires)=){0,60}",
        authorization in "(AWS4-HMAC-SHA256 )?(Credential=|SignedHeaders=|Signature=|[a-z0-9/,;= ]){0,40}",
        date in "[0-9TZ]{0,17}",
    ) {
        let request = Request::builder()
            .uri(format!("/?{query}"))
            .header("authorization", authorization)
            .header("x-amz-date", date)
            .body(());
        if let Ok(request) = request {
            let parts = request.into_parts().0;
            if let Ok(Some(claim)) = Presented::from_parts(&parts) {
                prop_assert!(claim.verify(&parts, None, SECRET, NOW).is_err());
            }
        }
    }

    #[test]
    fn signed_requests_verify(path in "(/|[a-zA-Z0-9._~!$'()*,;:@-]|%[0-9A-F]{2}){0,30}", query in "([a-z=&+-]|%[0-9A-F]{2}){0,30}", s3: bool) {
        let credentials = Credentials { access_key_id: KEY, secret_access_key: SECRET, session_token: None };
        let service = if s3 { "s3" } else { "eks" };
        if let Ok(request) = Request::builder().uri(format!("https://h/{path}?{query}")).body(()) {
            let mut signed = request.into_parts().0;
            sign(&mut signed, b"", &credentials, "r", service, NOW).unwrap();
            presented(&signed).verify(&signed, Some(EMPTY_SHA256), SECRET, NOW).unwrap();
            presign(&mut signed, &credentials, "r", service, NOW, 5).unwrap_or_default();
        }
    }
}

/// `cargo test --release -p irsa-wire -- --ignored --nocapture verify_costs`
#[expect(clippy::disallowed_methods, reason = "it measures, and asserts nothing about time")]
#[test]
#[ignore = "a measurement"]
fn verify_costs() {
    let credentials =
        Credentials { access_key_id: KEY, secret_access_key: SECRET, session_token: Some("token") };
    let mut signed = parts("GET", "https://bucket.example/some/key.txt?versionId=1", &[("accept", "*/*")]);
    sign(&mut signed, b"", &credentials, "us-east-1", "s3", NOW).unwrap();
    let rounds = 100_000;
    let start = std::time::Instant::now();
    for _ in 0..rounds {
        presented(&signed).verify(&signed, Some(EMPTY_SHA256), SECRET, NOW).unwrap();
    }
    let each = start.elapsed() / rounds;
    println!("{each:?} per verified GET");
    assert!(each.as_micros() < 100);
}
