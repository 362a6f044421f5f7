//! Any head of a request: what it presents is read and checked without a panic, and never verifies.
#![no_main]
use irsa_wire::sigv4::Presented;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, &str)| {
    let (target, authorization, date, other) = input;
    let request = http::Request::get(target)
        .header("host", "localhost")
        .header("authorization", authorization)
        .header("x-amz-date", date)
        .header("x-amz-content-sha256", other)
        .body(());
    let Ok(request) = request else { return };
    let (parts, ()) = request.into_parts();
    if let Ok(Some(presented)) = Presented::from_parts(&parts) {
        assert!(presented.verify(&parts, Some("00"), "secret", presented.signed_at).is_err());
    }
});
