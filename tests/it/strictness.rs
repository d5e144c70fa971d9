//! Requests that a proxy in front may read differently: each has its answer, and none yields a second one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{Gate, Reply};

/// The path of all of them; without a token a good request gets 401.
const LINE: &str = "POST /v5/devices/d/sys/messages/up HTTP/1.1\r\n";

/// What would be a second request, if a body were read as one.
const SECOND: &str = "POST /smuggled HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";

/// Name, head after the request line (its own line where it starts with a method), body, expected status.
const CATALOGUE: &[(&str, &str, &str, u16)] = &[
    // Good ones, so that the catalogue can fail both ways.
    (
        "good, with a length",
        "Host: h\r\nContent-Length: 2\r\n\r\n",
        "hi",
        401,
    ),
    (
        "good, chunked",
        "Host: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        "2\r\nhi\r\n0\r\n\r\n",
        401,
    ),
    (
        "good, the coding in capitals",
        "Host: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n",
        "0\r\n\r\n",
        401,
    ),
    (
        "good, white space around a value",
        "Host:   h  \r\nContent-Length:  2 \r\n\r\n",
        "hi",
        401,
    ),
    (
        "good, an empty line first",
        "\r\nPOST /v5/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        404,
    ),
    // Hosts.
    ("no host", "Content-Length: 2\r\n\r\n", "hi", 400),
    (
        "two hosts",
        "Host: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "two equal hosts",
        "Host: a\r\nHost: a\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "two hosts in 1.0",
        "POST /v5/x HTTP/1.0\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    // Lengths.
    (
        "good, two equal lengths (RFC 9110 §8.6)",
        "Host: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
        "hi",
        401,
    ),
    (
        "two lengths",
        "Host: h\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        "hi",
        400,
    ),
    (
        "two lengths, the larger first",
        "Host: h\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a list of equal lengths",
        "Host: h\r\nContent-Length: 2, 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a list of lengths",
        "Host: h\r\nContent-Length: 2,3\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a length with plus",
        "Host: h\r\nContent-Length: +2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a length with minus",
        "Host: h\r\nContent-Length: -2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a length in hex",
        "Host: h\r\nContent-Length: 0x2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a length with a fraction",
        "Host: h\r\nContent-Length: 2.0\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a length in words",
        "Host: h\r\nContent-Length: two\r\n\r\n",
        "hi",
        400,
    ),
    (
        "an empty length",
        "Host: h\r\nContent-Length: \r\n\r\n",
        "hi",
        400,
    ),
    (
        "a length beyond 64 bits",
        "Host: h\r\nContent-Length: 18446744073709551618\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a length with an inner space",
        "Host: h\r\nContent-Length: 1 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a length with an underscore",
        "Host: h\r\nContent-Length: 1_0\r\n\r\n",
        "hi",
        400,
    ),
    // Lengths and codings.
    (
        "length then coding",
        "Host: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\n\r\n",
        401,
    ),
    (
        "coding then length",
        "Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        "0\r\n\r\n",
        401,
    ),
    (
        "a wrong length and a coding",
        "Host: h\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    // Codings.
    (
        "chunked twice",
        "Host: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "chunked twice in a list",
        "Host: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "identity",
        "Host: h\r\nTransfer-Encoding: identity\r\n\r\n",
        "hi",
        400,
    ),
    (
        "identity then chunked",
        "Host: h\r\nTransfer-Encoding: identity, chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "chunked then identity",
        "Host: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "gzip then chunked",
        "Host: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    ("gzip", "Host: h\r\nTransfer-Encoding: gzip\r\n\r\n", "hi", 400),
    (
        "a coding of two headers",
        "Host: h\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "an unknown coding",
        "Host: h\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "a quoted coding",
        "Host: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "a coding with a parameter",
        "Host: h\r\nTransfer-Encoding: chunked;q=1\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "an empty coding",
        "Host: h\r\nTransfer-Encoding: \r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "a coding with a vertical tab",
        "Host: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "a coding in 1.0",
        "POST /v5/x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    // Names and values.
    (
        "a space before the colon",
        "Host: h\r\nContent-Length : 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a tab before the colon",
        "Host: h\r\nTransfer-Encoding\t: chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "a space before the name",
        " Host: h\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a folded value",
        "Host: h\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a folded coding",
        "Host: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
        "0\r\n\r\n",
        400,
    ),
    (
        "a line without a colon",
        "Host: h\r\nnonsense\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "an empty name",
        "Host: h\r\n: x\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a NUL in a value",
        "Host: h\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a NUL in a name",
        "Host: h\r\nX\0: b\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a bare CR in a value",
        "Host: h\r\nX: a\rb\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a bare CR that hides a header",
        "Host: h\r\nX: a\rTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "letters beyond ASCII in a name",
        "Host: h\r\nX\u{e9}: b\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a name with brackets",
        "Host: h\r\n(X): b\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    // Line ends.
    (
        "bare line feeds",
        "POST /v5/x HTTP/1.1\nHost: h\nContent-Length: 0\n\n",
        "",
        400,
    ),
    (
        "a bare line feed after the request line",
        "POST /v5/x HTTP/1.1\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    (
        "a bare line feed after a header",
        "Host: h\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    (
        "a bare line feed at the end",
        "Host: h\r\nContent-Length: 2\r\n\n",
        "hi",
        400,
    ),
    (
        "a bare line feed that hides a coding",
        "Host: h\r\nX: y\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
        "hi",
        400,
    ),
    // Request lines.
    (
        "an unknown version",
        "POST /v5/x HTTP/1.2\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    (
        "version 2",
        "POST /v5/x HTTP/2.0\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    (
        "version 0.9",
        "POST /v5/x HTTP/0.9\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    ("no version", "POST /v5/x\r\nHost: h\r\n\r\n", "", 400),
    (
        "a version in small letters",
        "POST /v5/x http/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    (
        "two spaces",
        "POST  /v5/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    (
        "a tab in the request line",
        "POST\t/v5/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    (
        "a space in the path",
        "POST /v5/ x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    (
        "a method with brackets",
        "PO(ST /v5/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        400,
    ),
    (
        "an unknown method",
        "BREW /v5/device-auth HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        405,
    ),
    (
        "good, though its path has no slash",
        "POST v5 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "",
        404,
    ),
];

fn all_of(head: &str, body: &str) -> String {
    let own_line = head.starts_with("POST ")
        || head.starts_with("POST\t")
        || head.starts_with("PO(")
        || head.starts_with("BREW")
        || head.starts_with("\r\n");
    let line = if own_line { "" } else { LINE };
    format!("{line}{head}{body}")
}

#[test]
fn each_ambiguous_request_has_its_answer_and_none_yields_a_second() {
    let gate = Gate::start();
    assert!(CATALOGUE.len() >= 60, "{}", CATALOGUE.len());
    let mut wrong = Vec::new();
    for (name, head, body, status) in CATALOGUE {
        let mut wire = gate.device_wire();
        // What follows is a request of its own only where the first was good and unambiguous.
        wire.send((all_of(head, body) + SECOND).as_bytes());
        let first = wire.try_reply().map_or(0, |reply| check(&reply, *status >= 400));
        let second = wire.try_reply().map_or(0, |reply| reply.status);
        let good = name.starts_with("good") || *status == 405;
        let expected_second = if good { 404 } else { 0 };
        // A refusal before the body is read may end the connection as well.
        if first != *status || (second != expected_second && second != 0) {
            wrong.push(format!(
                "{name}: {first} then {second}, not {status} then {expected_second}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every refusal explains itself, hyper's own too.
fn check(reply: &Reply, refused: bool) -> u16 {
    if refused {
        assert!(reply.error_code().starts_with("IOTDA."), "{}", reply.text());
        assert!(reply.header("x-request-id").is_some(), "{}", reply.text());
    }
    reply.status
}

#[test]
fn chunks_that_readers_may_size_differently_end_the_connection() {
    let gate = Gate::start();
    gate.device("d", "s3cret-of-the-device", None);
    let token = gate.token("d", "s3cret-of-the-device");
    for body in [
        "2\nhi\r\n0\r\n\r\n",
        "+2\r\nhi\r\n0\r\n\r\n",
        "0x2\r\nhi\r\n0\r\n\r\n",
        "2 2\r\nhi\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhi\r\n0\r\n\r\n",
        "2\r\nhixx0\r\n\r\n",
        "-1\r\nhi\r\n0\r\n\r\n",
        "\r\nhi\r\n0\r\n\r\n",
        "2;a=\nb\r\nhi\r\n0\r\n\r\n",
    ] {
        let mut wire = gate.device_wire();
        let head = format!("{LINE}Host: h\r\naccess_token: {token}\r\nTransfer-Encoding: chunked\r\n\r\n");
        wire.send(format!("{head}{body}{SECOND}").as_bytes());
        let first = wire.try_reply().map_or(0, |reply| reply.status);
        assert_eq!(first, 400, "{body:?}");
        assert!(wire.try_reply().is_err(), "{body:?} yields a second answer");
    }
    assert_eq!(gate.stored("d"), 0);
}

#[test]
fn too_many_headers_are_refused_with_an_explanation() {
    let gate = Gate::start();
    let many: String = (0..150)
        .map(|number| format!("X-{number}: y\r\n"))
        .collect::<Vec<_>>()
        .concat();
    let mut wire = gate.device_wire();
    wire.send(format!("{LINE}Host: h\r\n{many}Content-Length: 0\r\n\r\n").as_bytes());
    let reply = wire.reply();
    reply.assert_refused(431, "IOTDA.000006", "server.max_header_bytes");
    assert!(wire.is_closed_by_server());
}

#[test]
fn plain_http_on_the_tls_port_is_told_so() {
    let gate = Gate::start();
    for address in [gate.device, gate.management] {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let request = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n".to_owned() + &"x".repeat(5000);
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(
            answer.contains("IOTDA.000006") && answer.contains("HTTPS only"),
            "{answer}"
        );
        assert!(
            answer.contains("X-Request-Id: ") && answer.contains("Connection: close"),
            "{answer}"
        );
    }
}
