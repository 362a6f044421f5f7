//! Reads whatever can be read of a document, also one that AWS refuses.
//!
//! Comments and commas before a closing bracket are blanked, so that every offset stays what it was; duplicate keys are
//! kept; what has the wrong type is skipped. [`document::read`](crate::document) is the strict reader.

use super::group::Group;
use crate::condition::Operator;
use crate::document::{Effect, Member, Node, PrincipalKind, Span, Text, Value, read_with_duplicates};

/// The longest text that is read at all, in bytes; AWS's own limit is far below.
pub(super) const MAX_BYTES: usize = 1_048_576;

/// A document's text, and the same without what JSON does not have.
#[derive(Debug)]
pub(super) struct Blanked<'t> {
    text: &'t str,
    plain: String,
    comments: Vec<Span>,
    commas: Vec<Span>,
}

/// A document's text, and what it says.
#[derive(Debug)]
pub(super) struct Reading<'t> {
    pub(super) text: &'t str,
    /// The text with comments and stray commas blanked: as long as `text`.
    pub(super) plain: &'t str,
    pub(super) comments: &'t [Span],
    pub(super) commas: &'t [Span],
    pub(super) root: Option<Node<'t>>,
    pub(super) document: Document,
}

/// The elements of a policy.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) group: Group,
    pub(super) version: Option<Text>,
    /// Where the key `Statement` stood.
    pub(super) statement_key: Option<Span>,
    /// The array of statements; `None` when the one statement stands alone.
    pub(super) list: Option<Group>,
    pub(super) statements: Vec<Statement>,
}

impl Document {
    pub(super) fn has_variables(&self) -> bool {
        self.version.as_ref().is_some_and(|version| version.value == "2012-10-17")
    }
}

#[derive(Debug, Default)]
pub(super) struct Statement {
    pub(super) index: usize,
    pub(super) group: Group,
    /// Where its `Sid` stands among its members.
    pub(super) sid: Option<usize>,
    pub(super) effect: Option<Effect>,
    pub(super) principal: Option<Principal>,
    pub(super) not_principal: Option<Principal>,
    pub(super) action: Option<Element>,
    pub(super) not_action: Option<Element>,
    pub(super) resource: Option<Element>,
    pub(super) not_resource: Option<Element>,
    pub(super) condition: Option<Condition>,
}

impl Statement {
    pub(super) fn path(&self, element: &str) -> String {
        format!("Statement[{}].{element}", self.index)
    }

    pub(super) fn allows(&self) -> bool {
        self.effect == Some(Effect::Allow)
    }

    pub(super) fn denies(&self) -> bool {
        self.effect == Some(Effect::Deny)
    }

    pub(super) fn blocks(&self) -> &[Block] {
        self.condition.as_ref().map(|condition| condition.blocks.as_slice()).unwrap_or_default()
    }

    /// The conditions, as many as a sound document could have: rules compare them with each other.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Block, &Entry)> {
        const MAX: usize = 512;
        self.blocks().iter().flat_map(|block| block.entries.iter().map(move |entry| (block, entry))).take(MAX)
    }

    pub(super) fn block(&self, operator: &str) -> Option<&Block> {
        self.blocks().iter().find(|block| block.operator.value == operator)
    }
}

/// `Action`, `Resource` and their negations.
#[derive(Debug)]
pub(super) struct Element {
    /// The member's place in the statement.
    pub(super) member: usize,
    pub(super) key: Text,
    pub(super) values: Values,
}

/// A value, or an array of values.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) span: Span,
    /// The array; `None` for a value that stands alone.
    pub(super) list: Option<Group>,
    pub(super) items: Vec<Text>,
}

impl Values {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Text> {
        self.items.iter()
    }
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug)]
pub(super) struct Principal {
    pub(super) member: usize,
    pub(super) key: Text,
    pub(super) entries: Vec<Trusted>,
    /// The lists of the entries' values, by kind.
    pub(super) lists: Vec<(PrincipalKind, Values)>,
}

/// One value under `Principal`.
#[derive(Debug, Clone)]
pub(super) struct Trusted {
    pub(super) kind: PrincipalKind,
    pub(super) text: Text,
}

#[derive(Debug)]
pub(super) struct Condition {
    pub(super) key: Text,
    pub(super) group: Group,
    pub(super) blocks: Vec<Block>,
}

/// What stands under one operator.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) member: usize,
    pub(super) operator: Text,
    pub(super) parsed: Option<Operator>,
    pub(super) group: Group,
    pub(super) entries: Vec<Entry>,
}

/// One key under an operator.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) member: usize,
    pub(super) key: Text,
    pub(super) values: Values,
}

impl<'t> Blanked<'t> {
    pub(super) fn of(text: &'t str) -> Blanked<'t> {
        let (plain, comments, commas) = blank(text);
        Blanked { text, plain, comments, commas }
    }

    pub(super) fn read(&self) -> Reading<'_> {
        let Blanked { text, plain, comments, commas } = self;
        let root = read_with_duplicates(plain).ok();
        let document = root.as_ref().map(document).unwrap_or_default();
        Reading { text, plain, comments, commas, root, document }
    }
}

