//! The query protocol's requests: `Action=CreateRole&RoleName=a&Tags.member.1.Key=k`.
//!
//! [`Params`] holds a decoded form body or query string, sorted, so that everything below `Tags.` is one
//! contiguous run; [`Node`] walks it by name and list position. [`Validator`] collects every violated
//! constraint in the words of AWS.
//! Rules: the query protocol of the Smithy specification (`aws.protocols#awsQuery`).

mod validate;

#[cfg(test)]
mod tests;

pub use validate::{Pattern, Text, ValidationError, Validator, is_letter, is_number, is_separator};

use std::fmt;

/// Largest body or query string that is decoded, in bytes. AWS's own largest parameter is a policy document of
/// 131,072 characters, at worst twelve bytes each once percent-encoded.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Most parameters in one request.
pub const MAX_PARAMS: usize = 5_000;

/// Why a form body or a query string is not a parameter list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// More than [`MAX_BYTES`].
    #[error("The request exceeds {MAX_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_PARAMS`].
    #[error("The request has more than {MAX_PARAMS} parameters")]
    TooManyParameters,
    /// A `%` that two hexadecimal digits do not follow.
    #[error("The query string contains a malformed percent-encoding")]
    PercentEncoding,
    /// The decoded text is not UTF-8.
    #[error("The query string is not valid UTF-8")]
    NotUtf8,
    /// The same name twice: two readers could disagree about which one counts.
    #[error("The parameter {0} is given more than once")]
    Duplicate(String),
}

/// An operation of a query service, as its service model describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The `Action`, such as `CreateRole`.
    pub name: &'static str,
    /// Whether the request must be signed (`AssumeRoleWithWebIdentity` must not).
    pub is_signed: bool,
    /// The codes of the errors that the model lists for it.
    pub errors: &'static [&'static str],
}

/// An operation's input that can be read from query parameters.
pub trait Decode: Sized {
    /// Reads and checks the input.
    ///
    /// # Errors
    /// Every constraint of AWS's service model that the parameters violate, together.
    fn decode(params: &Params) -> Result<Self, ValidationError>;
}

/// The decoded parameters of one request.
#[derive(Debug, Clone, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Decodes an `application/x-www-form-urlencoded` body or a query string (without `?`).
    ///
    /// # Errors
    /// [`QueryError`] when it is too large, malformed, or names a parameter twice.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Params, QueryError> {
        let mut pairs = parse_pairs(text.as_ref())?;
        pairs.sort_unstable();
        for (first, second) in pairs.iter().zip(pairs.iter().skip(1)) {
            if first.0 == second.0 {
                return Err(QueryError::Duplicate(first.0.clone()));
            }
        }
        Ok(Params { pairs })
    }

    /// The parameter of exactly this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.root().get(name)
    }

    /// The elements of a list, in the order of their numbers; see [`Node::list`].
    pub fn list(&self, name: &str) -> Option<Vec<Node<'_>>> {
        self.root().list(name)
    }

    /// The entries of a map; see [`Node::map`].
    pub fn map(&self, name: &str) -> Option<Vec<(&str, &str)>> {
        self.root().map(name)
    }

    /// The node under which all parameters hang.
    pub fn root(&self) -> Node<'_> {
        Node { value: None, pairs: &self.pairs, offset: 0 }
    }

    /// All names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Decodes a form body or query string in its order, keeping duplicates (REST services repeat a key for a list).
///
/// # Errors
/// [`QueryError`] when it is too large or malformed.
pub fn parse_pairs(text: &[u8]) -> Result<Vec<(String, String)>, QueryError> {
    if text.len() > MAX_BYTES {
        return Err(QueryError::TooLong);
    }
    let mut pairs = Vec::new();
    for piece in text.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()) {
        if pairs.len() == MAX_PARAMS {
            return Err(QueryError::TooManyParameters);
        }
        let mut halves = piece.splitn(2, |byte| *byte == b'=');
        let name = decode_form(halves.next().unwrap_or_default())?;
        let value = decode_form(halves.next().unwrap_or_default())?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decode_form(text: &[u8]) -> Result<String, QueryError> {
    decode(text, b' ')
}

/// Decodes percent-encoding alone (a path segment: `+` stays).
///
/// # Errors
/// [`QueryError::PercentEncoding`] and [`QueryError::NotUtf8`].
pub fn decode_percent(text: &[u8]) -> Result<String, QueryError> {
    decode(text, b'+')
}

fn decode(text: &[u8], plus: u8) -> Result<String, QueryError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'%' | b'+')) {
        let (plain, tail) = rest.split_at(at);
        decoded.extend_from_slice(plain);
        match tail {
            [b'%', high, low, tail @ ..] => {
                decoded.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
                rest = tail;
            }
            [b'+', tail @ ..] => {
                decoded.push(plus);
                rest = tail;
            }
            _ => return Err(QueryError::PercentEncoding),
        }
    }
    decoded.extend_from_slice(rest);
    String::from_utf8(decoded).map_err(|_| QueryError::NotUtf8)
}

