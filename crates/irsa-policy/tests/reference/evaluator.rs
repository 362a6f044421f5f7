//! A second evaluator, written to be obviously right: it reads the JSON again for every question, prepares nothing, and tells the
//! rules of the IAM User Guide in the order in which the guide tells them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use irsa_policy::{Decision, Layer, Principal};
use serde_json::Value;

/// Everything that has a say in a decision.
pub(crate) struct World {
    pub(crate) identity: Vec<Value>,
    pub(crate) boundary: Option<Value>,
    pub(crate) session: Option<Vec<Value>>,
    pub(crate) resource: Option<Value>,
    pub(crate) resource_is_trust: bool,
    pub(crate) resource_must_allow: bool,
    pub(crate) scp: Vec<Vec<Value>>,
    pub(crate) rcp: Vec<Vec<Value>>,
    pub(crate) endpoint: Vec<Value>,
}

/// What is asked.
pub(crate) struct Question {
    pub(crate) principal: Principal,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) owner: Option<String>,
    /// By names in lower case.
    pub(crate) context: BTreeMap<String, Vec<String>>,
}

/// How strongly an Allow speaks to its caller within one account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grant {
    Account,
    Role,
    Caller,
}

impl World {
    pub(crate) fn decide(&self, question: &Question) -> Decision {
        let account = question.principal.account();
        let is_root = matches!(question.principal, Principal::Account { .. });
        let has_own_policies = account.is_some() && !is_root;

        // 1. An explicit deny ends it, wherever it stands.
        let mut policies: Vec<(Layer, &Value)> = Vec::new();
        policies.extend(self.rcp.iter().flatten().map(|policy| (Layer::ResourceControl, policy)));
        if account.is_some() {
            policies.extend(self.scp.iter().flatten().map(|policy| (Layer::ServiceControl, policy)));
        }
        policies.extend(self.endpoint.iter().map(|policy| (Layer::Endpoint, policy)));
        policies.extend(self.resource.iter().map(|policy| (self.resource_layer(), policy)));
        if has_own_policies {
            policies.extend(self.identity.iter().map(|policy| (Layer::Identity, policy)));
            policies.extend(self.boundary.iter().map(|policy| (Layer::Boundary, policy)));
            policies.extend(self.session.iter().flatten().map(|policy| (Layer::Session, policy)));
        }
        for (layer, policy) in policies {
            if self.strongest(policy, "Deny", question).is_some() {
                return Decision::ExplicitDeny(layer);
            }
        }

        // 2. Limits that bind before anybody grants.
        let allows = |policy: &Value| self.strongest(policy, "Allow", question).is_some();
        // AWS's own policy is in every level. Where only policies that deny are given, it goes without saying.
        let only_denies = |policy: &Value| {
            policy["Statement"].as_array().unwrap().iter().all(|statement| statement["Effect"] == "Deny")
        };
        let level_allows = |level: &Vec<Value>| {
            level.iter().any(allows) || (!level.is_empty() && level.iter().all(only_denies))
        };
        if !self.rcp.iter().all(level_allows) {
            return Decision::ImplicitDeny(Layer::ResourceControl);
        }
        if account.is_some() && !self.scp.iter().all(|level| level.iter().any(allows)) {
            return Decision::ImplicitDeny(Layer::ServiceControl);
        }
        if !self.endpoint.is_empty() && !self.endpoint.iter().any(allows) {
            return Decision::ImplicitDeny(Layer::Endpoint);
        }

        // 3. The resource's policy.
        let same_account = match (&question.owner, account) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(owner), Some(account)) => owner == account,
        };
        let mut grant = self.resource.as_ref().and_then(|policy| self.strongest(policy, "Allow", question));
        if !same_account && partitions_differ(question) {
            grant = None;
        }
        let must_grant = !same_account || self.resource_is_trust || self.resource_must_allow;
        if must_grant && grant.is_none() {
            return Decision::ImplicitDeny(self.resource_layer());
        }
        if !has_own_policies || (same_account && grant == Some(Grant::Caller)) {
            return Decision::Allow;
        }

        // 4. The caller's own policies, and what limits them.
        let role_is_granted = same_account && grant == Some(Grant::Role);
        if !role_is_granted && !self.identity.iter().any(allows) {
            return Decision::ImplicitDeny(Layer::Identity);
        }
        if self.boundary.as_ref().is_some_and(|policy| !allows(policy)) {
            return Decision::ImplicitDeny(Layer::Boundary);
        }
        let session_allows = match &self.session {
            Some(policies) => policies.iter().any(allows),
            None => !matches!(question.principal, Principal::FederatedUser { .. }),
        };
        if session_allows { Decision::Allow } else { Decision::ImplicitDeny(Layer::Session) }
    }

    fn resource_layer(&self) -> Layer {
        if self.resource_is_trust { Layer::Trust } else { Layer::Resource }
    }

    /// The strongest grant of the statements of this effect that apply.
    fn strongest(&self, policy: &Value, effect: &str, question: &Question) -> Option<Grant> {
        let has_variables = policy["Version"] == "2012-10-17";
        let statements = policy["Statement"].as_array().unwrap();
        statements
            .iter()
            .filter(|statement| statement["Effect"] == effect)
            .filter_map(|statement| self.applies(statement, has_variables, question))
            .max()
    }

    fn applies(&self, statement: &Value, has_variables: bool, question: &Question) -> Option<Grant> {
        let named = |element: &str| strings(&statement[element]);
        let action = match statement.get("Action") {
            Some(_) => named("Action").iter().any(|wanted| action_matches(wanted, &question.action)),
            None => !named("NotAction").iter().any(|wanted| action_matches(wanted, &question.action)),
        };
        let resource_matches = |wanted: &String| {
            wanted == "*"
                || arn_matches(
                    wanted,
                    &question.resource,
                    [false, false, false, false, has_variables],
                    question,
                )
        };
        let unresolvable = |wanted: &String| has_variables && tokens(wanted, true, true, question).is_none();
        let resource = match (statement.get("Resource"), statement.get("NotResource")) {
            (Some(_), _) => named("Resource").iter().any(resource_matches),
            (None, Some(_)) => {
                !named("NotResource").iter().any(unresolvable)
                    && !named("NotResource").iter().any(resource_matches)
            }
            (None, None) => true,
        };
        let conditions = statement.get("Condition").and_then(Value::as_object);
        let held = conditions.into_iter().flatten().all(|(operator, keys)| {
            keys.as_object()
                .unwrap()
                .iter()
                .all(|(key, wanted)| holds(operator, key, wanted, has_variables, question))
        });
        let grant = self.speaks_to(statement, question)?;
        // What is no `service:Action` matches nothing, NotAction neither.
        let is_action = question.action.contains(':');
        (is_action && action && resource && held).then_some(grant)
    }

    fn speaks_to(&self, statement: &Value, question: &Question) -> Option<Grant> {
        if let Some(principal) = statement.get("Principal") {
            return entries(principal).iter().filter_map(|entry| names(entry, &question.principal)).max();
        }
        let Some(spared) = statement.get("NotPrincipal") else { return Some(Grant::Caller) };
        let spared = entries(spared);
        let named = |grant| spared.iter().any(|entry| names(entry, &question.principal) == Some(grant));
        let is_spared = if statement["Effect"] == "Allow" {
            spared.iter().any(|entry| names(entry, &question.principal).is_some())
        } else if self.boundary.is_some() {
            false
        } else if spared.iter().any(|(kind, name)| kind == "AWS" && name == "*") {
            true
        } else {
            match question.principal {
                Principal::Anonymous => false,
                Principal::Account { .. } => named(Grant::Account),
                Principal::User { .. } | Principal::FederatedUser { .. } => {
                    named(Grant::Account) && named(Grant::Caller)
                }
                Principal::RoleSession { .. } => {
                    named(Grant::Account) && named(Grant::Role) && named(Grant::Caller)
                }
                Principal::WebIdentity { .. } | Principal::Service { .. } => named(Grant::Caller),
            }
        };
        (!is_spared).then_some(Grant::Caller)
    }
}

