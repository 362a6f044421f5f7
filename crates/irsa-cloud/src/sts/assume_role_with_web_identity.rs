//! `AssumeRoleWithWebIdentity`: the exchange of a projected ServiceAccount token for credentials of a role.
//!
//! In order: the token is read, its provider found in the role's account, its signature checked against the issuer's keys,
//! its times and audience checked; then the role's trust policy decides. What fails before the trust policy is a 400 that
//! says what is wrong with the token; what the trust policy denies is AWS's one sentence that says nothing. The operator's
//! record has the cause of both.

use std::sync::Arc;

use irsa_policy::Principal;
use irsa_store::Stored;
use irsa_store::model::{OidcProvider, Role};
use irsa_token::claims::Claims;
use irsa_token::verify::Unverified;

use super::StsError;
use super::session_policy;
use super::tags::{self, SessionTags};
use super::token_refusal::Scene;
use crate::arn::RoleArn;
use crate::authorize::{
    Authorized, Call, Check, Facts, Refusal, RefusalStyle, Requires, ResourcePolicy, authorize,
    web_identity_keys,
};
use crate::context::Context;
use crate::credentials::caller::Caller;
use crate::credentials::{Actor, Session, WebIdentity, mint};
use crate::generated::sts::{
    AssumeRoleWithWebIdentityInput, AssumeRoleWithWebIdentityOutput, AssumedRoleUser, Credentials,
};

/// AWS's default: one hour.
const DEFAULT_SECONDS: i32 = 3_600;
const PUBLIC_REFUSAL: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

/// A token that is genuine, for a role that exists: what the trust policy is asked about.
struct Exchange {
    input: AssumeRoleWithWebIdentityInput,
    role: Arc<Stored<Role>>,
    claims: Arc<Claims>,
    identity: WebIdentity,
    tags: SessionTags,
}

pub(super) async fn assume_role_with_web_identity(
    ctx: &Context,
    facts: Arc<Facts>,
    input: AssumeRoleWithWebIdentityInput,
) -> Result<AssumeRoleWithWebIdentityOutput, StsError> {
    let snapshot = ctx.store.snapshot();
    let role_arn = RoleArn::parse(&input.role_arn).ok_or(StsError::InvalidArn)?;
    let scene =
        Scene { ctx, facts: &facts, snapshot: &snapshot, role_arn: &role_arn, asked: &input.role_arn };

    let (provider, claims) = scene.verify_token(&input.web_identity_token).await?;
    session_policy::check(&snapshot, input.policy.as_deref(), &policy_arns(&input), &[])?;
    let identity = web_identity(&provider, &claims);
    let role = scene.role(&identity)?;
    let tags = scene.session_tags(&claims)?;

    let mut caller = Caller::anonymous();
    caller.subject = Some(identity.subject.clone());
    caller.principal = Principal::WebIdentity { provider_arn: provider.arn() };
    let call = Call {
        caller,
        account: role_arn.account,
        facts: Arc::clone(&facts),
        snapshot: Arc::clone(&snapshot),
    };
    let permit = authorize(ctx, call, Exchange { input, role, claims, identity, tags })?;
    give(ctx, &permit)
}

impl Requires for Exchange {
    fn checks(&self, _call: &Call) -> Vec<Check> {
        let mut actions = vec!["sts:AssumeRoleWithWebIdentity"];
        if !self.tags.all.is_empty() {
            actions.push("sts:TagSession");
        }
        if self.claims.source_identity.is_some() {
            actions.push("sts:SetSourceIdentity");
        }
        actions.into_iter().map(|action| self.check(action)).collect()
    }

    fn refusal_style(&self) -> RefusalStyle {
        RefusalStyle::Fixed(PUBLIC_REFUSAL)
    }
}

impl Exchange {
    fn check(&self, action: &'static str) -> Check {
        let mut check = Check::new(action, self.role.arn())
            .with_key("sts:RoleSessionName", self.input.role_session_name.as_str());
        check.resource_account = Some(self.role.account);
        check.resource_policy = Some(ResourcePolicy {
            name: self.role.arn(),
            policy: Arc::clone(&self.role.compiled.trust),
            is_trust: true,
        });
        for (name, values) in web_identity_keys(&self.identity) {
            check = check.with_keys(name, values);
        }
        // These two exist during the call only (IAM guide, default mapping of OIDC claims).
        let prefix = &self.identity.key_prefix;
        check = check.with_keys(format!("{prefix}:oaud"), self.claims.aud.clone());
        if let Some(email) = &self.claims.email {
            check = check.with_key(format!("{prefix}:email"), email.as_str());
        }
        if let Some(source_identity) = &self.claims.source_identity {
            check = check.with_key("sts:SourceIdentity", source_identity.as_str());
        }
        tags::with_request_keys(check, &self.tags)
    }
}

