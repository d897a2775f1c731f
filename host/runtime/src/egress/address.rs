//! Which addresses plugins may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// Addresses outside the public internet that the operator allows. Empty by default.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    allow: Vec<IpNet>,
    /// Nothing but those networks.
    closed: bool,
}

impl EgressPolicy {
    /// Allows these networks beside the public internet, as `127.0.0.0/8`.
    pub fn allowing(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allow: networks.into_iter().collect(), closed: false }
    }

    /// Allows these networks and nothing else: no server there is known by a certificate authority of this machine.
    pub fn only(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allow: networks.into_iter().collect(), closed: true }
    }

    /// See [`EgressPolicy::only`].
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// Whether a connection to `address` may be made, by a plugin or a callback.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = embedded(address);
        self.allow.iter().any(|network| network.contains(&address)) || (!self.closed && is_public(address))
    }

    /// Whether the host of `url` is a name, or an admitted address.
    pub fn admits_url(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.admits(address.into()),
            Some(Host::Ipv6(address)) => self.admits(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }
}

/// The IPv4 address that an IPv6 address really leads to, if it wraps one.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::from(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // NAT64 (RFC 6052), 6to4 (RFC 3056), and the deprecated IPv4-compatible form.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// By the IANA special-purpose registry: what is not for everyone is refused.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..] => true,                     // this network, private, loopback
        [100, b, ..] => (64..128).contains(&b),         // carrier-grade NAT
        [169, 254, ..] | [192, 168, ..] => true,        // link-local with cloud metadata, private
        [172, b, ..] => (16..32).contains(&b),          // private
        [192, 0, 0 | 2, _] | [192, 88, 99, _] => true,  // protocol assignments, documentation, 6to4 relays
        [198, 18 | 19, ..] | [198, 51, 100, _] => true, // benchmarks, documentation
        [203, 0, 113, _] => true,                       // documentation
        [a, ..] => a >= 224,                            // multicast, reserved, broadcast
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Only global unicast (2000::/3) is public, without Teredo, benchmarks, ORCHID and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] => false,
        [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &EgressPolicy, admitted: bool, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(policy.admits(address.parse().unwrap()), admitted, "{address}");
        }
    }

    #[test]
    fn only_public_addresses_are_admitted() {
        let policy = EgressPolicy::default();
        check(
            &policy,
            true,
            &["1.1.1.1", "172.15.0.1", "100.63.0.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:8.8.8.8"],
        );
        check(
            &policy,
            false,
            &[
                "0.0.0.0",
                "10.1.2.3",
                "127.0.0.1",
                "100.64.0.1",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "192.0.2.1",
                "198.18.0.1",
                "203.0.113.9",
                "224.0.0.1",
                "255.255.255.255",
            ],
        );
        check(
            &policy,
            false,
            &[
                "::",
                "::1",
                "fe80::1",
                "fc00::1",
                "fd00:ec2::254",
                "ff02::1",
                "2001:db8::1",
                "2001::1",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "64:ff9b::7f00:1",
                "64:ff9b:1::1",
                "2002:7f00:1::",
                "::127.0.0.1",
            ],
        );
    }

    #[test]
    fn the_operator_allows_networks_in_any_writing() {
        let policy = EgressPolicy::allowing(["127.0.0.0/8".parse().unwrap()]);
        check(&policy, true, &["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "1.1.1.1"]);
        check(&policy, false, &["10.0.0.1", "::1", "169.254.169.254"]);
    }
}
