//! `irsa quickstart`: the whole chain in under a minute, ending in a denied call and why.
//!
//! Everything is real: a server on free ports with its state in memory, the real `aws` when it is installed (our own client
//! otherwise), a token that is signed, verified and exchanged. Every step is checked; the exit code is 0 only if each did
//! what it should, the denied one included.

mod actor;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use http::Method;
use indicatif::{ProgressBar, ProgressStyle};

use self::actor::{Actor, Outcome};
use super::{up, why};
use crate::cli::{Data, Quickstart, Up};
use crate::client::Client;
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::output::{BAD, FAINT, GOOD, STRONG, note, print};
use crate::{pod, serve};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const CLUSTER: &str = "dev";
const NAMESPACE: &str = "default";
const SERVICE_ACCOUNT: &str = "s3-access-sa";
const ROLE: &str = "s3-access-role";
const BUCKET: &str = "quickstart-bucket";

const READ_POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": ["s3:ListBucket", "s3:GetObject"],
    "Resource": ["arn:aws:s3:::quickstart-bucket", "arn:aws:s3:::quickstart-bucket/*"]
  }]
}"#;

pub(crate) async fn quickstart(arguments: Quickstart) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let settings = settings()?;
    let (folder, _removed_at_the_end) = up::folder(&settings)?;
    let story = Story::new();

    story.step("start STS, IAM, EKS and S3, state in memory");
    let running = serve::start(&settings, folder.clone()).await?;
    story.done(&format!("{}   issuers at {}", running.info.endpoint, running.info.tls_endpoint));

    let told = tell(&story, &folder, &arguments).await;
    story.end();
    running.stop().await;
    told?;
    note(&format!(
        "{FAINT}all of it in {:.1} s; nothing is left behind{FAINT:#}",
        started.elapsed().as_secs_f32()
    ));
    what_next();
    Ok(ExitCode::SUCCESS)
}

async fn tell(story: &Story, folder: &DataFolder, arguments: &Quickstart) -> Result<(), CliError> {
    let client = Client::of(folder)?;
    let actor = Actor::choose(&client, folder, arguments.without_aws_cli)?;
    note(&format!("{FAINT}client: {}{FAINT:#}", actor.description()));

    story.step("a cluster with an issuer of its own");
    actor.create_cluster(CLUSTER).await?;
    let issuer = actor.issuer(CLUSTER).await?;
    story.done(&issuer);

    story.step("its issuer as an OIDC provider of the account");
    let provider = actor.create_provider(&issuer).await?;
    story.done(&provider);

    story.step("a bucket with an object");
    actor.make_bucket(BUCKET).await?;
    actor.put_object(BUCKET, "hello.txt").await?.expect_ok("IRSA-X031", "the administrator may write")?;
    story.done(&format!("s3://{BUCKET}/hello.txt"));

    story.step("a role that the ServiceAccount may assume, with a policy to read the bucket");
    let policy = actor.create_policy("S3AccessPolicy", READ_POLICY).await?;
    let role = actor.create_role(ROLE, &trust_policy(&provider)).await?;
    actor.attach(ROLE, &policy).await?;
    story.done(&role);

    story.step("the ServiceAccount, annotated with the role");
    let which = pod::HostedCluster { name: CLUSTER.to_owned(), account: None, region: None };
    let manifest = serde_json::json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE, "annotations": {"eks.amazonaws.com/role-arn": role}},
    });
    let cluster = pod::Cluster::hosted(&client, folder, &which).await?;
    let collection = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
    let made = cluster.kubernetes(Method::POST, &collection, &manifest).await?;
    if !made.ok() {
        return Err(cluster.refused(&made));
    }
    story.done(&format!("{NAMESPACE}/{SERVICE_ACCOUNT} → {role}"));

    story.step("a pod of it: the webhook's variables and a projected token");
    let pod = pod::Pod::of_command(SERVICE_ACCOUNT);
    let pod = cluster.identity_of_command(NAMESPACE, SERVICE_ACCOUNT, pod).await?;
    story.done("AWS_DEFAULT_REGION AWS_REGION AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE");
    let as_pod = actor.as_pod(&pod, folder)?;

    story.step("the pod lists the bucket: token → STS → S3");
    let listing = as_pod.list_bucket(BUCKET).await?;
    listing.expect_ok("IRSA-X031", "the role may list the bucket")?;
    story.done(&format!("{GOOD}ALLOW{GOOD:#}  s3:ListBucket"));
    print(&format!(
        "{STRONG}{}{STRONG:#}",
        as_pod.shown(&format!("$ aws s3 ls s3://{BUCKET}"), &format!("GET /{BUCKET}?list-type=2"))
    ));
    print(listing.text.trim_end());

    story.step("the pod writes to the bucket, which no policy allows");
    let refused = as_pod.put_object(BUCKET, "more.txt").await?;
    refused.expect_denied("IRSA-X031", "no policy allows the role to write")?;
    story.done(&format!("{BAD}DENY{BAD:#}   s3:PutObject"));
    let object = format!("{BUCKET}/more.txt");
    let (aws, own) = (format!("$ aws s3 cp - s3://{object}"), format!("PUT /{object}"));
    let shown = as_pod.shown(&aws, &own);
    print(&format!("\n{STRONG}{shown}{STRONG:#}"));
    print(refused.text.trim());

    let decision = why::by_message(&client, folder, &refused.text).await?;
    print(&format!("\n{STRONG}$ irsa why --last{STRONG:#}"));
    print(why::report(&decision).trim_end());
    Ok(())
}