/// The text without comments and commas before a closing bracket, and where those stood.
fn blank(text: &str) -> (String, Vec<Span>, Vec<Span>) {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let (mut comments, mut commas) = (Vec::new(), Vec::new());
    let mut comma = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let width = match byte {
            b'"' => string(rest),
            b'/' | b'#' => comment(rest),
            _ => 1,
        };
        let span = Span { start: at, end: at + width };
        match byte {
            b'/' | b'#' if width > 1 || byte == b'#' => comments.push(span),
            b',' => comma = Some(span),
            b']' | b'}' => commas.extend(comma.take()),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => comma = None,
        }
        at += width;
    }
    for span in comments.iter().chain(&commas) {
        for byte in out.get_mut(span.start..span.end).unwrap_or_default() {
            *byte = if *byte == b'\n' { b'\n' } else { b' ' };
        }
    }
    // Whole comments were blanked, so no character was split.
    (String::from_utf8(out).unwrap_or_else(|_| text.to_owned()), comments, commas)
}

/// How long the string is that starts here.
fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

/// How long the comment is that starts here; 1 when it is none.
fn comment(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"/*") {
        let body = bytes.get(2..).unwrap_or_default();
        return body.windows(2).position(|pair| pair == b"*/").map_or(bytes.len(), |at| at + 4);
    }
    if bytes.starts_with(b"//") || bytes.starts_with(b"#") {
        return bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len());
    }
    1
}

fn document(root: &Node<'_>) -> Document {
    let mut document = Document { group: group(root), ..Document::default() };
    for Member { key, key_span, node } in members(root) {
        match &**key {
            "Version" => document.version = text(node),
            "Statement" => {
                document.statement_key = Some(*key_span);
                let alone = std::slice::from_ref(node);
                let nodes = match &node.value {
                    Value::Array(nodes) => nodes.as_slice(),
                    _ => alone,
                };
                document.list = matches!(node.value, Value::Array(_)).then(|| group(node));
                document.statements =
                    nodes.iter().enumerate().map(|(index, node)| statement(index, node)).collect();
            }
            _ => {}
        }
    }
    document
}

fn statement(index: usize, node: &Node<'_>) -> Statement {
    let mut statement = Statement { index, group: group(node), ..Statement::default() };
    for (place, Member { key, key_span, node }) in members(node).iter().enumerate() {
        let key_text = || Text { value: key.to_string(), span: *key_span };
        let element = || Some(Element { member: place, key: key_text(), values: values(node) });
        match &**key {
            "Sid" => statement.sid = Some(place),
            "Effect" => {
                statement.effect =
                    text(node).and_then(|text| match text.value.to_ascii_lowercase().as_str() {
                        "allow" => Some(Effect::Allow),
                        "deny" => Some(Effect::Deny),
                        _ => None,
                    });
            }
            "Principal" => statement.principal = Some(principal(place, key_text(), node)),
            "NotPrincipal" => statement.not_principal = Some(principal(place, key_text(), node)),
            "Action" => statement.action = element(),
            "NotAction" => statement.not_action = element(),
            "Resource" => statement.resource = element(),
            "NotResource" => statement.not_resource = element(),
            "Condition" => {
                let blocks = members(node).iter().enumerate().map(|(place, member)| block(place, member));
                statement.condition =
                    Some(Condition { key: key_text(), group: group(node), blocks: blocks.collect() });
            }
            _ => {}
        }
    }
    statement
}

fn principal(member: usize, key: Text, node: &Node<'_>) -> Principal {
    let mut principal = Principal { member, key, entries: Vec::new(), lists: Vec::new() };
    if let Some(text) = text(node) {
        principal.entries.push(Trusted { kind: PrincipalKind::Aws, text });
    }
    for Member { key, node, .. } in members(node) {
        let kind = match &**key {
            "AWS" => PrincipalKind::Aws,
            "Federated" => PrincipalKind::Federated,
            "Service" => PrincipalKind::Service,
            "CanonicalUser" => PrincipalKind::CanonicalUser,
            _ => continue,
        };
        let values = values(node);
        principal.entries.extend(values.iter().map(|text| Trusted { kind, text: text.clone() }));
        principal.lists.push((kind, values));
    }
    principal
}

fn block(place: usize, Member { key, key_span, node }: &Member<'_>) -> Block {
    let entries = members(node).iter().enumerate().map(|(member, Member { key, key_span, node })| Entry {
        member,
        key: Text { value: key.to_string(), span: *key_span },
        values: values(node),
    });
    Block {
        member: place,
        operator: Text { value: key.to_string(), span: *key_span },
        parsed: Operator::parse(key),
        group: group(node),
        entries: entries.collect(),
    }
}

fn values(node: &Node<'_>) -> Values {
    match &node.value {
        Value::Array(nodes) => Values {
            span: node.span,
            list: Some(group(node)),
            items: nodes.iter().filter_map(text).collect(),
        },
        _ => Values { span: node.span, list: None, items: text(node).into_iter().collect() },
    }
}

fn text(node: &Node<'_>) -> Option<Text> {
    let value = match &node.value {
        Value::String(value) => value.to_string(),
        Value::Number(value) => (*value).to_owned(),
        Value::Bool(value) => value.to_string(),
        _ => return None,
    };
    Some(Text { value, span: node.span })
}

fn members<'n, 't>(node: &'n Node<'t>) -> &'n [Member<'t>] {
    match &node.value {
        Value::Object(members) => members,
        _ => &[],
    }
}

fn group(node: &Node<'_>) -> Group {
    let children = match &node.value {
        Value::Object(members) => members
            .iter()
            .map(|member| Span { start: member.key_span.start, end: member.node.span.end })
            .collect(),
        Value::Array(nodes) => nodes.iter().map(|node| node.span).collect(),
        _ => Vec::new(),
    };
    Group { span: node.span, children }
}
