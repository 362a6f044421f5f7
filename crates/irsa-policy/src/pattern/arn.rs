//! ARN patterns: each of the parts between colons is a pattern of its own.
//!
//! A `*` or `?` matches anything within its part, in the resource part colons and slashes too. Two choices where AWS's pages
//! are silent or disagree: a pattern with fewer than five colons is padded with `*` (AWS echoes such ARNs padded in its
//! messages), and a `*` that ends an earlier part does not run over the next colon (the page on `Resource` says that it can,
//! and in the same sentence advises against it; matching less is the safer reading for an Allow).

use super::{Pattern, Syntax, is_plain};
use crate::arn::ArnText;
use crate::request::Context;

/// A pattern over whole ARNs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ArnPattern {
    /// Nothing but the resource part is a pattern; before it stands this, up to and with the fifth colon.
    Resource(Box<str>, Pattern),
    Parts([Pattern; 5]),
    /// A condition's value that starts with a variable, such as `${aws:PrincipalArn}`: where its colons are is not known.
    Whole(Pattern),
}

impl ArnPattern {
    /// Compiles an element of `Resource`: variables count only in the resource part (IAM User Guide, "Variables").
    pub(crate) fn resource(text: &str, variables: bool) -> Option<ArnPattern> {
        ArnPattern::compile(text, false, variables)
    }

    /// Compiles a value of an ARN condition operator; `None` when it is no ARN, so that it matches nothing.
    pub(crate) fn condition(text: &str, variables: bool) -> Option<ArnPattern> {
        if text == "*" {
            return ArnPattern::compile("arn:*", false, false);
        }
        if variables && text.starts_with("${") {
            return Some(ArnPattern::Whole(Pattern::compile(text, Syntax { wildcards: true, variables })));
        }
        ArnPattern::compile(text, variables, variables)
    }

    /// Whether `arn` is one, and matches.
    pub(crate) fn matches(&self, arn: &ArnText<'_>, context: &Context) -> bool {
        match self {
            ArnPattern::Resource(head, pattern) => {
                arn.text().strip_prefix(&**head).is_some_and(|resource| pattern.matches(resource, context))
            }
            ArnPattern::Parts([partition, service, region, account, resource]) => {
                arn.parts().is_some_and(|arn| {
                    resource.matches(arn.resource, context)
                        && service.matches(arn.service, context)
                        && account.matches(arn.account, context)
                        && region.matches(arn.region, context)
                        && partition.matches(arn.partition, context)
                })
            }
            ArnPattern::Whole(pattern) => arn.parts().is_some() && pattern.matches(arn.text(), context),
        }
    }

    /// The first variable without value or default.
    pub(crate) fn unresolved<'a>(&'a self, context: &Context) -> Option<&'a str> {
        self.parts().iter().find_map(|part| part.unresolved(context))
    }

    /// Whether any part holds a variable.
    pub(crate) fn has_variables(&self) -> bool {
        self.parts().iter().any(Pattern::has_variables)
    }

    /// The keys of its variables, as written.
    pub(crate) fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.parts().iter().flat_map(Pattern::variable_names)
    }

    /// The pattern as text with every variable replaced.
    pub(crate) fn resolved(&self, context: &Context) -> String {
        let parts: Vec<String> = self.parts().iter().map(|part| part.resolved(context)).collect();
        match self {
            ArnPattern::Resource(head, _) => format!("{head}{}", parts.concat()),
            ArnPattern::Parts(_) => format!("arn:{}", parts.join(":")),
            ArnPattern::Whole(_) => parts.concat(),
        }
    }

    fn parts(&self) -> &[Pattern] {
        match self {
            ArnPattern::Parts(parts) => parts,
            ArnPattern::Resource(_, pattern) | ArnPattern::Whole(pattern) => std::slice::from_ref(pattern),
        }
    }

    fn compile(text: &str, in_head: bool, in_resource: bool) -> Option<ArnPattern> {
        let mut rest = Some(text.strip_prefix("arn:")?);
        let pattern = |text, variables| Pattern::compile(text, Syntax { wildcards: true, variables });
        if let Some((head, resource)) = plain_head(text) {
            return Some(ArnPattern::Resource(head.into(), pattern(resource, in_resource)));
        }
        let mut part = |is_last: bool, variables| {
            let Some(text) = rest else { return Pattern::Any };
            // The resource part runs to the end, colons and all.
            let (part, after) = match colon(text).filter(|_| !is_last) {
                Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
                None => (text, None),
            };
            rest = after;
            pattern(part, variables)
        };
        let head = [(); 4].map(|()| part(false, in_head));
        let [partition, service, region, account] = head;
        Some(ArnPattern::Parts([partition, service, region, account, part(true, in_resource)]))
    }
}

/// The text up to and with the fifth colon if nothing in it has a meaning, and the resource part.
fn plain_head(text: &str) -> Option<(&str, &str)> {
    let (fifth, _) = text.match_indices(':').nth(4)?;
    text.split_at_checked(fifth + 1).filter(|(head, _)| is_plain(head))
}

/// The first colon outside of a variable: `${oidc.example.com:sub}` is one piece.
fn colon(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let colon = rest.find(':')?;
        match rest
            .find("${")
            .filter(|variable| *variable < colon)
            .and_then(|at| Some((at, rest.get(at..)?.find('}')?)))
        {
            Some((at, length)) => from += at + length + 1,
            None => return Some(from + colon),
        }
    }
}
