//! When a certificate is valid: the one field of X.509 that the TLS library does not give (RFC 5280 §4.1.2.5).

/// From when to when a certificate is valid, in seconds since the epoch, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

impl Validity {
    /// That of a certificate in DER; none when it is no certificate.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Option<Self> {
        const SEQUENCE: u8 = 0x30;
        let mut outer = Der(certificate);
        let mut certificate = Der(outer.value(SEQUENCE)?);
        let mut fields = Der(certificate.value(SEQUENCE)?);
        // [0] version, which version 1 certificates lack.
        if fields.0.first() == Some(&0xa0) {
            fields.element()?;
        }
        // serialNumber, signature, issuer.
        for _ in 0..3 {
            fields.element()?;
        }
        let mut validity = Der(fields.value(SEQUENCE)?);
        Some(Self { not_before: time(validity.element()?)?, not_after: time(validity.element()?)? })
    }

    /// Whether it is valid at `now`.
    #[must_use]
    pub fn contains(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// The rest of a DER encoding (X.690 §8.1).
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element: its tag and content.
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long @ 0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

/// UTCTime `YYMMDDHHMMSSZ` (years from 1950) or GeneralizedTime `YYYYMMDDHHMMSSZ`.
fn time((tag, content): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let full = match tag {
        0x17 => {
            let century = if text < "50" { "20" } else { "19" };
            format!("{century}{text}")
        }
        0x18 => text.to_owned(),
        _ => return None,
    };
    let number = |range: std::ops::Range<usize>| full.get(range)?.parse::<i8>().ok();
    if full.len() != 14 {
        return None;
    }
    let date = jiff::civil::date(full.get(..4)?.parse().ok()?, 1, 1)
        .with()
        .month(number(4..6)?)
        .day(number(6..8)?)
        .build()
        .ok()?;
    let time = jiff::civil::Time::new(number(8..10)?, number(10..12)?, number(12..14)?, 0).ok()?;
    Some(date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn made(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["webhook.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn both_kinds_of_time_are_read() {
        let seconds = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        let validity = Validity::of(&made((1999, 12, 31), (2049, 2, 28))).unwrap();
        assert_eq!(validity.not_before, seconds("1999-12-31T00:00:00Z"));
        assert_eq!(validity.not_after, seconds("2049-02-28T00:00:00Z"));
        // From 2050 on, certificates have the other encoding.
        let validity = Validity::of(&made((2024, 2, 29), (2061, 7, 1))).unwrap();
        assert_eq!(validity.not_before, seconds("2024-02-29T00:00:00Z"));
        assert_eq!(validity.not_after, seconds("2061-07-01T00:00:00Z"));
        assert!(validity.contains(validity.not_before) && validity.contains(validity.not_after));
        assert!(!validity.contains(validity.not_before - 1) && !validity.contains(validity.not_after + 1));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..300_usize, byte: u8) {
            let _ = Validity::of(&bytes);
            let mut damaged = made((2024, 1, 1), (2034, 1, 1));
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            let _ = Validity::of(&damaged);
            let _ = Validity::of(damaged.split_at(at.min(damaged.len())).0);
        }
    }
}
