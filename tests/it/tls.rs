//! The handshake: versions, the certificate that a client can verify, resumption.

use std::net::SocketAddr;

use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion, SupportedProtocolVersion};

use crate::harness::{Gate, Suite, Wire, client_config, client_config_of};

fn connect(
    gate: &Gate,
    suite: Suite,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<Wire> {
    Wire::connect(gate.device, client_config(&gate.ca(), suite, versions))
}

fn serves(mut wire: Wire) {
    assert_eq!(wire.call("POST", "/v5/nothing", &[], b"").status, 404);
}

#[test]
fn a_client_of_either_key_type_is_served_with_the_certificate_it_can_verify() {
    let gate = Gate::start();
    for (suite, part) in [
        (Suite::Any, "_ECDSA_"),
        (Suite::Ecdsa, "_ECDSA_"),
        (Suite::Rsa, "_RSA_"),
    ] {
        let wire = connect(&gate, suite, &[&TLS12]).unwrap();
        let name = format!(
            "{:?}",
            wire.stream.conn.negotiated_cipher_suite().unwrap().suite()
        );
        assert!(name.contains(part), "{name}");
        assert_eq!(wire.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        serves(wire);
    }
}

#[test]
fn a_client_gets_no_certificate_on_a_curve_that_it_did_not_name() {
    let gate = Gate::start();
    for (group, part) in [
        (kx_group::SECP256R1, "_ECDSA_"),
        (kx_group::SECP384R1, "_RSA_"),
        (kx_group::X25519, "_RSA_"),
    ] {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = vec![group];
        let config = client_config_of(&gate.ca(), provider, &[&TLS12]);
        let wire = Wire::connect(gate.device, config).unwrap();
        let suite = wire.stream.conn.negotiated_cipher_suite().unwrap().suite();
        assert!(format!("{suite:?}").contains(part), "{group:?}: {suite:?}");
        serves(wire);
    }
}

#[test]
fn tls_1_3_is_an_option() {
    let gate = Gate::start();
    assert!(
        connect(&gate, Suite::Any, &[&TLS13]).is_err(),
        "1.3 alone is refused by default"
    );
    let wire = connect(&gate, Suite::Any, &[&TLS12, &TLS13]).unwrap();
    assert_eq!(
        wire.stream.conn.protocol_version(),
        Some(ProtocolVersion::TLSv1_2)
    );
    let gate = Gate::builder().with("TLS__VERSIONS", r#"["1.2","1.3"]"#).start();
    serves(connect(&gate, Suite::Any, &[&TLS13]).unwrap());
    serves(connect(&gate, Suite::Rsa, &[&TLS12]).unwrap());
}

#[test]
fn only_http_1_is_spoken_whatever_a_client_offers() {
    let gate = Gate::start();
    let with = |protocols: &[&str]| {
        let mut config = rustls::ClientConfig::clone(&client_config(&gate.ca(), Suite::Any, &[&TLS12]));
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Wire::connect(gate.device, config.into())
    };
    let wire = with(&["h2", "http/1.1"]).unwrap();
    assert_eq!(wire.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    serves(wire);
    let wire = with(&[]).unwrap();
    assert_eq!(wire.stream.conn.alpn_protocol(), None);
    serves(wire);
    assert!(with(&["h2"]).is_err());
}

#[test]
fn a_second_connection_resumes_the_session_by_ticket() {
    let gate = Gate::start();
    let config = client_config(&gate.ca(), Suite::Any, &[&TLS12]);
    let kind = |address: SocketAddr| {
        let wire = Wire::connect(address, config.clone()).unwrap();
        let kind = wire.stream.conn.handshake_kind().unwrap();
        serves(wire);
        kind
    };
    assert_eq!(kind(gate.device), HandshakeKind::Full);
    assert_eq!(kind(gate.device), HandshakeKind::Resumed);
}

#[test]
fn the_leaf_is_renewed_under_the_same_authority_when_its_names_change() {
    let gate = Gate::start();
    let ca = std::fs::read(gate.ca()).unwrap();
    let leaf = std::fs::read(gate.folder.join("certs/leaf-ecdsa.pem")).unwrap();
    let mut gate = gate;
    gate.stop();
    let again = Gate::builder()
        .on(&gate.folder)
        .with("DEVICE__PUBLIC_HOST", "gate.example")
        .start();
    assert_eq!(std::fs::read(again.ca()).unwrap(), ca);
    assert_ne!(
        std::fs::read(again.folder.join("certs/leaf-ecdsa.pem")).unwrap(),
        leaf
    );
    serves(connect(&again, Suite::Ecdsa, &[&TLS12]).unwrap());
}

/// Copies the certificates of one folder over those of a running instance.
fn replace_certificates(gate: &Gate, from: &std::path::Path) {
    for kind in ["ecdsa", "rsa"] {
        for ending in ["key", "pem"] {
            let name = format!("leaf-{kind}.{ending}");
            let beside = gate.folder.join("certs").join("next");
            std::fs::copy(from.join(&name), &beside).unwrap();
            std::fs::rename(&beside, gate.folder.join("certs").join(&name)).unwrap();
        }
    }
}

/// New leaves under the same authority, made by another start on a copy of its folder.
fn leaves_for(gate: &Gate, host: &str) -> Gate {
    let copy = tempfile::tempdir().unwrap().keep();
    std::fs::create_dir(copy.join("certs")).unwrap();
    for name in ["ca.pem", "ca.key"] {
        std::fs::copy(
            gate.folder.join("certs").join(name),
            copy.join("certs").join(name),
        )
        .unwrap();
    }
    Gate::builder()
        .on(&copy)
        .with("DEVICE__PUBLIC_HOST", host)
        .start()
}

fn leaf(wire: &Wire) -> Vec<u8> {
    wire.stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn changed_certificates_are_taken_up_on_sighup_and_broken_ones_are_not() {
    let gate = Gate::start();
    let other = leaves_for(&gate, "other.example");
    let before = connect(&gate, Suite::Any, &[&TLS12]).unwrap();
    let resuming = client_config(&gate.ca(), Suite::Any, &[&TLS12]);
    serves(Wire::connect(gate.device, resuming.clone()).unwrap());

    std::fs::write(gate.folder.join("certs/leaf-ecdsa.pem"), "no certificate").unwrap();
    gate.signal("HUP");
    wait_for(&gate, "the old one stays in use");
    assert_eq!(
        leaf(&connect(&gate, Suite::Any, &[&TLS12]).unwrap()),
        leaf(&before)
    );

    replace_certificates(&gate, &other.folder.join("certs"));
    gate.signal("HUP");
    wait_for(&gate, "certificates were looked at");
    let after = connect(&gate, Suite::Any, &[&TLS12]).unwrap();
    assert_ne!(leaf(&after), leaf(&before));
    serves(before);
    let resumed = Wire::connect(gate.device, resuming).unwrap();
    assert_eq!(resumed.stream.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    let ready = gate.management_wire().call("GET", "/readyz", &[], b"").json();
    assert_eq!(ready["certificate_ends"].as_str().unwrap().len(), 24);
    std::fs::remove_dir_all(&other.folder).unwrap();
}

fn wait_for(gate: &Gate, part: &str) {
    for _ in 0..100 {
        if gate.log().contains(part) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{part:?} is not in the log");
}

#[test]
fn certificates_replaced_twenty_times_under_load_fail_no_request() {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    let gate = Gate::builder().unlimited().start();
    let others = [leaves_for(&gate, "a.example"), leaves_for(&gate, "b.example")];
    let (stop, requests) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for keeps_alive in [true, false] {
            let (gate, stop, requests) = (&gate, &stop, &requests);
            scope.spawn(move || {
                let mut wire = gate.device_wire();
                while !stop.load(Ordering::SeqCst) {
                    if !keeps_alive {
                        wire = connect(gate, Suite::Any, &[&TLS12]).unwrap();
                    }
                    assert_eq!(wire.call("POST", "/v5/nothing", &[], b"").status, 404);
                    requests.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 0..20 {
            replace_certificates(&gate, &others[round % 2].folder.join("certs"));
            gate.signal("HUP");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        stop.store(true, Ordering::SeqCst);
    });
    println!(
        "20 replacements: {} requests, 0 failed",
        requests.load(Ordering::SeqCst)
    );
    assert!(requests.load(Ordering::SeqCst) > 100);
    assert!(gate.log().matches("certificates were looked at").count() > 5);
    for other in others {
        std::fs::remove_dir_all(&other.folder).unwrap();
    }
}
