//! `/openapi.json`: the document of both listeners.

use crate::harness::Gate;

#[test]
fn the_document_is_open_to_all_and_known_by_its_etag() {
    let gate = Gate::start();
    let mut wire = gate.management_wire();
    let reply = wire.call("GET", "/openapi.json", &[], b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    let etag = reply.header("etag").unwrap().to_owned();
    let again = wire.call("GET", "/openapi.json", &[("If-None-Match", &etag)], b"");
    assert_eq!((again.status, again.body.len()), (304, 0), "{}", again.text());
    let other = wire.call("GET", "/openapi.json", &[("If-None-Match", "\"x\"")], b"");
    assert_eq!(other.body, reply.body);
}
