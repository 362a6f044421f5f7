//! Policies that stand in heredocs of terraform files: what is between `<<EOF` and `EOF` is read as JSON. The rest of the
//! language is terraform's own: `terraform show -json` has it evaluated.

use irsa_policy::PolicyType;
use irsa_policy::lint::guess;

use super::interpolation::StandIns;
use super::inventory::{Document, Fixable, Inventory, Place, Policy, Role};
use super::sources::Source;

/// Reads the heredocs of a file.
pub(super) fn read(source: &Source, index: usize, inventory: &mut Inventory) {
    let mut block: Option<(String, usize)> = None;
    let mut name = None;
    let mut lines = source.lines();
    while let Some((number, _, line)) = lines.next() {
        if let Some(address) = address(line) {
            block = Some((address, number));
            name = None;
        }
        name = literal_name(line).or(name);
        let Some(heredoc) = Heredoc::opened_by(line) else { continue };
        let (mut start, mut end) = (None, source.text.len());
        for (_, at, line) in lines.by_ref() {
            start.get_or_insert(at);
            if line.trim() == heredoc.marker {
                end = at;
                break;
            }
        }
        let start = start.unwrap_or(end);
        let Some(text) = source.text.get(start..end) else { continue };
        // Directives (`%{ if … }`) leave no one text to judge.
        if text.contains("%{") {
            continue;
        }
        let (text, stand_ins) = StandIns::put(text);
        let Some(looks) = guess(&text) else { continue };
        let is_trust = heredoc.attribute.contains("assume_role");
        let (address, line) = block.clone().unwrap_or((heredoc.attribute.to_owned(), number));
        let document = inventory.document(Document {
            source: index,
            name: address,
            span: start..end,
            heads: vec![line, number],
        });
        inventory.policies.push(Policy {
            document,
            text,
            kind: if is_trust { PolicyType::Trust } else { looks },
            place: Place::Verbatim { offset: start, fixable: Fixable::Any },
            role: is_trust.then(|| Role { name: name.map(str::to_owned), ..Role::default() }),
            stand_ins,
        });
    }
}

struct Heredoc<'a> {
    attribute: &'a str,
    marker: &'a str,
}

impl<'a> Heredoc<'a> {
    /// `policy = <<EOF` or `policy = <<-"EOF"`, also as a function's argument.
    fn opened_by(line: &'a str) -> Option<Self> {
        let trimmed = line.trim();
        if trimmed.starts_with('#') || trimmed.starts_with("//") {
            return None;
        }
        let (before, marker) = trimmed.rsplit_once("<<")?;
        let marker = marker.trim_start_matches('-').trim_matches('"');
        let is_marker =
            !marker.is_empty() && marker.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let attribute = before.split(['=', ':']).next().unwrap_or_default().trim().trim_matches('"');
        is_marker.then_some(Self { attribute, marker })
    }
}

/// `aws_iam_role.this` of `resource "aws_iam_role" "this" {`.
fn address(line: &str) -> Option<String> {
    let line = line.trim();
    let mut words = line.split_whitespace().map(|word| word.trim_matches(['"', '{']));
    match words.next()? {
        "resource" => Some(format!("{}.{}", words.next()?, words.next()?)),
        "data" => Some(format!("data.{}.{}", words.next()?, words.next()?)),
        "module" if line.ends_with('{') => Some(format!("module.{}", words.next()?)),
        "locals" if line.ends_with('{') => Some("locals".to_owned()),
        _ => None,
    }
}

/// `reader` of `name = "reader"`; none when terraform has to work it out.
fn literal_name(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=')?;
    let name = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    (key.trim() == "name" && !name.contains("${")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heredocs_are_found_with_their_resource() {
        let text = "\
resource \"aws_iam_role\" \"this\" {
  # policy = <<EOF
  assume_role_policy = <<-EOF
    // a comment
    {\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\",
      \"Principal\": {\"Federated\": \"arn:aws:iam::111122223333:oidc-provider/${local.oidc}\"},
      \"Action\": \"sts:AssumeRoleWithWebIdentity\"}]}
  EOF
}
module \"policy\" {
  policy = <<\"JSON\"
{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"}]}
JSON
  user_data = <<SH
echo hello
SH
}
resource \"aws_iam_policy\" \"open\" {
  policy = <<EOF
";
        let mut inventory = Inventory::default();
        let source = Source::new("main.tf", Some("main.tf".into()), text);
        read(&source, 0, &mut inventory);
        let found: Vec<_> = inventory
            .policies
            .iter()
            .map(|policy| (inventory.documents[policy.document].name.as_str(), policy.kind))
            .collect();
        assert_eq!(
            found,
            [("aws_iam_role.this", PolicyType::Trust), ("module.policy", PolicyType::Identity)]
        );
        assert_eq!(inventory.documents[0].heads, [1, 3]);
        assert!(inventory.policies[0].text.starts_with("    // a comment"));
    }
}
