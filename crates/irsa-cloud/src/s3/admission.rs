//! From typed input to a permit: the bucket looked up, its region compared, the policies asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use http::{HeaderMap, HeaderValue};
use irsa_store::Stored;
use irsa_store::model::Bucket;
use irsa_wire::error::Protocol;
use irsa_wire::sigv4::{Presented, SigError};
use s3s::S3Request;

use super::body::{Digests, Verdict};
use super::error;
use super::questions::{Input, Site};
use super::storage::{Found, Object, Storage};
use crate::authorize::{Authorized, Call, Check, Facts, RefusalStyle, Requires, authorize, decide};
use crate::context::Context;
use crate::failure::Failure;

/// The operation of a request that reached none.
pub(super) const UNKNOWN: &str = "unknown";

/// One request on its way through the codec: what it needs there, and what comes back beside the answer.
pub(super) struct Exchange {
    pub(super) ctx: Arc<Context>,
    pub(super) signed: Option<Signed>,
    pub(super) verdict: Arc<Verdict>,
    call: Mutex<Option<Call>>,
    operation: OnceLock<&'static str>,
    refusal: Mutex<Option<Refused>>,
}

/// A failure, perhaps with headers of its own.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    pub(super) headers: Option<Box<HeaderMap>>,
}

impl<F: Into<Failure>> From<F> for Refused {
    fn from(failure: F) -> Self {
        Self { failure: failure.into(), headers: None }
    }
}

/// What policies may ask of the signature (S3 user guide, "Authentication-specific policy keys").
pub(super) struct Signed {
    pub(super) auth_type: &'static str,
    /// Milliseconds since it was signed.
    pub(super) age: i64,
    pub(super) content_sha256: Option<String>,
    is_query: bool,
}

impl Signed {
    pub(super) fn new(presented: &Presented, facts: &Facts) -> Self {
        Self {
            auth_type: if presented.is_query { "REST-QUERY-STRING" } else { "REST-HEADER" },
            age: facts.now.saturating_sub(presented.signed_at).saturating_mul(1_000),
            content_sha256: presented.payload.as_str().map(str::to_owned),
            is_query: presented.is_query,
        }
    }
}

impl Exchange {
    pub(super) fn new(ctx: Arc<Context>, call: Call, signed: Option<Signed>, verdict: Arc<Verdict>) -> Self {
        Self {
            ctx,
            signed,
            verdict,
            call: Mutex::new(Some(call)),
            operation: OnceLock::new(),
            refusal: Mutex::default(),
        }
    }

    /// The operation that the codec found.
    pub(super) fn operation(&self) -> &'static str {
        self.operation.get().copied().unwrap_or(UNKNOWN)
    }

    /// What to answer in place of the codec's answer.
    pub(super) fn take_refusal(&self) -> Option<Refused> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn refuse(&self, refused: Refused) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
    }

    /// What was found out about the body, which was read to its end.
    pub(super) fn digests(&self) -> Result<Digests, Failure> {
        self.verdict.digests().ok_or_else(error::internal)
    }

    fn take_call(&self) -> Result<Call, Failure> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(error::internal)
    }
}

/// What an operation is asked, and where.
pub(super) struct Asked<I> {
    pub(super) input: I,
    /// The bucket, if the operation is in one and it exists.
    pub(super) bucket: Option<Arc<Stored<Bucket>>>,
    /// The object that is read or changed, if it exists: the one whose tags the policies were asked about, and no later one.
    pub(super) existing: Option<Found>,
    pub(super) exchange: Arc<Exchange>,
}

/// The permit of every operation here.
pub(super) type Permit<I> = Authorized<Asked<I>>;

impl<I: Input> Requires for Asked<I> {
    fn checks(&self, call: &Call) -> Vec<Check> {
        self.input.questions(&self.site(call))
    }

    fn refusal_style(&self) -> RefusalStyle {
        RefusalStyle::S3
    }
}

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

impl<I> Asked<I> {
    pub(super) fn site<'a>(&'a self, call: &'a Call) -> Site<'a> {
        Site {
            call,
            signed: self.exchange.signed.as_ref(),
            bucket: self.bucket.as_ref(),
            object_tags: self.existing.as_ref().map_or(&NO_TAGS, |found| &found.object.about.tags),
        }
    }