fn hex_digit(digit: u8) -> Result<u8, QueryError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(QueryError::PercentEncoding),
    }
}

/// A place in the tree that the dots in parameter names make: its own value, and what hangs below it.
#[derive(Debug, Clone, Copy)]
pub struct Node<'p> {
    value: Option<&'p str>,
    /// INVARIANT (prefix): every name in here begins with the same `offset` bytes.
    pairs: &'p [(String, String)],
    offset: usize,
}

/// `{Key=a, Value=b}`, or the value itself.
impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = self.value {
            return f.write_str(value);
        }
        f.write_str("{")?;
        for (position, pair) in self.pairs.iter().enumerate() {
            let separator = if position > 0 { ", " } else { "" };
            write!(f, "{separator}{}={}", rest(pair, self.offset), pair.1)?;
        }
        f.write_str("}")
    }
}

impl<'p> Node<'p> {
    /// The value at exactly this place (an element of a list of strings).
    pub fn value(&self) -> Option<&'p str> {
        self.value
    }

    /// The value of the named member.
    pub fn get(&self, name: &str) -> Option<&'p str> {
        let at = self.pairs.binary_search_by(|pair| rest(pair, self.offset).cmp(name)).ok()?;
        self.pairs.get(at).map(|pair| pair.1.as_str())
    }

    /// The named member with everything below it; none when no parameter names it.
    pub fn child(&self, name: &str) -> Option<Node<'p>> {
        let below = |pair: &(String, String)| {
            let text = rest(pair, self.offset);
            match text.strip_prefix(name) {
                Some(tail) if tail.starts_with('.') => std::cmp::Ordering::Equal,
                // `name` itself sorts before `name.`, `name0` after it.
                Some(tail) => tail.cmp("."),
                None => text.cmp(name),
            }
        };
        let start = self.pairs.partition_point(|pair| below(pair).is_lt());
        let end = self.pairs.partition_point(|pair| below(pair).is_le());
        let pairs = self.pairs.get(start..end).unwrap_or_default();
        let value = self.get(name);
        if pairs.is_empty() && value.is_none() {
            return None;
        }
        Some(Node { value, pairs, offset: self.offset + name.len() + 1 })
    }

    /// The elements of a list: `Name.member.N` (what AWS's SDKs send) or the flattened `Name.N`, sorted by N.
    /// An empty list is sent as `Name=` and is not the same as an absent one. Gaps in the numbers close.
    pub fn list(&self, name: &str) -> Option<Vec<Node<'p>>> {
        let list = self.child(name)?;
        Some(list.child("member").unwrap_or(list).elements())
    }

    /// The entries of a map: `Name.entry.N.key` and `Name.entry.N.value`, in the order of N.
    pub fn map(&self, name: &str) -> Option<Vec<(&'p str, &'p str)>> {
        let map = self.child(name)?;
        let entries = map.child("entry").unwrap_or(map).elements();
        Some(entries.iter().filter_map(|entry| Some((entry.get("key")?, entry.get("value")?))).collect())
    }

    fn elements(&self) -> Vec<Node<'p>> {
        let mut numbers: Vec<u32> = self
            .pairs
            .iter()
            .filter_map(|pair| {
                let segment = rest(pair, self.offset).split('.').next()?;
                let number = segment.parse::<u32>().ok()?;
                // `+1` and `01` parse as well, and would be one element under two names.
                (number > 0 && number.to_string() == segment).then_some(number)
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.iter().filter_map(|number| self.child(&number.to_string())).collect()
    }
}

fn rest(pair: &(String, String), offset: usize) -> &str {
    pair.0.get(offset..).unwrap_or_default()
}
