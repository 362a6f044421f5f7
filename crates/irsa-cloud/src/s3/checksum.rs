//! The checksums of S3: what a request announces, computed in one pass over the body, compared, and kept.
//!
//! Source: S3 user guide, "Checking object integrity for data uploads in Amazon S3".

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// What a checksum is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// A checksum that was verified or computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// Base64; of a composite one, with `-N` for its number of parts.
    pub(super) value: String,
    /// Whether it is the checksum of the parts' checksums.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) composite: bool,
}

impl Algorithm {
    pub(super) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Of a whole multipart object; else it is of the parts' checksums. What `None` gets is AWS's default.
    pub(super) fn covers_whole(self, asked: Option<&str>) -> Option<bool> {
        let is_crc = self.crc().is_some();
        match asked {
            None => Some(self == Self::Crc64Nvme),
            Some("FULL_OBJECT") if is_crc => Some(true),
            Some("COMPOSITE") if self != Self::Crc64Nvme => Some(false),
            Some(_) => None,
        }
    }

    fn crc(self) -> Option<(CrcAlgorithm, usize)> {
        match self {
            Self::Crc32 => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
            Self::Crc32c => Some((CrcAlgorithm::Crc32Iscsi, 4)),
            Self::Crc64Nvme => Some((CrcAlgorithm::Crc64Nvme, 8)),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// What a request says its body's checksum is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Announced {
    /// In a header.
    Value(Algorithm, String),
    /// It follows the body.
    Trailer(Algorithm),
}

impl Announced {
    /// Reads the checksum headers.
    ///
    /// # Errors
    /// AWS's answer to more than one checksum, or to one that cannot be one.
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let trailer = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok());
        let trailer = trailer.into_iter().flat_map(|names| names.split(',')).filter_map(|name| {
            let name = name.trim();
            Algorithm::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
        });
        let values = Algorithm::ALL.into_iter().filter_map(|algorithm| {
            let value = headers.get(algorithm.header())?.to_str().unwrap_or_default();
            Some(Self::Value(algorithm, value.to_owned()))
        });
        let mut all = values.chain(trailer.map(Self::Trailer));
        let first = all.next();
        if all.next().is_some() {
            return Err(Failure::new(
                "InvalidRequest",
                StatusCode::BAD_REQUEST,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        if let Some(Self::Value(algorithm, value)) = &first {
            check_form(*algorithm, value)?;
        }
        Ok(first)
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Value(algorithm, _) | Self::Trailer(algorithm) => *algorithm,
        }
    }
}

/// Whether a value has its algorithm's form.
///
/// # Errors
/// AWS's answer.
pub(super) fn check_form(algorithm: Algorithm, value: &str) -> Result<(), Failure> {
    match STANDARD.decode(value) {
        Ok(bytes) if bytes.len() == algorithm.bytes() => Ok(()),
        _ => Err(Failure::new(
            "InvalidRequest",
            StatusCode::BAD_REQUEST,
            format!("Value for {} header is invalid.", algorithm.header()),
        )),
    }
}

/// A checksum in the making.
pub(super) enum Hasher {
    Crc(Algorithm, Box<crc_fast::Digest>, usize),
    Sha(Algorithm, digest::Context),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match (algorithm, algorithm.crc()) {
            (_, Some((crc, width))) => Self::Crc(algorithm, Box::new(crc_fast::Digest::new(crc)), width),
            (Algorithm::Sha1, None) => {
                Self::Sha(algorithm, digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY))
            }
            (_, None) => Self::Sha(algorithm, digest::Context::new(&digest::SHA256)),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc(_, digest, _) => digest.update(data),
            Self::Sha(_, context) => context.update(data),
        }
    }

    pub(super) fn finish(self) -> Checksum {
        match self {
            Self::Crc(algorithm, digest, width) => from_crc(algorithm, digest.finalize(), width),
            Self::Sha(algorithm, context) => {
                Checksum { algorithm, value: STANDARD.encode(context.finish()), composite: false }
            }
        }
    }
}

fn from_crc(algorithm: Algorithm, crc: u64, width: usize) -> Checksum {
    let bytes = crc.to_be_bytes();
    let (_, bytes) = bytes.split_at_checked(8 - width).unwrap_or((&[], &bytes));
    Checksum { algorithm, value: STANDARD.encode(bytes), composite: false }
}

/// The checksum of an object from its parts', each with its size; none when a part has none of this algorithm.
pub(super) fn combine(
    algorithm: Algorithm,
    whole: bool,
    parts: &[(Option<&Checksum>, u64)],
) -> Option<Checksum> {
    let values = parts.iter().map(|(checksum, size)| {
        let checksum = checksum.filter(|checksum| checksum.algorithm == algorithm)?;
        Some((STANDARD.decode(&checksum.value).ok()?, *size))
    });
    let values: Vec<(Vec<u8>, u64)> = values.collect::<Option<_>>()?;
    if let Some((crc, width)) = algorithm.crc().filter(|_| whole) {
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let mut values = values.iter();
        let first = number(&values.next()?.0);
        let combined = values
            .fold(first, |sum, (bytes, size)| crc_fast::checksum_combine(crc, sum, number(bytes), *size));
        return Some(from_crc(algorithm, combined, width));
    }
    let mut hasher = Hasher::new(algorithm);
    values.iter().for_each(|(bytes, _)| hasher.update(bytes));
    let of_checksums = hasher.finish();
    Some(Checksum {
        value: format!("{}-{}", of_checksums.value, parts.len()),
        composite: true,
        ..of_checksums
    })
}

#[cfg(test)]
mod tests;
