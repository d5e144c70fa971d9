use super::*;

/// Refused by default, by the word that must be in the reason.
const REFUSED: &[(&str, &str)] = &[
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "this host"),
    ("10.0.0.0", "private"),
    ("10.1.2.3", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "carrier"),
    ("100.100.100.200", "metadata"),
    ("100.127.255.255", "carrier"),
    ("127.0.0.1", "loopback"),
    ("127.0.0.0", "loopback"),
    ("127.1.2.3", "loopback"),
    ("127.255.255.255", "loopback"),
    ("168.63.129.16", "metadata"),
    ("169.254.0.1", "link-local"),
    ("169.254.169.254", "metadata"),
    ("169.254.170.2", "link-local"),
    ("169.254.255.255", "link-local"),
    ("172.16.0.0", "private"),
    ("172.20.1.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.1", "protocol"),
    ("192.0.0.192", "metadata"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4"),
    ("192.168.0.0", "private"),
    ("192.168.255.255", "private"),
    ("198.18.0.1", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.255", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("254.1.1.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::2", "IPv4-compatible"),
    ("::7f00:1", "IPv4-compatible"),
    ("::10.0.0.1", "IPv4-compatible"),
    ("::8.8.8.8", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:7f00:1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("::ffff:169.254.169.254", "metadata"),
    ("::ffff:0.0.0.0", "unspecified"),
    ("::ffff:0:127.0.0.1", "outside"),
    ("64:ff9b::127.0.0.1", "loopback"),
    ("64:ff9b::10.1.1.1", "private"),
    ("64:ff9b::a9fe:a9fe", "metadata"),
    ("64:ff9b:1::1", "translator"),
    ("64:ff9b:1:7f00:1::", "translator"),
    ("64:ff9b:0:1::8.8.8.8", "outside"),
    ("100::1", "outside"),
    ("2001::1", "protocol"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "protocol"),
    ("2001:2::1", "protocol"),
    ("2001:10::1", "protocol"),
    ("2001:20::1", "protocol"),
    ("2001:db8::1", "documentation"),
    ("2001:db8:ffff::1", "documentation"),
    ("2002:7f00:1::1", "loopback"),
    ("2002:a00:1::", "private"),
    ("2002:c0a8:101::1", "private"),
    ("2002:a9fe:a9fe::1", "metadata"),
    ("3fff::1", "documentation"),
    ("3fff:fff::1", "documentation"),
    ("4000::1", "outside"),
    ("5f00::1", "outside"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fd20:ce::254", "private"),
    ("fdff::1", "private"),
    ("fe00::1", "outside"),
    ("fe80::1", "link-local"),
    ("febf::1", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
];

/// Public, some beside a range that is not.
const PUBLIC: &[&str] = &[
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.101.0",
    "203.0.112.255",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2001:db9::1",
    "2002:808:808::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "3ffe:ffff::1",
    "3fff:1000::1",
];

fn address(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_no_public_service_has_is_refused_by_its_kind() {
    let policy = AddressPolicy::default();
    for (text, word) in REFUSED {
        let refused = policy.check(address(text)).expect_err(text);
        assert!(refused.kind.contains(word), "{text}: {}", refused.kind);
        assert_eq!(refused.address, address(text));
    }
    for text in PUBLIC {
        assert_eq!(policy.check(address(text)), Ok(()), "{text}");
    }
    assert!(REFUSED.len() + PUBLIC.len() >= 110);
}

#[test]
fn a_literal_is_refused_in_every_notation_that_a_url_has() {
    let policy = AddressPolicy::default();
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "0x7f.1",
        "0x7f000001",
        "0X7F.0x0.0.01",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0177.0.0.0x1",
        "%31%32%37.0.0.1",
        "%30x7f.1",
        "\u{ff11}\u{ff12}\u{ff17}.\u{ff10}.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "\u{2460}\u{2461}\u{2466}.0.0.1",
        "0",
        "0x0",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0000::0001]",
        "10.1",
        "0xa9fea9fe",
        "169.254.43518",
    ] {
        let found = policy.check_url(&url(&format!("https://{host}/hook")));
        assert!(found.is_err(), "{host} is not refused");
        let found = policy.check_url(&url(&format!("http://{host}:8080/hook")));
        assert!(found.is_err(), "{host}:8080 is not refused");
    }
    assert_eq!(
        policy.check_url(&url("https://localhost/")),
        Ok(()),
        "a name is judged later"
    );
    assert_eq!(policy.check_url(&url("https://8.8.8.8/")), Ok(()));
}

#[test]
fn an_allowed_network_opens_itself_and_no_more() {
    let policy = AddressPolicy::new(
        false,
        vec!["10.0.0.0/8".parse().unwrap(), "fd00:1::/32".parse().unwrap()],
    );
    for text in [
        "10.2.3.4",
        "::ffff:10.2.3.4",
        "64:ff9b::10.2.3.4",
        "2002:a02:304::1",
        "fd00:1::9",
        "8.8.8.8",
    ] {
        assert_eq!(policy.check(address(text)), Ok(()), "{text}");
    }
    for text in [
        "127.0.0.1",
        "192.168.1.1",
        "::ffff:127.0.0.1",
        "fd00:2::9",
        "::1",
        "::10.2.3.4",
    ] {
        assert!(policy.check(address(text)).is_err(), "{text}");
    }
}

#[test]
fn allowing_private_targets_opens_everything() {
    let policy = AddressPolicy::new(true, Vec::new());
    for (text, _) in REFUSED {
        assert_eq!(policy.check(address(text)), Ok(()), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn mapped_addresses_are_judged_as_what_they_carry(bits: u32) {
        let policy = AddressPolicy::default();
        let v4 = Ipv4Addr::from(bits);
        let [a, b, c, d] = v4.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let alone = policy.check(v4.into()).is_ok();
        for v6 in [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ] {
            proptest::prop_assert_eq!(policy.check(v6.into()).is_ok(), alone);
        }
    }
}
