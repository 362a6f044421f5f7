//! Terraform's `${…}` inside a policy: it is not IAM's, may hold quotes, and nobody knows its value before the plan.
//!
//! For the rules each expression is put into plain characters of the same number of bytes, so that places stay as they are.
//! What they tell is put back into the author's words, and what depends on the value alone is not told.

use irsa_policy::lint::Finding;

/// Rules that judge how a value looks.
const BY_VALUE: &[&str] = &[
    "IRSA-I101",
    "IRSA-I102",
    "IRSA-J003",
    "IRSA-T015",
    "IRSA-T017",
    "IRSA-T019",
    "IRSA-T020",
    "IRSA-T021",
    "IRSA-T022",
    "IRSA-T023",
    "IRSA-T026",
    "IRSA-T027",
    "IRSA-T033",
    "IRSA-T039",
    "IRSA-T040",
    "IRSA-T050",
];

/// The expressions of a text, and what stands for each.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct StandIns {
    /// Whether the text has any expression.
    any: bool,
    /// Stand-in and expression, the longest first.
    pairs: Vec<(String, String)>,
}

impl StandIns {
    /// The text with stand-ins, `${` and `}` around each.
    pub(super) fn put(text: &str) -> (String, Self) {
        let mut out = String::with_capacity(text.len());
        let (mut any, mut pairs) = (false, Vec::new());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some(length) = expression(after) else {
                out.push_str("${");
                rest = after;
                continue;
            };
            let (inside, after) = after.split_at_checked(length).unwrap_or((after, ""));
            let plain: String = inside
                .bytes()
                .map(|byte| if byte.is_ascii_alphanumeric() || byte == b'.' { char::from(byte) } else { '_' })
                .collect();
            let (stand_in, written) = (format!("${{{plain}}}"), format!("${{{inside}}}"));
            let after = after.strip_prefix('}').unwrap_or(after);
            out.push_str(&stand_in);
            any = true;
            if stand_in != written && !pairs.contains(&(stand_in.clone(), written.clone())) {
                pairs.push((stand_in, written));
            }
            rest = after;
        }
        out.push_str(rest);
        pairs.sort_by_key(|(stand_in, _)| std::cmp::Reverse(stand_in.len()));
        (out, Self { any, pairs })
    }

    /// A finding in the author's words; none when it depends on a value that is not known. `text` has the stand-ins.
    pub(super) fn take_out(&self, mut finding: Finding, text: &str) -> Option<Finding> {
        if !self.any {
            return Some(finding);
        }
        let own = text.get(finding.span.start..finding.span.end).unwrap_or_default();
        if own.contains("${") && BY_VALUE.contains(&finding.code) {
            return None;
        }
        for (stand_in, written) in &self.pairs {
            finding.reason = finding.reason.replace(stand_in, written);
            finding.path = finding.path.replace(stand_in, written);
            if let Some(fix) = &mut finding.fix {
                fix.title = fix.title.replace(stand_in, written);
                for edit in &mut fix.edits {
                    edit.text = edit.text.replace(stand_in, written);
                }
            }
        }
        Some(finding)
    }
}

/// The bytes up to the brace that closes an expression: braces nest, and those in strings do not count.
fn expression(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted && depth == 0 => return Some(at),
            b'}' if !quoted => depth -= 1,
            b'\n' => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stay() {
        for (text, expected) in [
            ("no expression", "no expression"),
            ("\"${local.oidc}:sub\"", "\"${local.oidc}:sub\""),
            (r#""${replace(a.url, "https://", "")}:sub""#, r#""${replace_a.url___https_________}:sub""#),
            (r#"${ {a="}"}["b"] }é"#, "${__a_______b___}é"),
            ("${é}", "${__}"),
            ("${open", "${open"),
        ] {
            let (put, _) = StandIns::put(text);
            assert_eq!(put, expected);
            assert_eq!(put.len(), text.len());
        }
    }
}
