//! Patterns with `*` (any characters) and `?` (one character), as in file names; there is no escape, for neither character
//! is in the name of a Kubernetes object or in a role's ARN.

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    pattern: Box<str>,
}

impl Glob {
    /// Any text is a pattern.
    #[must_use]
    pub(super) fn new(pattern: &str) -> Self {
        Self { pattern: pattern.into() }
    }

    /// Whether it has a wildcard.
    #[must_use]
    pub(super) fn has_wildcard(&self) -> bool {
        self.pattern.contains(['*', '?'])
    }

    /// The more letters are given, the more specific is the pattern.
    #[must_use]
    pub(super) fn literal_len(&self) -> usize {
        self.pattern.bytes().filter(|byte| *byte != b'*').count()
    }

    /// Whether the whole text is of this pattern; the time is at most the product of their lengths.
    #[must_use]
    pub(super) fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.pattern.as_bytes(), text.as_bytes());
        let (mut at_pattern, mut at_text) = (0, 0);
        // Where to go on when what follows the last star does not match: one byte further in the text.
        let mut retry = None;
        while at_text < text.len() {
            match pattern.get(at_pattern) {
                Some(b'*') => {
                    at_pattern += 1;
                    retry = Some((at_pattern, at_text));
                    continue;
                }
                Some(expected) if *expected == b'?' || Some(expected) == text.get(at_text) => {
                    at_pattern += 1;
                    at_text += 1;
                    continue;
                }
                _ => {}
            }
            let Some((after_star, from)) = retry else { return false };
            at_pattern = after_star;
            at_text = from + 1;
            retry = Some((after_star, from + 1));
        }
        pattern.iter().skip(at_pattern).all(|byte| *byte == b'*')
    }
}

impl std::fmt::Display for Glob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("test-*", "test-1", true),
            ("test-*", "test-", true),
            ("test-*", "prod-test-1", false),
            ("*-test", "a-test-test", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("pr-?", "pr-7", true),
            ("pr-?", "pr-", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }
}
