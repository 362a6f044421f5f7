//! `irsa cluster register`: what would be done, and with `--approve` doing it.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::is_registered;
use super::server::Server;
use super::source::Source;
use crate::cli::cluster::Register;
use crate::error::CliError;
use crate::output::{STRONG, note, result, visible};

/// The audience that the webhook asks tokens for.
const AUDIENCE: &str = "sts.amazonaws.com";

pub(super) async fn register(arguments: &Register) -> Result<ExitCode, CliError> {
    let source = Source::of(arguments).await?;
    let server = Server::of(&arguments.owner)?;
    let name = &arguments.name;
    let before = server.describe(name).await?;
    if before.as_ref().is_some_and(|cluster| !is_registered(cluster)) {
        return Err(CliError::no("IRSA-X038", format!("the cluster `{name}` is hosted here"))
            .with_fix("register the other one by another name"));
    }
    let mut done = Done { is_known: before.is_some(), arn: None, made_provider: None };
    if arguments.approve {
        let cluster = server.register(&source.body(name)).await?;
        done.arn = cluster.get("arn").and_then(Value::as_str).map(str::to_owned);
        if arguments.with_provider {
            done.made_provider = Some(server.make_provider(&source.issuer, AUDIENCE).await?);
        }
    }
    let value = json!({
        "apiVersion": "irsa/v1", "kind": "ClusterRegistration", "name": name, "region": server.region(), "arn": done.arn,
        "issuer": source.issuer, "keys": source.keys.as_ref().map(|keys| keys.iter().map(|key| &key.kid).collect::<Vec<_>>()),
        "endpoint": source.endpoint, "isKnown": done.is_known, "done": arguments.approve,
        "provider": done.made_provider.map(|made| if made { "made" } else { "exists" }),
    });
    result(arguments.output, &value, || done.table(arguments, &source, server.region()))?;
    if !arguments.with_provider {
        note(&format!(
            "roles need the issuer's provider in IAM, once:\n  aws iam create-open-id-connect-provider --url {} --client-id-list {AUDIENCE}",
            source.issuer
        ));
    }
    if !arguments.approve {
        note(&format!("{STRONG}nothing was done{STRONG:#}: add --approve"));
    }
    Ok(ExitCode::SUCCESS)
}

/// What was there, and what became of it.
struct Done {
    is_known: bool,
    arn: Option<String>,
    made_provider: Option<bool>,
}

impl Done {
    fn table(&self, arguments: &Register, source: &Source, region: &str) -> String {
        let action = match (self.is_known, arguments.approve) {
            (false, false) => "would be registered",
            (true, false) => "is registered, and would be registered again",
            (_, true) => "registered",
        };
        let keys = match &source.keys {
            None => "fetched from the issuer, over HTTPS".to_owned(),
            Some(keys) => {
                let kids: Vec<_> = keys.iter().map(|key| visible(&key.kid)).collect();
                format!("kept here, for this account's roles: {}", kids.join(", "))
            }
        };
        let provider = match (arguments.with_provider, self.made_provider) {
            (false, _) => "is not looked at",
            (true, None) => "would be made",
            (true, Some(true)) => "made",
            (true, Some(false)) => "is there already",
        };
        let endpoint = source.endpoint.as_deref().map(visible);
        let endpoint = endpoint.as_deref().unwrap_or("not known now; one that was registered before is kept");
        let mut lines = vec![
            format!("{STRONG}{}{STRONG:#} {action} in {region}", arguments.name),
            format!("  issuer    {}", source.issuer),
            format!("  keys      {keys}"),
            format!("  endpoint  {endpoint}"),
            format!("  provider  {provider}"),
        ];
        lines.extend(self.arn.iter().map(|arn| format!("  arn       {arn}")));
        lines.join("\n")
    }
}
