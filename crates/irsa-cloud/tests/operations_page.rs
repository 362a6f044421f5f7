//! `docs/operations.md` names every operation that is served, and no other.

use std::collections::BTreeSet;

use irsa_cloud::{eks, iam, s3, sts};

const PAGE: &str = include_str!("../../../docs/operations.md");

#[test]
fn the_page_and_the_tables_are_equal() {
    for (service, served) in [
        ("STS", sts::table().operations()),
        ("IAM", iam::table().operations()),
        ("EKS", eks::table().operations()),
        ("S3", s3::OPERATIONS.to_vec()),
    ] {
        let served: BTreeSet<&str> = served.into_iter().collect();
        assert!(!served.is_empty(), "{service}");
        assert_eq!(documented(service), served, "docs/operations.md, {service}");
    }
}

fn documented(service: &str) -> BTreeSet<&'static str> {
    let section = PAGE.split("\n## ").find_map(|section| section.strip_prefix(&format!("{service}\n")));
    section
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect()
}
