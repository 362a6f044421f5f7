//! Additions to a document at their places in its text, so that comments, order, quotes and numbers stay as they are.
//!
//! The caller reads the result again and compares: where the text is stranger than what is thought of here, it is written anew.

use irsa_cluster::json_patch::{PatchOperation, apply};
use serde_json::Value;

use super::super::lint::tree::{self, Node, Value as Content};
use super::yaml;

/// A text to insert at a byte, or to put in place of what is up to `end`.
struct Insertion {
    at: usize,
    end: usize,
    /// What belongs to deeper parts of the document comes first, where several are at one place.
    depth: usize,
    text: String,
}

/// The text with every addition; none where one has no place.
pub(super) fn edited(text: &str, patch: &[PatchOperation]) -> Option<String> {
    let documents = tree::read(text, 0).ok()?;
    let [root] = documents.as_slice() else { return None };
    let mut insertions = Vec::new();
    for (path, values) in merged(patch)? {
        insertions.push(Place::find(root, text, &path)?.insertion(&values)?);
    }
    insertions.sort_by_key(|insertion| (insertion.at, std::cmp::Reverse(insertion.depth)));
    let (mut result, mut from) = (String::with_capacity(text.len() * 2), 0);
    for insertion in insertions {
        result.push_str(text.get(from..insertion.at)?);
        result.push_str(&insertion.text);
        from = insertion.end;
    }
    result.push_str(text.get(from..)?);
    Some(result)
}

/// What is added into a map that is added itself is one addition, and so is what is added at the end of one list.
fn merged(patch: &[PatchOperation]) -> Option<Vec<(String, Vec<Value>)>> {
    let mut additions: Vec<(String, Vec<Value>)> = Vec::new();
    for operation in patch {
        let PatchOperation::Add { path, value } = operation else { return None };
        let below =
            |outer: &str| path.strip_prefix(outer).filter(|rest| rest.starts_with('/')).map(str::to_owned);
        let outer =
            additions.iter_mut().find_map(|(known, values)| Some((below(known)?, values.first_mut()?)));
        if let Some((path, outer)) = outer {
            apply(outer, &[PatchOperation::Add { path, value: value.clone() }]).ok()?;
        } else if let Some((_, values)) =
            additions.iter_mut().find(|(known, _)| known == path && path.ends_with("/-"))
        {
            values.push(value.clone());
        } else {
            additions.push((path.clone(), vec![value.clone()]));
        }
    }
    Some(additions)
}

/// Where something is added.
struct Place<'a> {
    text: &'a str,
    parent: &'a Node,
    /// The name of the new member, or `-`, or the index of the new element.
    last: String,
    depth: usize,
}

impl<'a> Place<'a> {
    fn find(root: &'a Node, text: &'a str, path: &str) -> Option<Self> {
        let (parents, last) = path.rsplit_once('/')?;
        let plain = |part: &str| part.replace("~1", "/").replace("~0", "~");
        let mut parent = root;
        for part in parents.split('/').skip(1) {
            parent = match &parent.value {
                Content::List(items) => items.get(part.parse::<usize>().ok()?)?,
                Content::Map(_) => parent.get(&plain(part))?,
                Content::Scalar { .. } => return None,
            };
        }
        Some(Self { text, parent, last: plain(last), depth: path.split('/').count() })
    }

    /// Several values are elements for the end of a list.
    fn insertion(&self, values: &[Value]) -> Option<Insertion> {
        let value = values.first()?;
        match &self.parent.value {
            Content::Map(members) => match members.iter().find(|(name, _)| name.text() == Some(&self.last)) {
                Some((key, null)) => Some(self.in_place_of(key, null, value)),
                None if self.is_flow() => self.flow_member(members, value),
                None => self.block_member(members, value),
            },
            Content::List(items) if self.is_flow() => self.flow_elements(items, values),
            Content::List(items) => self.block_elements(items, values),
            Content::Scalar { .. } => None,
        }
    }

    fn is_flow(&self) -> bool {
        self.text.get(self.parent.start..).is_some_and(|rest| rest.starts_with(['{', '[']))
    }

