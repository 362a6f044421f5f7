//! `irsa inject`: what the webhook would do, on manifests or on one recorded review, without a cluster.

mod documents;
mod edit;
mod manifests;
mod yaml;

use std::io::Write as _;
use std::process::ExitCode;

use irsa_cluster::admission::{self, Decision, MOST_BYTES};
use irsa_cluster::mutate::{Identities, Mapping, Rules, Settings};
use serde_json::Value;

use self::manifests::{Accounts, Manifests};
use crate::cli::inject::Inject;
use crate::error::CliError;
use crate::output::{note, visible};

/// Everything that decides, read from the files that the flags name.
struct Webhook {
    settings: Settings,
    mapping: Mapping,
    identities: Identities,
}

impl Webhook {
    fn of(arguments: &Inject) -> Result<Self, CliError> {
        Ok(Self {
            settings: arguments.mutation.settings()?,
            mapping: mapping(arguments)?,
            identities: arguments.mutation.identities()?,
        })
    }

    /// The same files give the same output: lives of tokens are not spread.
    fn rules(&self) -> Rules<'_> {
        let (mapping, identities) = (Some(&self.mapping), Some(&self.identities));
        Rules { settings: &self.settings, mapping, identities, random: 0 }
    }
}

pub(crate) fn inject(arguments: &Inject) -> Result<ExitCode, CliError> {
    let webhook = Webhook::of(arguments)?;
    let mut accounts = Accounts::default();
    let others = Manifests::read(&arguments.service_accounts)?;
    accounts.take(&others, &arguments.namespace, &webhook.settings.annotation_prefix);
    if let Some(file) = &arguments.review {
        let body = documents::read(file, MOST_BYTES)?;
        let decisions = arguments.mutation.decisions(Decision::Allow);
        let lookup = |namespace: &str, name: &str| accounts.lookup(namespace, name);
        let reviewed = admission::review(body.as_bytes(), &lookup, &webhook.rules(), &decisions);
        let reviewed = reviewed.map_err(|malformed| {
            CliError::usage("IRSA-X073", format!("{}: {malformed}", file.display()))
                .with_fix("give the body that an API server sends to a webhook, as JSON")
        })?;
        return print(&[reviewed.body.as_slice(), b"\n"].concat());
    }
    let mut manifests = Manifests::read(&arguments.files)?;
    accounts.take(&manifests, &arguments.namespace, &webhook.settings.annotation_prefix);
    let decisions = arguments.mutation.decisions(Decision::Allow);
    manifests.mutate(&accounts, &arguments.namespace, &webhook.rules(), decisions.refused)?;
    print(manifests.text().as_bytes())
}

fn mapping(arguments: &Inject) -> Result<Mapping, CliError> {
    let Some(file) = &arguments.config_map else { return Ok(Mapping::default()) };
    let unusable = |error: &dyn std::fmt::Display| {
        CliError::usage("IRSA-X070", format!("{} cannot be used: {error}", file.display()))
    };
    let text = documents::read(file, documents::MOST_BYTES)?;
    let object: Value = serde_saphyr::from_str(&text).map_err(|error| unusable(&error))?;
    let config = if object.get("kind").is_some_and(|kind| kind == "ConfigMap") {
        let config = object.pointer("/data/config").and_then(Value::as_str);
        config.ok_or_else(|| unusable(&"the ConfigMap has no key `config`"))?.to_owned()
    } else {
        text
    };
    let (mapping, problems) = Mapping::parse(&config).map_err(|error| unusable(&error))?;
    for problem in problems {
        warn(&file.display().to_string(), &problem.to_string());
    }
    Ok(mapping)
}

fn warn(about: &str, what: &str) {
    note(&format!("warning: {}: {}", visible(about), visible(what)));
}

/// Bytes as they are: whatever steers a terminal was in the file, and belongs to the result.
fn print(text: &[u8]) -> Result<ExitCode, CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        // A closed pipe (`irsa … | head`) ends the output, not the command.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::undecided("IRSA-X010", format!("the result could not be written: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
