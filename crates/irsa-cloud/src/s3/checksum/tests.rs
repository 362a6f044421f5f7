use http::HeaderValue;

use super::*;

fn of(algorithm: Algorithm, data: &[u8]) -> Checksum {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(data);
    hasher.finish()
}

/// The check values of "123456789": RFC 3720 (CRC32C), the NVMe specification (CRC64NVME), RFC 3174, FIPS 180-4.
#[test]
fn known_values() {
    let check = |algorithm: Algorithm, expected: &str| {
        assert_eq!(of(algorithm, b"123456789").value, expected, "{algorithm:?}");
    };
    check(Algorithm::Crc32, "y/Q5Jg==");
    check(Algorithm::Crc32c, "4waSgw==");
    check(Algorithm::Crc64Nvme, "rosUhgp5mIg=");
    check(Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE=");
    check(Algorithm::Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=");
}

#[test]
fn whole_checksums_of_parts_are_those_of_the_bytes() {
    let (first, second) = (vec![7_u8; 70_000], b"the rest".to_vec());
    let all = [first.clone(), second.clone()].concat();
    for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
        let parts = [of(algorithm, &first), of(algorithm, &second)];
        let sums = [(parts.first(), 70_000), (parts.last(), 8)];
        assert_eq!(combine(algorithm, true, &sums), Some(of(algorithm, &all)), "{algorithm:?}");
    }
}

/// S3 user guide, "Checking object integrity": a composite checksum is that of the parts' checksums, with their number.
#[test]
fn composite_checksums() {
    let part = of(Algorithm::Sha256, b"part");
    let combined = combine(Algorithm::Sha256, false, &[(Some(&part), 4), (Some(&part), 4)]).unwrap();
    let raw = STANDARD.decode(&part.value).unwrap();
    let expected = of(Algorithm::Sha256, &[raw.clone(), raw].concat()).value;
    assert_eq!((combined.value, combined.composite), (format!("{expected}-2"), true));
    assert_eq!(combine(Algorithm::Sha256, false, &[(Some(&part), 4), (None, 4)]), None);
    assert_eq!(combine(Algorithm::Sha1, false, &[(Some(&part), 4)]), None);
}

#[test]
fn one_checksum_of_the_right_form() {
    let read = |headers: &[(&'static str, &'static str)]| {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        Announced::from_headers(&headers.collect()).map_err(|failure| failure.body.code.to_string())
    };
    let invalid = Err("InvalidRequest".to_owned());
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(
        read(&[("x-amz-checksum-crc32", "y/Q5Jg==")]),
        Ok(Some(Announced::Value(Algorithm::Crc32, "y/Q5Jg==".to_owned())))
    );
    assert_eq!(
        read(&[("x-amz-trailer", "x-amz-checksum-sha256")]),
        Ok(Some(Announced::Trailer(Algorithm::Sha256)))
    );
    assert_eq!(read(&[("x-amz-trailer", "x-amz-other")]), Ok(None));
    assert_eq!(read(&[("x-amz-checksum-crc32", "y/Q5")]), invalid);
    assert_eq!(read(&[("x-amz-checksum-crc32", "???")]), invalid);
    assert_eq!(
        read(&[
            ("x-amz-checksum-crc32", "y/Q5Jg=="),
            ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=")
        ]),
        invalid
    );
}
