//! An authority of our own and the serving certificate that it signs: what is made, and when it is made anew. All pure, but for the
//! keys, which are ECDSA P-256: an RSA handshake costs as much as twenty token checks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::{CertificateError, Validity};

const DAY: i64 = 86_400;
/// An authority lives for ten years, and has a successor one year before its end.
const AUTHORITY_LIFE: i64 = 3_650 * DAY;
const AUTHORITY_OVERLAP: i64 = 365 * DAY;
/// A serving certificate lives for ninety days, and is replaced thirty days before its end.
const SERVING_LIFE: i64 = 90 * DAY;
const SERVING_OVERLAP: i64 = 30 * DAY;
/// Clocks differ.
const BACKDATED: i64 = DAY;

/// What the Secret holds. Its names are those of `kubernetes.io/tls` Secrets, with the authority's beside them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Material {
    /// The authorities to trust, as PEM, the newest first. Only that one has a key.
    pub(super) authorities: String,
    pub(super) authority_key: Zeroizing<String>,
    pub(super) certificate: String,
    pub(super) key: Zeroizing<String>,
    /// Which authority signed, and for which names: a SHA-256 in base64.
    pub(super) signed_by: String,
}

/// What is to be done to keep the material good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Keep,
    /// Sign a new serving certificate.
    Issue,
    /// Put a new authority in front of the one that there is. It signs nothing until everybody trusts it.
    Succeed,
    /// Begin anew: what there is cannot be used.
    Begin,
}

impl Material {
    /// A new authority and a certificate for `names`.
    pub(super) fn begin(names: &[String], now: i64) -> Result<Self, CertificateError> {
        let (authorities, authority_key) = authority(now)?;
        let empty = Self {
            authorities,
            authority_key,
            certificate: String::new(),
            key: Zeroizing::default(),
            signed_by: String::new(),
        };
        empty.issue(names, now)
    }

    /// What is to be done at `now`. `is_trusted` says whether the API server trusts all authorities.
    pub(super) fn next_step(&self, names: &[String], is_trusted: bool, now: i64) -> Step {
        let of = |pem: &str| first(pem).and_then(|der| Validity::of(&der));
        let Some(authority) = of(&self.authorities).filter(|validity| validity.contains(now)) else {
            return Step::Begin;
        };
        if KeyPair::from_pem(&self.authority_key).is_err() {
            return Step::Begin;
        }
        if authority.not_after - now < AUTHORITY_OVERLAP {
            return Step::Succeed;
        }
        let is_good = super::Serving::from_pem(self.certificate.as_bytes(), self.key.as_bytes())
            .is_ok_and(|serving| serving.validity.not_after - now >= SERVING_OVERLAP);
        let is_of_newest = seal(&self.authorities, names).as_deref() == Some(&self.signed_by);
        match (is_good, is_of_newest) {
            (true, true) => Step::Keep,
            // The old authority is trusted for a year yet: there is time to wait for the new one to be.
            (true, false) if !is_trusted => Step::Keep,
            (true | false, _) => Step::Issue,
        }
    }

    /// The same with a new serving certificate.
    pub(super) fn issue(&self, names: &[String], now: i64) -> Result<Self, CertificateError> {
        let authority_key = KeyPair::from_pem(&self.authority_key).map_err(unmade)?;
        let issuer = Issuer::new(authority_params(), authority_key);
        let key = KeyPair::generate().map_err(unmade)?;
        let mut params = CertificateParams::new(names).map_err(unmade)?;
        params.distinguished_name = named("OpenIRSA webhook");
        valid(&mut params, now - BACKDATED, now + SERVING_LIFE)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &issuer).map_err(unmade)?.pem();
        let signed_by = seal(&self.authorities, names).unwrap_or_default();
        Ok(Self { certificate, key: Zeroizing::new(key.serialize_pem()), signed_by, ..self.clone() })
    }

    /// The same with a new authority in front, which has signed nothing yet.
    pub(super) fn succeed(&self, now: i64) -> Result<Self, CertificateError> {
        let (newest, authority_key) = authority(now)?;
        // Only the one that signed what is served now is needed beside it.
        let old = CertificateDer::pem_slice_iter(self.authorities.as_bytes()).flatten().next();
        let old = old.map(|der| pem(&der)).unwrap_or_default();
        Ok(Self { authorities: format!("{newest}{old}"), authority_key, ..self.clone() })
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Material").field("signed_by", &self.signed_by).finish_non_exhaustive()
    }
}