fn partitions_differ(question: &Question) -> bool {
    let caller = match &question.principal {
        Principal::User { arn, .. } | Principal::FederatedUser { arn, .. } => arn,
        Principal::RoleSession { role_arn, .. } => role_arn,
        Principal::WebIdentity { provider_arn } => provider_arn,
        _ => return false,
    };
    match (six(caller), six(&question.resource)) {
        (Some(caller), Some(resource)) => caller[1] != resource[1],
        _ => false,
    }
}

/// `Principal`'s entries as kind and value.
fn entries(principal: &Value) -> Vec<(String, String)> {
    if principal == "*" {
        return vec![("AWS".into(), "*".into())];
    }
    let kinds = principal.as_object().unwrap().iter();
    kinds
        .flat_map(|(kind, values)| strings(values).into_iter().map(move |value| (kind.clone(), value)))
        .collect()
}

/// Whether an entry names the caller.
fn names((kind, name): &(String, String), principal: &Principal) -> Option<Grant> {
    if kind == "AWS" && name == "*" {
        return Some(Grant::Caller);
    }
    let account_of = |name: &str| match six(name) {
        Some(parts) if parts[2] == "iam" && parts[5] == "root" => Some(parts[4].to_owned()),
        None if name.len() == 12 => Some(name.to_owned()),
        _ => None,
    };
    let is_account =
        kind == "AWS" && principal.account().is_some() && account_of(name).as_deref() == principal.account();
    if is_account {
        return Some(Grant::Account);
    }
    match (kind.as_str(), principal) {
        ("AWS", Principal::User { arn, id, .. }) if same_entity(name, arn) || name == id => {
            Some(Grant::Caller)
        }
        ("AWS", Principal::RoleSession { role_arn, role_id, .. })
            if same_entity(name, role_arn) || name == role_id =>
        {
            Some(Grant::Role)
        }
        ("AWS", Principal::RoleSession { session_arn, .. }) if name == session_arn => Some(Grant::Caller),
        ("AWS", Principal::FederatedUser { user_arn, user_id, .. })
            if user_arn.as_ref().is_some_and(|arn| same_entity(name, arn))
                || user_id.as_ref() == Some(name) =>
        {
            Some(Grant::Role)
        }
        ("AWS", Principal::FederatedUser { arn, .. }) if name == arn => Some(Grant::Caller),
        ("Service", Principal::Service { name: service }) if name == service => Some(Grant::Caller),
        ("Federated", Principal::WebIdentity { provider_arn }) if name == provider_arn => Some(Grant::Caller),
        _ => None,
    }
}

