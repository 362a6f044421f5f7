//! One fetch of an issuer: discovery document, then JWKS; bounded in size, time and reach.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use irsa_token::discovery;
use irsa_token::jwks::Jwks;
use reqwest::Client;
use url::{Host, Url};

use super::IssuerSettings;

/// The most time one document may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest discovery document or JWKS that is read. Kubernetes' own are under 4 KiB.
const MOST_BYTES: usize = 64 * 1024;

/// Why an issuer's keys could not be had. AWS tells the caller of STS none of this; the operator sees it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// The issuer or its `jwks_uri` is not a URL that may be fetched.
    #[error("`{url}` cannot be fetched: {reason}")]
    BadUrl {
        /// The URL as the provider or the discovery document has it.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The name does not resolve.
    #[error("`{host}` does not resolve: {reason}")]
    Unresolved {
        /// The host's name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The address is loopback, link-local or private and the operator did not allow it.
    #[error("`{host}` is at {address}, which is not a public address; allow it with `irsa up --issuer-allow {address}/{}`", if .address.is_ipv4() { 32 } else { 128 })]
    Forbidden {
        /// The host's name.
        host: String,
        /// The address it resolves to.
        address: IpAddr,
    },
    /// The server did not answer, or not over trusted TLS.
    #[error("no answer from `{url}`: {reason}")]
    NoAnswer {
        /// What was asked for.
        url: String,
        /// The cause, innermost last.
        reason: String,
    },
    /// The server answered something else than 200.
    #[error("`{url}` answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is larger than any real one.
    #[error("`{url}` answered more than {MOST_BYTES} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
    },
    /// The answer is not the document that belongs there.
    #[error("`{url}` does not hold a usable document: {reason}")]
    BadDocument {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The issuer failed moments ago and is not asked again yet.
    #[error("the issuer failed moments ago and is not asked again yet")]
    TooSoon,
}

/// What stands at an issuer's URL.
#[derive(Debug)]
pub struct Published {
    /// The discovery document.
    pub document: discovery::Document,
    /// The keys that it points at.
    pub keys: Jwks,
    /// How the discovery document is served.
    pub discovery: Served,
    /// How the key set is served.
    pub jwks: Served,
}

/// How a document is served.
#[derive(Debug)]
pub struct Served {
    /// Where.
    pub url: String,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its `Cache-Control`.
    pub cache_control: Option<String>,
}

/// Fetches discovery and JWKS of `issuer`, as OpenID Connect Discovery 1.0 §4 has it.
///
/// # Errors
/// [`FetchError`]
pub async fn fetch(issuer: &str, settings: &IssuerSettings) -> Result<Published, FetchError> {
    let instead = settings.instead.get(issuer);
    let base = instead.map_or(issuer, Url::as_str).trim_end_matches('/');
    let discovery_url = parse_url(&format!("{base}/.well-known/openid-configuration"))?;
    let (body, discovery) = get(&discovery_url, settings, instead.is_some()).await?;
    let document = discovery::Document::parse(&body, issuer).map_err(|error| FetchError::BadDocument {
        url: discovery_url.to_string(),
        reason: error.to_string(),
    })?;

    let jwks_url = match instead {
        Some(instead) => moved(&parse_url(&document.jwks_uri)?, issuer, instead),
        None => parse_url(&document.jwks_uri)?,
    };
    let (body, jwks) = get(&jwks_url, settings, instead.is_some()).await?;
    let keys = Jwks::parse(&body)
        .map_err(|error| FetchError::BadDocument { url: jwks_url.to_string(), reason: error.to_string() })?;
    Ok(Published { document, keys, discovery, jwks })
}

fn parse_url(text: &str) -> Result<Url, FetchError> {
    Url::parse(text).map_err(|error| FetchError::BadUrl { url: text.to_owned(), reason: error.to_string() })
}

/// The `jwks_uri` of an issuer that is fetched elsewhere: what stands below the issuer's URL stands below the other one;
/// anything else keeps its path (kube-apiserver names its own, unreachable, address there).
fn moved(jwks_uri: &Url, issuer: &str, instead: &Url) -> Url {
    let mut target = instead.clone();
    match jwks_uri.as_str().strip_prefix(issuer.trim_end_matches('/')) {
        Some(rest) => target.set_path(&format!("{}{rest}", instead.path().trim_end_matches('/'))),
        None => target.set_path(jwks_uri.path()),
    }
    target.set_query(jwks_uri.query());
    target
}

async fn get(
    url: &Url,
    settings: &IssuerSettings,
    named_by_operator: bool,
) -> Result<(Vec<u8>, Served), FetchError> {
    let addresses = reachable(url, settings, named_by_operator).await?;
    let client = client(url, &addresses, settings)?;
    let mut response = client.get(url.clone()).send().await.map_err(|error| no_answer(url, &error))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status { url: url.to_string(), status: response.status().as_u16() });
    }
    let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let served = Served {
        url: url.to_string(),
        content_type: header(reqwest::header::CONTENT_TYPE),
        cache_control: header(reqwest::header::CACHE_CONTROL),
    };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(url, &error))? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(FetchError::TooLarge { url: url.to_string() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, served))
}