impl Scene<'_> {
    async fn verify_token(&self, token: &str) -> Result<(Arc<Stored<OidcProvider>>, Arc<Claims>), StsError> {
        let unverified =
            Unverified::parse(token).map_err(|error| self.bad_token("IRSA-T060", &error, None))?;
        let issuer = unverified.issuer();
        let provider = self.provider(unverified.claims())?;
        let keys = match self.stored_keys(issuer) {
            Some(keys) => keys,
            None => self
                .ctx
                .issuers
                .keys(issuer, unverified.kid())
                .await
                .map_err(|error| self.no_key(&error, Some(unverified.claims())))?,
        };
        let claims = unverified.verify(&keys).map_err(|error| match error {
            irsa_token::TokenError::UnknownKey { .. } => self.no_key(&error, Some(unverified.claims())),
            _ => self.bad_token("IRSA-T061", &error, Some(unverified.claims())),
        })?;
        self.check_times(&claims)?;
        self.check_audience(&provider, &claims)?;
        Ok((provider, claims))
    }

    fn provider(&self, claims: &Claims) -> Result<Arc<Stored<OidcProvider>>, StsError> {
        let issuer = &claims.iss;
        irsa_token::discovery::provider_name(issuer)
            .ok()
            .and_then(|name| self.snapshot.provider(self.role_arn.account, &name))
            .map(Arc::clone)
            .ok_or_else(|| {
                let message = format!("No OpenIDConnect provider found in your account for {issuer}");
                let reason = format!(
                    "account {} has no OIDC provider for the token's issuer {issuer}; the provider is looked up in the role's account",
                    self.role_arn.account
                );
                let fix = is_plain_word(issuer).then(|| {
                    format!("aws iam create-open-id-connect-provider --url {issuer} --client-id-list sts.amazonaws.com")
                });
                self.token_error("IRSA-T021", "InvalidIdentityToken", message, reason, Some(claims), fix)
            })
    }

    /// The keys of a cluster that we host are in the snapshot, and so are those that the role's own account registered: what an
    /// account says of an issuer is never used for another account's roles.
    fn stored_keys(&self, issuer: &str) -> Option<Arc<irsa_token::jwks::Jwks>> {
        if let Some(cluster) = self.snapshot.cluster_by_issuer(issuer) {
            return self.ctx.issuers.hosted(cluster);
        }
        let cluster = self.snapshot.registered_cluster(self.role_arn.account, issuer)?;
        self.ctx.issuers.registered(cluster)
    }

    /// AWS compares the authorised party when the token has one, else the audience, of which one must be registered.
    fn check_audience(&self, provider: &OidcProvider, claims: &Claims) -> Result<(), StsError> {
        let audiences = audiences(claims);
        if audiences.is_empty() {
            let message = "Missing a required claim: aud".to_owned();
            let reason = "the token has no audience".to_owned();
            return Err(self.token_error(
                "IRSA-T022",
                "InvalidIdentityToken",
                message,
                reason,
                Some(claims),
                None,
            ));
        }
        if audiences.iter().any(|audience| provider.client_ids.contains(audience)) {
            return Ok(());
        }
        let reason = format!(
            "the token's audience {audiences:?} is none of the provider's client ids {:?}",
            provider.client_ids
        );
        let fix = audiences.first().filter(|audience| is_plain_word(audience)).map(|audience| {
            format!(
                "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {} --client-id {audience}",
                provider.arn()
            )
        });
        let message = "Incorrect token audience".to_owned();
        Err(self.token_error("IRSA-T022", "InvalidIdentityToken", message, reason, Some(claims), fix))
    }

    /// A role that does not exist is refused in the words of one that does not trust: its names must not be enumerable.
    fn role(&self, identity: &WebIdentity) -> Result<Arc<Stored<Role>>, StsError> {
        if let Some(role) = self.snapshot.role_by_arn(self.asked) {
            return Ok(Arc::clone(role));
        }
        let reason = format!("there is no role {}", self.asked);
        let fix = self
            .snapshot
            .role(self.role_arn.account, &self.role_arn.name)
            .map(|role| format!("the account has {}: paths are part of the ARN", role.arn()))
            .or_else(|| {
                Some("`aws iam list-roles` shows the account's roles; compare with the annotation eks.amazonaws.com/role-arn of the ServiceAccount".to_owned())
            });
        let mut denial = self.denial("IRSA-T063", reason, fix);
        denial.principal.clone_from(&identity.provider_arn);
        denial.subject = Some(identity.subject.clone());
        Err(Refusal::recorded(self.ctx, PUBLIC_REFUSAL, denial).into())
    }

    fn session_tags(&self, claims: &Claims) -> Result<SessionTags, StsError> {
        let Some(token_tags) = &claims.tags else { return Ok(SessionTags::default()) };
        let requested: Vec<(String, String)> = token_tags
            .principal_tags
            .iter()
            .filter_map(|(name, values)| Some((name.clone(), values.first()?.clone())))
            .collect();
        let tags = tags::join(&requested, &token_tags.transitive_tag_keys, None)?;
        session_policy::check(self.snapshot, None, &[], &tags.all)?;
        Ok(tags)
    }
}

