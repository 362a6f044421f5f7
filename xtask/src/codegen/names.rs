//! Names: from the models' to Rust's.

/// `OpenIDConnectProviderArn` → `open_id_connect_provider_arn`.
pub(crate) fn snake(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (position, character) in characters.iter().enumerate() {
        let before = position.checked_sub(1).and_then(|at| characters.get(at));
        let after = characters.get(position + 1);
        let starts_word = character.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// A field's name; keywords are written raw.
pub(crate) fn field(name: &str) -> String {
    let name = snake(name);
    if name == "type" { "r#type".to_owned() } else { name }
}

/// `policyDocumentType` → `POLICY_DOCUMENT_TYPE`.
pub(crate) fn constant(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `policyDocumentType` → `PolicyDocumentType`.
pub(crate) fn structure(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
}

/// `RoleName` → `roleName`, as AWS names a member in validation messages.
pub(crate) fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found() {
        let check = |name, expected| assert_eq!(snake(name), expected);
        check("OpenIDConnectProviderArn", "open_id_connect_provider_arn");
        check("ClientIDList", "client_id_list");
        check("SSHPublicKeys", "ssh_public_keys");
        check("MFADevices", "mfa_devices");
        check("serviceIpv4Cidr", "service_ipv4_cidr");
        check("Base32StringSeed", "base32_string_seed");
        check("QRCodePNG", "qr_code_png");
        check("arn", "arn");
    }
}
