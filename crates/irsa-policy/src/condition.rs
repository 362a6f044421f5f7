//! Condition operators, with their values parsed when the policy is compiled.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Conditions with multiple keys or values".
//! All keys of all operators must hold; one of the values is enough, and for a negated operator none may match.
//!
//! An absent key (no value at all counts as absent): a plain operator fails, a negated one holds, `…IfExists` and
//! `ForAllValues:` hold, `ForAnyValue:` fails. Where AWS's pages leave a gap we chose:
//! - `ForAnyValue:…IfExists` holds when the key is absent: the text on `IfExists` has no exception;
//! - a plain operator never holds for a key that has several values: the pages demand a set operator for it;
//! - a value that is no number, date, address or ARN equals nothing, so the negated operators hold for it;
//! - `ForAnyValue:` with a negated operator asks for a value of the request that none of the policy's values match;
//! - ignoring case folds ASCII only; the IPv6 form of an IPv4 address (`::ffff:a.b.c.d`) is that IPv4 address;
//! - numbers are decimal without exponent, up to twenty digits before and eighteen after the point.

mod decimal;
mod moment;
mod operator;
mod wanted;

use crate::document::{ConditionText, Effect};
use crate::request::{Context, Key, Values};
pub(crate) use moment::parse as parse_moment;
pub(crate) use operator::{Family, Operator, Set};
pub(crate) use wanted::Wanted;

/// One key under one operator, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: Key,
    pub(crate) wanted: Wanted,
}

impl Condition {
    /// Compiles one entry of the `Condition` block of a statement with this effect.
    pub(crate) fn compile(text: &ConditionText, effect: Effect, variables: bool) -> Condition {
        let key = Key::new(&text.key.value);
        let Some(operator) = text.parsed else {
            return Condition {
                operator: Operator::UNKNOWN,
                key,
                wanted: Wanted::Unknown { holds: effect == Effect::Deny },
            };
        };
        let values = text.values.iter().map(|value| value.value.as_str());
        Condition { operator, key, wanted: Wanted::compile(operator.family, values, variables) }
    }

    /// Whether the condition holds for a request with these keys.
    pub(crate) fn holds(&self, context: &Context) -> bool {
        let found = self.found(context);
        match &self.wanted {
            Wanted::Null(wanted) => return wanted.contains(&Some(found.is_none())),
            Wanted::Unknown { holds } => return *holds,
            _ => {}
        }
        match (self.operator.set, found) {
            (None, None) => self.operator.if_exists || self.operator.negated,
            (None, Some([value])) => self.value_holds(value, context),
            (None, Some(_)) => false,
            (Some(Set::ForAnyValue), None) => self.operator.if_exists,
            (Some(Set::ForAnyValue), Some(values)) => {
                values.iter().any(|value| self.value_holds(value, context))
            }
            (Some(Set::ForAllValues), None) => true,
            // "or if the key value resolves to an empty data set, such as an empty string"
            (Some(Set::ForAllValues), Some([value])) if value.is_empty() => true,
            (Some(Set::ForAllValues), Some(values)) => {
                values.iter().all(|value| self.value_holds(value, context))
            }
        }
    }

    /// The key's values; `None` when it is absent or has none.
    pub(crate) fn found<'a>(&self, context: &'a Context) -> Option<&'a [String]> {
        context.find(&self.key).map(Values::as_slice).filter(|values| !values.is_empty())
    }

    fn value_holds(&self, value: &str, context: &Context) -> bool {
        self.wanted.any_matches(value, context) != self.operator.negated
    }
}

#[cfg(test)]
mod tests;
