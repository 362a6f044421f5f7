//! An object store that is read at an issuer's URL: S3 and everything that speaks it, Google Cloud Storage, Azure Blob Storage.
//!
//! Documents get the media types and `Cache-Control` of a kube-apiserver, since stores serve them as they were given. Credentials
//! are those of each cloud's own tools: environment, workload identity, and for S3 the shared credentials file.

use std::time::Duration;

use irsa_cluster::api_server::with_causes;
use irsa_cluster::issuer::Document;
use irsa_cluster::issuer::documents::CACHE_CONTROL;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Certificate, ClientOptions, Error, ObjectStore, ObjectStoreExt as _, PutMode,
    PutOptions, RetryConfig, UpdateVersion,
};
use url::Url;

use super::place::{MOST_STATE_BYTES, NotWritten, STATE, Version};
use super::profile;
use crate::error::CliError;
use crate::output::{note, visible};

/// The most time for one request, and for all its repetitions.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A store, and the prefix in it.
pub(super) struct Store {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    url: String,
}

impl Store {
    /// `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. The store is not asked yet.
    pub(super) fn of(to: &str, endpoint: Option<&Url>) -> Result<Store, CliError> {
        let bad = |reason: String| {
            CliError::usage("IRSA-X064", format!("--to {to}: {reason}"))
                .with_fix("it is a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX")
        };
        let url = Url::parse(to).map_err(|error| bad(error.to_string()))?;
        let bucket = url.host_str().filter(|name| !name.is_empty()).ok_or_else(|| bad("no bucket".into()))?;
        if url.query().is_some() || url.fragment().is_some() || url.port().is_some() {
            return Err(bad("it is more than a bucket and a prefix".to_owned()));
        }
        let prefix = Path::from_url_path(url.path()).map_err(|error| bad(error.to_string()))?;
        let store = match url.scheme() {
            "s3" => s3(bucket, endpoint)?,
            "gs" => google(bucket, endpoint).map_err(|error| bad(error.to_string()))?,
            "az" => azure(bucket, endpoint).map_err(|error| bad(error.to_string()))?,
            other => return Err(bad(format!("there is no store of the scheme `{other}`"))),
        };
        Ok(Store { store, prefix, url: to.trim_end_matches('/').to_owned() })
    }

    pub(super) fn name_of(&self, below: &str) -> String {
        format!("{}/{below}", self.url)
    }

    pub(super) async fn read_state(&self) -> Result<Option<(Vec<u8>, Version)>, CliError> {
        let failed = |error: Error| self.failed(STATE, &error);
        let answer = match self.store.get(&self.path(STATE)).await {
            Ok(answer) => answer,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if answer.meta.size > MOST_STATE_BYTES {
            return Err(CliError::undecided(
                "IRSA-X062",
                format!("{}: it is too large to be a state", self.name_of(STATE)),
            ));
        }
        let version =
            UpdateVersion { e_tag: answer.meta.e_tag.clone(), version: answer.meta.version.clone() };
        let content = answer.bytes().await.map_err(failed)?;
        Ok(Some((content.to_vec(), Version::Store(version))))
    }

    pub(super) async fn write(&self, document: &Document) -> Result<(), CliError> {
        let options = options(document.media_type, CACHE_CONTROL, PutMode::Overwrite);
        let path = self.path(document.path);
        let written = self.store.put_opts(&path, document.body.clone().into(), options).await;
        written.map(|_| ()).map_err(|error| self.failed(document.path, &error))
    }

    /// Writes the state, if it is still `before`, or still not there.
    pub(super) async fn write_state(
        &self,
        state: Vec<u8>,
        before: Option<&Version>,
    ) -> Result<Version, NotWritten> {
        let before = match before {
            Some(Version::Store(version)) => Some(version.clone()),
            _ => None,
        };
        let mode = before.clone().map_or(PutMode::Create, PutMode::Update);
        match self.put_state(&state, mode).await {
            Ok(version) => Ok(version),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Err(NotWritten::Changed),
            Err(error) if is_unconditional(&error) => self.write_state_compared(&state, before).await,
            Err(error) => Err(NotWritten::Failed(self.failed(STATE, &error))),
        }
    }

    /// For stores without conditional writes: compared just before. What happens in between is not seen.
    async fn write_state_compared(
        &self,
        state: &[u8],
        before: Option<UpdateVersion>,
    ) -> Result<Version, NotWritten> {
        note("this store has no conditional writes: nobody else may publish at the same time");
        let there = match self.store.head(&self.path(STATE)).await {
            Ok(meta) => Some(meta.e_tag),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(NotWritten::Failed(self.failed(STATE, &error))),
        };
        if there != before.map(|before| before.e_tag) {
            return Err(NotWritten::Changed);
        }
        let written = self.put_state(state, PutMode::Overwrite).await;
        written.map_err(|error| NotWritten::Failed(self.failed(STATE, &error)))
    }

    async fn put_state(&self, state: &[u8], mode: PutMode) -> Result<Version, Error> {
        let options = options("application/json", "no-store", mode);
        let written = self.store.put_opts(&self.path(STATE), state.to_vec().into(), options).await?;
        Ok(Version::Store(written.into()))
    }

    fn path(&self, below: &str) -> Path {
        Path::from_iter(self.prefix.parts().chain(Path::from(below).parts()))
    }

    fn failed(&self, below: &str, error: &Error) -> CliError {
        let fix = match error {
            Error::NotFound { .. } => "make the bucket, or correct its name and the endpoint",
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                "the credentials have to read and write below the prefix, and to list the bucket (s3:GetObject, s3:PutObject, s3:ListBucket)"
            }
            _ => "check region, endpoint and credentials, and do the same again",
        };
        CliError::undecided("IRSA-X064", format!("{}: {}", self.name_of(below), told(error))).with_fix(fix)
    }
}

