//! How claims are compared: T005, T006, T011 to T014, T051.

use super::{Claim, Door, Trust, lets_pass};
use crate::claim::{self, with_wildcards};
use crate::condition::{Family, Operator, Set};
use crate::lint::finding::{Fix, Report};
use crate::lint::group::source;
use crate::lint::reading::{Block, Entry, Statement};
use crate::lint::rules::{T005, T006, T011, T012, T013, T014, T051};
use crate::lint::show::{listed, shown};
use crate::lint::{Edit, operator};

pub(super) fn rules(trust: &Trust<'_>, report: &mut Report) {
    for statement in &trust.document.statements {
        literal_wildcards(trust, statement, report);
        if statement.allows() {
            anded(trust, statement, report);
        }
    }
    for door in &trust.doors {
        for claim in &door.claims {
            needless_like(trust, door, claim, report);
        }
    }
    for door in trust.open_doors() {
        for claim in door.claims.iter().filter(|claim| is_decisive(&claim.name)) {
            weak(trust, door, claim, report);
        }
    }
}

/// The claims by which a trust policy decides; each has one value.
fn is_decisive(claim: &str) -> bool {
    matches!(claim, "sub" | "aud")
}

fn path(statement: &Statement, block: &Block, entry: &Entry) -> String {
    statement.path(&format!("Condition.{}.{}", block.operator.value, entry.key.value))
}

fn is_wild(entry: &Entry) -> bool {
    entry.values.iter().any(|text| claim::has_wildcard(&text.value))
}

/// T005
fn literal_wildcards(trust: &Trust<'_>, statement: &Statement, report: &mut Report) {
    for (block, entry) in statement.entries() {
        let family = block.parsed.map(|operator| operator.family);
        if !matches!(family, Some(Family::StringEquals | Family::StringEqualsIgnoreCase)) {
            continue;
        }
        let Some(text) = entry.values.iter().find(|text| claim::has_wildcard(&text.value)) else { continue };
        let like = with_wildcards(&block.operator.value);
        let reason = format!(
            "`*` and `?` are plain characters in {}, so that no value equals {}: use {}",
            shown(&block.operator.value),
            shown(&text.value),
            shown(&like)
        );
        let fix = operator::change(trust.text, statement, (block, entry), &like, is_wild);
        report.add(&T005, text.span, path(statement, block, entry), reason, fix);
    }
}

/// T006
fn needless_like(trust: &Trust<'_>, door: &Door<'_>, claim: &Claim<'_>, report: &mut Report) {
    let Claim { block, entry, .. } = *claim;
    if claim.operator.family != Family::StringLike || claim.operator.negated || is_wild(entry) {
        return;
    }
    let equals = block.operator.value.replace("Like", "Equals");
    let reason = format!(
        "{} has no wildcard: {} says the same and cannot become a pattern by accident",
        listed(entry.values.iter().map(|text| text.value.as_str())),
        shown(&equals)
    );
    let fix = operator::change(trust.text, door.statement, (block, entry), &equals, |entry| !is_wild(entry));
    report.add(&T006, block.operator.span, claim.path(door.statement), reason, fix);
}

