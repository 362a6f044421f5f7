//! Edits of JSON objects and arrays that leave every other byte as it was.

use std::ops::RangeInclusive;

use super::Edit;
use crate::document::Span;

/// An object or array, and where its members or items stood.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    /// From bracket to bracket.
    pub(super) span: Span,
    /// From a member's key to the end of its value.
    pub(super) children: Vec<Span>,
}

impl Group {
    /// Which child stands at a span.
    pub(super) fn place(&self, span: Span) -> Option<usize> {
        self.children.iter().position(|child| *child == span)
    }

    /// Removes one child and its comma.
    pub(super) fn remove(&self, index: usize) -> Edit {
        self.remove_run(index..=index)
    }

    /// Removes every child for which `goes` holds. The edits do not overlap.
    pub(super) fn remove_all(&self, goes: impl Fn(usize) -> bool) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut first = None;
        for index in 0..self.children.len() {
            if !goes(index) {
                continue;
            }
            let start = *first.get_or_insert(index);
            if index + 1 == self.children.len() || !goes(index + 1) {
                edits.push(self.remove_run(start..=index));
                first = None;
            }
        }
        edits
    }

    fn remove_run(&self, run: RangeInclusive<usize>) -> Edit {
        let child = |index: usize| self.children.get(index).copied();
        let start = child(*run.start()).unwrap_or_default();
        let end = child(*run.end()).unwrap_or_default();
        let before = run.start().checked_sub(1).and_then(child);
        let span = match (child(run.end() + 1), before) {
            (Some(next), _) => Span { start: start.start, end: next.start },
            (None, Some(previous)) => Span { start: previous.end, end: end.end },
            (None, None) => Span { start: start.start, end: end.end },
        };
        Edit::new(span, "")
    }

    /// Adds a child after the last one, on a line of its own where the last one has one.
    pub(super) fn append(&self, text: &str, child: &str) -> Edit {
        match self.children.last() {
            Some(last) => self.insert_after(text, *last, child),
            None => {
                let inside = (self.span.start + 1).min(self.span.end);
                Edit::new(Span { start: inside, end: inside }, child)
            }
        }
    }

    /// Adds a child after another one.
    pub(super) fn insert_after(&self, text: &str, sibling: Span, child: &str) -> Edit {
        let gap = match indent(text, sibling.start) {
            Some(indent) => format!("\n{indent}"),
            None => " ".to_owned(),
        };
        let at = Span { start: sibling.end, end: sibling.end };
        Edit::new(at, format!(",{gap}{child}"))
    }
}

/// The white space before `at`, when there is nothing else on its line.
fn indent(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?;
    let line = before.rsplit_once('\n')?.1;
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t')).then_some(line)
}

/// `text` as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `"key": value`
pub(super) fn member(key: &str, value: &str) -> String {
    format!("{}: {value}", quoted(key))
}

/// The text at a span.
pub(super) fn source(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or_default()
}
