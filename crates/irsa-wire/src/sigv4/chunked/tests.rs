use super::super::{Credentials, sign_payload};
use super::*;
use http::Request;
use http::request::Parts;
use proptest::prelude::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const MAY_2013: i64 = 1_369_353_600;

/// The head of the S3 documentation's chunked upload example.
fn documented_head(payload: &str, extra: &[(&str, &str)], signed: &str, signature: &str) -> Parts {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders={signed},Signature={signature}"
    );
    let mut request = Request::put("/examplebucket/chunkObject.txt")
        .header("host", "s3.amazonaws.com")
        .header("x-amz-date", "20130524T000000Z")
        .header("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .header("x-amz-content-sha256", payload)
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", "66560")
        .header("authorization", authorization);
    for (name, value) in extra {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn decoder(parts: &Parts) -> Decoder {
    let presented = Presented::from_parts(parts).unwrap().unwrap();
    let verified = presented.verify(parts, None, SECRET, MAY_2013).unwrap();
    Decoder::new(&presented, &verified, Some(66560)).unwrap()
}

fn decode(mut decoder: Decoder, body: &[u8], step: usize) -> Result<(Vec<u8>, Trailers), ChunkError> {
    let mut data = Vec::new();
    for piece in body.chunks(step) {
        decoder.feed(piece, &mut data)?;
    }
    Ok((data, decoder.finish()?))
}

fn documented_body(signatures: [&str; 3]) -> Vec<u8> {
    let mut body = format!("10000;chunk-signature={}\r\n", signatures[0]).into_bytes();
    body.resize(body.len() + 65536, b'a');
    body.extend(format!("\r\n400;chunk-signature={}\r\n", signatures[1]).bytes());
    body.resize(body.len() + 1024, b'a');
    body.extend(format!("\r\n0;chunk-signature={}\r\n", signatures[2]).bytes());
    body
}

/// S3 API reference, "Transferring Payload in Multiple Chunks (Chunked Upload)".
#[test]
fn documentation_example() {
    let head = documented_head(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        &[("content-length", "66824")],
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let mut body = documented_body([
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]);
    body.extend(b"\r\n");
    assert_eq!(body.len(), 66824);
    for step in [1, 7, 1000, usize::MAX] {
        assert_eq!(decode(decoder(&head), &body, step).unwrap(), (vec![b'a'; 66560], vec![]));
    }
    let check = |body: &[u8], expected| assert_eq!(decode(decoder(&head), body, 4096).unwrap_err(), expected);
    let mut changed = body.clone();
    changed[70_000 - 4_000] = b'b';
    check(&changed, ChunkError::Signature);
    check(&body[..65_000], ChunkError::Incomplete);
    // Dropping the closing chunk must not pass for a shorter object.
    check(&body[..66_824 - 88], ChunkError::Incomplete);
    check(&[&body[..], b"x"].concat(), ChunkError::Malformed);
    check(b"5\r\nhello\r\n0\r\n\r\n", ChunkError::Signature);
    check(b"fffffff;chunk-signature=00\r\n", ChunkError::Signature);
    check(&[b'1'; 2000], ChunkError::Malformed);
}

/// S3 API reference, "Transferring Payload in Multiple Chunks with Trailing Headers".
#[test]
fn documentation_example_with_trailer() {
    let head = documented_head(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        &[("x-amz-trailer", "x-amz-checksum-crc32c")],
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let body = documented_body([
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ]);
    let signature =
        "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
    let trailers = vec![("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())];
    for end in ["x-amz-checksum-crc32c:sOO8/Q==\r\n", "x-amz-checksum-crc32c:sOO8/Q==\n\r\n"] {
        let body = [&body[..], end.as_bytes(), signature.as_bytes(), b"\r\n\r\n"].concat();
        assert_eq!(decode(decoder(&head), &body, 1000).unwrap(), (vec![b'a'; 66560], trailers.clone()));
    }
    let check = |end: String, expected| {
        assert_eq!(
            decode(decoder(&head), &[&body[..], end.as_bytes()].concat(), 1000).unwrap_err(),
            expected
        );
    };
    check(format!("x-amz-checksum-crc32c:AAAA/Q==\r\n{signature}\r\n\r\n"), ChunkError::Signature);
    check("x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n".to_owned(), ChunkError::Incomplete);
    check(
        format!("x-amz-checksum-crc32c:sOO8/Q==\r\n{signature}\r\nx-amz-late:1\r\n\r\n"),
        ChunkError::Trailer,
    );
}

#[test]
fn unsigned_with_trailer() {
    let body = b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    for step in [1, 3, 100] {
        let (data, trailers) = decode(Decoder::unsigned(Some(11)), body, step).unwrap();
        assert_eq!(data, b"hello world");
        assert_eq!(trailers, [("x-amz-checksum-crc32".to_owned(), "NhCmhg==".to_owned())]);
    }
    let check = |announced, body: &[u8], expected| {
        assert_eq!(decode(Decoder::unsigned(announced), body, 5).unwrap_err(), expected);
    };
    check(Some(12), body, ChunkError::Incomplete);
    check(Some(10), body, ChunkError::Incomplete);
    check(None, b"5\r\nhelloX\r\n", ChunkError::Malformed);
    check(None, b"+5\r\nhello\r\n", ChunkError::Malformed);
    check(None, b"ffffffffffffffff\r\n", ChunkError::Malformed);
    check(None, b"0\r\nnot a header\r\n", ChunkError::Trailer);
    check(None, &[b"0\r\n".to_vec(), b"a:b\r\n".repeat(17)].concat(), ChunkError::Trailer);
}

proptest! {
    #[test]
    fn arbitrary_bodies_never_panic(pieces in proptest::collection::vec("([0-9a-f]{1,2};chunk-signature=[0-9a-f]{64}|[0-9a-f]{1,3}|[a-z:]{0,9}|\r\n){1,6}", 0..8)) {
        let body = pieces.concat();
        let _ = decode(Decoder::unsigned(None), body.as_bytes(), 3);
        let mut request = Request::put("https://h/k").body(()).unwrap().into_parts().0;
        let credentials = Credentials { access_key_id: "AK", secret_access_key: SECRET, session_token: None };
        let verified = sign_payload(&mut request, &Payload::StreamingSignedTrailer, &credentials, "r", "s3", MAY_2013).unwrap();
        let presented = Presented::from_parts(&request).unwrap().unwrap();
        prop_assert!(decode(Decoder::new(&presented, &verified, None).unwrap(), body.as_bytes(), 3).is_err());
    }

    #[test]
    fn any_chunking_decodes(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..6), step in 1usize..40) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend(format!("{:x}\r\n", chunk.len()).bytes());
            body.extend(chunk);
            body.extend(b"\r\n");
        }
        body.extend(b"0\r\n\r\n");
        let (data, trailers) = decode(Decoder::unsigned(Some(chunks.concat().len() as u64)), &body, step).unwrap();
        prop_assert_eq!(data, chunks.concat());
        prop_assert!(trailers.is_empty());
    }
}
