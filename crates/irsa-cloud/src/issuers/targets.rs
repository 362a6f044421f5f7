//! Which network addresses an issuer may live at.
//!
//! Whoever may create an OIDC provider chooses a URL that this server then fetches. Without a rule that is a way into the
//! operator's network (server-side request forgery), so only public addresses are reached unless the operator allows more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The operator's exceptions to "public addresses only" (`--issuer-allow`).
#[derive(Debug, Default, Clone)]
pub struct Targets {
    allowed: Vec<IpNet>,
}

impl Targets {
    /// Public addresses, and these networks.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether an issuer at `address` may be fetched.
    #[must_use]
    pub fn permit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// RFC 6890 and its successors: the IANA special-purpose registry of IPv4.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol_assignments = a == 192 && b == 0 && c == 0;
    let benchmarking = a == 198 && (b == 18 || b == 19);
    let reserved = a >= 240;
    let this_network = a == 0;
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || protocol_assignments
        || benchmarking
        || reserved
        || this_network)
}

/// Only global unicast (2000::/3) is public, less documentation (RFC 3849, RFC 9637) and the transition prefixes that
/// smuggle an IPv4 address (6to4, Teredo).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global_unicast = first & 0xe000 == 0x2000;
    let documentation = (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
    let smuggles_v4 = first == 0x2002 || (first == 0x2001 && second == 0);
    global_unicast && !documentation && !smuggles_v4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_unless_allowed() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("198.18.0.1", false),
            ("2600:1f18::1", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("2002:7f00:1::", false),
            ("64:ff9b::7f00:1", false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(Targets::default().permit(address), public, "{address}");
        }
    }

    #[test]
    fn the_operator_may_allow_more() {
        let targets = Targets::new(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        assert!(targets.permit("10.9.8.7".parse().unwrap()));
        assert!(targets.permit("::ffff:10.9.8.7".parse().unwrap()));
        assert!(targets.permit("::1".parse().unwrap()));
        assert!(!targets.permit("127.0.0.1".parse().unwrap()));
    }
}
