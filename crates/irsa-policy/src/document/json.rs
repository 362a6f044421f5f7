//! A JSON reader for policy documents that remembers where everything stood.
//!
//! Policies are written by hand, so every value keeps its span for messages and lint. Unlike a general reader it refuses
//! duplicate keys (AWS: "IAM JSON policy grammar", duplicate keys are not allowed) and anything beyond the size and depth
//! that any accepted policy can have. Grammar: RFC 8259.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// The longest document read, in bytes: IAM's `policyDocumentType` allows 131,072 characters.
pub(crate) const MAX_BYTES: usize = 131_072;
/// The deepest nesting read. A policy needs seven levels.
const MAX_DEPTH: usize = 16;

/// A byte range of the policy's source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just past the last byte.
    pub end: usize,
}

/// A JSON value and where it stood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'t> {
    pub(crate) value: Value<'t>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'t> {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(&'t str),
    String(Cow<'t, str>),
    Array(Vec<Node<'t>>),
    Object(Vec<Member<'t>>),
}

/// One `"key": value` of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member<'t> {
    pub(crate) key: Cow<'t, str>,
    pub(crate) key_span: Span,
    pub(crate) node: Node<'t>,
}

/// Why a text is not JSON that we accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonError {
    pub(crate) reason: Reason,
    pub(crate) at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    TooLong,
    TooDeep,
    Empty,
    Comment,
    TrailingComma,
    SingleQuote,
    DuplicateKey(String),
    Control(u8),
    Escape,
    Number,
    EndOfText,
    AfterEnd,
    Expected(&'static str),
}

impl Reason {
    /// A duplicate key is well-formed JSON: AWS answers it as a syntax error of the policy.
    pub(crate) fn is_grammar(&self) -> bool {
        matches!(self, Reason::DuplicateKey(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::TooLong => write!(f, "the document is longer than {MAX_BYTES} bytes"),
            Reason::TooDeep => write!(f, "values are nested more than {MAX_DEPTH} levels deep"),
            Reason::Empty => f.write_str("the document is empty"),
            Reason::Comment => f.write_str("a comment; JSON has none, remove it"),
            Reason::TrailingComma => f.write_str("a comma with nothing after it; remove it"),
            Reason::SingleQuote => f.write_str("single quotes; JSON strings take double quotes"),
            Reason::DuplicateKey(key) => write!(f, "the key `{key}` is written twice in one object"),
            Reason::Control(byte) => write!(f, "a raw control character 0x{byte:02x} inside a string"),
            Reason::Escape => f.write_str("an invalid escape sequence in a string"),
            Reason::Number => f.write_str("an invalid number"),
            Reason::EndOfText => f.write_str("the document ends in the middle of a value"),
            Reason::AfterEnd => f.write_str("text after the end of the document"),
            Reason::Expected(what) => write!(f, "expected {what}"),
        }
    }
}

/// Reads one document.
pub(crate) fn read(text: &str) -> Result<Node<'_>, JsonError> {
    if text.len() > MAX_BYTES {
        return Err(JsonError { reason: Reason::TooLong, at: MAX_BYTES });
    }
    read_with(text, Duplicates::Refuse)
}

/// Reads a document of any length and keeps every duplicate key, for lint to tell them.
pub(crate) fn read_with_duplicates(text: &str) -> Result<Node<'_>, JsonError> {
    read_with(text, Duplicates::Keep)
}

/// Objects of policies are small: up to this many members, looking through them costs less than hashing their keys.
const FEW_MEMBERS: usize = 8;

/// Whether an object has the key already; `seen` are its keys once there are many.
fn is_repeated(members: &[Member<'_>], seen: &mut HashSet<String>, key: &str) -> bool {
    if members.len() < FEW_MEMBERS {
        return members.iter().any(|member| member.key == key);
    }
    if seen.is_empty() {
        seen.extend(members.iter().map(|member| member.key.to_string()));
    }
    !seen.insert(key.to_owned())
}

#[derive(Clone, Copy, PartialEq)]
enum Duplicates {
    Refuse,
    Keep,
}

fn read_with(text: &str, duplicates: Duplicates) -> Result<Node<'_>, JsonError> {
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0, depth: 0, duplicates };
    reader.space()?;
    if reader.peek().is_none() {
        return reader.fail(Reason::Empty);
    }
    let node = reader.value()?;
    reader.space()?;
    if reader.peek().is_some() {
        return reader.fail(Reason::AfterEnd);
    }
    Ok(node)
}

struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    depth: usize,
    duplicates: Duplicates,
}