fn s3(bucket: &str, endpoint: Option<&Url>) -> Result<Box<dyn ObjectStore>, CliError> {
    let profile = profile::chosen()?;
    let mut builder = AmazonS3Builder::from_env();
    if let Some(endpoint) = endpoint {
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint.as_str());
    }
    if let Some(region) = &profile.region {
        builder = builder.with_region(region);
    }
    if let Some(keys) = &profile.keys {
        builder = builder
            .with_access_key_id(&keys.access_key_id)
            .with_secret_access_key(keys.secret_access_key.expose());
        if let Some(token) = &keys.session_token {
            builder = builder.with_token(token);
        }
    }
    // The SDKs' AWS_ENDPOINT_URL is for every service; a role's token goes to the STS of the same cloud.
    let everywhere = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    if let Some(everywhere) = everywhere
        && builder.get_config_value(&AmazonS3ConfigKey::StsEndpoint).is_none()
    {
        builder = builder.with_config(AmazonS3ConfigKey::StsEndpoint, everywhere);
    }
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .iter()
        .find_map(|key| builder.get_config_value(key));
    let options = client_options(endpoint.as_deref())?;
    let store = builder.with_bucket_name(bucket).with_client_options(options).with_retry(retry()).build();
    Ok(Box::new(
        store.map_err(|error| CliError::usage("IRSA-X064", format!("s3://{bucket}: {}", told(&error))))?,
    ))
}

fn google(bucket: &str, endpoint: Option<&Url>) -> Result<Box<dyn ObjectStore>, CliError> {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry());
    if let Some(endpoint) = endpoint {
        builder = builder.with_base_url(endpoint.as_str().trim_end_matches('/'));
    }
    let options = client_options(endpoint.map(Url::as_str))?;
    let store = builder.with_client_options(options).build();
    Ok(Box::new(
        store.map_err(|error| CliError::usage("IRSA-X064", format!("gs://{bucket}: {}", told(&error))))?,
    ))
}

fn azure(container: &str, endpoint: Option<&Url>) -> Result<Box<dyn ObjectStore>, CliError> {
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(container).with_retry(retry());
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/').to_owned());
    }
    let options = client_options(endpoint.map(Url::as_str))?;
    let store = builder.with_client_options(options).build();
    Ok(Box::new(store.map_err(|error| {
        CliError::usage("IRSA-X064", format!("az://{container}: {}", told(&error)))
            .with_fix("name the account with AZURE_STORAGE_ACCOUNT_NAME")
    })?))
}

/// Plain HTTP only where the endpoint says so; `AWS_CA_BUNDLE` as with AWS's own tools.
fn client_options(endpoint: Option<&str>) -> Result<ClientOptions, CliError> {
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut options = ClientOptions::new().with_allow_http(is_plain).with_timeout(TIMEOUT);
    if let Some(file) = std::env::var_os("AWS_CA_BUNDLE").filter(|file| !file.is_empty()) {
        let unusable = |error: String| {
            CliError::usage("IRSA-X064", format!("AWS_CA_BUNDLE {}: {error}", file.display()))
        };
        let pem = std::fs::read(&file).map_err(|error| unusable(error.to_string()))?;
        for root in Certificate::from_pem_bundle(&pem).map_err(|error| unusable(error.to_string()))? {
            options = options.with_root_certificate(root);
        }
    }
    Ok(options)
}

fn retry() -> RetryConfig {
    RetryConfig { max_retries: 3, retry_timeout: TIMEOUT, ..RetryConfig::default() }
}

fn options(media_type: &'static str, cache_control: &'static str, mode: PutMode) -> PutOptions {
    let attributes = Attributes::from_iter([
        (Attribute::ContentType, media_type),
        (Attribute::CacheControl, cache_control),
    ]);
    PutOptions { mode, attributes, ..PutOptions::default() }
}

/// Whether the store knows no `If-Match` and `If-None-Match` in writes.
fn is_unconditional(error: &Error) -> bool {
    match error {
        Error::NotImplemented { .. } | Error::NotSupported { .. } => true,
        Error::Generic { .. } => {
            let text = with_causes(error);
            text.contains("501 Not Implemented") || text.contains("<Code>NotImplemented</Code>")
        }
        _ => false,
    }
}

fn told(error: &Error) -> String {
    visible(&with_causes(error))
}
