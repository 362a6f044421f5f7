//! Values as YAML in block style. Texts are quoted whenever any reader, of YAML 1.1 or 1.2, could take them for something else.

use serde_json::Value;

/// What YAML 1.1 takes for booleans and null.
const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// A whole document.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.trim_start_matches('\n').to_owned() + "\n"
}

/// A value after the key or the dash that it belongs to: on the same line if it is short, below if it has parts.
/// `indentation` is that of its parts.
pub(super) fn write(value: &Value, indentation: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                line(indentation, text);
                text.push_str(&key(name));
                text.push(':');
                // The elements of a list stand below its key without further indentation, as `kubectl` writes them.
                let deeper = if member.is_array() { indentation } else { indentation + 2 };
                write(member, deeper, text);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for element in elements {
                line(indentation, text);
                text.push('-');
                text.push_str(&after_dash(element, indentation + 2));
            }
        }
        Value::String(value) => {
            text.push(' ');
            match literal(value, indentation) {
                Some(literal) => text.push_str(&literal),
                None => text.push_str(&scalar(value)),
            }
        }
        other => {
            text.push(' ');
            text.push_str(&other.to_string());
        }
    }
}

/// An element of a list, whose first part stands on the line of the dash.
pub(super) fn after_dash(element: &Value, indentation: usize) -> String {
    let mut text = String::new();
    write(element, indentation, &mut text);
    let first = text.trim_start_matches('\n').trim_start();
    format!(" {first}")
}

/// A key, quoted if need be.
pub(super) fn key(name: &str) -> String {
    scalar(name)
}

fn line(indentation: usize, text: &mut String) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indentation));
}

/// A JSON string is a YAML string (YAML 1.2 §1.3).
fn scalar(text: &str) -> String {
    let begins_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@+=".contains(character);
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if begins_well && text.chars().all(is_plain) && !text.ends_with(':') && !is_word {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

/// A text of lines as a literal block.
fn literal(text: &str, indentation: usize) -> Option<String> {
    let body = text.strip_suffix('\n')?;
    let is_printable =
        |line: &str| !line.is_empty() && line.chars().all(|character| matches!(character, ' '..='~'));
    let lines: Vec<&str> = body.split('\n').collect();
    let is_good = lines.first().is_some_and(|first| !first.starts_with(' '))
        && lines.iter().all(|line| line.is_empty() || is_printable(line))
        && !body.ends_with('\n')
        && !body.is_empty();
    is_good.then(|| {
        let mut block = "|".to_owned();
        for one in lines {
            line(if one.is_empty() { 0 } else { indentation }, &mut block);
            block.push_str(one);
        }
        block
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~\n]{0,12}".prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
            proptest::sample::select(vec![
                "yes",
                "No",
                "1e3",
                "0777",
                "~",
                "a: b",
                "a #b",
                "- a",
                "2026-01-01",
                "12:30"
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::btree_map("[a-z./ :-]{1,8}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in value()) {
            let text = document(&value);
            let read: Value = serde_saphyr::from_str(&text).unwrap();
            prop_assert_eq!(read, value, "{}", text);
        }
    }

    #[test]
    fn looks_as_kubectl_writes_it() {
        let value =
            json!({"a": [{"name": "x", "value": "yes"}, {"b": {"c": []}}], "text": "one\n\ntwo\n", "d": {}});
        assert_eq!(
            document(&value),
            "a:\n- name: x\n  value: \"yes\"\n- b:\n    c: []\ntext: |\n  one\n\n  two\nd: {}\n"
        );
    }
}
