//! Who asks, for what, under which policies: everything that the pairs of a simulation have in common.

use irsa_policy::{Arn, Context, Principal};
use irsa_store::model::AccountId;

use super::result;
use super::source::{self, Source};
use crate::generated::iam::{ContextEntry, EvaluationResult};
use crate::iam::IamError;
use crate::iam::paging::{Page, Paging};

/// What both operations ask alike.
pub(super) struct Asked<'a> {
    pub(super) actions: &'a [String],
    pub(super) resources: Option<&'a [String]>,
    pub(super) resource_policy: Option<&'a str>,
    pub(super) resource_owner: Option<&'a str>,
    pub(super) caller: Option<&'a str>,
    pub(super) context: Option<&'a [ContextEntry]>,
    pub(super) boundary: Option<&'a [String]>,
}

/// A simulation.
pub(super) struct Scene<'a> {
    pub(super) principal: Principal,
    pub(super) identity: Vec<Source>,
    pub(super) boundary: Option<Source>,
    pub(super) resource: Option<Source>,
    pub(super) context: Context,
    /// The owner of resources whose ARN names none.
    pub(super) owner: Option<&'a str>,
    actions: &'a [String],
    resources: Option<&'a [String]>,
}

impl<'a> Scene<'a> {
    /// Checks the input. Without `principal` and a caller in the input, somebody of `account` asks.
    pub(super) fn new(
        account: AccountId,
        principal: Option<Principal>,
        identity: Vec<Source>,
        boundary: Option<Source>,
        asked: &Asked<'a>,
    ) -> Result<Self, IamError> {
        check_actions(asked.actions)?;
        check_resources(asked.resources.unwrap_or_default())?;
        let given = asked.caller.map(caller).transpose()?;
        let principal = match given.or(principal) {
            // A resource's policy can be simulated for users alone.
            Some(principal)
                if asked.resource_policy.is_none() || matches!(principal, Principal::User { .. }) =>
            {
                principal
            }
            None if asked.resource_policy.is_none() => Principal::User {
                account: account.to_string(),
                arn: format!("arn:aws:iam::{account}:user/"),
                id: String::new(),
            },
            _ => return Err(invalid_caller()),
        };
        Ok(Self {
            principal,
            identity,
            boundary: match asked.boundary.unwrap_or_default() {
                [] => boundary,
                documents => only_boundary(documents)?,
            },
            resource: asked.resource_policy.map(source::resource).transpose()?,
            context: context(asked.context.unwrap_or_default()),
            owner: asked.resource_owner.map(owner).transpose()?,
            actions: asked.actions,
            resources: asked.resources.filter(|resources| !resources.is_empty()),
        })
    }

    /// A page of results: each action on each resource.
    pub(super) fn page(
        &self,
        marker: Option<&str>,
        max_items: Option<i32>,
    ) -> Result<Page<EvaluationResult>, IamError> {
        let paging = Paging::new(marker, max_items)?;
        let pairs = self.actions.iter().flat_map(|action| {
            let resources: Box<dyn Iterator<Item = Option<&str>>> = match self.resources {
                Some(resources) => Box::new(resources.iter().map(|resource| Some(resource.as_str()))),
                None => Box::new(std::iter::once(None)),
            };
            resources.map(move |resource| (action.as_str(), resource))
        });
        // Ten digits sort as numbers do, and there are never more pairs.
        let pairs = pairs.enumerate().map(|(number, pair)| (format!("{number:010}"), pair));
        let page = paging.page(pairs);
        let items = page.items.iter().map(|(action, resource)| result::of(self, action, *resource)).collect();
        Ok(Page { items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

/// Actions are named in full, without wildcards.
fn check_actions(actions: &[String]) -> Result<(), IamError> {
    let is_action = |action: &str| {
        action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
            && action.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.'))
            && action.matches(':').count() == 1
    };
    match actions.iter().find(|action| !is_action(action)) {
        Some(action) => {
            Err(IamError::Unsimulatable(format!("Invalid Input Actions: \"{action}\" is not valid.")))
        }
        None => Ok(()),
    }
}

fn check_resources(resources: &[String]) -> Result<(), IamError> {
    let bad: Vec<&str> = resources
        .iter()
        .map(String::as_str)
        .filter(|resource| *resource != "*" && Arn::parse(resource).is_none())
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(IamError::Unsimulatable(format!("ResourceNames are not in a valid ARN format: {}.", bad.join(", "))))
}

/// "You can specify only the ARN of an IAM user."
fn caller(arn: &str) -> Result<Principal, IamError> {
    Principal::from_name(arn)
        .filter(|principal| matches!(principal, Principal::User { .. }))
        .ok_or_else(invalid_caller)
}

fn invalid_caller() -> IamError {
    IamError::InvalidInput("Invalid caller - Caller must be an IAM user in this context.")
}

/// "An ARN representing the AWS account ID"
fn owner(arn: &str) -> Result<&str, IamError> {
    match (Arn::parse(arn), Principal::from_name(arn)) {
        (Some(parsed), Some(Principal::Account { .. })) => Ok(parsed.account),
        // The words are AWS's.
        _ => Err(IamError::Unsimulatable(format!("'{arn}' is not a valid as a Resource Owner."))),
    }
}

fn only_boundary(documents: &[String]) -> Result<Option<Source>, IamError> {
    let mut sources = source::from_input("PermissionsBoundaryPolicyInputList", documents)?;
    if sources.len() > 1 {
        return Err(IamError::InvalidInput("Only one permissions boundary policy can be simulated."));
    }
    Ok(sources.pop())
}

/// The keys of the input; of a key that is given twice, the last counts.
fn context(entries: &[ContextEntry]) -> Context {
    let mut context = Context::new();
    for entry in entries {
        let (Some(name), Some(values)) = (&entry.context_key_name, &entry.context_key_values) else {
            continue;
        };
        context.set_all(name, values.iter().map(String::as_str));
    }
    context
}
