//! Applies fixes to a document's text.

use super::{Edit, Fix};

/// The text after the fixes. Of fixes that overlap the first wins; the rest is left for the next round, after the document
/// was linted again. A fix whose spans do not fit the text is left out.
pub fn apply<'a>(text: &str, fixes: impl IntoIterator<Item = &'a Fix>) -> String {
    let mut taken: Vec<&Edit> = Vec::new();
    for fix in fixes {
        let edits: Vec<&Edit> = fix.edits.iter().collect();
        let fits = |edit: &&Edit| text.get(edit.span.start..edit.span.end).is_some();
        let is_free = |(index, edit): (usize, &&Edit)| {
            taken.iter().chain(edits.iter().take(index)).all(|other| !collide(edit, other))
        };
        if edits.iter().all(fits) && edits.iter().enumerate().all(is_free) {
            taken.extend(edits);
        }
    }
    taken.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in taken {
        out.push_str(text.get(at..edit.span.start).unwrap_or_default());
        out.push_str(&edit.text);
        at = edit.span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// An insertion also collides with what it touches: a comma before it may be gone.
fn collide(a: &Edit, b: &Edit) -> bool {
    let (a, b) = (a.span, b.span);
    let is_insertion = a.start == a.end || b.start == b.end;
    if is_insertion { a.start <= b.end && b.start <= a.end } else { a.start < b.end && b.start < a.end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;

    fn fix(edits: &[(usize, usize, &str)]) -> Fix {
        let edit =
            |(start, end, text): &(usize, usize, &str)| Edit::new(Span { start: *start, end: *end }, *text);
        Fix::new("", edits.iter().map(edit).collect())
    }

    #[test]
    fn the_first_of_overlapping_fixes_wins() {
        for (fixes, expected) in [
            (vec![fix(&[(0, 1, "x")]), fix(&[(1, 2, "y")])], "xycdef"),
            (vec![fix(&[(0, 2, "x")]), fix(&[(1, 3, "y")])], "xcdef"),
            (vec![fix(&[(4, 5, "x")]), fix(&[(0, 1, "y"), (4, 6, "z")]), fix(&[(1, 1, "!")])], "a!bcdxf"),
            (vec![fix(&[(2, 2, "x")]), fix(&[(2, 2, "y")])], "abxcdef"),
            (vec![fix(&[(1, 2, "")]), fix(&[(2, 2, "y")])], "acdef"),
            (vec![fix(&[(5, 9, "x")]), fix(&[(3, 1, "x")])], "abcdef"),
            (vec![fix(&[(0, 2, "x"), (1, 3, "y")])], "abcdef"),
        ] {
            assert_eq!(apply("abcdef", &fixes), expected, "{fixes:?}");
        }
    }

    #[test]
    fn characters_are_never_split() {
        assert_eq!(apply("a€b", &[fix(&[(2, 3, "x")])]), "a€b");
        assert_eq!(apply("a€b", &[fix(&[(1, 4, "x")])]), "axb");
    }
}
