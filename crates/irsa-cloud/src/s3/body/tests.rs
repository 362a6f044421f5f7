use http::Request;
use http_body_util::{BodyExt, Full};
use irsa_wire::sigv4::sha256_hex;

use super::*;

/// What became of a body of an unsigned PUT: its bytes and digests, or the code that it is refused with.
async fn read(
    headers: &[(&str, &str)],
    sent: &[u8],
    decoder: Option<Decoder>,
) -> Result<(Vec<u8>, Digests), String> {
    let mut request = Request::put("/b/k");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    let claims = Claims::read(&parts, None).map_err(|failure| failure.body.code.to_string())?;
    let verdict = Arc::new(Verdict::default());
    let body = Full::new(Bytes::copy_from_slice(sent));
    let collected = Checked::new(body, decoder, claims, Arc::clone(&verdict)).collect().await;
    match (collected, verdict.failure(), verdict.digests()) {
        (Ok(body), None, Some(digests)) => Ok((body.to_bytes().to_vec(), digests)),
        (Err(_), Some(failure), None) => Err(failure.body.code.to_string()),
        other => panic!("the stream and the verdict disagree: {other:?}"),
    }
}

#[tokio::test]
async fn a_body_is_what_its_request_says() {
    let hash = sha256_hex(b"hello");
    let right = [
        ("x-amz-content-sha256", hash.as_str()),
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("x-amz-checksum-crc32", "NhCmhg=="),
    ];
    let (body, digests) = read(&right, b"hello", None).await.unwrap();
    assert_eq!(
        (body.as_slice(), digests.md5.as_str()),
        (b"hello".as_slice(), "5d41402abc4b2a76b9719d911017c592")
    );
    assert_eq!(digests.checksum.unwrap().value, "NhCmhg==");
    for (claim, code) in right.iter().zip(["XAmzContentSHA256Mismatch", "BadDigest", "BadDigest"]) {
        assert_eq!(read(&[*claim], b"hellO", None).await.unwrap_err(), code, "{claim:?}");
        assert_eq!(read(&[*claim], b"", None).await.unwrap_err(), code, "{claim:?}");
    }
}

#[tokio::test]
async fn objects_without_a_checksum_get_crc64nvme() {
    let (_, digests) = read(&[], b"123456789", None).await.unwrap();
    let checksum = digests.checksum.unwrap();
    assert_eq!((checksum.algorithm, checksum.value.as_str()), (Algorithm::Crc64Nvme, "rosUhgp5mIg="));
}

#[tokio::test]
async fn trailers_are_compared() {
    let headers = [("x-amz-trailer", "x-amz-checksum-crc32")];
    let check = async |sent: &[u8], expected: Result<&[u8], &str>| {
        let got = read(&headers, sent, Some(Decoder::unsigned(Some(5)))).await.map(|(body, _)| body);
        assert_eq!(
            got,
            expected.map(<[u8]>::to_vec).map_err(str::to_owned),
            "{}",
            String::from_utf8_lossy(sent)
        );
    };
    check(b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", Ok(b"hello")).await;
    check(b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", Err("BadDigest")).await;
    check(b"5\r\nhello\r\n0\r\n\r\n", Err("MalformedTrailerError")).await;
    check(b"5\r\nhello\r\n", Err("IncompleteBody")).await;
    check(b"4\r\nhell\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", Err("IncompleteBody")).await;
    check(b"hello\r\n", Err("InvalidRequest")).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_not_waited_for() {
    let parts = Request::put("/b/k").body(()).unwrap().into_parts().0;
    let claims = Claims::read(&parts, None).unwrap();
    let verdict = Arc::new(Verdict::default());
    let silent =
        http_body_util::StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, BoxError>>());
    let body = Checked::new(silent, None, claims, Arc::clone(&verdict));
    assert!(body.collect().await.is_err());
    assert_eq!(verdict.failure().unwrap().body.code, "RequestTimeout");
}
