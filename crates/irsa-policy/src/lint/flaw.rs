//! What makes AWS refuse a document whatever its rules say: comments, duplicates, and all that the strict reader answers.

use std::collections::HashMap;

use super::finding::{Fix, MAX_FINDINGS, Report};
use super::group::{member, source};
use super::issuer::placeholders;
use super::reading::{Blanked, Block, Entry, Reading, Statement};
use super::rules::{J001, J002, J003, T038, T039};
use super::show::{listed, shown};
use super::{Edit, group::Group};
use crate::document::{self, Member, Node, PolicyType, Problem, Span, Value};

/// Comments, stray commas, and members that are written twice.
pub(super) fn json(reading: &Reading<'_>, report: &mut Report) {
    for span in reading.comments.iter().take(MAX_FINDINGS) {
        let reason = "a comment; JSON has none, and AWS refuses the document: remove it";
        let fix = Fix::one("remove the comment", Edit::new(whole_line(reading.text, *span), ""));
        report.add(&J001, *span, "", reason, Some(fix));
    }
    for span in reading.commas.iter().take(MAX_FINDINGS) {
        let reason = "a comma with nothing after it, which JSON does not allow: remove it";
        let fix = Fix::one("remove the comma", Edit::new(*span, ""));
        report.add(&J003, *span, "", reason, Some(fix));
    }
    if let Some(root) = &reading.root {
        duplicates(reading, root, "", report);
    }
    for statement in &reading.document.statements {
        conditions(reading, statement, report);
    }
}

/// Variables where they are plain text. Types that demand the version have a refusal for it.
pub(super) fn version(reading: &Reading<'_>, kind: PolicyType, report: &mut Report) {
    if reading.document.has_variables() || matches!(kind, PolicyType::Identity | PolicyType::Boundary) {
        return;
    }
    let statements = reading.document.statements.iter();
    let found = statements
        .flat_map(|statement| {
            let resources = statement.resource.iter().chain(&statement.not_resource);
            let resources = resources.map(|element| (element.key.value.clone(), &element.values));
            let conditions =
                statement.entries().map(|(block, entry)| (condition_path(block, entry), &entry.values));
            resources.chain(conditions).map(move |(path, values)| (statement.path(&path), values))
        })
        .find_map(|(path, values)| {
            values.iter().find(|text| variable(&text.value).is_some()).map(|text| (path, text))
        });
    let Some((path, text)) = found else { return };
    let named = shown(variable(&text.value).unwrap_or_default());
    let reason = format!("{named} is plain text, because variables need \"Version\": \"2012-10-17\"");
    report.add(&T039, text.span, path, reason, Some(version_fix(reading)));
}

/// The first thing that AWS would refuse, unless an error at its place already says what it is.
pub(super) fn refused(text: &str, kind: PolicyType, report: &mut Report) {
    let problem = match document::read(text, kind) {
        Ok(document) => document::validate(&document, kind).err(),
        Err(problem) => Some(problem),
    };
    let Some(Problem { message, reason, path, span }) = problem else { return };
    let is_told = report.has_error_at(span)
        || message.starts_with("Has prohibited field")
        || report.has(&T038)
        || report.has(&J002);
    if is_told {
        return;
    }
    let fix =
        (path == "Version" && message.contains("2012-10-17")).then(|| version_fix(&Blanked::of(text).read()));
    let unfilled = placeholders(source(text, span));
    let hint = match unfilled.as_slice() {
        // Of a whole statement or document this says nothing.
        [_, ..] if span.end - span.start <= MAX_VALUE => {
            format!("{} is a placeholder that has to be filled in: ", listed(unfilled))
        }
        _ => String::new(),
    };
    report.add(&J003, span, path, format!("{hint}{reason}; AWS says: {message}"), fix);
}

/// The length of a value in which a placeholder may be what is wrong.
const MAX_VALUE: usize = 256;

fn version_fix(reading: &Reading<'_>) -> Fix {
    const WANTED: &str = "\"2012-10-17\"";
    let document = &reading.document;
    let title = "write version 2012-10-17";
    match (&document.version, document.group.children.first()) {
        (Some(version), _) => Fix::one(title, Edit::new(version.span, WANTED)),
        (None, first) => {
            let at = first.map_or(document.group.span.start + 1, |first| first.start);
            let gap = reading.text.get(..at).and_then(|before| before.rsplit_once(['{', ',']));
            let gap = gap.map(|(_, gap)| gap).filter(|gap| gap.contains('\n') && gap.trim().is_empty());
            let version = member("Version", WANTED);
            Fix::one(
                title,
                Edit::new(Span { start: at, end: at }, format!("{version},{}", gap.unwrap_or(" "))),
            )
        }
    }
}

