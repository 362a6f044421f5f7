//! Asking the API server for one ServiceAccount, now: for a pod whose account the watch has not shown yet.
//!
//! All reviews that wait for the same account share one request. The answer goes to them alone, never into the cache: the
//! watch may have seen the account's deletion already, and would not tell it again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Account, Cache};
use crate::admission::Lookup;
use crate::api_server::{ApiError, ApiServer};
use crate::mutate::ServiceAccountFacts;

/// So many requests are under way at once.
const MOST_AT_ONCE: usize = 64;
/// The most time that one request may take, the wait for its turn included.
const MOST_TIME: Duration = Duration::from_secs(10);
/// The API server is asked anew after so long while a ServiceAccount is waited for.
const RETRY: Duration = Duration::from_millis(250);
/// What the kube-apiserver's REST paths show, without secrets and pull secrets.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// What a request found out: the facts, that there is no such account, or that it could not be found out.
type Answer = Result<Option<Arc<ServiceAccountFacts>>, Arc<ApiError>>;
type Flight = Shared<BoxFuture<'static, Answer>>;

/// The requests that are under way.
pub struct LiveLookup {
    api: ApiServer,
    prefix: String,
    turns: Arc<Semaphore>,
    flights: Arc<Mutex<HashMap<(String, String), Flight>>>,
}

impl LiveLookup {
    /// Asks `api`; annotations begin with `prefix`.
    #[must_use]
    pub fn new(api: ApiServer, prefix: &str) -> Self {
        Self {
            api,
            prefix: prefix.to_owned(),
            turns: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            flights: Arc::default(),
        }
    }

    /// What is known of `namespace/name`, at `deadline` at the latest: from `cache`, or else from the API server. An account that
    /// does not exist is waited for until `grace`, as amazon-eks-pod-identity-webhook's
    /// `--service-account-lookup-grace-period` says.
    pub async fn lookup(
        &self,
        cache: &Cache,
        namespace: &str,
        name: &str,
        deadline: Instant,
        grace: Instant,
    ) -> Lookup {
        let outcome = tokio::select! {
            facts = cache.found(namespace, name) => return Lookup::Found(facts),
            answer = tokio::time::timeout_at(deadline, self.ask_until(namespace, name, grace.min(deadline))) => answer,
        };
        match outcome {
            Ok(Ok(Some(facts))) => Lookup::Found(facts),
            Ok(Ok(None)) => Lookup::Missing,
            Ok(Err(error)) => {
                tracing::warn!(namespace, name, %error, "the ServiceAccount could not be looked up");
                Lookup::Unknown
            }
            Err(_elapsed) => {
                tracing::warn!(namespace, name, "the ServiceAccount could not be looked up in time");
                Lookup::Unknown
            }
        }
    }

    async fn ask_until(&self, namespace: &str, name: &str, grace: Instant) -> Answer {
        loop {
            let answer = self.ask(namespace, name).await;
            if !matches!(answer, Ok(None)) || Instant::now() >= grace {
                return answer;
            }
            tokio::time::sleep_until((Instant::now() + RETRY).min(grace)).await;
        }
    }

    /// A shared request may have been answered before this review arrived, and the account been made in between: that it is
    /// missing counts only when the request began after that.
    async fn ask(&self, namespace: &str, name: &str) -> Answer {
        let (flight, is_ours) = self.flight(namespace, name);
        let answer = flight.await;
        if is_ours || !matches!(answer, Ok(None)) {
            return answer;
        }
        let (flight, _begun_since) = self.flight(namespace, name);
        flight.await
    }

    /// The request for this account, and whether it begins now.
    fn flight(&self, namespace: &str, name: &str) -> (Flight, bool) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(flight) = flights.get(&key) {
            return (flight.clone(), false);
        }
        let (api, turns, prefix) = (self.api.clone(), Arc::clone(&self.turns), self.prefix.clone());
        let (under_way, done) = (Arc::clone(&self.flights), key.clone());
        let flight = async move {
            let answer = tokio::time::timeout(MOST_TIME, get(&api, &turns, &done, &prefix)).await;
            under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&done);
            answer.unwrap_or_else(|_elapsed| Err(Arc::new(ApiError::TimedOut)))
        };
        let flight = flight.boxed().shared();
        flights.insert(key, flight.clone());
        // It goes on by itself, so that a review that gives up does not take it along.
        tokio::spawn(flight.clone());
        (flight, true)
    }
}

async fn get(
    api: &ApiServer,
    turns: &Semaphore,
    (namespace, name): &(String, String),
    prefix: &str,
) -> Answer {
    let _turn = turns.acquire().await;
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/{}", segment(namespace), segment(name));
    match api.get::<Account>(&path, METADATA).await {
        Ok(account) => Ok(Some(Arc::new(account.facts(prefix)))),
        Err(error) if error.code() == Some(404) => Ok(None),
        Err(error) => Err(Arc::new(error)),
    }
}

/// Names come from a review, and must not lead to another path.
fn segment(name: &str) -> percent_encoding::PercentEncode<'_> {
    const ALL_BUT_NAMES: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    percent_encoding::utf8_percent_encode(name, ALL_BUT_NAMES)
}