    /// The key is there, its value is null.
    fn in_place_of(&self, key: &Node, null: &Node, value: &Value) -> Insertion {
        let written = null.end > null.start;
        let (at, end) = if written { (null.start, null.end) } else { (key.end + 1, key.end + 1) };
        let space = if written { "" } else { " " };
        Insertion { at, end, depth: self.depth, text: format!("{space}{value}") }
    }

    /// Parts on lines of their own get a line of their own.
    fn flow_member(&self, members: &[(Node, Node)], value: &Value) -> Option<Insertion> {
        let name = Value::from(self.last.as_str());
        let Some(((first, _), (_, last))) = members.first().zip(members.last()) else {
            return Some(self.insert(self.parent.start + 1, format!("{name}: {value}")));
        };
        let is_on_its_own_line = self.text.get(self.parent.start..first.start)?.contains('\n');
        let text = if is_on_its_own_line {
            let indentation = self.column(first.start)?;
            format!(",\n{}{name}: {}", " ".repeat(indentation), pretty(value, indentation)?)
        } else {
            format!(", {name}: {value}")
        };
        Some(self.insert(last.end, text))
    }

    fn flow_elements(&self, items: &[Node], values: &[Value]) -> Option<Insertion> {
        let Some((first, last)) = items.first().zip(items.last()) else {
            return Some(self.insert(self.parent.start + 1, listed(values, ", ")));
        };
        let is_on_its_own_line = self.text.get(self.parent.start..first.start)?.contains('\n');
        let (separator, written) = if is_on_its_own_line {
            let indentation = self.column(first.start)?;
            let separator = format!(",\n{}", " ".repeat(indentation));
            let written: Option<Vec<_>> = values.iter().map(|value| pretty(value, indentation)).collect();
            let written = written?.join(&separator);
            (separator, written)
        } else {
            (", ".to_owned(), listed(values, ", "))
        };
        Some(match self.last.as_str() {
            "-" => self.insert(last.end, format!("{separator}{written}")),
            _ => self.insert(first.start, format!("{written}{separator}")),
        })
    }

    fn block_member(&self, members: &[(Node, Node)], value: &Value) -> Option<Insertion> {
        let indentation = self.column(members.first()?.0.start)?;
        let mut text = format!("{}{}:", " ".repeat(indentation), yaml::key(&self.last));
        let deeper = if value.is_array() { indentation } else { indentation + 2 };
        yaml::write(value, deeper, &mut text);
        self.after(self.parent, &text)
    }

    fn block_elements(&self, items: &[Node], values: &[Value]) -> Option<Insertion> {
        let dash = self.text.get(..items.first()?.start)?.rfind('-')?;
        let indentation = self.column(dash)?;
        let space = " ".repeat(indentation);
        let elements = values.iter().map(|value| format!("-{}", yaml::after_dash(value, indentation + 2)));
        let elements = elements.collect::<Vec<_>>().join(&format!("\n{space}"));
        if self.last == "-" {
            return self.after(self.parent, &format!("{space}{elements}"));
        }
        Some(self.insert(dash, format!("{elements}\n{space}")))
    }

    /// On lines of its own after the last line of a node.
    fn after(&self, node: &Node, lines: &str) -> Option<Insertion> {
        let end = self.end_of(node)?;
        let before = self.text.get(..end)?;
        if before.ends_with('\n') {
            return Some(self.insert(end, format!("{lines}\n")));
        }
        let rest = self.text.get(end..)?;
        let end_of_line = rest.find('\n').unwrap_or(rest.len());
        let end_of_line =
            if rest.get(..end_of_line)?.ends_with('\r') { end_of_line - 1 } else { end_of_line };
        Some(self.insert(end + end_of_line, format!("\n{lines}")))
    }

