//! A product's making, its changes and its end.

use super::Bed;
use super::bed::request_of;

#[test]
fn a_product_is_told_as_the_api_shows_it() {
    let bed = Bed::start();
    let [created, updated, deleted] =
        ["create", "update", "delete"].map(|event| bed.pushes("product", event));
    let shown = || bed.gate.api("GET", "/products/door", "").json();
    let model = r#"[{"service_id":"Door","service_type":"Door","properties":[{"property_name":"angle","data_type":"decimal","min":"0","max":"90.50","step":0.10,"method":"R"}]}]"#;
    let made = bed.gate.product("door", model, r#","description":"a_door""#);
    let push = created.next();
    bed.assert_golden("product.create", &push, Some(&request_of(&made)));
    assert_eq!(push.json()["notify_data"]["body"], shown());

    let change = r#"{"name":"gate","service_capabilities":[]}"#;
    let request = request_of(&bed.gate.api("PUT", "/products/door", change));
    let push = updated.next();
    bed.assert_golden("product.update", &push, Some(&request));
    assert_eq!(push.json()["notify_data"]["body"], shown());

    let last = shown();
    let request = request_of(&bed.gate.api("DELETE", "/products/door", ""));
    let push = deleted.next();
    bed.assert_golden("product.delete", &push, Some(&request));
    assert_eq!(push.json()["notify_data"]["body"], last);
}
