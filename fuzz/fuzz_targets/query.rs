//! Any bytes as a query body, and its members walked.
#![no_main]
use irsa_wire::query::Params;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(params) = Params::parse(bytes) else { return };
    let _ = params.get("Action");
    for node in params.list("Tags").unwrap_or_default() {
        let _ = (node.get("Key"), node.get("Value"), node.list("member"));
    }
    let _ = params.map("Context");
});