fn give(ctx: &Context, permit: &Authorized<Exchange>) -> Result<AssumeRoleWithWebIdentityOutput, StsError> {
    let Exchange { input, role, claims, identity, tags } = permit.input();
    let maximum = i64::from(role.max_session_duration);
    let seconds = match input.duration_seconds {
        Some(asked) if i64::from(asked) > maximum => return Err(StsError::DurationOverRole),
        Some(asked) => i64::from(asked),
        None => maximum.min(i64::from(DEFAULT_SECONDS)),
    };
    let policy_arns = policy_arns(input);
    let packed =
        session_policy::check(&permit.call().snapshot, input.policy.as_deref(), &policy_arns, &tags.all)?;
    let session = Session {
        access_key_id: String::new(),
        account: role.account,
        actor: Actor::Role {
            name: role.name.clone(),
            path: role.path.clone(),
            id: role.id.clone(),
            session: input.role_session_name.clone(),
        },
        issued_at: permit.now(),
        expires_at: permit.now() + seconds,
        policy: input.policy.clone(),
        policy_arns,
        tags: tags.all.clone(),
        transitive_tag_keys: tags.transitive.clone(),
        source_identity: claims.source_identity.clone(),
        web_identity: Some(identity.clone()),
    };
    let minted = mint(&ctx.keys, session)?;
    ctx.metrics.minted();
    Ok(AssumeRoleWithWebIdentityOutput {
        credentials: Some(Credentials::from(minted)),
        subject_from_web_identity_token: Some(identity.subject.clone()),
        assumed_role_user: Some(assumed_role_user(role, &input.role_session_name)),
        packed_policy_size: packed.and_then(|percent| i32::try_from(percent).ok()),
        provider: Some(claims.iss.clone()),
        audience: audiences(claims).first().cloned(),
        source_identity: claims.source_identity.clone(),
    })
}

pub(super) fn assumed_role_user(role: &Role, session_name: &str) -> AssumedRoleUser {
    AssumedRoleUser {
        assumed_role_id: format!("{}:{session_name}", role.id),
        // AWS: a session's ARN drops the role's path (IAM identifiers).
        arn: format!("arn:aws:sts::{}:assumed-role/{}/{session_name}", role.account, role.name),
    }
}

fn web_identity(provider: &OidcProvider, claims: &Claims) -> WebIdentity {
    WebIdentity {
        provider_arn: provider.arn(),
        key_prefix: provider.url.clone(),
        subject: claims.sub.clone(),
        audience: audiences(claims),
        methods: claims.amr.clone(),
    }
}

/// IAM guide, default mapping: `aud` is the token's `azp`, and only without one its `aud`.
fn audiences(claims: &Claims) -> Vec<String> {
    match &claims.azp {
        Some(party) => vec![party.clone()],
        None => claims.aud.clone(),
    }
}

/// Whether a claim may stand in a command that somebody will paste: what a shell might read as more than a word may not,
/// since anybody can write a token.
fn is_plain_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/._%~-".contains(&byte);
    !text.starts_with('-') && text.bytes().all(plain)
}

fn policy_arns(input: &AssumeRoleWithWebIdentityInput) -> Vec<String> {
    input.policy_arns.iter().flatten().filter_map(|policy| policy.arn.clone()).collect()
}
