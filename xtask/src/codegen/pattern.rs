//! Regular expressions of service models, as Rust functions.
//!
//! A pattern becomes a deterministic automaton over disjoint ranges of characters, and that a `match`. What the models
//! do not use (look-around, back references, counted repetition, lazy quantifiers) is an error, not a guess.

use std::collections::{BTreeMap, BTreeSet};

/// Characters of one position: ranges, and Unicode properties.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    ranges: BTreeSet<(u32, u32)>,
    properties: BTreeSet<&'static str>,
}

#[derive(Debug, Clone)]
enum Node {
    Class(Class),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    /// At least so many times (0 or 1), and more than once or not.
    Repeat {
        node: Box<Node>,
        at_least_once: bool,
        many: bool,
    },
}

/// The body of a `fn(text: &str) -> bool`.
pub(crate) fn matcher(pattern: &str) -> Result<String, String> {
    let failed = |error: String| format!("pattern {pattern}: {error}");
    let mut parser = Parser { rest: pattern.chars().collect(), at: 0 };
    let node = parser.alternatives().map_err(failed)?;
    if parser.at != parser.rest.len() {
        return Err(failed(format!("unexpected text at {}", parser.at)));
    }
    emit(&node).map_err(failed)
}

struct Parser {
    rest: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Result<char, String> {
        let found = self.peek().ok_or("it ends early")?;
        self.at += 1;
        Ok(found)
    }

    fn alternatives(&mut self) -> Result<Node, String> {
        let mut branches = vec![self.sequence()?];
        while self.take('|') {
            branches.push(self.sequence()?);
        }
        Ok(Node::Either(branches))
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        // The whole value must match in any case: an anchor at either end says nothing more.
        if self.at == 0 {
            self.take('^');
        }
        while let Some(character) = self.peek() {
            if matches!(character, '|' | ')') || (character == '$' && self.at + 1 == self.rest.len()) {
                break;
            }
            let atom = self.atom()?;
            nodes.push(self.quantified(atom)?);
        }
        if self.at + 1 == self.rest.len() {
            self.take('$');
        }
        Ok(Node::Sequence(nodes))
    }

    fn quantified(&mut self, node: Node) -> Result<Node, String> {
        let (at_least_once, many) = match self.peek() {
            Some('*') => (false, true),
            Some('+') => (true, true),
            Some('?') => (false, false),
            Some('{') => return Err("counted repetition is not supported".to_owned()),
            _ => return Ok(node),
        };
        self.at += 1;
        if matches!(self.peek(), Some('*' | '+' | '?' | '{')) {
            return Err("lazy and possessive quantifiers are not supported".to_owned());
        }
        Ok(Node::Repeat { node: Box::new(node), at_least_once, many })
    }

    fn atom(&mut self) -> Result<Node, String> {
        match self.next()? {
            '(' => {
                if self.peek() == Some('?') {
                    return Err("look-around and group options are not supported".to_owned());
                }
                let node = self.alternatives()?;
                if self.take(')') { Ok(node) } else { Err("a group is not closed".to_owned()) }
            }
            '[' => Ok(Node::Class(self.class()?)),
            '\\' => Ok(Node::Class(self.escape()?)),
            other @ ('.' | '^' | '$' | '*' | '+' | '?' | '{' | '}' | ']') => {
                Err(format!("`{other}` is not supported here"))
            }
            other => Ok(Node::Class(Class::single(other))),
        }
    }