fn authority(now: i64) -> Result<(String, Zeroizing<String>), CertificateError> {
    let key = KeyPair::generate().map_err(unmade)?;
    let mut params = authority_params();
    valid(&mut params, now - BACKDATED, now + AUTHORITY_LIFE)?;
    let certificate = params.self_signed(&key).map_err(unmade)?.pem();
    Ok((certificate, Zeroizing::new(key.serialize_pem())))
}

/// The same for all, so that the key alone has to be read back.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("OpenIRSA webhook authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn first(pem: &str) -> Option<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).next()?.ok()
}

/// Stands for an authority, the first one, and what it signed for.
fn seal(authorities: &str, names: &[String]) -> Option<String> {
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    digest.update(&first(authorities)?);
    digest.update(names.join(",").as_bytes());
    Some(STANDARD.encode(digest.finish()))
}

fn pem(der: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// Sets when a certificate is valid, by whole days.
fn valid(params: &mut CertificateParams, from: i64, until: i64) -> Result<(), CertificateError> {
    let date = |seconds: i64| {
        let timestamp = jiff::Timestamp::from_second(seconds).map_err(unmade)?;
        let date = timestamp.to_zoned(jiff::tz::TimeZone::UTC).date();
        let part = |number: i8| u8::try_from(number).map_err(unmade);
        Ok::<_, CertificateError>((i32::from(date.year()), part(date.month())?, part(date.day())?))
    };
    let ((year, month, day), until) = (date(from)?, date(until)?);
    params.not_before = date_time_ymd(year, month, day);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    Ok(())
}

fn unmade(error: impl std::fmt::Display) -> CertificateError {
    CertificateError::Mismatch(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_replaced_before_its_end() {
        let names = names(&["hook", "hook.eks.svc"]);
        let material = Material::begin(&names, NOW).unwrap();
        let check = |days: i64, is_trusted: bool, expected: Step| {
            assert_eq!(material.next_step(&names, is_trusted, NOW + days * DAY), expected, "day {days}");
        };
        check(0, false, Step::Keep);
        check(58, true, Step::Keep);
        check(61, true, Step::Issue);
        check(3_000, true, Step::Issue);
        check(3_290, true, Step::Succeed);
        check(3_651, true, Step::Begin);
        let other = super::tests::names(&["hook", "hook.default.svc"]);
        assert_eq!(material.next_step(&other, true, NOW), Step::Issue, "the Service has another name");
        let broken = Material { key: Zeroizing::new("no key".to_owned()), ..material.clone() };
        assert_eq!(broken.next_step(&names, true, NOW), Step::Issue);
        let broken = Material { authority_key: Zeroizing::default(), ..material.clone() };
        assert_eq!(broken.next_step(&names, true, NOW), Step::Begin);
        let issued = material.issue(&names, NOW + 61 * DAY).unwrap();
        assert_eq!(issued.authorities, material.authorities);
        assert_ne!(issued.certificate, material.certificate);
        assert_eq!(issued.next_step(&names, true, NOW + 61 * DAY), Step::Keep);
    }

    #[test]
    fn a_new_authority_signs_once_it_is_trusted() {
        let names = names(&["hook.eks.svc"]);
        let now = NOW + 3_290 * DAY;
        let old = Material::begin(&names, NOW).unwrap().issue(&names, now).unwrap();
        let both = old.succeed(now).unwrap();
        assert_eq!(both.authorities.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(both.authorities.ends_with(&old.authorities), "who trusts the old one is served by it");
        assert_eq!(both.certificate, old.certificate);
        assert_eq!(both.next_step(&names, false, now), Step::Keep);
        assert_eq!(both.next_step(&names, true, now), Step::Issue);
        let signed = both.issue(&names, now).unwrap();
        assert_eq!(signed.next_step(&names, false, now), Step::Keep);
        assert_eq!(signed.succeed(now).unwrap().authorities.matches("BEGIN CERTIFICATE").count(), 2);
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", Material::begin(&names(&["hook"]), NOW).unwrap());
        assert!(!shown.contains("PRIVATE"), "{shown}");
    }
}