/// The same user or role: paths do not tell entities apart, names do.
fn same_entity(left: &str, right: &str) -> bool {
    let entity = |arn: &str| {
        let parts = six(arn)?;
        let (kind, rest) = parts[5].split_once('/')?;
        let name = rest.rsplit('/').next()?;
        ["role", "user"]
            .contains(&kind)
            .then(|| [parts[1], parts[2], parts[4], kind, name].map(str::to_owned))
    };
    entity(left).is_some() && entity(left) == entity(right)
}

fn action_matches(wanted: &str, asked: &str) -> bool {
    let letters = |text: &str| text.to_ascii_lowercase();
    let wanted: Vec<Token> = letters(wanted).chars().map(Token::wild).collect();
    fits(&wanted, &letters(asked).chars().collect::<Vec<_>>())
}

/// Part by part; parts that the pattern lacks are `*`.
fn arn_matches(wanted: &str, found: &str, variables: [bool; 5], question: &Question) -> bool {
    let Some(found) = six(found) else { return false };
    let wanted = split_outside_variables(wanted);
    wanted.first().is_some_and(|part| part == "arn")
        && (1..6).all(|index| {
            let pattern = wanted.get(index).map_or("*", String::as_str);
            part_matches(pattern, found[index], true, variables[index - 1], question)
        })
}

fn six(arn: &str) -> Option<[&str; 6]> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    parts.try_into().ok().filter(|parts: &[&str; 6]| parts[0] == "arn")
}

fn split_outside_variables(arn: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in arn.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            _ => {}
        }
        if c == ':' && depth == 0 && parts.len() < 6 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    parts
}

fn holds(operator: &str, key: &str, wanted: &Value, has_variables: bool, question: &Question) -> bool {
    let found = question.context.get(&key.to_ascii_lowercase()).cloned().unwrap_or_default();
    let wanted = strings(wanted);
    if operator == "Null" {
        let is_absent = if found.is_empty() { "true" } else { "false" };
        return wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(is_absent));
    }
    let (set, base) = match operator.split_once(':') {
        Some((set, base)) => (Some(set), base),
        None => (None, operator),
    };
    let (base, if_exists) = match base.strip_suffix("IfExists") {
        Some(base) => (base, true),
        None => (base, false),
    };
    let is_negated = base.contains("Not");
    let base = base.replace("Not", "");
    if found.is_empty() {
        return if_exists || set == Some("ForAllValues") || (set.is_none() && is_negated);
    }
    let one = |found: &String| {
        let matched = wanted.iter().any(|wanted| compare(&base, wanted, found, has_variables, question));
        matched != is_negated
    };
    match set {
        None => found.len() == 1 && one(&found[0]),
        Some("ForAllValues") => (found.len() == 1 && found[0].is_empty()) || found.iter().all(one),
        Some(_) => found.iter().any(one),
    }
}

