//! Manifests whose indentation was lost, as text copied from a web page has it: recognised, and indented again by what is
//! known of how fields nest.
//!
//! Only the blanks before lines change, and only when every line has a place: the search goes through the open fields from
//! the inside, steps back where it led nowhere, and is bounded.

use irsa_policy::Span;
use irsa_policy::lint::{Edit, Fix};

use super::fields::{Shape, of_kind};

/// Steps of the search; a manifest needs hardly more than it has lines.
const MOST_STEPS: usize = 20_000;
/// Longer documents are not repaired.
const MOST_LINES: usize = 500;

/// What shows that a document's indentation is gone.
#[derive(Debug, Clone)]
pub(in super::super) struct Lost {
    /// The byte of the key whose contents stand beside it.
    pub(in super::super) at: usize,
    pub(in super::super) length: usize,
    pub(in super::super) repair: Option<Repair>,
    parent: String,
    child: String,
    kind: String,
    object: Option<String>,
}

/// The document as it is meant.
#[derive(Debug, Clone)]
pub(in super::super) struct Repair {
    /// Values that begin as YAML's values do not (`[ACCOUNT].dkr.ecr…`) have another first character here: this is to be
    /// read, not to be written.
    pub(in super::super) readable: String,
    /// For each line: where its content starts in the repaired and in the original text, and the blanks before it there.
    lines: Vec<(usize, usize, usize)>,
    indents: Vec<usize>,
}

impl Lost {
    pub(in super::super) fn reason(&self) -> String {
        format!(
            "the indentation was lost: `{}` stands beside `{}`, whose part it is; Kubernetes reads an empty `{1}`",
            self.child, self.parent
        )
    }

    /// `Deployment web`.
    pub(in super::super) fn name(&self) -> String {
        match &self.object {
            Some(object) => format!("{} {object}", self.kind),
            None => self.kind.clone(),
        }
    }
}

impl Repair {
    /// The edits of the blanks before lines, for a document that starts at `base`.
    pub(in super::super) fn fix(&self, base: usize) -> Fix {
        let changed =
            self.lines.iter().zip(&self.indents).filter(|((_, _, blanks), indent)| blanks != *indent);
        let edits = changed.map(|(&(_, content, blanks), &indent)| Edit {
            span: Span { start: base + content - blanks, end: base + content },
            text: " ".repeat(indent),
        });
        Fix { title: "indent it as its fields nest".to_owned(), edits: edits.collect() }
    }

    /// Where a byte of the repaired text is in the original.
    pub(in super::super) fn original(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|(repaired, _, _)| *repaired <= at).saturating_sub(1);
        let (repaired, original, _) = self.lines.get(line).copied().unwrap_or_default();
        original + at.saturating_sub(repaired)
    }
}

/// Whether the manifest's indentation is lost, from its text alone: it may be YAML still, with everything at the top.
pub(in super::super) fn lost(text: &str) -> Option<Lost> {
    let lines: Vec<Line<'_>> = lines(text);
    let top = |key: &str| lines.iter().find(|line| line.key == Some(key) && line.blanks == 0);
    let (_, kind) = (top("apiVersion")?, top("kind")?);
    let (parent, child) = lines.iter().zip(lines.iter().skip(1)).find(|(parent, child)| {
        let is_part = child.key.is_some_and(|child| is_part(parent.key.unwrap_or_default(), child));
        parent.value.is_empty() && !parent.item && !child.item && parent.blanks == child.blanks && is_part
    })?;
    Some(Lost {
        at: parent.content,
        length: parent.key?.len(),
        parent: parent.key?.to_owned(),
        child: child.key?.to_owned(),
        kind: kind.value.to_owned(),
        object: lines.iter().find(|line| line.key == Some("name")).map(|line| line.value.to_owned()),
        repair: repair(text, &lines, kind.value),
    })
}

/// Fields that stand in one place only: beside their parent they are nowhere.
fn is_part(parent: &str, child: &str) -> bool {
    match parent {
        "metadata" => matches!(child, "name" | "namespace" | "labels" | "annotations" | "generateName"),
        "spec" => matches!(
            child,
            "replicas"
                | "selector"
                | "template"
                | "containers"
                | "serviceAccountName"
                | "schedule"
                | "jobTemplate"
        ),
        "template" | "jobTemplate" => matches!(child, "metadata" | "spec"),
        "selector" => child == "matchLabels",
        "annotations" => child.contains('/'),
        _ => false,
    }
}

/// A line that has content.
#[derive(Debug, Clone)]
struct Line<'a> {
    /// Where its content starts.
    content: usize,
    blanks: usize,
    item: bool,
    key: Option<&'a str>,
    /// Without quotes and comment.
    value: &'a str,
    /// Where the value starts, quotes and all.
    value_at: usize,
}

