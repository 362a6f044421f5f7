//! Any bytes as a key set or a discovery document, any text as an issuer.
#![no_main]
use irsa_token::Jwks;
use irsa_token::discovery::{Document, provider_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Jwks::parse(bytes);
    let _ = Document::parse(bytes, "https://issuer.example/id/A");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = provider_name(text);
    }
});
