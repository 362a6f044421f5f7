//! The policy's side of a comparison, parsed for its operator.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use super::decimal::{self, Decimal};
use super::moment;
use super::operator::{Comparison, Family};
use crate::arn::{Arn, ArnText};
use crate::pattern::{ArnPattern, Pattern, Syntax};
use crate::request::Context;

/// The values of a condition. A value that its operator cannot read is `None` and equals nothing.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    Text(Box<[Pattern]>),
    TextIgnoringCase(Box<[Pattern]>),
    Numeric(Comparison, Box<[Option<Decimal>]>),
    Date(Comparison, Box<[Option<i128>]>),
    Bool(Box<[Option<bool>]>),
    Binary(Box<[Option<Vec<u8>>]>),
    Ip(Box<[Option<IpNet>]>),
    Arn(Box<[Option<ArnPattern>]>),
    Null(Box<[Option<bool>]>),
    /// The operator is unknown; what comes of it does not depend on the request.
    Unknown {
        holds: bool,
    },
}

impl Wanted {
    pub(crate) fn compile<'a>(
        family: Family,
        values: impl Iterator<Item = &'a str>,
        variables: bool,
    ) -> Wanted {
        let text = |wildcards| move |value: &str| Pattern::compile(value, Syntax { wildcards, variables });
        match family {
            Family::StringEquals => Wanted::Text(values.map(text(false)).collect()),
            Family::StringLike => Wanted::Text(values.map(text(true)).collect()),
            Family::StringEqualsIgnoreCase => Wanted::TextIgnoringCase(values.map(text(false)).collect()),
            Family::Numeric(comparison) => Wanted::Numeric(comparison, values.map(decimal::parse).collect()),
            Family::Date(comparison) => Wanted::Date(comparison, values.map(moment::parse).collect()),
            Family::Bool => Wanted::Bool(values.map(boolean).collect()),
            Family::Binary => Wanted::Binary(values.map(|value| STANDARD.decode(value).ok()).collect()),
            Family::Ip => Wanted::Ip(values.map(network).collect()),
            Family::Arn => Wanted::Arn(values.map(|value| ArnPattern::condition(value, variables)).collect()),
            Family::Null => Wanted::Null(values.map(boolean).collect()),
            Family::Unknown => Wanted::Unknown { holds: false },
        }
    }

    /// Whether one of the policy's values matches `found`, before negation.
    pub(crate) fn any_matches(&self, found: &str, context: &Context) -> bool {
        match self {
            Wanted::Text(wanted) => wanted.iter().any(|pattern| pattern.matches(found, context)),
            Wanted::TextIgnoringCase(wanted) => {
                wanted.iter().any(|pattern| pattern.matches_ignoring_case(found, context))
            }
            Wanted::Numeric(comparison, wanted) => compare(*comparison, decimal::parse(found), wanted),
            Wanted::Date(comparison, wanted) => compare(*comparison, moment::parse(found), wanted),
            Wanted::Bool(wanted) => boolean(found).is_some_and(|found| wanted.contains(&Some(found))),
            Wanted::Binary(wanted) => wanted.iter().flatten().any(|wanted| is_base64_of(found, wanted)),
            Wanted::Ip(wanted) => address(found)
                .is_some_and(|found| wanted.iter().flatten().any(|network| network.contains(&found))),
            Wanted::Arn(wanted) => {
                let arn = ArnText::new(found);
                wanted.iter().flatten().any(|pattern| pattern.matches(&arn, context))
            }
            Wanted::Null(_) | Wanted::Unknown { .. } => false,
        }
    }

    /// Whether `found` is of the kind that the operator compares.
    pub(crate) fn can_read(&self, found: &str) -> bool {
        match self {
            Wanted::Text(_) | Wanted::TextIgnoringCase(_) | Wanted::Null(_) | Wanted::Unknown { .. } => true,
            Wanted::Numeric(..) => decimal::parse(found).is_some(),
            Wanted::Date(..) => moment::parse(found).is_some(),
            Wanted::Bool(_) => boolean(found).is_some(),
            Wanted::Binary(_) => STANDARD.decode(found).is_ok(),
            Wanted::Ip(_) => address(found).is_some(),
            Wanted::Arn(_) => Arn::parse(found).is_some(),
        }
    }

    /// Whether every value of the policy could not be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        fn all_none<T>(values: &[Option<T>]) -> bool {
            !values.is_empty() && values.iter().all(Option::is_none)
        }
        match self {
            Wanted::Text(_) | Wanted::TextIgnoringCase(_) | Wanted::Unknown { .. } => false,
            Wanted::Numeric(_, values) => all_none(values),
            Wanted::Date(_, values) => all_none(values),
            Wanted::Bool(values) | Wanted::Null(values) => all_none(values),
            Wanted::Binary(values) => all_none(values),
            Wanted::Ip(values) => all_none(values),
            Wanted::Arn(values) => all_none(values),
        }
    }

    /// The first variable without value or default.
    pub(crate) fn unresolved<'a>(&'a self, context: &Context) -> Option<&'a str> {
        match self {
            Wanted::Text(wanted) | Wanted::TextIgnoringCase(wanted) => {
                wanted.iter().find_map(|pattern| pattern.unresolved(context))
            }
            Wanted::Arn(wanted) => wanted.iter().flatten().find_map(|pattern| pattern.unresolved(context)),
            _ => None,
        }
    }

    /// The keys of the variables in its values, as written.
    pub(crate) fn variable_names(&self) -> Vec<&str> {
        match self {
            Wanted::Text(wanted) | Wanted::TextIgnoringCase(wanted) => {
                wanted.iter().flat_map(Pattern::variable_names).collect()
            }
            Wanted::Arn(wanted) => wanted.iter().flatten().flat_map(ArnPattern::variable_names).collect(),
            _ => Vec::new(),
        }
    }

    /// The `index`th value with its variables replaced; `None` when it has none.
    pub(crate) fn resolved(&self, index: usize, context: &Context) -> Option<String> {
        match self {
            Wanted::Text(wanted) | Wanted::TextIgnoringCase(wanted) => wanted
                .get(index)
                .filter(|pattern| pattern.has_variables())
                .map(|pattern| pattern.resolved(context)),
            Wanted::Arn(wanted) => wanted
                .get(index)?
                .as_ref()
                .filter(|pattern| pattern.has_variables())
                .map(|pattern| pattern.resolved(context)),
            _ => None,
        }
    }
}

fn compare<T: Ord>(comparison: Comparison, found: Option<T>, wanted: &[Option<T>]) -> bool {
    found.is_some_and(|found| wanted.iter().flatten().any(|wanted| comparison.accepts(found.cmp(wanted))))
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Compares without decoding into memory: the canonical encoding of `wanted` is produced piece by piece.
fn is_base64_of(found: &str, wanted: &[u8]) -> bool {
    let mut rest = found.as_bytes();
    for chunk in wanted.chunks(48) {
        let mut encoded = [0; 64];
        let Ok(length) = STANDARD.encode_slice(chunk, &mut encoded) else { return false };
        let Some(after) = encoded.get(..length).and_then(|encoded| rest.strip_prefix(encoded)) else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}

fn network(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(network) => Some(network.trunc()),
        Err(_) => address(text).map(IpNet::from),
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}
