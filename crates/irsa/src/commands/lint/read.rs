//! From a file to what it holds: which kind of file it is, and the documents inside.

use std::ops::Range;

use irsa_policy::lint::{Edit, Fix, guess};
use irsa_policy::{PolicyType, Span};

use super::codes::{K005, L003, L004, L005};
use super::interpolation::StandIns;
use super::inventory::{Document, Fixable, Found, Inventory, Place, Policy};
use super::sources::Source;
use super::tree::{self, Node, Unreadable};
use super::{embedded, heredoc, kubernetes, terraform};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// One of these is in every file that lint is for; others in a folder, such as JSON with comments, are their programs' own.
const OURS: &[&str] = &["Statement", "PolicyDocument", "apiVersion", "planned_values"];
/// What templates open with, of Helm and Jinja.
const TEMPLATE: &[&str] = &["{{", "{%"];

/// Reads one file, whose index is `index`, into the inventory.
pub(super) fn read(source: &Source, index: usize, inventory: &mut Inventory) {
    let file = File { source, index };
    match source.extension().as_str() {
        "tf" => heredoc::read(source, index, inventory),
        "json" => file.json(inventory),
        "yaml" | "yml" => file.yaml(inventory),
        _ if looks_like_json(&source.text) => file.json(inventory),
        _ => file.yaml(inventory),
    }
}

struct File<'a> {
    source: &'a Source,
    index: usize,
}

