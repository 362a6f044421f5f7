//! Edits of JSON objects and arrays that leave every other byte as it was.

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
        let child = |index: usize| self.children.get(index).copied();
        let gone = child(index).unwrap_or_default();
        let before = index.checked_sub(1).and_then(child);
        let span = match (child(index + 1), before) {
            (Some(next), _) => Span { start: gone.start, end: next.start },
            (None, Some(previous)) => Span { start: previous.end, end: gone.end },
            (None, None) => gone,
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