/// The addresses of the URL's host, all of them permitted. The connection is made to these and no others, so that a second
/// look-up of the name cannot lead elsewhere (DNS rebinding).
async fn reachable(
    url: &Url,
    settings: &IssuerSettings,
    named_by_operator: bool,
) -> Result<Vec<SocketAddr>, FetchError> {
    let bad = |reason: &str| FetchError::BadUrl { url: url.to_string(), reason: reason.to_owned() };
    let port = url.port_or_known_default().ok_or_else(|| bad("it has no port"))?;
    let (host, addresses) = match url.host().ok_or_else(|| bad("it has no host"))? {
        Host::Ipv4(address) => (address.to_string(), vec![SocketAddr::new(address.into(), port)]),
        Host::Ipv6(address) => (address.to_string(), vec![SocketAddr::new(address.into(), port)]),
        Host::Domain(name) => {
            let found = tokio::net::lookup_host((name, port)).await.map_err(|error| {
                FetchError::Unresolved { host: name.to_owned(), reason: error.to_string() }
            })?;
            (name.to_owned(), found.collect())
        }
    };
    let loopback = addresses.iter().all(|address| address.ip().is_loopback());
    match url.scheme() {
        "https" => {}
        // `kubectl proxy` speaks plain HTTP on loopback; only the operator can name it.
        "http" if named_by_operator && loopback => {}
        _ => return Err(bad("only https is fetched")),
    }
    if addresses.is_empty() {
        return Err(FetchError::Unresolved { host, reason: "no addresses".to_owned() });
    }
    if !named_by_operator
        && let Some(forbidden) = addresses.iter().find(|address| !settings.targets.permit(address.ip()))
    {
        return Err(FetchError::Forbidden { host, address: forbidden.ip() });
    }
    Ok(addresses)
}

fn client(url: &Url, addresses: &[SocketAddr], settings: &IssuerSettings) -> Result<Client, FetchError> {
    let bad = |error: reqwest::Error| FetchError::BadUrl { url: url.to_string(), reason: chain(&error) };
    let mut builder = Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("irsa/", env!("CARGO_PKG_VERSION")));
    if let Some(Host::Domain(name)) = url.host() {
        builder = builder.resolve_to_addrs(name, addresses);
    }
    let mut roots = Vec::new();
    for pem in &settings.extra_roots {
        roots.extend(reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(bad)?);
    }
    builder.tls_certs_merge(roots).build().map_err(bad)
}

fn no_answer(url: &Url, error: &reqwest::Error) -> FetchError {
    FetchError::NoAnswer { url: url.to_string(), reason: chain(error) }
}

/// An error with its causes: reqwest's own text leaves out the one that matters (a bad certificate, say).
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_mapped_issuer_are_found_below_the_mapped_url() {
        let instead = Url::parse("https://127.0.0.1:6443/base").unwrap();
        for (jwks_uri, issuer, expected) in [
            (
                "https://issuer.example/a/keys.json",
                "https://issuer.example/a",
                "https://127.0.0.1:6443/base/keys.json",
            ),
            (
                "https://172.18.0.2:6443/openid/v1/jwks",
                "https://kubernetes.default.svc",
                "https://127.0.0.1:6443/openid/v1/jwks",
            ),
        ] {
            let moved = moved(&Url::parse(jwks_uri).unwrap(), issuer, &instead);
            assert_eq!(moved.as_str(), expected);
        }
    }

    #[tokio::test]
    async fn private_and_plain_targets_are_refused() {
        let settings = IssuerSettings::default();
        for url in ["https://127.0.0.1:1/", "https://[::1]:1/", "https://169.254.169.254/latest"] {
            let outcome = reachable(&Url::parse(url).unwrap(), &settings, false).await;
            assert!(matches!(outcome, Err(FetchError::Forbidden { .. })), "{url}: {outcome:?}");
        }
        let outcome = reachable(&Url::parse("http://8.8.8.8/").unwrap(), &settings, false).await;
        assert!(matches!(outcome, Err(FetchError::BadUrl { .. })), "{outcome:?}");
        let outcome = reachable(&Url::parse("http://127.0.0.1:8001/").unwrap(), &settings, true).await;
        assert!(outcome.is_ok(), "the operator's own loopback proxy: {outcome:?}");
    }
}
