//! Patterns: text with `*`, `?` and `${variables}`, compiled once and matched without allocation.
//!
//! `*` stands for any run of characters, `?` for exactly one; substituted variables are literal text (IAM User Guide,
//! "Policy variables"). Matching remembers only the last `*`, so it costs at most pattern × text and never recurses.
//! A pattern without variables is sorted into the cheapest of any, exact, prefix, suffix and general glob.

mod arn;
mod variable;

use crate::request::{Context, Key};
pub(crate) use arn::ArnPattern;
pub(crate) use variable::Syntax;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    Any,
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Glob(Box<[Part]>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Text(Box<str>),
    /// `?`
    One,
    /// `*`
    Many,
    /// `${key}` or `${key, 'default'}`
    Variable {
        key: Key,
        default: Option<Box<str>>,
    },
}

impl Pattern {
    /// Compiles `text`.
    pub(crate) fn compile(text: &str, syntax: Syntax) -> Pattern {
        if is_plain(text) {
            return Pattern::Exact(text.into());
        }
        Pattern::classify(variable::parts(text, syntax))
    }

    /// Whether `text` matches. A pattern with a variable that has neither value nor default matches nothing.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Exact(exact) => **exact == *text,
            Pattern::Prefix(prefix) => text.starts_with(&**prefix),
            Pattern::Suffix(suffix) => text.ends_with(&**suffix),
            Pattern::Glob(parts) => glob(parts, text, context, false),
        }
    }

    /// As [`Pattern::matches`], but ASCII letters match in either case.
    pub(crate) fn matches_ignoring_case(&self, text: &str, context: &Context) -> bool {
        match self {
            Pattern::Exact(exact) => exact.eq_ignore_ascii_case(text),
            Pattern::Any => true,
            Pattern::Prefix(prefix) => starts_with(text.as_bytes(), 0, prefix, true).is_some(),
            Pattern::Suffix(suffix) => text
                .len()
                .checked_sub(suffix.len())
                .is_some_and(|at| starts_with(text.as_bytes(), at, suffix, true).is_some()),
            Pattern::Glob(parts) => glob(parts, text, context, true),
        }
    }

    /// The first variable that has no value in `context` and no default.
    pub(crate) fn unresolved<'a>(&'a self, context: &Context) -> Option<&'a str> {
        self.variables()
            .find(|(key, default)| default.is_none() && context.scalar(key).is_none())
            .map(|(key, _)| key.name())
    }

    /// Whether the pattern holds a variable.
    pub(crate) fn has_variables(&self) -> bool {
        self.variables().next().is_some()
    }

    /// The keys of its variables, as written.
    pub(crate) fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.variables().map(|(key, _)| key.name())
    }

    fn variables(&self) -> impl Iterator<Item = (&Key, Option<&str>)> {
        let parts: &[Part] = match self {
            Pattern::Glob(parts) => parts,
            _ => &[],
        };
        parts.iter().filter_map(|part| match part {
            Part::Variable { key, default } => Some((key, default.as_deref())),
            _ => None,
        })
    }

    /// The pattern as text with every variable replaced, for explanations.
    pub(crate) fn resolved(&self, context: &Context) -> String {
        match self {
            Pattern::Any => "*".to_owned(),
            Pattern::Exact(text) => text.to_string(),
            Pattern::Prefix(text) => format!("{text}*"),
            Pattern::Suffix(text) => format!("*{text}"),
            Pattern::Glob(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text,
                    Part::One => "?",
                    Part::Many => "*",
                    Part::Variable { key, default } => {
                        context.scalar(key).or(default.as_deref()).unwrap_or("${unresolved}")
                    }
                })
                .collect(),
        }
    }

    fn classify(parts: Vec<Part>) -> Pattern {
        match parts.as_slice() {
            [] => Pattern::Exact("".into()),
            [Part::Many] => Pattern::Any,
            [Part::Text(text)] => Pattern::Exact(text.clone()),
            [Part::Text(text), Part::Many] => Pattern::Prefix(text.clone()),
            [Part::Many, Part::Text(text)] => Pattern::Suffix(text.clone()),
            _ => Pattern::Glob(parts.into_boxed_slice()),
        }
    }
}

/// Whether nothing in `text` has a meaning in any syntax.
fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'*' | b'?' | b'$'))
}

/// Where the last `*` stood, and how much text it has swallowed so far.
#[derive(Clone, Copy)]
struct Star {
    part: usize,
    text: usize,
}

fn glob(parts: &[Part], text: &str, context: &Context, fold: bool) -> bool {
    let bytes = text.as_bytes();
    let (mut part, mut at) = (0, 0);
    let mut star: Option<Star> = None;
    loop {
        let step = match parts.get(part) {
            Some(Part::Many) => {
                star = Some(Star { part: part + 1, text: at });
                Some(0)
            }
            Some(Part::One) => one(bytes, at),
            Some(Part::Text(literal)) => starts_with(bytes, at, literal, fold),
            Some(Part::Variable { key, default }) => match context.scalar(key).or(default.as_deref()) {
                Some(literal) => starts_with(bytes, at, literal, fold),
                None => return false,
            },
            None if at == bytes.len() => return true,
            None => None,
        };
        match (step, star) {
            (Some(width), _) => {
                at += width;
                part += 1;
            }
            (None, Some(last)) => {
                let Some(width) = one(bytes, last.text) else { return false };
                at = last.text + width;
                part = last.part;
                star = Some(Star { part, text: at });
            }
            (None, None) => return false,
        }
    }
}

/// The width of the character at `at`.
fn one(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at)?;
    let continuation =
        bytes.get(at + 1..).unwrap_or_default().iter().take_while(|b| *b & 0xc0 == 0x80).count();
    Some(1 + continuation)
}

fn starts_with(bytes: &[u8], at: usize, literal: &str, fold: bool) -> Option<usize> {
    let found = bytes.get(at..at + literal.len())?;
    let equal =
        if fold { found.eq_ignore_ascii_case(literal.as_bytes()) } else { found == literal.as_bytes() };
    equal.then_some(literal.len())
}

#[cfg(test)]
mod tests;
