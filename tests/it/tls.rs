//! The handshake: versions, the certificate that a client can verify, resumption.

use std::net::SocketAddr;

use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion, SupportedProtocolVersion};

use crate::harness::{Gate, Suite, Wire, client_config};

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