impl<'t> Reader<'t> {
    fn value(&mut self) -> Result<Node<'t>, JsonError> {
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'\'') => return self.fail(Reason::SingleQuote),
            Some(_) => return self.fail(Reason::Expected("a value")),
            None => return self.fail(Reason::EndOfText),
        };
        Ok(Node { value, span: Span { start, end: self.at } })
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value<'t>, JsonError>,
    ) -> Result<Value<'t>, JsonError> {
        if self.depth == MAX_DEPTH {
            return self.fail(Reason::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value<'t>, JsonError> {
        let mut members = Vec::new();
        let mut seen = HashSet::new();
        self.space()?;
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.space()?;
            let start = self.at;
            let key = match self.peek() {
                Some(b'"') => self.string()?,
                Some(b'}') => return self.fail(Reason::TrailingComma),
                Some(b'\'') => return self.fail(Reason::SingleQuote),
                Some(_) => return self.fail(Reason::Expected("a key in double quotes")),
                None => return self.fail(Reason::EndOfText),
            };
            let key_span = Span { start, end: self.at };
            if self.duplicates == Duplicates::Refuse && is_repeated(&members, &mut seen, &key) {
                return Err(JsonError { reason: Reason::DuplicateKey(key.into_owned()), at: start });
            }
            self.space()?;
            self.need(b':', "`:` after the key")?;
            self.space()?;
            let node = self.value()?;
            members.push(Member { key, key_span, node });
            self.space()?;
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            self.need(b',', "`,` or `}`")?;
        }
    }

    fn array(&mut self) -> Result<Value<'t>, JsonError> {
        let mut items = Vec::new();
        self.space()?;
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            self.space()?;
            if self.peek() == Some(b']') {
                return self.fail(Reason::TrailingComma);
            }
            items.push(self.value()?);
            self.space()?;
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            self.need(b',', "`,` or `]`")?;
        }
    }

    fn string(&mut self) -> Result<Cow<'t, str>, JsonError> {
        self.at += 1;
        // Borrowed unless there are escapes: few strings of policies have any.
        let mut out = Cow::Borrowed("");
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let run = rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            out += self.text.get(self.at..self.at + run).unwrap_or_default();
            self.at += run;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.to_mut().push(self.escape()?),
                Some(control) => return self.fail(Reason::Control(control)),
                None => return self.fail(Reason::EndOfText),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            Some(_) => return self.fail(Reason::Escape),
            None => return self.fail(Reason::EndOfText),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if !(self.take(b'\\') && self.take(b'u')) {
                return self.fail(Reason::Escape);
            }
            let second = self.hex4()?;
            if !(0xdc00..0xe000).contains(&second) {
                return self.fail(Reason::Escape);
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        match char::from_u32(code) {
            Some(c) => Ok(c),
            None => self.fail(Reason::Escape),
        }
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|d| u32::from_str_radix(d, 16).ok()) {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => self.fail(Reason::Escape),
        }
    }

    fn number(&mut self) -> Result<Value<'t>, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return self.fail(Reason::Number);
        }
        if self.take(b'.') && self.digits() == 0 {
            return self.fail(Reason::Number);
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return self.fail(Reason::Number);
            }
        }
        Ok(Value::Number(self.text.get(start..self.at).unwrap_or_default()))
    }

    fn digits(&mut self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn word(&mut self, word: &'static str, value: Value<'t>) -> Result<Value<'t>, JsonError> {
        if self.bytes.get(self.at..).unwrap_or_default().starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        self.fail(Reason::Expected("a value"))
    }

    fn space(&mut self) -> Result<(), JsonError> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'/' | b'#' => return self.fail(Reason::Comment),
                _ => break,
            }
        }
        Ok(())
    }

    fn need(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.take(byte) {
            return Ok(());
        }
        match self.peek() {
            Some(_) => self.fail(Reason::Expected(what)),
            None => self.fail(Reason::EndOfText),
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fail<T>(&self, reason: Reason) -> Result<T, JsonError> {
        Err(JsonError { reason, at: self.at })
    }
}
