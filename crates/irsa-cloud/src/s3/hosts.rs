//! Virtual-hosted-style requests: `BUCKET.DOMAIN[:port]`.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// The domains below which a host names a bucket. Any other host is addressed in path style.
#[derive(Clone)]
pub(super) struct Domains(Vec<String>);

impl Domains {
    pub(super) fn new(domains: Vec<String>) -> Self {
        Self(domains.into_iter().map(|domain| domain.to_ascii_lowercase()).collect())
    }

    pub(super) fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        let name = if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host };
        self.0.iter().find_map(|domain| {
            let at = name.len().checked_sub(domain.len())?;
            let (head, tail) = name.split_at_checked(at)?;
            let bucket = head.strip_suffix('.').filter(|bucket| !bucket.is_empty())?;
            tail.eq_ignore_ascii_case(domain).then_some(bucket)
        })
    }
}

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let virtual_host = VirtualHost::new(host);
        Ok(match self.bucket(host) {
            Some(bucket) => virtual_host.with_bucket(bucket.to_ascii_lowercase()),
            None => virtual_host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets_below_the_domains() {
        let domains = Domains::new(vec!["S3.Example.test".to_owned(), "localhost".to_owned()]);
        let check = |host: &str, bucket: Option<&str>| assert_eq!(domains.bucket(host), bucket, "{host}");
        check("photos.s3.example.test", Some("photos"));
        check("photos.S3.example.test:4566", Some("photos"));
        check("my.photos.s3.example.test", Some("my.photos"));
        check("photos.localhost:4566", Some("photos"));
        check("s3.example.test", None);
        check(".s3.example.test", None);
        check("photos.example.test", None);
        check("xs3.example.test", None);
        check("localhost:4566", None);
        check("[::1]:4566", None);
        check("", None);
    }
}
