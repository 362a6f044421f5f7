//! IAM through its table: decoded, authorized, run and encoded as on the wire, without sockets and signatures.

mod authorization;
mod policies;
mod providers;
mod roles;
mod users;

use std::sync::Arc;

use irsa_store::model::AccountId;
use irsa_store::{Embedded, Store};
use irsa_wire::query::Params;
use irsa_wire::xml::Format;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::accounts::{AdministratorKey, create_account, ensure_sealing_key};
use crate::authorize::{Call, Facts};
use crate::context::{Context, Hosting};
use crate::credentials::KeyRing;
use crate::credentials::caller::claim;
use crate::decisions::DecisionLog;
use crate::failure::Failure;
use crate::issuers::{IssuerSettings, Issuers};
use crate::metrics::Metrics;
use crate::uses::Uses;
use irsa_store::model::SecretString;

const FIRST: &str = "111122223333";
const SECOND: &str = "444455556666";
const NOW: i64 = 1_800_000_000;

const READ_BUCKET: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}"#;
const TRUST_EC2: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Two accounts of an empty store.
struct Iam {
    ctx: Arc<Context>,
    administrators: Vec<AdministratorKey>,
    runtime: tokio::runtime::Runtime,
}

/// An error's code and message.
type Refused = (String, String);

impl Iam {
    fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(Embedded::ephemeral().unwrap());
        ensure_sealing_key(store.as_ref(), NOW).unwrap();
        let administrators = [FIRST, SECOND]
            .map(|account| create_account(store.as_ref(), account.parse().unwrap(), NOW).unwrap().unwrap());
        let keys = KeyRing::new(store.snapshot().sealing_keys().map(|key| &***key));
        let ctx = Context {
            store,
            keys,
            decisions: DecisionLog::default(),
            uses: Uses::default(),
            issuers: Issuers::new(IssuerSettings::default()),
            metrics: Metrics::default(),
            clock: || NOW,
            region: "eu-central-1".to_owned(),
            operator_token: SecretString::new(""),
            hosting: Hosting::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { ctx: Arc::new(ctx), administrators: administrators.into(), runtime }
    }

    /// The answer to the first account's administrator.
    fn ok(&self, action: &str, params: &[(&str, &str)]) -> String {
        self.call(&self.administrators[0].access_key_id, action, params)
            .unwrap_or_else(|failure| panic!("{action} {params:?}: {:?}", failure.body))
    }

    /// The refusal that the first account's administrator gets.
    fn refused(&self, action: &str, params: &[(&str, &str)]) -> Refused {
        self.refused_to(&self.administrators[0].access_key_id, action, params)
    }

    fn refused_to(&self, key: &str, action: &str, params: &[(&str, &str)]) -> Refused {
        match self.call(key, action, params) {
            Ok(answer) => panic!("{action} {params:?} was answered: {answer}"),
            Err(failure) => (failure.body.code.to_string(), failure.body.message.to_string()),
        }
    }

    fn call(&self, access_key: &str, action: &str, params: &[(&str, &str)]) -> Result<String, Failure> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut form = format!("Action={action}&Version={}", super::VERSION);
        for (name, value) in params {
            form += &format!("&{name}={}", encode(value));
        }
        let params = Params::parse(form).unwrap();
        let snapshot = self.ctx.store.snapshot();
        let caller = claim(&snapshot, &self.ctx.keys, access_key, None).unwrap().caller;
        self.call_as(caller, params)
    }

    fn call_as(&self, caller: crate::credentials::caller::Caller, params: Params) -> Result<String, Failure> {
        let facts = Arc::new(Facts {
            request_id: "request".to_owned(),
            source_ip: [127, 0, 0, 1].into(),
            secure: false,
            user_agent: String::new(),
            region: "us-east-1".to_owned(),
            now: NOW,
        });
        let account: AccountId = caller.account.unwrap();
        let call = Call { caller, account, facts: Arc::clone(&facts), snapshot: self.ctx.store.snapshot() };
        let table = super::table();
        let row = table.row(&params)?;
        let answer = row.run(Arc::clone(&self.ctx), Some(call), facts, params, Format::Xml);
        self.runtime.block_on(answer).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn role(&self, name: &str) {
        self.ok("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", TRUST_EC2)]);
    }

    fn policy(&self, name: &str) -> String {
        text(&self.ok("CreatePolicy", &[("PolicyName", name), ("PolicyDocument", READ_BUCKET)]), "Arn")
    }

    /// A user and its access key.
    fn user(&self, name: &str) -> String {
        self.ok("CreateUser", &[("UserName", name)]);
        text(&self.ok("CreateAccessKey", &[("UserName", name)]), "AccessKeyId")
    }

    fn allow(&self, user: &str, statement: &str) {
        let document =
            format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{statement}}}]}}"#);
        self.ok("PutUserPolicy", &[("UserName", user), ("PolicyName", "p"), ("PolicyDocument", &document)]);
    }
}

/// The text of the first element of that name.
fn text(xml: &str, name: &str) -> String {
    all(xml, name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {xml}"))
}

/// The texts of all elements of that name, in order.
fn all(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_owned()).collect()
}

fn decoded(document: &str) -> String {
    percent_encoding::percent_decode_str(document).decode_utf8().unwrap().into_owned()
}

/// Pages through a list, one item a page, and returns the items' texts.
fn paged(iam: &Iam, action: &str, params: &[(&str, &str)], item: &str) -> Vec<String> {
    let (mut seen, mut marker) = (Vec::new(), String::new());
    for _ in 0..200 {
        let mut params = params.to_vec();
        params.push(("MaxItems", "1"));
        if !marker.is_empty() {
            params.push(("Marker", &marker));
        }
        let page = iam.ok(action, &params);
        seen.extend(all(&page, item));
        match text(&page, "IsTruncated").as_str() {
            "true" => marker = text(&page, "Marker"),
            _ => return seen,
        }
    }
    panic!("{action} never ends")
}
