//! Constraints of AWS's service models, and the text AWS answers when a request violates them.
//!
//! The words were recorded from AWS: `1 validation error detected: Value 'a:b' at 'roleSessionName' failed to
//! satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`. All violations of one
//! request are reported together, joined by `; `.

use super::Node;
use std::fmt::{self, Write};

/// Every constraint that a request violates. `Display` is AWS's message; the code is `ValidationError`, status 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    violations: Vec<String>,
}

impl ValidationError {
    /// A single violation in its whole wording, from `Value` to the constraint.
    pub fn single(violation: String) -> ValidationError {
        ValidationError { violations: vec![violation] }
    }

    /// The violations in the order found, without the heading.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.violations.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} validation error{plural} detected: {}", self.violations.join("; "))
    }
}

impl std::error::Error for ValidationError {}

/// What a service model says of a string: its length in characters, its pattern, its allowed values.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Fewest characters.
    pub min: Option<usize>,
    /// Most characters.
    pub max: Option<usize>,
    /// The regular expression.
    pub pattern: Option<Pattern>,
    /// The allowed values; empty when any is.
    pub values: &'static [&'static str],
    /// A secret: its value is not repeated in the message.
    pub sensitive: bool,
}

/// `\p{L}` of a pattern, and the few marks that Unicode counts as alphabetic.
pub fn is_letter(character: char) -> bool {
    character.is_alphabetic() && !character.is_numeric()
}

/// `\p{Z}` of a pattern: spaces and separators, no control characters.
pub fn is_separator(character: char) -> bool {
    character.is_whitespace() && !character.is_control()
}

/// `\p{N}` of a pattern.
pub fn is_number(character: char) -> bool {
    character.is_numeric()
}

/// A regular expression of a service model.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// As the model writes it, for the message.
    pub source: &'static str,
    /// Whether the whole value matches; generated from the source.
    pub matches: fn(&str) -> bool,
}

impl Text {
    /// No constraint at all.
    pub const ANY: Text = Text { min: None, max: None, pattern: None, values: &[], sensitive: false };

    /// Whether the value satisfies all of it.
    pub fn accepts(&self, value: &str) -> bool {
        self.too_short(value).is_none()
            && self.too_long(value).is_none()
            && self.mismatch(value).is_none()
            && self.unlisted(value).is_none()
    }

    fn too_short(&self, value: &str) -> Option<usize> {
        self.min.filter(|min| value.chars().count() < *min)
    }

    fn too_long(&self, value: &str) -> Option<usize> {
        // Characters are never more than bytes: most values need no counting.
        self.max.filter(|max| value.len() > *max && value.chars().count() > *max)
    }

    fn mismatch(&self, value: &str) -> Option<&'static str> {
        self.pattern.filter(|pattern| !(pattern.matches)(value)).map(|pattern| pattern.source)
    }

    fn unlisted(&self, value: &str) -> Option<&'static [&'static str]> {
        (!self.values.is_empty() && !self.values.contains(&value)).then_some(self.values)
    }
}

/// Reads values and remembers every violation, with the path of the member that AWS would name.
#[derive(Debug, Default)]
pub struct Validator {
    violations: Vec<String>,
    path: String,
}

impl Validator {
    /// Nothing violated yet.
    pub fn new() -> Validator {
        Validator::default()
    }

    /// The value, or all violations together.
    ///
    /// # Errors
    /// When any constraint was violated.
    pub fn finish<T>(self, value: T) -> Result<T, ValidationError> {
        if self.violations.is_empty() {
            Ok(value)
        } else {
            Err(ValidationError { violations: self.violations })
        }
    }

    /// A string that may be absent.
    pub fn text(&mut self, name: &str, value: Option<&str>, constraint: &Text) -> Option<String> {
        let value = value?;
        let subject = if constraint.sensitive { "Value".to_owned() } else { format!("Value '{value}'") };
        if let Some(pattern) = constraint.mismatch(value) {
            self.report(
                name,
                &subject,
                format_args!("Member must satisfy regular expression pattern: {pattern}"),
            );
        }
        if let Some(max) = constraint.too_long(value) {
            self.report(name, &subject, format_args!("Member must have length less than or equal to {max}"));
        }
        if let Some(min) = constraint.too_short(value) {
            self.report(
                name,
                &subject,
                format_args!("Member must have length greater than or equal to {min}"),
            );
        }
        if let Some(values) = constraint.unlisted(value) {
            let set = values.join(", ");
            self.report(name, &subject, format_args!("Member must satisfy enum value set: [{set}]"));
        }
        Some(value.to_owned())
    }

    /// A whole number within the model's range. One that cannot be read is reported, and zero.
    pub fn integer(
        &mut self,
        name: &str,
        value: Option<&str>,
        min: Option<i32>,
        max: Option<i32>,
    ) -> Option<i32> {
        let text = value?;
        match text.parse::<i32>() {
            Ok(number) => {
                self.range(name, number, min, max);
                Some(number)
            }
            Err(_) => {
                self.report(name, &format!("Value '{text}'"), format_args!("Member must be a whole number"));
                Some(0)
            }
        }
    }

    /// The range of a number that is already one.
    pub fn range(&mut self, name: &str, number: i32, min: Option<i32>, max: Option<i32>) {
        let subject = format!("Value '{number}'");
        if let Some(max) = max.filter(|max| number > *max) {
            self.report(name, &subject, format_args!("Member must have value less than or equal to {max}"));
        }
        if let Some(min) = min.filter(|min| number < *min) {
            self.report(
                name,
                &subject,
                format_args!("Member must have value greater than or equal to {min}"),
            );
        }
    }