fn compare(base: &str, wanted: &str, found: &str, has_variables: bool, question: &Question) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let orders: &[_] = match base.trim_start_matches("Numeric").trim_start_matches("Date") {
        "Equals" => &[Equal],
        "LessThan" => &[Less],
        "LessThanEquals" => &[Less, Equal],
        "GreaterThan" => &[Greater],
        _ => &[Greater, Equal],
    };
    let is_date = |text: &str| text.len() == 20 && text.starts_with("20") && text.ends_with('Z');
    match base {
        "StringEquals" => part_matches(wanted, found, false, has_variables, question),
        "StringEqualsIgnoreCase" => tokens(wanted, false, has_variables, question)
            .is_some_and(|wanted| Token::text(&wanted).eq_ignore_ascii_case(found)),
        "StringLike" => part_matches(wanted, found, true, has_variables, question),
        "Bool" => {
            ["true", "false"].contains(&wanted.to_ascii_lowercase().as_str())
                && wanted.eq_ignore_ascii_case(found)
        }
        "IpAddress" => network_holds(wanted, found),
        "ArnEquals" | "ArnLike" => match wanted {
            "*" => six(found).is_some(),
            wanted if wanted.starts_with("${") && has_variables => {
                six(found).is_some() && part_matches(wanted, found, true, true, question)
            }
            wanted => arn_matches(wanted, found, [has_variables; 5], question),
        },
        _ if base.starts_with("Numeric") => match (wanted.parse::<f64>(), found.parse::<f64>()) {
            (Ok(wanted), Ok(found)) => {
                found.partial_cmp(&wanted).is_some_and(|order| orders.contains(&order))
            }
            _ => false,
        },
        // Dates of one form compare as text.
        _ => is_date(wanted) && is_date(found) && orders.contains(&found.cmp(wanted)),
    }
}

fn network_holds(wanted: &str, found: &str) -> bool {
    let (network, bits) = wanted.split_once('/').unwrap_or((wanted, "32"));
    match (network.parse::<Ipv4Addr>(), bits.parse::<u32>(), found.parse::<Ipv4Addr>()) {
        (Ok(network), Ok(bits), Ok(found)) if bits <= 32 => {
            let first = |address: Ipv4Addr| u64::from(u32::from(address)) >> (32 - bits);
            first(network) == first(found)
        }
        _ => false,
    }
}

fn part_matches(pattern: &str, text: &str, wildcards: bool, variables: bool, question: &Question) -> bool {
    tokens(pattern, wildcards, variables, question)
        .is_some_and(|tokens| fits(&tokens, &text.chars().collect::<Vec<_>>()))
}

enum Token {
    Just(char),
    One,
    Many,
}

impl Token {
    fn wild(c: char) -> Token {
        match c {
            '*' => Token::Many,
            '?' => Token::One,
            c => Token::Just(c),
        }
    }

    fn text(tokens: &[Token]) -> String {
        let literal = |token: &Token| match token {
            Token::Just(c) => *c,
            Token::One => '?',
            Token::Many => '*',
        };
        tokens.iter().map(literal).collect()
    }
}

/// The pattern with its variables replaced; `None` when one has no value.
fn tokens(pattern: &str, wildcards: bool, variables: bool, question: &Question) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let variable = rest.strip_prefix("${").filter(|_| variables).and_then(|rest| rest.split_once('}'));
        if let Some((name, after)) = variable {
            let (name, default) = match name.split_once(", '") {
                Some((name, default)) => (name, default.strip_suffix('\'')),
                None => (name, None),
            };
            let value = match name {
                "*" | "?" | "$" => name.to_owned(),
                name => match question.context.get(&name.to_ascii_lowercase()).map(Vec::as_slice) {
                    Some([value]) => value.clone(),
                    _ => default?.to_owned(),
                },
            };
            out.extend(value.chars().map(Token::Just));
            rest = after;
        } else {
            out.push(if wildcards { Token::wild(c) } else { Token::Just(c) });
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(out)
}

/// Tries every length for every `*`.
fn fits(pattern: &[Token], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Token::Just(c), pattern)) => text.first() == Some(c) && fits(pattern, &text[1..]),
        Some((Token::One, pattern)) => !text.is_empty() && fits(pattern, &text[1..]),
        Some((Token::Many, pattern)) => (0..=text.len()).any(|skipped| fits(pattern, &text[skipped..])),
    }
}

fn strings(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(text).collect(),
        value => vec![text(value)],
    }
}
