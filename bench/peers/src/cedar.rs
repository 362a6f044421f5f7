//! Cedar, which has a language of its own: policies that say the same, and the same values in the request.

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use serde_json::{Value, json};

use crate::Failure;

const IDENTITY: &str = r#"
permit(principal == Role::"shop-api", action in [Action::"s3:ListBucket", Action::"s3:GetBucketLocation"], resource)
  when { context.resource == "arn:aws:s3:::shop-data" };
permit(principal == Role::"shop-api", action in [Action::"s3:GetObject", Action::"s3:PutObject"], resource)
  when { context.resource like "arn:aws:s3:::shop-data/*" };
"#;

const TRUST: &str = r#"
permit(principal == Provider::"A1", action == Action::"sts:AssumeRoleWithWebIdentity", resource == Role::"shop-api")
  when { context.sub == "system:serviceaccount:shop:api" && context.aud == "sts.amazonaws.com" };
"#;

/// Parses policies and request; none for a scene that has no counterpart.
pub(crate) fn prepare(scene: &Value) -> Result<Option<impl Fn() -> bool>, Failure> {
    let (policies, principal, action, context) = match scene["name"].as_str() {
        Some("identity policy of two statements") => {
            let context = json!({ "resource": scene["resource"], "sub": "system:serviceaccount:shop:api" });
            (IDENTITY, r#"Role::"shop-api""#, r#"Action::"s3:GetObject""#, context)
        }
        Some("trust policy with subject and audience") => {
            let context = json!({ "sub": "system:serviceaccount:shop:api", "aud": "sts.amazonaws.com" });
            (TRUST, r#"Provider::"A1""#, r#"Action::"sts:AssumeRoleWithWebIdentity""#, context)
        }
        _ => return Ok(None),
    };
    let uid = |text: &str| text.parse::<EntityUid>();
    let resource = uid(r#"Role::"shop-api""#)?;
    let context = Context::from_json_value(context, None)?;
    let request = Request::new(uid(principal)?, uid(action)?, resource, context, None)?;
    let (policies, entities, authorizer) =
        (policies.parse::<PolicySet>()?, Entities::empty(), Authorizer::new());
    Ok(Some(move || authorizer.is_authorized(&request, &policies, &entities).decision() == Decision::Allow))
}
