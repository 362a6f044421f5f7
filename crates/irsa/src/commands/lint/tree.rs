//! YAML and JSON as a tree that remembers where everything stood. JSON is read as the YAML that it is.
//!
//! Files are anybody's: depth is bounded, and so is what aliases may unfold to.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

/// Deeper values are refused: no manifest or plan comes near.
const MOST_DEPTH: usize = 128;
/// The most nodes of one file, aliases unfolded.
const MOST_NODES: usize = 4_000_000;

/// A value and the bytes that it stood at.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) struct Node {
    pub(in crate::commands) value: Value,
    pub(in crate::commands) start: usize,
    pub(in crate::commands) end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) enum Value {
    /// A text, number, boolean or null.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Why a text is not read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) struct Unreadable {
    pub(in crate::commands) reason: String,
    /// The byte at fault.
    pub(in crate::commands) at: usize,
}

impl Node {
    /// The value below a key of a map; merge keys (`<<`) are looked through.
    pub(in crate::commands) fn get(&self, key: &str) -> Option<&Node> {
        let Value::Map(members) = &self.value else { return None };
        let own = members.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value);
        own.or_else(|| {
            let merged = members.iter().filter(|(name, _)| name.text() == Some("<<"));
            merged.flat_map(|(_, value)| value.one_or_all()).find_map(|value| value.get_own(key))
        })
    }

    /// What a merge key merges is not itself searched for merges: YAML nests them no deeper in practice.
    fn get_own(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Follows keys.
    pub(in crate::commands) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// A scalar's text; none for null.
    pub(in crate::commands) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain } if !(*plain && is_null(text)) => Some(text),
            _ => None,
        }
    }

    /// The text at the end of a path; none when it is empty.
    pub(in crate::commands) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).and_then(Node::text).filter(|text| !text.is_empty())
    }

    pub(in crate::commands) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(in crate::commands) fn members(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(members) => members,
            _ => &[],
        }
    }

    /// Whether a map somewhere has a key that is a map itself.
    pub(in crate::commands) fn has_map_as_key(&self) -> bool {
        self.items().iter().any(Node::has_map_as_key)
            || self
                .members()
                .iter()
                .any(|(key, value)| matches!(key.value, Value::Map(_)) || value.has_map_as_key())
    }

    /// Gives every place a new one.
    pub(in crate::commands) fn move_places(&mut self, to: &impl Fn(usize) -> usize) {
        (self.start, self.end) = (to(self.start), to(self.end));
        match &mut self.value {
            Value::Scalar { .. } => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.move_places(to)),
            Value::Map(members) => {
                for (key, value) in members {
                    key.move_places(to);
                    value.move_places(to);
                }
            }
        }
    }

    /// The same for those who take JSON. Scalars are texts: what reads manifests asks for nothing else.
    pub(in crate::commands) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar { .. } => self.text().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(members) => members
                .iter()
                .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), value.to_json()))
                .collect(),
        }
    }

    fn one_or_all(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    fn size(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Node::size).sum::<usize>(),
            Value::Map(members) => {
                1 + members.iter().map(|(key, value)| key.size() + value.size()).sum::<usize>()
            }
        }
    }

    fn depth(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Node::depth).max().unwrap_or_default(),
            Value::Map(members) => {
                1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or_default()
            }
        }
    }
}

/// The nulls of YAML's core schema (YAML 1.2 §10.3.2).
fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// All documents of a text; offsets count from `base`.
pub(in crate::commands) fn read(text: &str, base: usize) -> Result<Vec<Node>, Unreadable> {
    let mut builder =
        Builder { base, open: Vec::new(), anchors: HashMap::new(), documents: Vec::new(), nodes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Unreadable {
            reason: error.info(),
            at: base + error.marker().byte_offset().unwrap_or_default(),
        })?;
        let range = span.byte_range().unwrap_or_default();
        builder.take(event, base + range.start, base + range.end)?;
    }
    Ok(builder.documents)
}

struct Builder {
    base: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    documents: Vec<Node>,
    nodes: usize,
}

