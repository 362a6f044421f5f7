//! Any bytes, in any pieces, as an aws-chunked body.
#![no_main]
use irsa_wire::sigv4::chunked::Decoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u8, &[u8])| {
    let (length, piece, bytes) = input;
    let mut decoder = Decoder::unsigned(Some(u64::from(length)));
    let mut data = Vec::new();
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        if decoder.feed(piece, &mut data).is_err() {
            return;
        }
    }
    let _ = decoder.finish();
    assert!(data.len() <= usize::from(length));
});
