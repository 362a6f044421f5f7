//! The tables of operations: one row each, with its way from parameters to answer.
//!
//! A row joins what happens once around every operation: decode the input, authorize it, run, encode the output. Adding an
//! operation is adding a function to its service's module and a row to its table; the input's
//! [`Requires`] is what makes the row compile.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use irsa_wire::query::{Decode, Params, ValidationError};
use irsa_wire::rest_json::{self, Binding, DecodeRest, RestError};
use irsa_wire::xml::{EncodeXml, Format, response};
use serde::Serialize;

use super::authenticate::missing_query_token;
use crate::authorize::{Authorized, Call, Facts, Refusal, Requires, authorize};
use crate::context::Context;
use crate::failure::Failure;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// An operation that nobody signs: it authorizes by other means.
type Unsigned<I, O, E> = fn(Arc<Context>, Arc<Facts>, I) -> BoxFuture<Result<O, E>>;
/// What the path of a REST request says.
type Labels = Vec<(&'static str, String)>;
type SignedRun<I, T> = Arc<dyn Fn(&Context, Call, &I) -> Result<T, Failure> + Send + Sync>;
type UnsignedRun = Arc<
    dyn Fn(Arc<Context>, Arc<Facts>, Params, Format) -> BoxFuture<Result<Vec<u8>, Failure>> + Send + Sync,
>;

/// The operations of a service that speaks the query protocol.
pub struct QueryTable {
    /// The service's name in credential scopes.
    pub service: &'static str,
    /// The XML namespace of its answers.
    pub xmlns: &'static str,
    version: &'static str,
    admit: fn(&Call) -> Result<(), Failure>,
    rows: HashMap<&'static str, QueryRow>,
}

/// One operation of the query protocol.
pub struct QueryRow {
    /// Its name, the `Action`.
    pub name: &'static str,
    way: Way,
}

enum Way {
    /// Signed, answered from the snapshot.
    Read(SignedRun<(Params, Format), Vec<u8>>),
    /// Signed, and waits for the store: run where waiting is allowed.
    Write(SignedRun<(Params, Format), Vec<u8>>),
    /// Needs no signature; authorizes by other means.
    Unsigned(UnsignedRun),
}

impl QueryTable {
    /// An empty table.
    #[must_use]
    pub fn new(service: &'static str, version: &'static str, xmlns: &'static str) -> Self {
        Self { service, xmlns, version, admit: |_call| Ok(()), rows: HashMap::new() }
    }

    /// Refuses some callers the whole service, whatever their policies allow. Set it before the rows.
    #[must_use]
    pub fn admitting(mut self, admit: fn(&Call) -> Result<(), Failure>) -> Self {
        self.admit = admit;
        self
    }

    /// Adds an operation that reads.
    #[must_use]
    pub fn read<I, O, E>(self, name: &'static str, run: fn(&Context, Authorized<I>) -> Result<O, E>) -> Self
    where
        I: Decode + Requires + 'static,
        O: EncodeXml + 'static,
        E: Into<Failure> + 'static,
    {
        let run = self.signed(name, run);
        self.with(name, Way::Read(run))
    }

    /// Adds an operation that changes the store.
    #[must_use]
    pub fn write<I, O, E>(self, name: &'static str, run: fn(&Context, Authorized<I>) -> Result<O, E>) -> Self
    where
        I: Decode + Requires + 'static,
        O: EncodeXml + 'static,
        E: Into<Failure> + 'static,
    {
        let run = self.signed(name, run);
        self.with(name, Way::Write(run))
    }

    /// Adds an operation that nobody signs.
    #[must_use]
    pub fn unsigned<I, O, E>(self, name: &'static str, run: Unsigned<I, O, E>) -> Self
    where
        I: Decode + Send + 'static,
        O: EncodeXml + Send + 'static,
        E: Into<Failure> + Send + 'static,
    {
        let xmlns = self.xmlns;
        let way = Way::Unsigned(Arc::new(move |ctx, facts, params, format| {
            Box::pin(async move {
                let input = I::decode(&params).map_err(invalid)?;
                let output = run(ctx, Arc::clone(&facts), input).await.map_err(Into::into)?;
                Ok(response(format, name, xmlns, &facts.request_id, &output))
            })
        }));
        self.with(name, way)
    }

    /// The row that the parameters ask for.
    ///
    /// # Errors
    /// AWS's `MissingAction` and `InvalidAction`.
    pub fn row(&self, params: &Params) -> Result<&QueryRow, Failure> {
        let bad = |code, message| Failure::new(code, StatusCode::BAD_REQUEST, message);
        let action = params.get("Action").ok_or_else(|| bad("MissingAction", "Missing Action".to_owned()))?;
        let version = params.get("Version").unwrap_or("NO_VERSION_SPECIFIED");
        let row = self.rows.get(action).filter(|_| version == self.version);
        row.ok_or_else(|| {
            // Somebody else's words come back in the answer: no more of them than fit on a line.
            let (action, version): (String, String) =
                (action.chars().take(128).collect(), version.chars().take(32).collect());
            bad("InvalidAction", format!("Could not find operation {action} for version {version}"))
        })
    }

    /// The names of all operations, sorted.
    #[must_use]
    pub fn operations(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.rows.keys().copied().collect();
        names.sort_unstable();
        names
    }

    fn signed<I, O, E>(
        &self,
        name: &'static str,
        run: fn(&Context, Authorized<I>) -> Result<O, E>,
    ) -> SignedRun<(Params, Format), Vec<u8>>
    where
        I: Decode + Requires + 'static,
        O: EncodeXml + 'static,
        E: Into<Failure> + 'static,
    {
        let (xmlns, admit) = (self.xmlns, self.admit);
        Arc::new(move |ctx, call, (params, format)| {
            admit(&call)?;
            let request_id = call.facts.request_id.clone();
            let input = I::decode(params).map_err(invalid)?;
            let permit = authorize(ctx, call, input)?;
            let output = run(ctx, permit).map_err(Into::into)?;
            Ok(response(*format, name, xmlns, &request_id, &output))
        })
    }

    fn with(mut self, name: &'static str, way: Way) -> Self {
        self.rows.insert(name, QueryRow { name, way });
        self
    }
}

impl QueryRow {
    /// Answers a call.
    ///
    /// # Errors
    /// The failure in AWS's words.
    pub async fn run(
        &self,
        ctx: Arc<Context>,
        call: Option<Call>,
        facts: Arc<Facts>,
        params: Params,
        format: Format,
    ) -> Result<Vec<u8>, Failure> {
        match &self.way {
            Way::Unsigned(run) => run(ctx, facts, params, format).await,
            Way::Read(run) => run(&ctx, call.ok_or_else(missing_query_token)?, &(params, format)),
            Way::Write(run) => {
                let (run, call) = (Arc::clone(run), call.ok_or_else(missing_query_token)?);
                wait_for(move || run(&ctx, call, &(params, format))).await
            }
        }
    }
}

/// The operations of a service that speaks REST-JSON.
pub struct RestTable {
    /// The service's name in credential scopes.
    pub service: &'static str,
    rows: Vec<RestRow>,
}

/// One operation of REST-JSON.
pub struct RestRow {
    binding: Binding,
    writes: bool,
    run: SignedRun<RestParts, Vec<u8>>,
}

/// The parts of a REST-JSON request that carry input.
pub struct RestParts {
    labels: Labels,
    query: Option<String>,
    body: Bytes,
}

impl RestTable {
    /// An empty table.
    #[must_use]
    pub fn new(service: &'static str) -> Self {
        Self { service, rows: Vec::new() }
    }

    /// Adds an operation that reads.
    #[must_use]
    pub fn read<I, O, E>(self, binding: Binding, run: fn(&Context, Authorized<I>) -> Result<O, E>) -> Self
    where
        I: DecodeRest + Requires + 'static,
        O: Serialize + 'static,
        E: Into<Failure> + 'static,
    {
        self.with(binding, false, run)
    }

    /// Adds an operation that changes the store.
    #[must_use]
    pub fn write<I, O, E>(self, binding: Binding, run: fn(&Context, Authorized<I>) -> Result<O, E>) -> Self
    where
        I: DecodeRest + Requires + 'static,
        O: Serialize + 'static,
        E: Into<Failure> + 'static,
    {
        self.with(binding, true, run)
    }

    /// The row that a request's method and path ask for, with the labels of its path.
    ///
    /// # Errors
    /// AWS's answer to a path that no operation has.
    pub fn row(&self, parts: &Parts) -> Result<(&RestRow, Labels), Failure> {
        let found = self.rows.iter().find_map(|row| {
            let same_method = parts.method.as_str() == row.binding.method;
            let labels =
                same_method.then(|| rest_json::route(row.binding.uri, parts.uri.path())).flatten()?;
            Some((row, labels))
        });
        found.ok_or_else(|| {
            Failure::new(
                "UnknownOperationException",
                StatusCode::NOT_FOUND,
                format!("No operation of {} is bound to this method and path.", self.service),
            )
        })
    }

    /// The names of all operations, sorted.
    #[must_use]
    pub fn operations(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.rows.iter().map(RestRow::name).collect();
        names.sort_unstable();
        names
    }

    fn with<I, O, E>(
        mut self,
        binding: Binding,
        writes: bool,
        run: fn(&Context, Authorized<I>) -> Result<O, E>,
    ) -> Self
    where
        I: DecodeRest + Requires + 'static,
        O: Serialize + 'static,
        E: Into<Failure> + 'static,
    {
        let run: SignedRun<RestParts, Vec<u8>> = Arc::new(move |ctx, call, parts| {
            let request = rest_json::Request::new(parts.labels.clone(), parts.query.as_deref(), &parts.body)
                .map_err(unreadable)?;
            let input = I::decode(&request).map_err(unreadable)?;
            let permit = authorize(ctx, call, input).map_err(denied)?;
            let output = run(ctx, permit).map_err(Into::into)?;
            serde_json::to_vec(&output).map_err(|error| {
                Failure::new("ServerException", StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            })
        });
        self.rows.push(RestRow { binding, writes, run });
        self
    }
}

impl RestRow {
    /// The operation's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.binding.operation
    }

    /// Answers a call.
    ///
    /// # Errors
    /// The failure in AWS's words.
    pub async fn run(
        &self,
        ctx: Arc<Context>,
        call: Call,
        labels: Labels,
        query: Option<&str>,
        body: Bytes,
    ) -> Result<Vec<u8>, Failure> {
        let parts = RestParts { labels, query: query.map(str::to_owned), body };
        if !self.writes {
            return (self.run)(&ctx, call, &parts);
        }
        let run = Arc::clone(&self.run);
        wait_for(move || run(&ctx, call, &parts)).await
    }
}

/// Runs what waits for the disk where waiting blocks nobody.
async fn wait_for<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(run).await.unwrap_or_else(|error| {
        tracing::error!(%error, "an operation did not finish");
        Err(Failure::new(
            "ServiceFailure",
            StatusCode::INTERNAL_SERVER_ERROR,
            "The operation did not finish.",
        ))
    })
}

fn invalid(error: ValidationError) -> Failure {
    Failure::validation(error.to_string())
}

/// EKS's codes for input that cannot be read or breaks a constraint.
fn unreadable(error: RestError) -> Failure {
    let code = match error {
        RestError::Serialization(_) => "SerializationException",
        RestError::Validation(_) => "InvalidParameterException",
    };
    Failure::new(code, StatusCode::BAD_REQUEST, error.to_string())
}

/// EKS's code for a denial ends in `Exception`, as all of its codes do.
fn denied(refusal: Refusal) -> Failure {
    let mut failure = Failure::from(refusal);
    failure.body.code = "AccessDeniedException".into();
    failure
}
