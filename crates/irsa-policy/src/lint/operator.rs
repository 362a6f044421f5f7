//! Moves a condition from one operator to another.

use super::Edit;
use super::finding::Fix;
use super::group::{member, source};
use super::reading::{Block, Entry, Statement};
use crate::document::Span;
use crate::lint::group::quoted;

/// Compares `entry` of `block` with another operator. Where every key of the block `goes` there, the operator is renamed;
/// otherwise the entry moves alone. `None` when the other operator already has the key.
pub(super) fn change(
    text: &str,
    statement: &Statement,
    (block, entry): (&Block, &Entry),
    operator: &str,
    goes: impl Fn(&Entry) -> bool,
) -> Option<Fix> {
    let condition = statement.condition.as_ref()?;
    let title = format!("use {operator}");
    match statement.block(operator) {
        None if block.entries.iter().all(goes) => {
            Some(Fix::one(title, Edit::new(block.operator.span, quoted(operator))))
        }
        None => {
            let new = member(operator, &format!("{{{}}}", whole(text, block, entry)));
            Some(Fix::new(title, vec![block.group.remove(entry.member), condition.group.append(text, &new)]))
        }
        Some(target) => {
            let is_taken = |other: &Entry| other.key.value.eq_ignore_ascii_case(&entry.key.value);
            if target.entries.iter().any(is_taken) {
                return None;
            }
            let removal = remove(statement, (block, entry))?;
            Some(Fix::new(title, vec![removal, target.group.append(text, whole(text, block, entry))]))
        }
    }
}

/// Adds `key: value` under an operator of the statement's conditions.
pub(super) fn add(text: &str, statement: &Statement, operator: &str, entry: &str) -> Option<Edit> {
    let condition = statement.condition.as_ref()?;
    Some(match statement.block(operator) {
        Some(block) => block.group.append(text, entry),
        None => condition.group.append(text, &member(operator, &format!("{{{entry}}}"))),
    })
}

/// Removes one condition, with its operator when nothing else stands under it.
pub(super) fn remove(statement: &Statement, (block, entry): (&Block, &Entry)) -> Option<Edit> {
    let condition = statement.condition.as_ref()?;
    Some(match block.entries.as_slice() {
        [_] => condition.group.remove(block.member),
        _ => block.group.remove(entry.member),
    })
}

/// The entry from its key to the end of its value.
pub(super) fn whole<'t>(text: &'t str, block: &Block, entry: &Entry) -> &'t str {
    let span: Span = block.group.children.get(entry.member).copied().unwrap_or_default();
    source(text, span)
}
