//! The answers of the query protocol, as XML or, for callers that accept it, as JSON.
//!
//! One [`Writer`] has both forms, since STS answers `Accept: application/json` with the same tree
//! (aws-iam-authenticator relies on it). Output types implement [`EncodeXml`] once.

use base64::Engine;
use std::fmt::Write;

/// An output that can be written as the members of an XML element.
pub trait EncodeXml {
    /// The element around an operation's output, such as `CreateRoleResult`; none for operations whose answer
    /// carries nothing but the request id, and for nested structures.
    const RESULT: Option<&'static str> = None;

    /// Writes the members.
    fn encode_xml(&self, out: &mut Writer);
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/xml`, AWS's default.
    Xml,
    /// `application/json`, on request.
    Json,
}

impl Format {
    /// JSON when the caller's `Accept` header asks for it, XML otherwise.
    pub fn accepted_by(headers: &http::HeaderMap) -> Format {
        let accept =
            headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let json = accept.split(',').any(|kind| {
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        });
        if json { Format::Json } else { Format::Xml }
    }

    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Xml => "text/xml",
            Format::Json => "application/json",
        }
    }
}

/// The whole body of a successful answer: `<XResponse xmlns><XResult>…</XResult><ResponseMetadata>…`.
pub fn response<T: EncodeXml>(
    format: Format,
    operation: &str,
    xmlns: &str,
    request_id: &str,
    output: &T,
) -> Vec<u8> {
    let mut out = Writer::new(format);
    let root = format!("{operation}Response");
    out.open_root(&root, Some(xmlns));
    if let Some(result) = T::RESULT {
        out.structure(result, output);
    }
    out.open("ResponseMetadata");
    out.text("RequestId", request_id);
    out.close("ResponseMetadata");
    out.close_root(&root);
    out.into_bytes()
}

/// Writes elements one after another; text is escaped.
#[derive(Debug)]
pub struct Writer {
    buffer: String,
    format: Format,
}

impl Writer {
    /// An empty document.
    pub fn new(format: Format) -> Writer {
        Writer { buffer: String::with_capacity(512), format }
    }

    /// An empty XML document.
    pub fn xml() -> Writer {
        Writer::new(Format::Xml)
    }

    /// An XML document that begins with `<?xml version="1.0" encoding="UTF-8"?>`, as S3's do.
    pub fn xml_with_declaration() -> Writer {
        let mut writer = Writer::xml();
        writer.buffer.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        writer
    }

    /// Begins the outermost element.
    pub fn open_root(&mut self, name: &str, xmlns: Option<&str>) {
        match (self.format, xmlns) {
            (Format::Xml, Some(xmlns)) => {
                self.buffer.push('<');
                self.buffer.push_str(name);
                self.buffer.push_str(" xmlns=\"");
                escape_xml(xmlns, &mut self.buffer);
                self.buffer.push_str("\">");
            }
            (Format::Xml, None) => self.open(name),
            (Format::Json, _) => {
                self.buffer.push('{');
                self.open(name);
            }
        }
    }

    /// Ends the outermost element.
    pub fn close_root(&mut self, name: &str) {
        self.close(name);
        if self.format == Format::Json {
            self.buffer.push('}');
        }
    }

    /// Begins an element that has members.
    pub fn open(&mut self, name: &str) {
        match self.format {
            Format::Xml => self.tag("<", name),
            Format::Json => {
                self.key(name);
                self.buffer.push('{');
            }
        }
    }

    /// Ends the element.
    pub fn close(&mut self, name: &str) {
        match self.format {
            Format::Xml => self.tag("</", name),
            Format::Json => self.buffer.push('}'),
        }
    }

    /// An element with text.
    pub fn text(&mut self, name: &str, value: &str) {
        match self.format {
            Format::Xml => {
                self.tag("<", name);
                escape_xml(value, &mut self.buffer);
                self.tag("</", name);
            }
            Format::Json => {
                self.key(name);
                escape_json(value, &mut self.buffer);
            }
        }
    }

    /// An element with a whole number.
    pub fn number(&mut self, name: &str, value: i64) {
        self.bare(name, format_args!("{value}"));
    }

    /// An element with `true` or `false`.
    pub fn boolean(&mut self, name: &str, value: bool) {
        self.bare(name, format_args!("{value}"));
    }

    /// An element with a time, in seconds since 1970: ISO 8601 in XML, a number in JSON.
    pub fn timestamp(&mut self, name: &str, seconds: i64) {
        match self.format {
            Format::Xml => self.text(name, &timestamp(seconds)),
            Format::Json => self.number(name, seconds),
        }
    }

    /// An element with bytes, in base64.
    pub fn blob(&mut self, name: &str, value: &[u8]) {
        self.text(name, &base64::engine::general_purpose::STANDARD.encode(value));
    }

    /// An element with the members of `value`.
    pub fn structure<T: EncodeXml>(&mut self, name: &str, value: &T) {
        self.open(name);
        value.encode_xml(self);
        self.close(name);
    }

    /// A list of structures: `<Name><member>…</member></Name>`.
    pub fn list<T: EncodeXml>(&mut self, name: &str, values: &[T]) {
        self.open_list(name);
        for value in values {
            match self.format {
                Format::Xml => self.structure("member", value),
                Format::Json => {
                    self.comma();
                    self.buffer.push('{');
                    value.encode_xml(self);
                    self.buffer.push('}');
                }
            }
        }
        self.close_list(name);
    }

    /// A list of strings.
    pub fn texts<S: AsRef<str>>(&mut self, name: &str, values: &[S]) {
        self.open_list(name);
        for value in values {
            match self.format {
                Format::Xml => self.text("member", value.as_ref()),
                Format::Json => {
                    self.comma();
                    escape_json(value.as_ref(), &mut self.buffer);
                }
            }
        }
        self.close_list(name);
    }

    /// A map from strings: `<Name><entry><key>…</key><value>…</value></entry></Name>`. `write` gets the name under
    /// which it must write the value.
    pub fn map<'v, K: AsRef<str> + 'v, V: 'v>(
        &mut self,
        name: &str,
        entries: impl IntoIterator<Item = (&'v K, &'v V)>,
        mut write: impl FnMut(&mut Writer, &str, &V),
    ) {
        self.open(name);
        for (key, value) in entries {
            match self.format {
                Format::Xml => {
                    self.open("entry");
                    self.text("key", key.as_ref());
                    write(self, "value", value);
                    self.close("entry");
                }
                Format::Json => write(self, key.as_ref(), value),
            }
        }
        self.close(name);
    }

    /// The document as text.
    pub fn into_string(self) -> String {
        self.buffer
    }

    /// The document as bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.buffer.into_bytes()
    }

    fn open_list(&mut self, name: &str) {
        match self.format {
            Format::Xml => self.tag("<", name),
            Format::Json => {
                self.key(name);
                self.buffer.push('[');
            }
        }
    }

    fn close_list(&mut self, name: &str) {
        match self.format {
            Format::Xml => self.tag("</", name),
            Format::Json => self.buffer.push(']'),
        }
    }

    fn bare(&mut self, name: &str, value: std::fmt::Arguments<'_>) {
        match self.format {
            Format::Xml => {
                self.tag("<", name);
                let _ = self.buffer.write_fmt(value);
                self.tag("</", name);
            }
            Format::Json => {
                self.key(name);
                let _ = self.buffer.write_fmt(value);
            }
        }
    }

    fn tag(&mut self, start: &str, name: &str) {
        self.buffer.push_str(start);
        self.buffer.push_str(name);
        self.buffer.push('>');
    }

    fn key(&mut self, name: &str) {
        self.comma();
        escape_json(name, &mut self.buffer);
        self.buffer.push(':');
    }

    fn comma(&mut self) {
        if !self.buffer.ends_with(['{', '[']) {
            self.buffer.push(',');
        }
    }
}

/// A time in seconds since 1970 as AWS writes it in XML: `2026-11-25T19:00:00Z`.
pub fn timestamp(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        // Outside the years -9999 to 9999 there is no ISO 8601 form.
        Err(_) => seconds.to_string(),
    }
}

/// Appends text with XML's special characters escaped. Characters that XML 1.0 forbids even when escaped become
/// U+FFFD; a carriage return is escaped, since parsers would turn a bare one into a line feed.
pub fn escape_xml(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_a_look) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut characters = tail.chars();
        match characters.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') => out.push_str("&quot;"),
            Some('\r') => out.push_str("&#xD;"),
            Some(character @ ('\t' | '\n' | '\u{20}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')) => {
                out.push(character)
            }
            _ => out.push('\u{fffd}'),
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Plain ASCII text is copied as a whole. What lies beyond is looked at: two characters of XML 1.0's excluded ones are there.
fn needs_a_look(byte: u8) -> bool {
    !matches!(byte, b' ' | b'!' | b'#'..=b'%' | b'\''..=b';' | b'=' | b'?'..=b'~')
}

fn escape_json(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tag(&'static str);
    impl EncodeXml for Tag {
        fn encode_xml(&self, out: &mut Writer) {
            out.text("Key", self.0);
        }
    }

    struct Output;
    impl EncodeXml for Output {
        const RESULT: Option<&'static str> = Some("GetThingResult");
        fn encode_xml(&self, out: &mut Writer) {
            out.text("Name", "a<b>&\"c\"\r\u{1}");
            out.timestamp("CreateDate", 1_795_633_200);
            out.boolean("IsTruncated", false);
            out.list("Tags", &[Tag("x"), Tag("y")]);
            out.texts("Ids", &["1", "2"]);
            let map = std::collections::BTreeMap::from([("Users".to_owned(), 3), ("Zones".to_owned(), 4)]);
            out.map("Summary", &map, |out, name, value| out.number(name, *value));
        }
    }

    #[test]
    fn xml_answer() {
        let body = String::from_utf8(response(Format::Xml, "GetThing", "urn:x", "rid", &Output)).unwrap();
        assert_eq!(
            body,
            "<GetThingResponse xmlns=\"urn:x\"><GetThingResult><Name>a&lt;b&gt;&amp;&quot;c&quot;&#xD;\u{fffd}</Name>\
             <CreateDate>2026-11-25T19:00:00Z</CreateDate><IsTruncated>false</IsTruncated>\
             <Tags><member><Key>x</Key></member><member><Key>y</Key></member></Tags>\
             <Ids><member>1</member><member>2</member></Ids>\
             <Summary><entry><key>Users</key><value>3</value></entry><entry><key>Zones</key><value>4</value></entry></Summary>\
             </GetThingResult><ResponseMetadata><RequestId>rid</RequestId></ResponseMetadata></GetThingResponse>"
        );
    }

    #[test]
    fn json_answer_is_the_same_tree() {
        let body: serde_json::Value =
            serde_json::from_slice(&response(Format::Json, "GetThing", "urn:x", "rid", &Output)).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"GetThingResponse": {
                "GetThingResult": {"Name": "a<b>&\"c\"\r\u{1}", "CreateDate": 1_795_633_200, "IsTruncated": false,
                    "Tags": [{"Key": "x"}, {"Key": "y"}], "Ids": ["1", "2"], "Summary": {"Users": 3, "Zones": 4}},
                "ResponseMetadata": {"RequestId": "rid"}}})
        );
    }
}
