//! The names of condition operators: an optional set prefix, a comparison, an optional `IfExists`.

use std::cmp::Ordering;

/// A parsed operator name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) set: Option<Set>,
    pub(crate) family: Family,
    pub(crate) negated: bool,
    pub(crate) if_exists: bool,
}

/// The prefixes for keys with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    ForAllValues,
    ForAnyValue,
}

/// How one value is compared with another; negation is kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Comparison),
    Date(Comparison),
    Bool,
    Binary,
    Ip,
    Arn,
    Null,
    /// None that AWS has.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether the request's value stands to the policy's as the operator wants.
    pub(crate) fn accepts(self, found_to_wanted: Ordering) -> bool {
        match self {
            Comparison::Equal => found_to_wanted.is_eq(),
            Comparison::Less => found_to_wanted.is_lt(),
            Comparison::LessOrEqual => found_to_wanted.is_le(),
            Comparison::Greater => found_to_wanted.is_gt(),
            Comparison::GreaterOrEqual => found_to_wanted.is_ge(),
        }
    }

    fn parse(name: &str) -> Option<(Comparison, bool)> {
        Some(match name {
            "Equals" => (Comparison::Equal, false),
            "NotEquals" => (Comparison::Equal, true),
            "LessThan" => (Comparison::Less, false),
            "LessThanEquals" => (Comparison::LessOrEqual, false),
            "GreaterThan" => (Comparison::Greater, false),
            "GreaterThanEquals" => (Comparison::GreaterOrEqual, false),
            _ => return None,
        })
    }
}

impl Operator {
    /// What stands for a name that AWS does not have.
    pub(crate) const UNKNOWN: Operator =
        Operator { set: None, family: Family::Unknown, negated: false, if_exists: false };

    /// Parses a name; `None` when AWS has no such operator. Names are case-sensitive.
    pub(crate) fn parse(name: &str) -> Option<Operator> {
        let (set, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Set::ForAllValues), rest),
            Some(("ForAnyValue", rest)) => (Some(Set::ForAnyValue), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (family, negated) = match base {
            "StringEquals" => (Family::StringEquals, false),
            "StringNotEquals" => (Family::StringEquals, true),
            "StringEqualsIgnoreCase" => (Family::StringEqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Family::StringEqualsIgnoreCase, true),
            "StringLike" => (Family::StringLike, false),
            "StringNotLike" => (Family::StringLike, true),
            "Bool" => (Family::Bool, false),
            "BinaryEquals" => (Family::Binary, false),
            "IpAddress" => (Family::Ip, false),
            "NotIpAddress" => (Family::Ip, true),
            "ArnEquals" | "ArnLike" => (Family::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Family::Arn, true),
            // "You can add IfExists to the end of any condition operator name except the Null condition"
            "Null" if !if_exists => (Family::Null, false),
            _ => {
                if let Some(name) = base.strip_prefix("Numeric") {
                    let (comparison, negated) = Comparison::parse(name)?;
                    (Family::Numeric(comparison), negated)
                } else {
                    let (comparison, negated) = Comparison::parse(base.strip_prefix("Date")?)?;
                    (Family::Date(comparison), negated)
                }
            }
        };
        Some(Operator { set, family, negated, if_exists })
    }
}