/// The first `${…}` in a text.
pub(super) fn variable(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("${")?;
    let (inside, _) = rest.split_once('}')?;
    value.get(value.find("${")?..).and_then(|start| start.get(..inside.len() + 3))
}

fn condition_path(block: &Block, entry: &Entry) -> String {
    format!("Condition.{}.{}", block.operator.value, entry.key.value)
}

/// The comment, and its line when nothing else stands there.
fn whole_line(text: &str, span: Span) -> Span {
    let before = text.get(..span.start).unwrap_or_default().trim_end_matches([' ', '\t']);
    let is_alone = before.is_empty() || before.ends_with('\n');
    let after = text.get(span.end..).unwrap_or_default();
    match after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')) {
        Some(next) if is_alone => Span { start: before.len(), end: text.len() - next.len() },
        _ => span,
    }
}

/// Members of one object with the same name, outside of conditions.
fn duplicates(reading: &Reading<'_>, node: &Node<'_>, path: &str, report: &mut Report) {
    match &node.value {
        Value::Array(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                duplicates(reading, node, &format!("{path}[{index}]"), report);
            }
        }
        Value::Object(members) => {
            let mut seen: HashMap<&str, &Node<'_>> = HashMap::new();
            for (index, Member { key, key_span, node: value }) in members.iter().enumerate() {
                let here = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
                if let Some(first) = seen.insert(key, value) {
                    let reason = format!(
                        "{} is written twice in one object; AWS refuses that, others take the last one",
                        shown(key)
                    );
                    let same = source(reading.text, first.span) == source(reading.text, value.span);
                    let fix = same
                        .then(|| Fix::one("remove the repetition", children(node, members).remove(index)));
                    report.add(&J002, *key_span, here.clone(), reason, fix);
                }
                if key != "Condition" {
                    duplicates(reading, value, &here, report);
                }
            }
        }
        _ => {}
    }
}

fn children(node: &Node<'_>, members: &[Member<'_>]) -> Group {
    let child = |member: &Member<'_>| Span { start: member.key_span.start, end: member.node.span.end };
    Group { span: node.span, children: members.iter().map(child).collect() }
}

/// Operators that are written twice, and keys of one operator that differ by nothing or by case only.
fn conditions(reading: &Reading<'_>, statement: &Statement, report: &mut Report) {
    let Some(condition) = &statement.condition else { return };
    let mut blocks: HashMap<&str, &Block> = HashMap::new();
    for block in &condition.blocks {
        let name = block.operator.value.as_str();
        if let Some(first) = blocks.get(name) {
            let reason = format!(
                "{} is written twice in one Condition: put all keys under the first one",
                shown(name)
            );
            let fix = merge(reading, &condition.group, first, block);
            report.add(&T038, block.operator.span, statement.path(&format!("Condition.{name}")), reason, fix);
        } else {
            blocks.insert(name, block);
        }
        let mut keys: HashMap<String, &Entry> = HashMap::new();
        for entry in &block.entries {
            let Some(first) = keys.insert(entry.key.value.to_ascii_lowercase(), entry) else { continue };
            let how = if first.key.value == entry.key.value {
                ""
            } else {
                " with another case, which makes no difference"
            };
            let reason = format!(
                "the key {} is written twice under {name}{how}: write it once, with an array of its values",
                shown(&entry.key.value)
            );
            let same = source(reading.text, first.values.span) == source(reading.text, entry.values.span);
            let fix = same.then(|| Fix::one("remove the repetition", block.group.remove(entry.member)));
            report.add(&T038, entry.key.span, statement.path(&condition_path(block, entry)), reason, fix);
        }
    }
}

/// Moves the keys of the second block to the first, when it has none of them.
fn merge(reading: &Reading<'_>, blocks: &Group, first: &Block, second: &Block) -> Option<Fix> {
    let is_taken = |entry: &Entry| {
        first.entries.iter().any(|other| other.key.value.eq_ignore_ascii_case(&entry.key.value))
    };
    if second.entries.iter().any(is_taken) {
        return None;
    }
    let mut edits = vec![blocks.remove(second.member)];
    if let (Some(start), Some(end)) = (second.group.children.first(), second.group.children.last()) {
        let moved = source(reading.text, Span { start: start.start, end: end.end });
        edits.push(first.group.append(reading.text, moved));
    }
    Some(Fix::new("put the keys under the first one", edits))
}
