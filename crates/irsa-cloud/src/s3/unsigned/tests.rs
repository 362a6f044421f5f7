use http::Request;

use super::*;

fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn presigned_urls_lose_their_signature_and_nothing_else() {
    let mut parts = parts(
        "/b/a%20k?X-Amz-Algorithm=A&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=1&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=s&X-Amz-Security-Token=t&x-amz-checksum-crc32=AAAAAA%3D%3D&prefix=a%2Bb+c&acl&X-Amz-Meta-A=1",
        &[],
    );
    take_off_signature(&mut parts, true).unwrap();
    assert_eq!(parts.uri, "/b/a%20k?prefix=a%2Bb%20c&acl=");
    assert_eq!(parts.headers["x-amz-checksum-crc32"], "AAAAAA==");
    assert_eq!(parts.headers["x-amz-meta-a"], "1");
    assert!(!parts.headers.contains_key("x-amz-security-token"));
}

#[test]
fn signed_headers_are_taken_off_and_queries_left_alone() {
    let uri = "/b?list-type=2&prefix=a%2Bb+c";
    let mut parts = parts(
        uri,
        &[("authorization", "AWS4-HMAC-SHA256 x"), ("x-amz-security-token", "t"), ("x-amz-acl", "a")],
    );
    take_off_signature(&mut parts, false).unwrap();
    assert_eq!(parts.uri, uri);
    assert_eq!(parts.headers.len(), 1);
    assert_eq!(parts.headers["x-amz-acl"], "a");
}

#[test]
fn the_wrapping_leaves_no_trace() {
    let check = |encoding: &str, left: Option<&str>| {
        let mut headers = parts(
            "/",
            &[
                ("content-encoding", encoding),
                ("transfer-encoding", "chunked"),
                ("x-amz-decoded-content-length", "5"),
            ],
        )
        .headers;
        take_off_chunks(&mut headers, Some(5));
        assert_eq!(headers.get("content-encoding").map(|value| value.to_str().unwrap()), left, "{encoding}");
        assert_eq!(headers["content-length"], "5");
        assert_eq!(headers.len(), 1 + usize::from(left.is_some()));
    };
    check("aws-chunked", None);
    check("gzip, aws-chunked", Some("gzip"));
    check("aws-chunked,gzip,br", Some("gzip,br"));
}

#[test]
fn forms_are_not_served() {
    let post = |content_type: &str| {
        let mut parts = parts("/b", &[("content-type", content_type)]);
        parts.method = Method::POST;
        refuse_forms(&parts).is_err()
    };
    assert!(post("multipart/form-data; boundary=x"));
    assert!(post(" Multipart/Form-Data;boundary=x"));
    assert!(!post("application/xml"));
    assert!(!post(""));
}

#[test]
fn nobody_signs_no_chunks() {
    let of = |value: &str| {
        let headers = parts("/", &[("x-amz-content-sha256", value)]).headers;
        decoder(&headers, None)
            .map(|decoder| decoder.is_some())
            .map_err(|failure| failure.body.code.to_string())
    };
    assert_eq!(of("UNSIGNED-PAYLOAD"), Ok(false));
    assert_eq!(of("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Ok(true));
    assert_eq!(of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Err("InvalidRequest".to_owned()));
}
