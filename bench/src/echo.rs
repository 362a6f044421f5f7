//! The ceiling of any verified exchange: HTTP, one RSA-2048 verification, and nothing else.

use std::convert::Infallible;
use std::sync::Arc;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Failure;

/// Serves at the address in `ECHO_ADDRESS`.
pub(crate) async fn serve() -> Result<(), Failure> {
    let address = std::env::var("ECHO_ADDRESS")?;
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_unspecified| "no RSA key")?;
    let message = vec![b'x'; 755];
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    pair.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).map_err(|_unspecified| "no signature")?;
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
        .map_err(|_rejected| "an unreadable key")?;
    let checked = Arc::new((public, message, signature));
    let answer = Bytes::from(vec![b'y'; 1_200]);

    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (checked, answer) = (Arc::clone(&checked), answer.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (checked, answer) = (Arc::clone(&checked), answer.clone());
            async move {
                let _ = request.into_body().collect().await;
                let (public, message, signature) = &*checked;
                let mut response = Response::new(Full::new(answer));
                if public.verify_sig(message, signature).is_err() {
                    *response.status_mut() = StatusCode::FORBIDDEN;
                }
                Ok::<_, Infallible>(response)
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}