    /// The object that is read or changed, if it exists.
    pub(super) fn object(&self) -> Option<&Object> {
        self.existing.as_ref().map(|found| &found.object)
    }

    /// The bucket of an operation that is not admitted without one.
    pub(super) fn bucket(&self) -> Result<&Arc<Stored<Bucket>>, Failure> {
        self.bucket.as_ref().ok_or_else(error::internal)
    }
}

/// Makes the permit, or says why not.
///
/// # Errors
/// No such bucket, another region's, another owner than expected, or a denial.
pub(super) fn admit<I: Input>(
    storage: &Storage,
    exchange: &Arc<Exchange>,
    operation: &'static str,
    request: S3Request<I>,
) -> Result<Permit<I>, Refused> {
    let S3Request { input, headers, .. } = request;
    let _ = exchange.operation.set(operation);
    let mut call = exchange.take_call()?;
    let mut bucket = None;
    if let Some(name) = input.bucket() {
        bucket = call.snapshot.bucket(name).cloned();
        if bucket.is_none() && !I::MAKES_BUCKET {
            return Err(error::no_such_bucket(name).into());
        }
    }
    let existing = bucket.clone().filter(|_| !I::MAKES_BUCKET);
    if let Some(bucket) = existing.as_ref().filter(|_| exchange.signed.is_none()) {
        call.account = bucket.account;
    }
    let asked = Asked { input, bucket, existing: None, exchange: Arc::clone(exchange) };
    let permit = ask(storage, call, asked, existing.as_deref().map(|bucket| &**bucket), &headers);
    permit.map_err(|failure| match existing {
        Some(bucket) => Refused::in_region(failure, &bucket.region),
        None => failure.into(),
    })
}

fn ask<I: Input>(
    storage: &Storage,
    call: Call,
    mut asked: Asked<I>,
    existing: Option<&Bucket>,
    headers: &HeaderMap,
) -> Result<Permit<I>, Failure> {
    if let Some(bucket) = existing {
        check_region::<I>(&asked.exchange, &call, bucket)?;
        check_owner(headers, bucket)?;
    }
    if asked.input.key().is_some_and(|key| key.contains('\0')) {
        return Err(error::invalid_uri());
    }
    if let Some((bucket, key)) = asked.input.existing() {
        asked.existing = storage.find(bucket, key)?;
    }
    let exchange = Arc::clone(&asked.exchange);
    Ok(authorize(&exchange.ctx, call, asked)?)
}

impl Refused {
    /// AWS tells whoever asks for a bucket its region, whatever else it refuses (S3 API reference, `HeadBucket`).
    fn in_region(failure: Failure, region: &str) -> Self {
        let region = HeaderValue::from_str(region).ok();
        let headers = region.map(|region| {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-bucket-region", region);
            Box::new(headers)
        });
        Self { failure, headers }
    }
}

/// A signature for another region than the bucket's is refused with the bucket's, which SDKs then sign for.
fn check_region<I: Input>(exchange: &Exchange, call: &Call, bucket: &Bucket) -> Result<(), Failure> {
    let Some(signed) = exchange.signed.as_ref().filter(|_| !I::ANY_REGION) else { return Ok(()) };
    if call.facts.region == bucket.region {
        return Ok(());
    }
    let error = SigError::ScopeRegion {
        expected: bucket.region.clone(),
        got: call.facts.region.clone(),
        is_query: signed.is_query,
    };
    Err(error.body(Protocol::RestXml).into())
}

/// `x-amz-expected-bucket-owner` (S3 user guide, "Verifying bucket ownership with bucket owner condition").
fn check_owner(headers: &HeaderMap, bucket: &Bucket) -> Result<(), Failure> {
    match headers.get("x-amz-expected-bucket-owner") {
        Some(expected) if expected.as_bytes() != bucket.account.as_str().as_bytes() => {
            Err(error::access_denied())
        }
        _ => Ok(()),
    }
}

/// What is answered for a key that is not there: that it is not there, to those who may list the bucket; to others the
/// denial of just that (S3 API reference, `GetObject` and `HeadObject`).
pub(super) fn missing_key<I>(asked: &Asked<I>, call: &Call, key: &str) -> Failure {
    let list = asked.site(call).on_bucket("s3:ListBucket");
    match decide(&asked.exchange.ctx, call, &list, RefusalStyle::S3) {
        Ok(()) => error::no_such_key(key),
        Err(refusal) => refusal.into(),
    }
}
