//! Any request to a hosted cluster: an answer, never a panic, and never a change by nobody.
#![no_main]
use std::sync::{Arc, LazyLock};

use irsa_cluster::hosted::{Hosted, Origin, ReviewError, TokenReviewer, UserInfo};
use irsa_store::model::Cluster;
use irsa_store::{Embedded, Store};
use libfuzzer_sys::fuzz_target;

struct Nobody;

impl TokenReviewer for Nobody {
    fn review(&self, _: &Cluster, _: &str, _: &Origin) -> Result<UserInfo, ReviewError> {
        Err(ReviewError::Unauthenticated("nobody".to_owned()))
    }
}

static STORE: LazyLock<Arc<dyn Store>> = LazyLock::new(|| Arc::new(Embedded::ephemeral().expect("a store in memory")));
static HOSTED: LazyLock<Hosted> = LazyLock::new(|| Hosted::new(Arc::clone(&STORE), || 1_700_000_000, Box::new(Nobody)));

fuzz_target!(|input: (&str, &str, &str, &[u8])| {
    let (method, target, token, body) = input;
    let request = http::Request::builder().method(method).uri(target).header("authorization", format!("Bearer {token}"));
    let Ok(request) = request.body(bytes::Bytes::copy_from_slice(body)) else { return };
    let before = STORE.snapshot().revision();
    let _ = futures::executor::block_on(HOSTED.answer(std::net::Ipv4Addr::LOCALHOST.into(), request));
    assert_eq!(before, STORE.snapshot().revision());
});