impl Line<'_> {
    /// Whether the value begins as a list or map does and is none.
    fn is_odd(&self) -> bool {
        let closes = |opening, closing| self.value.starts_with(opening) && !self.value.ends_with(closing);
        closes('[', ']') || closes('{', '}') || self.value.starts_with(['@', '`', '%'])
    }
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let content = whole.trim_start_matches([' ', '\t']);
        let blanks = whole.len() - content.len();
        let content = content.trim_end();
        if !content.is_empty() && !content.starts_with('#') {
            let item = content == "-" || content.starts_with("- ");
            let rest = if item { content.get(1..).unwrap_or_default().trim_start() } else { content };
            let rest = rest.trim_start_matches('\u{feff}');
            let pair = rest.split_once(": ").or_else(|| rest.strip_suffix(':').map(|key| (key, "")));
            let pair = pair.filter(|(key, _)| !key.contains([' ', '{', '[']) || key.starts_with(['"', '\'']));
            let (key, value) = pair.map_or((None, rest), |(key, value)| (Some(unquoted(key.trim())), value));
            let value = value.split_once(" #").map_or(value, |(value, _)| value).trim();
            let value = if value.starts_with('#') { "" } else { value };
            let value_at = start + whole.find(value).unwrap_or_default().max(blanks);
            let value_at =
                if key.is_some() { start + whole.rfind(value).unwrap_or(blanks) } else { value_at };
            lines.push(Line { content: start + blanks, blanks, item, key, value: unquoted(value), value_at });
        }
        start += whole.len();
    }
    lines
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

fn repair(text: &str, lines: &[Line<'_>], kind: &str) -> Option<Repair> {
    let fields = of_kind(kind)?;
    // The content of `|` and `>` is text: nobody knows where it ends any more.
    if lines.len() > MOST_LINES
        || lines.iter().any(|line| matches!(line.value.chars().next(), Some('|' | '>')))
    {
        return None;
    }
    let mut search = Search { lines, steps: 0, indents: Vec::new() };
    let root = Frame { shape: Shape::Object(fields), indent: 0, seen: Vec::new(), filled: false };
    if !search.place(vec![root]) {
        return None;
    }
    let mut repaired = String::new();
    let mut places = Vec::new();
    let mut odd = Vec::new();
    let mut at = 0;
    for (line, indent) in lines.iter().zip(&search.indents) {
        repaired.push_str(text.get(at..line.content - line.blanks)?);
        repaired.extend(std::iter::repeat_n(' ', *indent));
        places.push((repaired.len(), line.content, line.blanks));
        if line.is_odd() {
            odd.push(repaired.len() + line.value_at - line.content);
        }
        at = line.content;
    }
    repaired.push_str(text.get(at..)?);
    for at in odd {
        repaired.replace_range(at..at + 1, "_");
    }
    Some(Repair { readable: repaired, lines: places, indents: search.indents })
}

/// A field that is open: lines may still be its part.
#[derive(Clone)]
struct Frame<'a> {
    shape: Shape,
    /// The indentation of its parts.
    indent: usize,
    seen: Vec<&'a str>,
    filled: bool,
}

struct Search<'a> {
    lines: &'a [Line<'a>],
    steps: usize,
    /// Of the lines placed so far.
    indents: Vec<usize>,
}

impl<'a> Search<'a> {
    /// Places the next line and all after it.
    fn place(&mut self, stack: Vec<Frame<'a>>) -> bool {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return false;
        }
        let lines = self.lines;
        let Some(line) = lines.get(self.indents.len()) else {
            return stack.iter().all(|frame| frame.filled);
        };
        let mut stack = stack;
        let mut candidates = Vec::new();
        while let Some(frame) = stack.last() {
            if let Some((next, indent)) = taken(&stack, line) {
                candidates.push((next, indent, matches!(frame.shape, Shape::Named) && frame.filled));
            }
            // A field that has no part yet is not left.
            if !frame.filled {
                break;
            }
            stack.pop();
        }
        // Chosen names may be any; a field of that name further out is meant rather.
        candidates.sort_by_key(|(_, _, chosen)| *chosen);
        for (next, indent, _) in candidates {
            self.indents.push(indent);
            if self.place(next) {
                return true;
            }
            self.indents.pop();
        }
        false
    }
}