    /// `true` or `false`. Anything else is reported, and false.
    pub fn boolean(&mut self, name: &str, value: Option<&str>) -> Option<bool> {
        let text = value?;
        if text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            let subject = format!("Value '{text}'");
            self.report(name, &subject, format_args!("Member must satisfy enum value set: [true, false]"));
            Some(false)
        }
    }

    /// A list's length. `shown` is the list as AWS prints it in the message.
    pub fn length(
        &mut self,
        name: &str,
        length: usize,
        shown: impl fmt::Display,
        min: Option<usize>,
        max: Option<usize>,
    ) {
        if let Some(max) = max.filter(|max| length > *max) {
            let subject = format!("Value '{shown}'");
            self.report(name, &subject, format_args!("Member must have length less than or equal to {max}"));
        }
        if let Some(min) = min.filter(|min| length < *min) {
            let subject = format!("Value '{shown}'");
            self.report(
                name,
                &subject,
                format_args!("Member must have length greater than or equal to {min}"),
            );
        }
    }

    /// A list of strings whose elements are constrained: AWS names the whole list and all that an element must satisfy.
    pub fn texts(&mut self, name: &str, values: &[String], element: &Text) {
        if values.iter().all(|value| element.accepts(value)) {
            return;
        }
        let mut wanted = Vec::new();
        if let Some(max) = element.max {
            wanted.push(format!("Member must have length less than or equal to {max}"));
        }
        if let Some(min) = element.min {
            wanted.push(format!("Member must have length greater than or equal to {min}"));
        }
        if let Some(Pattern { source, .. }) = element.pattern {
            wanted.push(format!("Member must satisfy regular expression pattern: {source}"));
        }
        if !element.values.is_empty() {
            wanted.push(format!("Member must satisfy enum value set: [{}]", element.values.join(", ")));
        }
        let subject = format!("Value '[{}]'", values.join(", "));
        self.report(name, &subject, format_args!("Member must satisfy constraint: [{}]", wanted.join(", ")));
    }

    /// A list of strings.
    pub fn text_list(
        &mut self,
        name: &str,
        list: Option<Vec<Node<'_>>>,
        min: Option<usize>,
        max: Option<usize>,
        element: &Text,
    ) -> Option<Vec<String>> {
        let values = list?.iter().map(|item| item.value().unwrap_or_default().to_owned()).collect();
        self.strings(name, values, min, max, element)
    }

    /// A list that a query string gives by repeating its name; none when it does not occur.
    pub fn repeated<'v>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = &'v str>,
        min: Option<usize>,
        max: Option<usize>,
        element: &Text,
    ) -> Option<Vec<String>> {
        let values: Vec<String> = values.map(str::to_owned).collect();
        if values.is_empty() { None } else { self.strings(name, values, min, max, element) }
    }

    fn strings(
        &mut self,
        name: &str,
        values: Vec<String>,
        min: Option<usize>,
        max: Option<usize>,
        element: &Text,
    ) -> Option<Vec<String>> {
        self.length(name, values.len(), format_args!("[{}]", values.join(", ")), min, max);
        self.texts(name, &values, element);
        Some(values)
    }

    /// A list of structures, each read by `read`.
    pub fn list<T>(
        &mut self,
        name: &str,
        list: Option<Vec<Node<'_>>>,
        min: Option<usize>,
        max: Option<usize>,
        read: impl Fn(&mut Validator, Node<'_>) -> T,
    ) -> Option<Vec<T>> {
        let list = list?;
        self.length(name, list.len(), Shown(&list), min, max);
        let read = list
            .iter()
            .enumerate()
            .map(|(at, item)| self.element(name, at + 1, |checks| read(checks, *item)))
            .collect();
        Some(read)
    }

    /// Reports an absent member; the value stands in for it and never leaves, since [`Validator::finish`] refuses.
    pub fn missing<T: Default>(&mut self, name: &str) -> T {
        self.report(name, "Value null", format_args!("Member must not be null"));
        T::default()
    }

    /// Whether nothing was violated so far.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Reads the `number`th (from one) element of the list `name`, whose members are then named as AWS does:
    /// `tags.1.member.key`.
    pub fn element<T>(&mut self, name: &str, number: usize, read: impl FnOnce(&mut Validator) -> T) -> T {
        self.within(format_args!("{name}.{number}.member."), read)
    }

    /// Reads the structure `name`, whose members are then named `name.member`.
    pub fn structure<T>(&mut self, name: &str, read: impl FnOnce(&mut Validator) -> T) -> T {
        self.within(format_args!("{name}."), read)
    }

    fn within<T>(&mut self, prefix: fmt::Arguments<'_>, read: impl FnOnce(&mut Validator) -> T) -> T {
        let outer = self.path.len();
        // Writing to a String cannot fail.
        let _ = self.path.write_fmt(prefix);
        let value = read(self);
        self.path.truncate(outer);
        value
    }

    fn report(&mut self, name: &str, subject: &str, constraint: fmt::Arguments<'_>) {
        let path = &self.path;
        self.violations
            .push(format!("{subject} at '{path}{name}' failed to satisfy constraint: {constraint}"));
    }
}

/// A list of structures as AWS prints it.
struct Shown<'a>(&'a [Node<'a>]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (position, node) in self.0.iter().enumerate() {
            let separator = if position > 0 { ", " } else { "" };
            write!(f, "{separator}{node}")?;
        }
        f.write_str("]")
    }
}