    /// Where the last part of a node ends; blank lines and comments after it are not its own.
    fn end_of(&self, node: &Node) -> Option<usize> {
        let is_flow = self.text.get(node.start..)?.starts_with(['{', '[']);
        match &node.value {
            Content::Map(members) if !is_flow => {
                let (key, value) = members.last()?;
                Some(if value.end > value.start { self.end_of(value)? } else { key.end })
            }
            Content::List(items) if !is_flow => self.end_of(items.last()?),
            _ => Some(node.end),
        }
    }

    fn insert(&self, at: usize, text: String) -> Insertion {
        Insertion { at, end: at, depth: self.depth, text }
    }

    /// How many characters are before a byte on its line.
    fn column(&self, at: usize) -> Option<usize> {
        let before = self.text.get(..at)?;
        let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
        Some(line.chars().count())
    }
}

fn listed(values: &[Value], separator: &str) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(separator)
}

fn pretty(value: &Value, indentation: usize) -> Option<String> {
    let text = serde_json::to_string_pretty(value).ok()?;
    Some(text.replace('\n', &format!("\n{}", " ".repeat(indentation))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, patch: Value, expected: &str) {
        let patch: Vec<PatchOperation> = serde_json::from_value(patch).unwrap();
        let edited = edited(text, &patch).unwrap();
        assert_eq!(edited, expected);
        let mut value: Value = serde_saphyr::from_str(text).unwrap();
        apply(&mut value, &patch).unwrap();
        assert_eq!(serde_saphyr::from_str::<Value>(&edited).unwrap(), value);
    }

    fn add(path: &str, value: Value) -> Value {
        json!({"op": "add", "path": path, "value": value})
    }

    #[test]
    fn block_style() {
        check(
            "a:\n- name: x # one\n  env:\n    - name: y\n# end\nb: 1.50\n",
            json!([add("/a/0/env/-", json!({"name": "z"})), add("/a/0/mounts", json!([{"c": 1}]))]),
            "a:\n- name: x # one\n  env:\n    - name: y\n    - name: z\n  mounts:\n  - c: 1\n# end\nb: 1.50\n",
        );
        check("a:\n- b\n", json!([add("/a/0", json!({"c": 1, "d": 2}))]), "a:\n- c: 1\n  d: 2\n- b\n");
        check("a:\n  b: |\n    text\n", json!([add("/a/c", json!("d"))]), "a:\n  b: |\n    text\n  c: d\n");
        check("a:\n  b: 1", json!([add("/a/c", json!("d"))]), "a:\n  b: 1\n  c: d");
        check("a: 1\r\nb: 2\r\n", json!([add("/c", json!("d"))]), "a: 1\r\nb: 2\nc: d\r\n");
    }

    #[test]
    fn nulls_and_empty_lists() {
        check("a:\nb: 1\n", json!([add("/a", json!([1]))]), "a: [1]\nb: 1\n");
        check("a: null # x\n", json!([add("/a", json!([1]))]), "a: [1] # x\n");
        check("a: []\n", json!([add("/a/-", json!(1)), add("/a/-", json!(2))]), "a: [1, 2]\n");
        check("a: {}\n", json!([add("/a/b", json!(1))]), "a: {\"b\": 1}\n");
    }

    #[test]
    fn flow_style() {
        check(
            "{a: [x], b: {c: 1}}",
            json!([add("/a/-", json!("y")), add("/a/0", json!("w")), add("/b/d", json!(2))]),
            "{a: [\"w\", x, \"y\"], b: {c: 1, \"d\": 2}}",
        );
        check(
            "{\n  \"a\": [\n    1.50\n  ]\n}\n",
            json!([add("/a/-", json!({"b": 1})), add("/c", json!([1]))]),
            "{\n  \"a\": [\n    1.50,\n    {\n      \"b\": 1\n    }\n  ],\n  \"c\": [\n    1\n  ]\n}\n",
        );
    }

    #[test]
    fn what_goes_into_something_new_goes_with_it() {
        check(
            "a: 1\n",
            json!([add("/m", json!({})), add("/m/l", json!({"x": "y"})), add("/m/l/z", json!("1"))]),
            "a: 1\nm:\n  l:\n    x: \"y\"\n    z: \"1\"\n",
        );
    }
}
