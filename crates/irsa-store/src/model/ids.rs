//! Identifiers as AWS shapes them, made from random bytes that the caller gives.
//!
//! AWS's alphabet is base32's, `A-Z2-7`. An access key id carries its account: after the four-letter prefix stand 40 bits
//! of `account / 2 + 2^39` in eight characters, and the half of the alphabet in which the ninth character lies says
//! whether the account is odd (STS `GetAccessKeyInfo` answers from the id alone).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{AccountId, SecretString};

const ALPHABET: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ACCOUNT_OFFSET: u64 = 1 << 39;

/// A unique id: the prefix and 17 characters, such as `AROA…` for a role (IAM guide, "Unique identifiers").
/// Prefixes: `AIDA` user, `AROA` role, `ANPA` managed policy, `ANVA` version, `AGPA` group.
pub fn unique_id(prefix: &str, random: &[u8; 16]) -> String {
    with_prefix(prefix, symbols(random).take(17))
}

/// An access key id of 20 characters; the prefix is `AKIA` for a long-lived key, `ASIA` for a session's.
pub fn access_key_id(prefix: &str, account: AccountId, random: &[u8; 16]) -> String {
    let account = account.number();
    let encoded = account / 2 + ACCOUNT_OFFSET;
    let account_part = (0..8).rev().map(move |place| ((encoded >> (place * 5)) & 31) as u8);
    let odd = if account % 2 == 1 { 16 } else { 0 };
    let mut noise = symbols(random);
    let parity = noise.next().map(|symbol| (symbol & 15) | odd);
    with_prefix(prefix, account_part.chain(parity).chain(noise.take(7)))
}

/// The account that an access key id carries; `None` when it is not of the shape that carries one.
pub fn account_of_access_key(id: &str) -> Option<AccountId> {
    if id.len() != 20 {
        return None;
    }
    let mut places = id.bytes().skip(4).map(|byte| ALPHABET.iter().position(|&letter| letter == byte));
    let mut encoded = 0_u64;
    for _ in 0..8 {
        encoded = (encoded << 5) | places.next()?? as u64;
    }
    let odd = u64::from(places.next()?? >= 16);
    let account = encoded.checked_sub(ACCOUNT_OFFSET)? * 2 + odd;
    format!("{account:012}").parse().ok()
}

/// A secret access key: 30 random bytes as 40 characters of base64.
pub fn secret_access_key(random: &[u8; 30]) -> SecretString {
    SecretString::new(STANDARD.encode(random))
}

/// A hosted cluster's id: 32 upper-case hex digits, as the last part of an EKS issuer URL.
pub fn cluster_id(random: &[u8; 16]) -> String {
    random.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn with_prefix(prefix: &str, symbols: impl Iterator<Item = u8>) -> String {
    let letters =
        symbols.filter_map(|symbol| ALPHABET.get(usize::from(symbol)).map(|&letter| char::from(letter)));
    prefix.chars().chain(letters).collect()
}

/// The 25 five-bit symbols in 128 random bits.
fn symbols(random: &[u8; 16]) -> impl Iterator<Item = u8> {
    let bits = u128::from_be_bytes(*random);
    (0..25).map(move |place| ((bits >> (place * 5)) & 31) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_ids_have_aws_shape() {
        let id = unique_id("AROA", &[0xA5; 16]);
        assert_eq!(id.len(), 21);
        assert!(id.starts_with("AROA") && id.bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_ne!(id, unique_id("AROA", &[0x5A; 16]));
    }

    #[test]
    fn access_key_ids_carry_their_account() {
        for account in
            ["000000000000", "000000000001", "111122223333", "123456789012", "999999999999", "581039954779"]
        {
            let account: AccountId = account.parse().unwrap();
            for random in [[0; 16], [0xFF; 16], [0x37; 16]] {
                let id = access_key_id("ASIA", account, &random);
                assert_eq!(id.len(), 20, "{id}");
                assert_eq!(account_of_access_key(&id), Some(account), "{id}");
            }
        }
    }

    /// Ids in AWS's own documentation and in well-known write-ups of the encoding.
    #[test]
    fn decodes_ids_that_aws_made() {
        let cases = [
            ("ASIAQNZGKIQY56JQ7WML", Some("029608264753")),
            ("ASIAY34FZKBOKMUTVV7A", Some("609629065308")),
            ("AKIAIOSFODNN7EXAMPLE", None), // the old style, below the offset
            ("AKIA", None),
            ("AKIAIOSFODNN7EXAMPL1", None),
        ];
        for (id, account) in cases {
            assert_eq!(account_of_access_key(id).as_ref().map(AccountId::as_str), account, "{id}");
        }
    }

    #[test]
    fn secrets_are_forty_characters() {
        assert_eq!(secret_access_key(&[7; 30]).expose().len(), 40);
        assert_eq!(format!("{:?}", secret_access_key(&[7; 30])), "SecretString(redacted)");
    }
}
