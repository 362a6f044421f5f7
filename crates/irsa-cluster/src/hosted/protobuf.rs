//! Kubernetes' protobuf, in which typed clients (`kubectl create token`, `kubectl create namespace`) send bodies, read into
//! the same JSON that others send. Answers are JSON, which these clients accept too.
//!
//! The envelope is `runtime.Unknown` after four magic bytes; field numbers are those of Kubernetes' `generated.proto` files,
//! which never change. Fields that are not listed here are passed over.

use serde_json::{Map, Value};

/// The media type of such a body.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
const MAGIC: &[u8] = b"k8s\0";

/// A field of a message.
struct Field {
    number: u64,
    name: &'static str,
    kind: Kind,
    repeated: bool,
}

enum Kind {
    Text,
    Integer,
    Boolean,
    /// `map<string, string>`
    Texts,
    /// `meta/v1.Time`
    Time,
    Message(&'static [Field]),
}

const fn one(number: u64, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

const fn many(number: u64, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

const fn text(number: u64, name: &'static str) -> Field {
    one(number, name, Kind::Text)
}

const OWNER_REFERENCE: &[Field] = &[
    text(1, "kind"),
    text(3, "name"),
    text(4, "uid"),
    text(5, "apiVersion"),
    one(6, "controller", Kind::Boolean),
    one(7, "blockOwnerDeletion", Kind::Boolean),
];
const METADATA: &[Field] = &[
    text(1, "name"),
    text(2, "generateName"),
    text(3, "namespace"),
    text(5, "uid"),
    text(6, "resourceVersion"),
    one(8, "creationTimestamp", Kind::Time),
    one(9, "deletionTimestamp", Kind::Time),
    one(11, "labels", Kind::Texts),
    one(12, "annotations", Kind::Texts),
    many(13, "ownerReferences", Kind::Message(OWNER_REFERENCE)),
    many(14, "finalizers", Kind::Text),
];
const NAMESPACE: &[Field] = &[
    one(1, "metadata", Kind::Message(METADATA)),
    one(2, "spec", Kind::Message(&[many(1, "finalizers", Kind::Text)])),
    one(3, "status", Kind::Message(&[text(1, "phase")])),
];
const OBJECT_REFERENCE: &[Field] = &[
    text(1, "kind"),
    text(2, "namespace"),
    text(3, "name"),
    text(4, "uid"),
    text(5, "apiVersion"),
    text(6, "resourceVersion"),
    text(7, "fieldPath"),
];
const SERVICE_ACCOUNT: &[Field] = &[
    one(1, "metadata", Kind::Message(METADATA)),
    many(2, "secrets", Kind::Message(OBJECT_REFERENCE)),
    many(3, "imagePullSecrets", Kind::Message(&[text(1, "name")])),
    one(4, "automountServiceAccountToken", Kind::Boolean),
];
const BOUND_OBJECT: &[Field] = &[text(1, "kind"), text(2, "apiVersion"), text(3, "name"), text(4, "uid")];
const TOKEN_REQUEST: &[Field] = &[
    one(1, "metadata", Kind::Message(METADATA)),
    one(
        2,
        "spec",
        Kind::Message(&[
            many(1, "audiences", Kind::Text),
            one(3, "boundObjectRef", Kind::Message(BOUND_OBJECT)),
            one(4, "expirationSeconds", Kind::Integer),
        ]),
    ),
];
const ACCESS_REVIEW: &[Field] = &[
    one(1, "metadata", Kind::Message(METADATA)),
    one(
        2,
        "spec",
        Kind::Message(&[
            one(
                1,
                "resourceAttributes",
                Kind::Message(&[
                    text(1, "namespace"),
                    text(2, "verb"),
                    text(3, "group"),
                    text(4, "version"),
                    text(5, "resource"),
                    text(6, "subresource"),
                    text(7, "name"),
                ]),
            ),
            one(2, "nonResourceAttributes", Kind::Message(&[text(1, "path"), text(2, "verb")])),
        ]),
    ),
];
const RULES_REVIEW: &[Field] =
    &[one(1, "metadata", Kind::Message(METADATA)), one(2, "spec", Kind::Message(&[text(1, "namespace")]))];
const DELETE_OPTIONS: &[Field] = &[
    one(1, "gracePeriodSeconds", Kind::Integer),
    one(2, "preconditions", Kind::Message(&[text(1, "uid"), text(2, "resourceVersion")])),
    one(3, "orphanDependents", Kind::Boolean),
    text(4, "propagationPolicy"),
    many(5, "dryRun", Kind::Text),
];
const UNKNOWN_TYPE: &[Field] = &[text(1, "apiVersion"), text(2, "kind")];

/// Reads a body; none if it is not Kubernetes' protobuf of a kind that clients send here.
pub(super) fn decode(body: &[u8]) -> Option<Value> {
    let mut envelope = body.strip_prefix(MAGIC)?;
    let (mut types, mut raw) = (None, None);
    while !envelope.is_empty() {
        match next_field(&mut envelope)? {
            (1, Wire::Bytes(bytes)) => types = Some(message(bytes, UNKNOWN_TYPE)?),
            (2, Wire::Bytes(bytes)) => raw = Some(bytes),
            _ => {}
        }
    }
    let mut object = types?;
    let fields = match object.get("kind").and_then(Value::as_str)? {
        "Namespace" => NAMESPACE,
        "ServiceAccount" => SERVICE_ACCOUNT,
        "TokenRequest" => TOKEN_REQUEST,
        "SelfSubjectReview" => &METADATA_ONLY,
        "SelfSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectRulesReview" => RULES_REVIEW,
        "DeleteOptions" => DELETE_OPTIONS,
        _ => return None,
    };
    object.extend(message(raw.unwrap_or_default(), fields)?);
    Some(Value::Object(object))
}

const METADATA_ONLY: [Field; 1] = [one(1, "metadata", Kind::Message(METADATA))];

/// Depth is that of the tables: a message that is not in them is not entered.
fn message(mut bytes: &[u8], fields: &[Field]) -> Option<Map<String, Value>> {
    let mut members = Map::new();
    while !bytes.is_empty() {
        let (number, wire) = next_field(&mut bytes)?;
        let Some(field) = fields.iter().find(|field| field.number == number) else { continue };
        if matches!(field.kind, Kind::Texts) {
            let Wire::Bytes(entry) = wire else { return None };
            let entry = message(entry, &[text(1, "key"), text(2, "value")])?;
            let of = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let texts = members.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
            texts.as_object_mut()?.insert(of("key"), of("value").into());
            continue;
        }
        let value = value(wire, &field.kind)?;
        if field.repeated {
            let list = members.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut()?.push(value);
        } else if value != "" && !value.is_null() {
            // Go writes every text, also the empty ones that its JSON leaves out.
            members.insert(field.name.to_owned(), value);
        }
    }
    Some(members)
}

fn value(wire: Wire<'_>, kind: &Kind) -> Option<Value> {
    Some(match (kind, wire) {
        (Kind::Text, Wire::Bytes(bytes)) => std::str::from_utf8(bytes).ok()?.into(),
        (Kind::Integer, Wire::Number(number)) => number.cast_signed().into(),
        (Kind::Boolean, Wire::Number(number)) => (number != 0).into(),
        (Kind::Message(fields), Wire::Bytes(bytes)) => Value::Object(message(bytes, fields)?),
        (Kind::Time, Wire::Bytes(bytes)) => {
            let time = message(bytes, &[one(1, "seconds", Kind::Integer)])?;
            match time.get("seconds").and_then(Value::as_i64) {
                Some(seconds) => jiff::Timestamp::from_second(seconds).ok()?.to_string().into(),
                None => Value::Null,
            }
        }
        _ => return None,
    })
}

/// A value on the wire.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes, which no field here has.
    Fixed,
}

fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Wire<'a>)> {
    let tag = varint(bytes)?;
    let wire = match tag & 7 {
        0 => Wire::Number(varint(bytes)?),
        1 => take(bytes, 8).map(|_| Wire::Fixed)?,
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            Wire::Bytes(take(bytes, length)?)
        }
        5 => take(bytes, 4).map(|_| Wire::Fixed)?,
        _ => return None,
    };
    Some((tag >> 3, wire))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F).checked_shl(place * 7)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let types = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
        [MAGIC, &field(1, &types), &field(2, raw), &field(3, b""), &field(4, b"")].concat()
    }

    #[test]
    fn token_requests_are_read() {
        let reference = [field(1, b"Pod"), field(2, b"v1"), field(3, b"app"), field(4, b"b6d6")].concat();
        let spec =
            [field(1, b"sts.amazonaws.com"), field(3, &reference), vec![4 << 3, 0x80, 0xA3, 0x05]].concat();
        let metadata = [field(1, b""), field(8, b"")].concat();
        let body = envelope(
            "authentication.k8s.io/v1",
            "TokenRequest",
            &[field(1, &metadata), field(2, &spec)].concat(),
        );
        let expected = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {},
            "spec": {
                "audiences": ["sts.amazonaws.com"],
                "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "app", "uid": "b6d6"},
                "expirationSeconds": 86_400,
            },
        });
        assert_eq!(decode(&body), Some(expected));
    }

    #[test]
    fn service_accounts_are_read() {
        let annotation = [field(1, b"eks.amazonaws.com/role-arn"), field(2, b"arn:x")].concat();
        let metadata =
            [field(1, b"s3-app"), field(3, b"dev"), field(12, &annotation), vec![7 << 3, 0]].concat();
        let body = envelope("v1", "ServiceAccount", &[field(1, &metadata), vec![4 << 3, 0]].concat());
        let expected = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "s3-app", "namespace": "dev", "annotations": {"eks.amazonaws.com/role-arn": "arn:x"}},
            "automountServiceAccountToken": false,
        });
        assert_eq!(decode(&body), Some(expected));
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_refused() {
        let body = envelope("v1", "ServiceAccount", &field(1, &field(1, b"s3-app")));
        for length in 0..body.len() - 4 {
            // Cut inside of the message, whether or not its envelope still closes: never a panic.
            let _ = decode(&body[..length]);
        }
        assert_eq!(decode(&body[1..]), None);
        assert_eq!(decode(&envelope("v1", "Pod", b"")), None);
        assert_eq!(decode(b"k8s\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), None);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(raw: Vec<u8>, kind in proptest::sample::select(vec!["TokenRequest", "ServiceAccount", "DeleteOptions"])) {
            let raw: Vec<u8> = raw.into_iter().take(120).collect();
            let _ = decode(&envelope("v1", kind, &raw));
            let _ = decode(&[MAGIC, &raw].concat());
        }
    }
}
