//! Which addresses a target may have. Loopback, private, link-local, metadata and other addresses that no public service
//! has are refused unless the configuration allows them, in each form that carries them. Pure; `resolver` and `client`
//! ask before every connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// An address that may not be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is {kind}; targets there are refused unless routing.allowed_networks or routing.allow_private_targets allows them"
)]
pub struct RefusedAddress {
    /// The address.
    pub address: IpAddr,
    /// What kind of address it is.
    pub kind: &'static str,
}

/// Which addresses may be called: public ones, and what the configuration adds.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    allow_private: bool,
    allowed: Vec<IpNet>,
}

impl AddressPolicy {
    /// From `routing.allow_private_targets`, which allows every address, and `routing.allowed_networks`.
    pub const fn new(allow_private: bool, allowed: Vec<IpNet>) -> Self {
        Self {
            allow_private,
            allowed,
        }
    }

    /// Whether a connection may go there.
    pub fn check(&self, address: IpAddr) -> Result<(), RefusedAddress> {
        let carried = carried(address);
        let allows = |address: &IpAddr| self.allowed.iter().any(|network| network.contains(address));
        if self.allow_private || allows(&address) || allows(&carried) {
            return Ok(());
        }
        match kind(carried) {
            Some(kind) => Err(RefusedAddress { address, kind }),
            None => Ok(()),
        }
    }

    /// Whether the URL may be called, as far as it tells: a name says nothing before it is resolved.
    pub fn check_url(&self, url: &Url) -> Result<(), RefusedAddress> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(address.into()),
            Some(Host::Ipv6(address)) => self.check(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

/// The IPv4 address that packets to `address` reach in the end, where it carries one: IPv4-mapped, NAT64 (RFC 6052) and
/// 6to4 (RFC 3056). Else the address itself.
fn carried(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else {
        return address.to_canonical();
    };
    let carried = match v6.segments() {
        [.., high, low] if NAT64.contains(&v6) => [high, low],
        [0x2002, high, low, ..] => [high, low],
        _ => return v6.into(),
    };
    let [high, low] = carried.map(u32::from);
    Ipv4Addr::from((high << 16) | low).into()
}

/// What keeps an address from being a public service's; none where nothing does.
fn kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => REFUSED_V4
            .iter()
            .find(|(network, _)| network.contains(&v4))
            .map(|(_, kind)| *kind),
        IpAddr::V6(v6) => REFUSED_V6
            .iter()
            .find(|(network, _)| network.contains(&v6))
            .map(|(_, kind)| *kind)
            .or_else(|| (!GLOBAL_V6.contains(&v6)).then_some("outside the public address space")),
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// Translators' well-known prefix.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

/// What public IPv6 addresses are taken from (RFC 4291); all else is refused.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

const LOOPBACK: &str = "a loopback address";
const PRIVATE: &str = "a private address";
const LINK_LOCAL: &str = "a link-local address";
const METADATA: &str = "a cloud's metadata address";
const DOCUMENTATION: &str = "an address of documentation";
const MULTICAST: &str = "a multicast address";

/// IANA's special-purpose registry and the metadata addresses of clouds; the first that holds an address names it.
const REFUSED_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 32), "the unspecified address"),
    (v4(0, 0, 0, 0, 8), "an address of this host"),
    (v4(10, 0, 0, 0, 8), PRIVATE),
    (v4(100, 100, 100, 200, 32), METADATA),
    (v4(100, 64, 0, 0, 10), "a shared address behind a carrier's NAT"),
    (v4(127, 0, 0, 0, 8), LOOPBACK),
    (v4(168, 63, 129, 16, 32), METADATA),
    (v4(169, 254, 169, 254, 32), METADATA),
    (v4(169, 254, 0, 0, 16), LINK_LOCAL),
    (v4(172, 16, 0, 0, 12), PRIVATE),
    (v4(192, 0, 0, 192, 32), METADATA),
    (v4(192, 0, 0, 0, 24), "an address of a protocol"),
    (v4(192, 0, 2, 0, 24), DOCUMENTATION),
    (v4(192, 88, 99, 0, 24), "an address of 6to4 relays"),
    (v4(192, 168, 0, 0, 16), PRIVATE),
    (v4(198, 18, 0, 0, 15), "an address of benchmarks"),
    (v4(198, 51, 100, 0, 24), DOCUMENTATION),
    (v4(203, 0, 113, 0, 24), DOCUMENTATION),
    (v4(224, 0, 0, 0, 4), MULTICAST),
    (v4(255, 255, 255, 255, 32), "the broadcast address"),
    (v4(240, 0, 0, 0, 4), "a reserved address"),
];

/// The same for IPv6: what is inside [`GLOBAL_V6`], and names for what is not.
const REFUSED_V6: &[(Ipv6Net, &str)] = &[
    (
        Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128),
        "the unspecified address",
    ),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), LOOPBACK),
    (v6(0, 0, 0, 96), "an IPv4-compatible address"),
    (v6(0x64, 0xff9b, 1, 48), "an address of a local translator"),
    (v6(0x2001, 0, 0, 23), "an address of a protocol"),
    (v6(0x2001, 0xdb8, 0, 32), DOCUMENTATION),
    (v6(0x3fff, 0, 0, 20), DOCUMENTATION),
    (v6(0xfc00, 0, 0, 7), PRIVATE),
    (v6(0xfe80, 0, 0, 10), LINK_LOCAL),
    (v6(0xfec0, 0, 0, 10), "a site-local address"),
    (v6(0xff00, 0, 0, 8), MULTICAST),
];

#[cfg(test)]
mod tests;