/// What EKS's documentation writes: the subject and the audience, both pinned.
fn trust_policy(provider_arn: &str) -> String {
    let issuer = provider_arn.split_once(":oidc-provider/").map_or(provider_arn, |(_, issuer)| issuer);
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{issuer}:sub"): format!("system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"),
                format!("{issuer}:aud"): "sts.amazonaws.com",
            }},
        }],
    })
    .to_string()
}

fn settings() -> Result<Up, CliError> {
    let unparsable = |error: String| CliError::undecided("IRSA-X009", error);
    Ok(Up {
        data: Data { folder: None },
        ephemeral: true,
        listen: "127.0.0.1:0"
            .parse()
            .map_err(|error: std::net::AddrParseError| unparsable(error.to_string()))?,
        listen_tls: "127.0.0.1:0"
            .parse()
            .map_err(|error: std::net::AddrParseError| unparsable(error.to_string()))?,
        accounts: vec![
            ACCOUNT
                .parse()
                .map_err(|error: irsa_store::model::InvalidAccountId| unparsable(error.to_string()))?,
        ],
        region: REGION.to_owned(),
        issuer_url: None,
        issuer_ca: Vec::new(),
        issuer_allow: Vec::new(),
        issuer_map: Vec::new(),
        s3_domain: Vec::new(),
    })
}

fn what_next() {
    note(&format!(
        "\n{STRONG}Next{STRONG:#}
  irsa up                                   a server that keeps its data
  eval \"$(irsa env)\"                        then `aws`, SDKs and terraform talk to it
  irsa exec --cluster dev -n default --service-account s3-access-sa -- CMD
  irsa why --last                           why the newest denied call was denied
  irsa explain                              what every code means"
    ));
}

/// The steps as they are told: a spinner on a terminal, plain lines elsewhere.
struct Story {
    bar: Option<ProgressBar>,
    title: std::cell::RefCell<String>,
}

impl Story {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, title: std::cell::RefCell::default() }
    }

    fn step(&self, title: &str) {
        self.title.replace(title.to_owned());
        if let Some(bar) = &self.bar {
            bar.set_message(title.to_owned());
        }
    }

    fn done(&self, detail: &str) {
        let line = format!("{GOOD}√{GOOD:#} {}\n  {FAINT}{detail}{FAINT:#}", self.title.borrow());
        match &self.bar {
            Some(bar) => bar.suspend(|| note(&line)),
            None => note(&line),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Outcome {
    fn expect_ok(&self, code: &'static str, because: &str) -> Result<(), CliError> {
        if self.ok {
            return Ok(());
        }
        Err(CliError::no(
            code,
            format!("this call should have been allowed ({because}): {}", self.text.trim()),
        ))
    }

    fn expect_denied(&self, code: &'static str, because: &str) -> Result<(), CliError> {
        if !self.ok && self.text.contains("AccessDenied") {
            return Ok(());
        }
        Err(CliError::no(
            code,
            format!("this call should have been denied ({because}): {}", self.text.trim()),
        ))
    }
}