    fn class(&mut self) -> Result<Class, String> {
        if self.peek() == Some('^') {
            return Err("negated classes are not supported".to_owned());
        }
        let mut class = Class::default();
        while !self.take(']') {
            let first = match self.next()? {
                '\\' => self.escape()?,
                '[' | '&' if self.peek() == Some('&') => {
                    return Err("class operations are not supported".to_owned());
                }
                other => Class::single(other),
            };
            let is_range =
                self.peek() == Some('-') && self.rest.get(self.at + 1).is_some_and(|next| *next != ']');
            if !is_range {
                class.join(first);
                continue;
            }
            self.at += 1;
            let last = match self.next()? {
                '\\' => self.escape()?,
                other => Class::single(other),
            };
            match (first.only(), last.only()) {
                (Some(first), Some(last)) if first <= last => class.ranges.insert((first, last)),
                _ => return Err("a range must go from one character up to another".to_owned()),
            };
        }
        Ok(class)
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<Class, String> {
        match self.next()? {
            'd' => Ok(Class::of(&[('0', '9')])),
            // Java's, which AWS uses: ASCII only.
            'w' => Ok(Class::of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')])),
            'u' => self.code_point(),
            'p' => {
                let name: String = (0..3).map(|_| self.next()).collect::<Result<_, _>>()?;
                let property = match name.as_str() {
                    "{L}" => "is_letter(character)",
                    "{Z}" => "is_separator(character)",
                    "{N}" => "is_number(character)",
                    other => return Err(format!("\\p{other} is not supported")),
                };
                Ok(Class { properties: BTreeSet::from([property]), ..Class::default() })
            }
            other if other.is_ascii_alphanumeric() => Err(format!("\\{other} is not supported")),
            other => Ok(Class::single(other)),
        }
    }

    /// Four hexadecimal digits. The models also write `\u10000-\u10FFFF` and mean the supplementary planes.
    fn code_point(&mut self) -> Result<Class, String> {
        let following: String = self.rest.iter().skip(self.at).take(6).collect();
        let length = if following.starts_with("10FFFF") {
            6
        } else if following.starts_with("10000") {
            5
        } else {
            4
        };
        let digits: String = following.chars().take(length).collect();
        let code = u32::from_str_radix(&digits, 16).map_err(|error| format!("\\u{digits}: {error}"))?;
        self.at += length;
        Ok(Class { ranges: BTreeSet::from([(code, code)]), ..Class::default() })
    }
}

impl Class {
    fn single(character: char) -> Class {
        Class::of(&[(character, character)])
    }

    fn of(ranges: &[(char, char)]) -> Class {
        let ranges = ranges.iter().map(|(first, last)| (u32::from(*first), u32::from(*last))).collect();
        Class { ranges, ..Class::default() }
    }

    fn only(&self) -> Option<u32> {
        let (first, last) = self.ranges.first()?;
        (self.ranges.len() == 1 && self.properties.is_empty() && first == last).then_some(*first)
    }

    fn join(&mut self, other: Class) {
        self.ranges.extend(other.ranges);
        self.properties.extend(other.properties);
    }
}

/// Thompson's construction: states with transitions on classes and on nothing.
#[derive(Default)]
struct Automaton {
    on_class: Vec<Vec<(Class, usize)>>,
    on_nothing: Vec<Vec<usize>>,
}

impl Automaton {
    fn state(&mut self) -> usize {
        self.on_class.push(Vec::new());
        self.on_nothing.push(Vec::new());
        self.on_class.len() - 1
    }

    fn link(&mut self, from: usize, to: usize) {
        if let Some(targets) = self.on_nothing.get_mut(from) {
            targets.push(to);
        }
    }

    /// Adds `node` after `from`; returns where it ends.
    fn add(&mut self, node: &Node, from: usize) -> usize {
        match node {
            Node::Class(class) => {
                let to = self.state();
                if let Some(transitions) = self.on_class.get_mut(from) {
                    transitions.push((class.clone(), to));
                }
                to
            }
            Node::Sequence(nodes) => nodes.iter().fold(from, |from, node| self.add(node, from)),
            Node::Either(branches) => {
                let to = self.state();
                for branch in branches {
                    let start = self.state();
                    self.link(from, start);
                    let end = self.add(branch, start);
                    self.link(end, to);
                }
                to
            }
            Node::Repeat { node, at_least_once, many } => {
                let start = self.state();
                self.link(from, start);
                let end = self.add(node, start);
                let to = self.state();
                self.link(end, to);
                if *many {
                    self.link(end, start);
                }
                if !at_least_once {
                    self.link(from, to);
                }
                to
            }
        }
    }

    fn closure(&self, states: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<usize> = states.into_iter().collect();
        while let Some(state) = waiting.pop() {
            if found.insert(state) {
                waiting.extend(self.on_nothing.get(state).into_iter().flatten());
            }
        }
        found
    }

    fn after(&self, states: &BTreeSet<usize>, symbol: &Class) -> BTreeSet<usize> {
        let targets = states
            .iter()
            .filter_map(|state| self.on_class.get(*state))
            .flatten()
            .filter(|(class, _)| class == symbol || class.contains(symbol))
            .map(|(_, to)| *to);
        self.closure(targets)
    }

    /// Disjoint classes that all others are made of.
    fn alphabet(&self) -> Result<Vec<Class>, String> {
        let classes: BTreeSet<&Class> = self.on_class.iter().flatten().map(|(class, _)| class).collect();
        if classes.iter().any(|class| !class.properties.is_empty()) {
            if classes.len() > 1 {
                return Err("Unicode properties beside other classes are not supported".to_owned());
            }
            return Ok(classes.into_iter().cloned().collect());
        }
        let ranges = || classes.iter().flat_map(|class| &class.ranges);
        let starts: BTreeSet<u32> = ranges().flat_map(|(first, last)| [*first, last + 1]).collect();
        let mut alphabet = Vec::new();
        for (start, end) in starts.iter().zip(starts.iter().skip(1)) {
            let symbol = Class { ranges: BTreeSet::from([(*start, end - 1)]), ..Class::default() };
            if classes.iter().any(|class| class.contains(&symbol)) {
                alphabet.push(symbol);
            }
        }
        Ok(alphabet)
    }
}

impl Class {
    /// Whether a symbol of the alphabet, one range, is part of this class.
    fn contains(&self, symbol: &Class) -> bool {
        symbol.properties.is_empty()
            && symbol
                .ranges
                .iter()
                .all(|(first, last)| self.ranges.iter().any(|(from, to)| from <= first && last <= to))
    }
}

/// The deterministic automaton as a `match` on state and character.
fn emit(node: &Node) -> Result<String, String> {
    let mut automaton = Automaton::default();
    let start = automaton.state();
    let end = automaton.add(node, start);
    let alphabet = automaton.alphabet()?;
    let first = automaton.closure([start]);
    let mut numbers = BTreeMap::from([(first.clone(), 0usize)]);
    let mut waiting = vec![first];
    let mut arms: BTreeMap<(usize, usize), Class> = BTreeMap::new();
    while let Some(states) = waiting.pop() {
        let from = numbers.get(&states).copied().unwrap_or_default();
        for symbol in &alphabet {
            let to = automaton.after(&states, symbol);
            if to.is_empty() {
                continue;
            }
            let next = numbers.len();
            let number = *numbers.entry(to.clone()).or_insert_with(|| {
                waiting.push(to);
                next
            });
            arms.entry((from, number)).or_default().join(symbol.clone());
        }
    }
    let accepting: BTreeSet<usize> =
        numbers.iter().filter(|(states, _)| states.contains(&end)).map(|(_, number)| *number).collect();
    one_class(&arms, &accepting).map_or_else(|| many_states(&arms, &accepting, numbers.len()), Ok)
}

/// `[class]*` and `[class]+`, which most patterns are.
fn one_class(arms: &BTreeMap<(usize, usize), Class>, accepting: &BTreeSet<usize>) -> Option<String> {
    let classes: BTreeSet<&Class> = arms.values().collect();
    let class = classes.first().filter(|_| classes.len() == 1)?;
    let ends_in_loop = arms.keys().all(|key| matches!(key, (0, 1) | (1, 1))) && arms.len() == 2;
    if !ends_in_loop || !accepting.contains(&1) {
        return None;
    }
    let all = format!("text.chars().all(|character| {})", class.condition());
    Some(if accepting.contains(&0) { all } else { format!("!text.is_empty() && {all}") })
}

fn many_states(
    arms: &BTreeMap<(usize, usize), Class>,
    accepting: &BTreeSet<usize>,
    states: usize,
) -> Result<String, String> {
    if states > 64 || arms.values().any(|class| !class.properties.is_empty()) {
        return Err("too many states".to_owned());
    }
    let mut text =
        "let mut state = 0;\nfor character in text.chars() {\nstate = match (state, character) {\n"
            .to_owned();
    for ((from, to), class) in arms {
        text.push_str(&format!("({from}, {}) => {to},\n", class.alternatives()));
    }
    let accepting =
        alternatives(accepting.iter().map(|state| (*state, *state)), usize::to_string, |state| state + 1);
    text.push_str(&format!("_ => return false,\n}};\n}}\nmatches!(state, {accepting})"));
    Ok(text)
}

impl Class {
    fn alternatives(&self) -> String {
        alternatives(self.ranges.iter().copied(), |code| literal(*code), |code| code + 1)
    }

    fn condition(&self) -> String {
        if *self == Class::of(&[('0', '9')]) {
            return "character.is_ascii_digit()".to_owned();
        }
        let listed = format!("matches!(character, {})", self.alternatives());
        let properties = self.properties.iter().map(|property| (*property).to_owned());
        properties.chain([listed]).collect::<Vec<_>>().join(" || ")
    }
}

/// Sorted ranges as the alternatives of a pattern, neighbours joined.
fn alternatives<T: Copy + Ord>(
    ranges: impl Iterator<Item = (T, T)>,
    show: impl Fn(&T) -> String,
    after: impl Fn(T) -> T,
) -> String {
    let mut joined: Vec<(T, T)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(before) if first <= after(before.1) => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    let texts: Vec<String> = joined
        .iter()
        .map(
            |(first, last)| {
                if first == last { show(first) } else { format!("{}..={}", show(first), show(last)) }
            },
        )
        .collect();
    texts.join(" | ")
}

fn literal(code: u32) -> String {
    match char::from_u32(code) {
        Some(character @ ('\'' | '\\')) => format!("'\\{character}'"),
        Some(character) if character.is_ascii_graphic() => format!("'{character}'"),
        _ => format!("'\\u{{{code:x}}}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_expressed_fails() {
        for pattern in
            ["a{2}", "(?!a)b", "a*?", "[^a]", "a.b", r"\s", r"\bx", "(a", "a|[", r"[\p{L}]a", r"\p{Lu}"]
        {
            assert!(matcher(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn classes_become_one_test() {
        let check = |pattern, expected: &str| assert_eq!(matcher(pattern).unwrap(), expected, "{pattern}");
        check(
            r"[\w+]*",
            "text.chars().all(|character| matches!(character, '+' | '0'..='9' | 'A'..='Z' | '_' | 'a'..='z'))",
        );
        check(
            r"[\u0009\u0020-\u00FF]+",
            r"!text.is_empty() && text.chars().all(|character| matches!(character, '\u{9}' | '\u{20}'..='\u{ff}'))",
        );
        check(
            r"^v[1-9]?$",
            "let mut state = 0;\nfor character in text.chars() {\nstate = match (state, character) {\n\
             (0, 'v') => 1,\n(1, '1'..='9') => 2,\n_ => return false,\n};\n}\nmatches!(state, 1..=2)",
        );
    }
}
