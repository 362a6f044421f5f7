//! The keys of token issuers, fetched as AWS fetches them: discovery and JWKS over HTTPS.
//!
//! A cluster that we host needs no fetch: its public keys are in the snapshot. Nor does one whose keys its account registered,
//! for roles of that account. Any other issuer is fetched when a provider
//! of the role's account names it, cached, refetched once for an unknown `kid` (rate-limited), and served stale while its
//! server fails. What may be fetched at all is decided in [`targets`], so that a provider's URL cannot be used to reach
//! into the operator's own network. This module never trusts a token; it only finds the keys that might verify one.

mod fetch;
mod targets;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use irsa_store::model::Cluster;
use irsa_store::{Revision, Stored};
use irsa_token::jwks::Jwks;
use irsa_token::sign::{SigningKey, jwks_document};
use url::Url;

pub use fetch::{FetchError, Published, Served, fetch};
pub use targets::Targets;

/// How long fetched keys are used without asking again. EKS rotates its keys every seven days and keeps the old ones
/// published; Kubernetes serves `max-age=3600`.
const FRESH: Duration = Duration::from_secs(600);
/// The shortest time from the end of a fetch of one issuer to the next, whatever the tokens ask for: an unknown `kid` must
/// not become a way to make us flood somebody's server, and tokens that waited for a fetch that failed must not each wait
/// for another.
const BETWEEN_FETCHES: Duration = Duration::from_secs(5);
/// The most issuers remembered at once.
const MOST_ISSUERS: usize = 1_000;

/// Where and how issuers' keys are fetched.
#[derive(Debug, Default)]
pub struct IssuerSettings {
    /// Roots trusted beside the system's, as PEM.
    pub extra_roots: Vec<String>,
    /// Which addresses may be reached.
    pub targets: Targets,
    /// Issuer URL to the URL at which to fetch it instead (kind and k3s name themselves by unreachable names).
    pub instead: HashMap<String, Url>,
}

/// The cache of issuers' keys.
#[derive(Debug)]
pub struct Issuers {
    settings: IssuerSettings,
    known: Mutex<HashMap<String, Arc<Issuer>>>,
    /// Of clusters in the snapshot, by the cluster's ARN: two accounts may say different things of one issuer.
    stored: Mutex<HashMap<String, (Revision, Arc<Jwks>)>>,
}

#[derive(Debug, Default)]
struct Issuer {
    state: Mutex<State>,
    /// Held over a fetch, so that a burst of tokens makes one request.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<Arc<Jwks>>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
    last_error: Option<FetchError>,
}

impl Issuers {
    /// An empty cache.
    #[must_use]
    pub fn new(settings: IssuerSettings) -> Self {
        Self { settings, known: Mutex::default(), stored: Mutex::default() }
    }

    /// The keys of `issuer` that may verify a token naming `kid`: from the cache when they are fresh and know the key,
    /// else fetched.
    ///
    /// # Errors
    /// [`FetchError`] when there are no keys at all: neither fetched now nor left from before.
    pub async fn keys(&self, issuer: &str, kid: Option<&str>) -> Result<Arc<Jwks>, FetchError> {
        let entry = self.entry(issuer);
        if let Some(keys) = entry.usable(kid, FRESH) {
            return Ok(keys);
        }
        let _one_at_a_time = match entry.fetching.try_lock() {
            Ok(turn) => turn,
            // While somebody asks, keys of before serve all whose key is among them: an issuer that hangs holds up nobody
            // whom it once answered.
            Err(_busy) => match entry.usable(kid, Duration::MAX) {
                Some(keys) => return Ok(keys),
                None => entry.fetching.lock().await,
            },
        };
        if let Some(keys) = entry.usable(kid, FRESH) {
            return Ok(keys);
        }
        if entry.may_fetch() {
            // Noted before as well: whoever hangs up meanwhile ends this function here.
            entry.note_try();
            let outcome = fetch(issuer, &self.settings).await.map(|published| published.keys);
            entry.keep(outcome);
        }
        entry.whatever_is_left()
    }

    /// The public keys of a cluster that we host; none if the stored ones cannot be read.
    #[must_use]
    pub fn hosted(&self, cluster: &Stored<Cluster>) -> Option<Arc<Jwks>> {
        self.stored(cluster, public_keys)
    }

    /// The keys that were registered with a cluster that others run; none where they are to be fetched. They may verify tokens
    /// for roles of the cluster's own account alone.
    #[must_use]
    pub fn registered(&self, cluster: &Stored<Cluster>) -> Option<Arc<Jwks>> {
        // Stored keys that cannot be read any more verify nothing, rather than let others decide.
        self.stored(cluster, |cluster| {
            let document = cluster.registration.as_ref()?.jwks.as_ref()?;
            Some(Jwks::parse(document.to_string().as_bytes()).unwrap_or_default())
        })
    }

    fn stored(
        &self,
        cluster: &Stored<Cluster>,
        read: impl FnOnce(&Cluster) -> Option<Jwks>,
    ) -> Option<Arc<Jwks>> {
        let arn = cluster.arn();
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((revision, keys)) = stored.get(&arn)
            && *revision == cluster.revision
        {
            return Some(Arc::clone(keys));
        }
        let keys = Arc::new(read(cluster)?);
        if stored.len() >= MOST_ISSUERS {
            stored.clear();
        }
        stored.insert(arn, (cluster.revision, Arc::clone(&keys)));
        Some(keys)
    }

    fn entry(&self, issuer: &str) -> Arc<Issuer> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get(issuer) {
            return Arc::clone(entry);
        }
        if known.len() >= MOST_ISSUERS {
            known.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        Arc::clone(known.entry(issuer.to_owned()).or_default())
    }
}

fn public_keys(cluster: &Cluster) -> Option<Jwks> {
    let keys: Result<Vec<SigningKey>, _> =
        cluster.signing_keys.iter().map(|key| SigningKey::from_pkcs8(key.pkcs8.expose())).collect();
    let document = jwks_document(&keys.ok()?).to_string();
    Jwks::parse(document.as_bytes()).ok()
}

impl Issuer {
    fn usable(&self, kid: Option<&str>, fresh: Duration) -> Option<Arc<Jwks>> {
        let state = self.state();
        let keys = state.keys.as_ref()?;
        let fresh = state.fetched.is_some_and(|at| at.elapsed() < fresh);
        (fresh && kid.is_none_or(|kid| keys.has(kid))).then(|| Arc::clone(keys))
    }

    fn may_fetch(&self) -> bool {
        self.state().tried.is_none_or(|at| at.elapsed() >= BETWEEN_FETCHES)
    }

    fn note_try(&self) {
        self.state().tried = Some(Instant::now());
    }

    fn keep(&self, outcome: Result<Jwks, FetchError>) {
        let mut state = self.state();
        state.tried = Some(Instant::now());
        match outcome {
            Ok(keys) => {
                state.keys = Some(Arc::new(keys));
                state.fetched = Some(Instant::now());
                state.last_error = None;
            }
            Err(error) => {
                tracing::warn!(%error, "could not fetch an issuer's keys");
                state.last_error = Some(error);
            }
        }
    }

    fn whatever_is_left(&self) -> Result<Arc<Jwks>, FetchError> {
        let state = self.state();
        match (&state.keys, &state.last_error) {
            (Some(keys), _) => Ok(Arc::clone(keys)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(FetchError::TooSoon),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