impl File<'_> {
    fn json(&self, inventory: &mut Inventory) {
        let text = &self.source.text;
        if text.starts_with(BYTE_ORDER_MARK) {
            return self.marked(inventory);
        }
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(text);
        let read = tree::read(text, 0);
        // A text that is no JSON may still be a policy with a comment or a comma too many: its rules say so.
        let policy = match (&valid, &read) {
            (Ok(_), Ok(documents)) => documents
                .first()
                .is_some_and(|node| node.get("Statement").is_some())
                .then(|| guess(text))
                .flatten(),
            _ => guess(text),
        };
        if let Some(kind) = policy {
            return self.policy(kind, inventory);
        }
        match (valid, read) {
            (Ok(_), Ok(documents)) => {
                for node in &documents {
                    self.object(node, inventory);
                }
            }
            (Ok(_), Err(Unreadable { reason, at })) => self.unreadable("JSON", &reason, at, inventory),
            (Err(error), _) if is_template(text) => {
                self.template("JSON", self.source.offset(error.line(), error.column()), inventory);
            }
            (Err(error), _) => {
                let at = self.source.offset(error.line(), error.column());
                self.unreadable("JSON", &error.to_string(), at, inventory);
            }
        }
    }

    fn policy(&self, kind: PolicyType, inventory: &mut Inventory) {
        let document = inventory.document(self.whole());
        inventory.policies.push(Policy {
            document,
            text: self.source.text.clone(),
            kind,
            place: Place::Verbatim { offset: 0, fixable: Fixable::Any },
            role: None,
            stand_ins: StandIns::default(),
        });
    }

    /// Every document of the stream by itself, so that one that cannot be read hides no other.
    fn yaml(&self, inventory: &mut Inventory) {
        if looks_like_json(&self.source.text) && guess(&self.source.text).is_some() {
            return self.json(inventory);
        }
        for (start, end) in self.documents() {
            let text = self.source.text.get(start..end).unwrap_or_default();
            if let Some(lost) = kubernetes::indentation::lost(text) {
                let content = start + leading_blank(text);
                self.flattened(&lost, start, content..end, inventory);
                continue;
            }
            match tree::read(text, start) {
                // `{{ … }}` may be YAML by chance: a map whose key is a map.
                Ok(documents) if is_template(text) && documents.iter().any(Node::has_map_as_key) => {
                    self.template("YAML", start, inventory);
                }
                Ok(documents) => {
                    for node in &documents {
                        self.object(node, inventory);
                    }
                }
                Err(Unreadable { at, .. }) if is_template(text) => self.template("YAML", at, inventory),
                Err(Unreadable { reason, at }) => self.unreadable("YAML", &reason, at, inventory),
            }
        }
    }

    /// The bytes of each document between the lines that begin with `---`.
    fn documents(&self) -> Vec<(usize, usize)> {
        let mut documents = Vec::new();
        let mut start = 0;
        for (_, at, line) in self.source.lines() {
            let Some(rest) = line.strip_prefix("---") else { continue };
            if rest.is_empty() || rest.starts_with([' ', '\t']) {
                documents.push((start, at));
                start = at + 3;
            }
        }
        documents.push((start, self.source.text.len()));
        let holds_something = |&(start, end): &(usize, usize)| {
            let text = self.source.text.get(start..end).unwrap_or_default();
            leading_blank(text) < text.len()
        };
        documents.into_iter().filter(holds_something).collect()
    }

    /// What is meant is read as well, so that its other mistakes are found at once.
    fn flattened(
        &self,
        lost: &kubernetes::indentation::Lost,
        start: usize,
        content: Range<usize>,
        inventory: &mut Inventory,
    ) {
        let document = inventory.document(Document {
            source: self.index,
            name: lost.name(),
            heads: vec![self.source.line(content.start)],
            span: content,
        });
        let at = start + lost.at;
        let mut found = Found::new(document, &K005, at..at + lost.length, "", lost.reason());
        if let Some(repair) = &lost.repair {
            found = found.with_fix(repair.fix(start));
        }
        inventory.findings.push(found);
        if let Some(repair) = &lost.repair
            && let Ok(documents) = tree::read(&repair.readable, 0)
        {
            for mut node in documents {
                node.move_places(&|at| start + repair.original(at));
                kubernetes::read(&node, self.source, self.index, Some(document), inventory);
            }
        }
    }

    /// A document that could be read: a plan, a manifest, or a command's input or output.
    fn object(&self, node: &Node, inventory: &mut Inventory) {
        if terraform::is_plan(node) {
            return terraform::read(node, self.source, self.index, inventory);
        }
        if kubernetes::is_object(node) {
            return kubernetes::read(node, self.source, self.index, None, inventory);
        }
        embedded::read(node, self.source, self.index, inventory);
    }

    fn unreadable(&self, format: &str, reason: &str, at: usize, inventory: &mut Inventory) {
        let document = inventory.document(self.whole());
        let rule = if self.source.is_named || OURS.iter().any(|word| self.source.text.contains(word)) {
            &L003
        } else {
            &L005
        };
        inventory.find(document, rule, at..at, "", format!("this is not {format}: {reason}"));
    }

    /// RFC 8259 §8.1 allows readers to refuse it, and AWS does.
    fn marked(&self, inventory: &mut Inventory) {
        let document = inventory.document(self.whole());
        let end = BYTE_ORDER_MARK.len_utf8();
        let reason = "the file begins with a byte-order mark, which is no part of JSON".to_owned();
        let edit = Edit { span: Span { start: 0, end }, text: String::new() };
        let fix = Fix { title: "remove the byte-order mark".to_owned(), edits: vec![edit] };
        inventory.findings.push(Found::new(document, &L003, 0..end, "", reason).with_fix(fix));
    }

    /// Told once for a file, whose documents are mostly all templates.
    fn template(&self, format: &str, at: usize, inventory: &mut Inventory) {
        let told = inventory.findings.iter().any(|found| {
            let document = inventory.documents.get(found.document);
            found.code == L004.code && document.is_some_and(|document| document.source == self.index)
        });
        if !told {
            let document = inventory.document(self.whole());
            let reason = format!(
                "a template that is not rendered is not read as {format}: lint what `helm template` gives"
            );
            inventory.find(document, &L004, at..at, "", reason);
        }
    }

    fn whole(&self) -> Document {
        Document { source: self.index, name: String::new(), span: 0..self.source.text.len(), heads: vec![1] }
    }
}

/// The first thing that is no blank and no comment begins JSON.
fn looks_like_json(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("//") && !line.starts_with('#'))
        .is_some_and(|line| line.starts_with(['{', '[']) || line.starts_with("/*"))
}

fn is_template(text: &str) -> bool {
    TEMPLATE.iter().any(|opening| text.contains(opening))
}

/// Bytes before the first line that is neither blank nor a comment.
fn leading_blank(text: &str) -> usize {
    let blank = text.split_inclusive('\n').take_while(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "..."
    });
    blank.map(str::len).sum()
}