/// A list or map whose end has not come yet.
struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { members: Vec<(Node, Node)>, key: Option<Node> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), Unreadable> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = matches!(style, ScalarStyle::Plain) && tag.is_none();
                let value = Value::Scalar { text: text.into_owned(), plain };
                self.finish(Node { value, start, end }, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(Unreadable {
                        reason: "an alias of what is not finished".to_owned(),
                        at: start,
                    });
                };
                self.nodes = self.nodes.saturating_add(node.size());
                if self.nodes > MOST_NODES || self.open.len() + node.depth() > MOST_DEPTH {
                    return Err(too_much(start));
                }
                let node = node.clone();
                self.finish(node, 0)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(start, anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.begin(start, anchor, Content::Map { members: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { start, anchor, content }) = self.open.pop() else { return Ok(()) };
                let value = match content {
                    Content::List(items) => Value::List(items),
                    Content::Map { members, .. } => Value::Map(members),
                };
                self.finish(Node { value, start, end: end.max(start) }, anchor)
            }
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, start: usize, anchor: usize, content: Content) -> Result<(), Unreadable> {
        if self.open.len() >= MOST_DEPTH {
            return Err(too_much(start));
        }
        self.open.push(Open { start, anchor, content });
        Ok(())
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Unreadable> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MOST_NODES {
            return Err(too_much(node.start));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.documents.push(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { members, key }) => match key.take() {
                None => *key = Some(node),
                Some(name) => {
                    if let (Some(text), false) = (name.text(), name.text() == Some("<<"))
                        && members.len() < 512
                        && members.iter().any(|(known, _)| known.text() == Some(text))
                    {
                        let reason = format!("the key `{text}` is written twice in one object");
                        return Err(Unreadable { reason, at: name.start.max(self.base) });
                    }
                    members.push((name, node));
                }
            },
        }
        Ok(())
    }
}

fn too_much(at: usize) -> Unreadable {
    Unreadable { reason: format!("values are nested more than {MOST_DEPTH} levels deep, or too many"), at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        read(text, 0).unwrap().remove(0)
    }

    #[test]
    fn places_are_those_of_the_text() {
        for text in ["a:\n  b: \"c d\" # note\n", "{\"a\":\n\t{\"b\" : \"c d\"}}", "# é\r\na: {b: c d}\r\n"]
        {
            let node = one(text);
            let found = node.at(&["a", "b"]).unwrap();
            assert_eq!(found.text(), Some("c d"));
            assert_eq!(text.get(found.span()).unwrap().trim_matches('"'), "c d", "{text}");
        }
        let text = "{\"a\": {\"b\": [1, 2]}, \"c\": null}";
        let node = one(text);
        let found = node.get("a").unwrap();
        assert_eq!(text.get(found.span()).unwrap(), "{\"b\": [1, 2]}");
        assert_eq!(node.get("c").unwrap().text(), None);
    }

    #[test]
    fn json_escapes_are_those_of_json() {
        let node = one(r#"{"a": "\u003c\/\ud83d\ude00\n"}"#);
        assert_eq!(node.get("a").unwrap().text(), Some("</😀\n"));
    }

    #[test]
    fn documents_merges_and_aliases() {
        let documents =
            read("a: &x {n: 1}\nb: *x\nc: {<<: *x, m: 2}\n---\n# nothing\n---\nd: 1\n", 10).unwrap();
        assert_eq!(documents[0].at(&["b", "n"]).unwrap().text(), Some("1"));
        assert_eq!(documents[0].at(&["c", "n"]).unwrap().text(), Some("1"));
        assert_eq!(documents.last().unwrap().get("d").unwrap().text(), Some("1"));
        assert_eq!(documents[0].start, 10);
    }

    #[test]
    fn what_is_too_much_or_wrong_is_refused() {
        assert!(read(&"[".repeat(100_000), 0).is_err());
        assert!(read(&"- ".repeat(100_000), 0).is_err());
        let mut bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for level in 1..20 {
            let previous = format!("*a{},", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", previous.trim_end_matches(',')));
        }
        assert!(read(&bomb, 0).is_err());
        let twice = read("a: 1\nb: 2\na: 3\n", 0).unwrap_err();
        assert_eq!(twice.at, 10);
        assert!(twice.reason.contains("`a`"));
    }
}