/// The open fields after the innermost of `stack` took the line, and the line's indentation; none if it does not take it.
fn taken<'a>(stack: &[Frame<'a>], line: &Line<'a>) -> Option<(Vec<Frame<'a>>, usize)> {
    let mut next = stack.to_vec();
    let frame = next.last_mut()?;
    let indent = frame.indent;
    frame.filled = true;
    if line.item {
        let Shape::List(element) = frame.shape else { return None };
        match (element, line.key) {
            (Shape::Scalar, _) => {}
            (Shape::Object(_), Some(key)) => {
                let item = Frame { shape: *element, indent: indent + 2, seen: vec![key], filled: true };
                let part = element.field(key)?;
                next.push(item);
                open(&mut next, part, indent + 2, line)?;
            }
            _ => return None,
        }
    } else {
        let key = line.key?;
        if frame.seen.contains(&key) || matches!(frame.shape, Shape::List(_)) {
            return None;
        }
        let part = frame.shape.field(key)?;
        if matches!(frame.shape, Shape::Named) && line.value.is_empty() {
            return None;
        }
        frame.seen.push(key);
        open(&mut next, part, indent, line)?;
    }
    Some((next, indent))
}

/// Opens what a key without a value holds.
fn open(stack: &mut Vec<Frame<'_>>, part: Shape, indent: usize, line: &Line<'_>) -> Option<()> {
    if !line.value.is_empty() {
        let inline = line.value.starts_with(['{', '[']) && !line.is_odd();
        return (inline || matches!(part, Shape::Scalar)).then_some(());
    }
    if !matches!(part, Shape::Scalar) {
        stack.push(Frame { shape: part, indent: indent + 2, seen: Vec::new(), filled: false });
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::super::tree;
    use super::*;

    const FLAT: &str = "\
# a copy
apiVersion: apps/v1
kind: Deployment
metadata:
name: web
labels:
app: demo
spec:
replicas: 2
selector:
matchLabels:
app: demo
template:
metadata:
labels:
app: demo
name: of-the-template
spec:
serviceAccountName: web
containers:
- name: one
env:
- name: LEVEL
value: debug
image: example.com/one:1
ports:
- name: http
containerPort: 80
- name: two # the other
image: example.com/two:1
";

    #[test]
    fn a_flattened_deployment_is_indented_again() {
        let lost = lost(FLAT).unwrap();
        assert_eq!(FLAT.get(lost.at..lost.at + lost.length), Some("metadata"));
        assert_eq!(lost.name(), "Deployment web");
        let repair = lost.repair.unwrap();
        insta::assert_snapshot!(repair.readable);
        let fixed = irsa_policy::lint::apply(FLAT, [&repair.fix(0)]);
        assert!(super::lost(&fixed).is_none());
        assert_eq!(repair.readable, fixed);
        let node = tree::read(&fixed, 0).unwrap().remove(0);
        let place = node.place_at(&["spec", "template", "spec", "serviceAccountName"]).unwrap();
        let original = repair.original(place.span.start);
        assert!(FLAT.get(original..).unwrap().starts_with("web\n"));
        assert!(FLAT.get(..original).unwrap().ends_with("serviceAccountName: "));
    }

    #[test]
    fn what_is_indented_is_left_alone() {
        for text in [
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\n  annotations:\n    a/b: c\n",
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n",
            "metadata:\nname: a\n",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: a\n    image: b\n",
            "",
        ] {
            assert!(lost(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_has_no_place_is_recognised_and_not_repaired() {
        for text in [
            "apiVersion: v1\nkind: Pod\nmetadata:\nname: a\nspec:\nunheardOf:\ncontainers:\n- name: a\n",
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\nname: a\nannotations:\na/b: |\ntext\n",
            "apiVersion: v1\nkind: Gadget\nmetadata:\nname: a\n",
        ] {
            assert!(lost(text).unwrap().repair.is_none(), "{text}");
        }
    }

    #[test]
    fn values_that_are_not_filled_in_are_read_over() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata:\nname: a\nspec:\nserviceAccountName: b\ncontainers:\n- name: a\nimage: [ACCOUNT].example.com/a:1 # ours\ncommand: [a]\n";
        let repair = lost(text).unwrap().repair.unwrap();
        let fixed = irsa_policy::lint::apply(text, [&repair.fix(0)]);
        assert!(fixed.contains("      image: [ACCOUNT].example.com/a:1 # ours\n"));
        assert!(tree::read(&fixed, 0).is_err());
        let node = tree::read(&repair.readable, 0).unwrap().remove(0);
        assert_eq!(node.text_at(&["spec", "serviceAccountName"]), Some("b"));
    }

    #[test]
    fn hopeless_texts_end() {
        let lines = "- name: a\nenv:\n".repeat(200);
        let text =
            format!("apiVersion: v1\nkind: Pod\nmetadata:\nname: a\nspec:\ncontainers:\n{lines}nowhere: 1\n");
        assert!(lost(&text).unwrap().repair.is_none());
    }
}
