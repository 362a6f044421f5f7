//! Where an element stands in its document, written out only when it is complained about.

use std::fmt;

/// The way from the document's root to an element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Root,
    Statement(usize),
    Member(&'a str),
}

impl<'a> Path<'a> {
    /// The document itself.
    pub(crate) const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    /// `Statement[INDEX]`
    pub(crate) fn statement(index: usize) -> Path<'static> {
        Path { parent: None, step: Step::Statement(index) }
    }

    /// A member of the object at this path.
    pub(crate) fn member(&'a self, name: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Member(name) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.parent, self.step) {
            (_, Step::Root) => Ok(()),
            (_, Step::Statement(index)) => write!(f, "Statement[{index}]"),
            (Some(Path { step: Step::Root, .. }) | None, Step::Member(name)) => f.write_str(name),
            (Some(parent), Step::Member(name)) => write!(f, "{parent}.{name}"),
        }
    }
}

impl From<Path<'_>> for String {
    fn from(path: Path<'_>) -> String {
        path.to_string()
    }
}
