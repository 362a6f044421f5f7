//! The canonical request and the string to sign.
//!
//! Everything is written into one buffer. S3 encodes a path once and never normalises it; all other services remove
//! empty and dot segments and encode the path as it was sent, that is, twice.

use super::{ALGORITHM, Scope};
use aws_lc_rs::digest;
use http::request::Parts;

/// The string to sign of a request.
pub(super) fn string_to_sign(
    parts: &Parts,
    scope: &Scope,
    amz_date: &str,
    signed_headers: &str,
    payload: &str,
) -> Vec<u8> {
    let canonical = canonical_request(parts, scope.is_s3(), signed_headers, payload);
    let digest = digest::digest(&digest::SHA256, &canonical);
    let mut out = string_prefix(ALGORITHM, amz_date, scope);
    push_hex(digest.as_ref(), &mut out);
    out
}

/// The first three lines of every string to sign.
pub(super) fn string_prefix(algorithm: &str, amz_date: &str, scope: &Scope) -> Vec<u8> {
    let mut out = Vec::with_capacity(320);
    for piece in [
        algorithm,
        "\n",
        amz_date,
        "\n",
        &scope.date,
        "/",
        &scope.region,
        "/",
        &scope.service,
        "/aws4_request\n",
    ] {
        out.extend_from_slice(piece.as_bytes());
    }
    out
}

pub(super) fn canonical_request(parts: &Parts, is_s3: bool, signed_headers: &str, payload: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    if is_s3 {
        push_path_once(parts.uri.path(), &mut out);
    } else {
        push_path_twice(parts.uri.path(), &mut out);
    }
    out.push(b'\n');
    push_query(parts.uri.query().unwrap_or_default(), &mut out);
    out.push(b'\n');
    for name in signed_headers.split(';') {
        push_header(parts, name, &mut out);
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    out
}

fn push_path_once(path: &str, out: &mut Vec<u8>) {
    if path.is_empty() {
        out.push(b'/');
    }
    push_reencoded(path, true, out);
}

fn push_path_twice(path: &str, out: &mut Vec<u8>) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    for segment in &segments {
        out.push(b'/');
        for byte in segment.bytes() {
            push_encoded(byte, false, out);
        }
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push(b'/');
    }
}

/// Sorted by encoded name, then by encoded value; duplicates stay; the signature itself is left out.
fn push_query(query: &str, out: &mut Vec<u8>) {
    let mut scratch = Vec::with_capacity(query.len() + 16);
    let mut pairs: Vec<(usize, usize, usize)> = Vec::with_capacity(16);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name == "X-Amz-Signature" {
            continue;
        }
        let start = scratch.len();
        push_query_text(name, &mut scratch);
        let middle = scratch.len();
        push_query_text(value, &mut scratch);
        pairs.push((start, middle, scratch.len()));
    }
    let name = |pair: &(usize, usize, usize)| scratch.get(pair.0..pair.1).unwrap_or_default();
    let value = |pair: &(usize, usize, usize)| scratch.get(pair.1..pair.2).unwrap_or_default();
    pairs.sort_unstable_by(|first, second| (name(first), value(first)).cmp(&(name(second), value(second))));
    for (position, pair) in pairs.iter().enumerate() {
        if position > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name(pair));
        out.push(b'=');
        out.extend_from_slice(value(pair));
    }
}

fn push_query_text(text: &str, out: &mut Vec<u8>) {
    let mut pieces = text.split('+');
    push_reencoded(pieces.next().unwrap_or_default(), false, out);
    for piece in pieces {
        out.extend_from_slice(b"%20");
        push_reencoded(piece, false, out);
    }
}

fn push_header(parts: &Parts, name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut any = false;
    for value in parts.headers.get_all(name) {
        if any {
            out.push(b',');
        }
        any = true;
        push_header_value(value.as_bytes(), out);
    }
    // HTTP/2 carries the host as `:authority`, which hyper leaves in the URI.
    if !any
        && name == "host"
        && let Some(authority) = parts.uri.authority()
    {
        out.extend_from_slice(authority.as_str().as_bytes());
    }
    out.push(b'\n');
}

/// Trimmed, with runs of white space made one space.
fn push_header_value(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (position, word) in words.enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// Decodes percent-encoding where there is any and encodes as AWS does, in one pass.
fn push_reencoded(text: &str, keep_slash: bool, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'%'
            && let Some((digits, tail)) = tail.split_at_checked(2)
            && let Some(decoded) = hex_byte(digits)
        {
            // An encoded slash is part of a name, and stays encoded.
            push_encoded(decoded, false, out);
            rest = tail;
        } else {
            push_encoded(*byte, keep_slash, out);
        }
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

/// Percent-encodes one byte; RFC 3986's unreserved characters stay.
pub(super) fn push_encoded(byte: u8, keep_slash: bool, out: &mut Vec<u8>) {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte),
        b'/' if keep_slash => out.push(byte),
        _ => out.extend_from_slice(&[b'%', upper_digit(byte >> 4), upper_digit(byte & 15)]),
    }
}

fn upper_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

/// Appends lower-case hexadecimal.
pub(super) fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(byte & 15));
    }
}
