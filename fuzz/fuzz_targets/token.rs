//! Any text as a token: never a panic, and never accepted, since no key of these signed it.
#![no_main]
use std::sync::LazyLock;

use irsa_token::Jwks;
use irsa_token::verify::Unverified;
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Jwks> = LazyLock::new(|| {
    Jwks::parse(include_bytes!("../../crates/irsa-token/src/fixtures/jwks.json")).expect("the fixture")
});

fuzz_target!(|text: &str| {
    if let Ok(token) = Unverified::parse(text) {
        let _ = token.claims().check_time(1_700_000_000, 0);
        let _ = token.verify(&KEYS);
    }
});