/// T011 to T014
fn weak(trust: &Trust<'_>, door: &Door<'_>, claim: &Claim<'_>, report: &mut Report) {
    let Claim { block, entry, operator: Operator { set, family, negated, if_exists }, .. } = *claim;
    let statement = door.statement;
    let (name, key) = (block.operator.value.as_str(), entry.key.value.as_str());
    if family == Family::Null {
        if entry.values.iter().any(|text| text.value.eq_ignore_ascii_case("true")) {
            let reason = format!(
                "the statement wants tokens without {}: compare it with what it should be",
                shown(key)
            );
            report.add(&T014, entry.key.span, claim.path(statement), reason, None);
        }
        return;
    }
    let without = |part: &str, report: &mut Report, rule, reason| {
        let plain = name.replacen(part, "", 1);
        let goes = |other: &Entry| {
            door.claims.iter().any(|claim| {
                claim.block.member == block.member
                    && claim.entry.member == other.member
                    && is_decisive(&claim.name)
            })
        };
        let fix = operator::change(trust.text, statement, (block, entry), &plain, goes);
        report.add(rule, block.operator.span, claim.path(statement), reason, fix);
    };
    if set == Some(Set::ForAnyValue) && claim.name == "sub" {
        let reason =
            format!("{} has one value, and ForAnyValue is for keys with several: drop it", shown(key));
        without("ForAnyValue:", report, &T012, reason);
    }
    if door.pins(key) {
        return;
    }
    if set == Some(Set::ForAllValues) {
        let reason = format!("ForAllValues holds for a token that has no {}: drop it", shown(key));
        without("ForAllValues:", report, &T011, reason);
    }
    if if_exists {
        let reason = format!("IfExists holds for a token that has no {}: drop it", shown(key));
        without("IfExists", report, &T013, reason);
    }
    if negated {
        let reason = format!(
            "{} lets in everything but {}, also tokens without {}: say what it should be",
            shown(name),
            listed(entry.values.iter().map(|text| text.value.as_str())),
            shown(key)
        );
        report.add(&T014, block.operator.span, claim.path(statement), reason, None);
    }
}

/// T051
fn anded(trust: &Trust<'_>, statement: &Statement, report: &mut Report) {
    let is = |block: &Block, families: &[Family]| {
        block.parsed.is_some_and(|Operator { set, family, negated, if_exists }| {
            set.is_none() && !negated && !if_exists && families.contains(&family)
        })
    };
    let exact = |key: &str| {
        statement.entries().find(|(block, entry)| {
            is(block, &[Family::StringEquals, Family::StringEqualsIgnoreCase])
                && entry.key.value.eq_ignore_ascii_case(key)
        })
    };
    for (block, entry) in statement.entries().filter(|(block, _)| is(block, &[Family::StringLike])) {
        let Some(other) = exact(&entry.key.value) else { continue };
        let reason = format!(
            "{} has to equal {} and to match {} at once, because all conditions of a statement must hold: make two statements",
            shown(&entry.key.value),
            listed(other.1.values.iter().map(|text| text.value.as_str())),
            listed(entry.values.iter().map(|text| text.value.as_str()))
        );
        let fix = apart(trust, statement, other, (block, entry));
        report.add(&T051, entry.key.span, path(statement, block, entry), reason, fix);
    }
}

/// Two statements, one for each of the conditions. Where the pattern matches what is named exactly, it adds nothing today,
/// and a statement of its own would let in more: it goes.
fn apart(
    trust: &Trust<'_>,
    statement: &Statement,
    exact: (&Block, &Entry),
    like: (&Block, &Entry),
) -> Option<Fix> {
    /// Longer statements are left to their author: a copy for every finding would be too much.
    const MAX_COPIED: usize = 16_384;
    let span = statement.group.span;
    let is_matched = |name: &str| like.1.values.iter().any(|text| lets_pass(&text.value, name, true));
    let remove_like = operator::remove(statement, like)?;
    if exact.1.values.iter().all(|text| is_matched(&text.value)) {
        return Some(Fix::one("remove the pattern, which adds nothing", remove_like));
    }
    if span.end - span.start > MAX_COPIED {
        return None;
    }
    let mut changes = vec![operator::remove(statement, exact)?];
    changes.extend(statement.sid.map(|sid| statement.group.remove(sid)));
    let copy = edited(source(trust.text, span), span.start, changes);
    let edits = match &trust.document.list {
        Some(list) => vec![remove_like, list.insert_after(trust.text, span, &copy)],
        None => {
            let at = |offset| crate::Span { start: offset, end: offset };
            vec![remove_like, Edit::new(at(span.start), "["), Edit::new(at(span.end), format!(", {copy}]"))]
        }
    };
    Some(Fix::new("make two statements", edits))
}

/// A piece of the document, which started at `start` there, after edits.
fn edited(piece: &str, start: usize, mut edits: Vec<Edit>) -> String {
    for edit in &mut edits {
        edit.span.start = edit.span.start.saturating_sub(start);
        edit.span.end = edit.span.end.saturating_sub(start);
    }
    crate::lint::apply(piece, [&Fix::new("", edits)])
}
