//! The `${…}` syntax of policy documents of version 2012-10-17.
//!
//! `${key}` is replaced by the request's value, `${key, 'default'}` by the default when the key is absent, and `${*}`,
//! `${?}`, `${$}` are the literal characters. In older documents `${` is plain text. Anything else after `${` stays text.
//! Source: IAM User Guide, "IAM policy elements: Variables and tags".

use super::Part;
use crate::request::Key;

/// What has a meaning in a pattern's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    pub(crate) variables: bool,
}

pub(super) fn parts(text: &str, syntax: Syntax) -> Vec<Part> {
    let mut out = Parts::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if syntax.variables
            && let Some((inside, after)) = rest.strip_prefix("${").and_then(|rest| rest.split_once('}'))
            && out.variable(inside)
        {
            rest = after;
            continue;
        }
        match c {
            '*' if syntax.wildcards => out.wildcard(Part::Many),
            '?' if syntax.wildcards => out.wildcard(Part::One),
            _ => out.text.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out.flush();
    out.parts
}

#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    text: String,
}

impl Parts {
    /// Takes what stood between `${` and `}`; false when it is no variable.
    fn variable(&mut self, inside: &str) -> bool {
        if matches!(inside, "*" | "?" | "$") {
            self.text.push_str(inside);
            return true;
        }
        let (name, default) = match inside.split_once(',') {
            Some((name, default)) => {
                let quoted = default.trim().strip_prefix('\'').and_then(|default| default.strip_suffix('\''));
                let Some(default) = quoted else { return false };
                (name.trim(), Some(default))
            }
            None => (inside.trim(), None),
        };
        if name.is_empty() || name.contains("${") {
            return false;
        }
        self.flush();
        self.parts.push(Part::Variable { key: Key::new(name), default: default.map(Into::into) });
        true
    }

    fn wildcard(&mut self, part: Part) {
        self.flush();
        if part == Part::Many && self.parts.last() == Some(&Part::Many) {
            return;
        }
        self.parts.push(part);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.parts.push(Part::Text(std::mem::take(&mut self.text).into_boxed_str()));
        }
    }
}
