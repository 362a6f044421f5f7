//! Where a statement stands, as AWS's simulator counts.
//!
//! Lines and columns are from 1. The end is just past the closing brace. The start is where AWS's parser is when it comes to
//! the statement: past the bracket of the list, past the statement before, or past the brace of a statement that is alone.

use irsa_policy::Policy;

use crate::generated::iam::Position;

/// Start and end of the `index`th statement.
pub(super) fn of(policy: &Policy, index: usize) -> Option<(Position, Position)> {
    let text = policy.source();
    let span = policy.statement_span(index)?;
    let start = match index.checked_sub(1) {
        Some(before) => policy.statement_span(before)?.end,
        None => {
            let before = text.get(..span.start)?.trim_ascii_end();
            if before.ends_with('[') { before.len() } else { span.start + 1 }
        }
    };
    Some((position(text, start)?, position(text, span.end)?))
}

fn position(text: &str, offset: usize) -> Option<Position> {
    let before = text.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next()?.chars().count() + 1;
    Some(Position { line: i32::try_from(line).ok(), column: i32::try_from(column).ok() })
}

#[cfg(test)]
mod tests {
    use irsa_policy::PolicyType;

    use super::*;

    fn check(text: &str, index: usize, expected: [i32; 4]) {
        let policy = Policy::parse(text, PolicyType::Session).unwrap();
        let (start, end) = of(&policy, index).unwrap();
        let found = [start.line, start.column, end.line, end.column].map(Option::unwrap);
        assert_eq!(found, expected, "{index} of {text}");
    }

    // AWS CLI reference, examples of simulate-principal-policy and simulate-custom-policy; the numbers are AWS's.
    #[test]
    fn places_are_aws_own() {
        let indented = "{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {\n            \"Effect\": \"Allow\",\n            \"Action\": [\n                \"codecommit:ListRepositories\"],\n            \"Resource\": \"*\"\n        }\n    ]\n}";
        check(indented, 0, [3, 19, 9, 10]);
        let alone =
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}}"#;
        check(alone, 0, [1, 38, 1, 92]);
        let two = r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
        check(two, 0, [1, 15, 1, 64]);
        check(two, 1, [1, 64, 1, 113]);
    }
}
