//! Limits: each says its name and when to come again, and is decided before the body is read.

use std::time::Duration;

use crate::harness::{Gate, Reply, authentication, hour};

const SECRET: &str = "s3cret-of-the-device";

#[track_caller]
fn assert_limited(reply: &Reply, code: &str, name: &str) {
    reply.assert_refused(403, code, name);
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

/// Sends a message's head with a length that is over the largest: what is refused first was decided before it.
fn announce_too_much(gate: &Gate, device: &str, token: &str) -> Reply {
    let mut wire = gate.device_wire();
    let head = format!(
        "POST /v5/devices/{device}/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: {token}\r\nContent-Length: 1048577\r\n\r\n"
    );
    wire.send(head.as_bytes());
    wire.reply()
}

#[test]
fn a_device_has_its_own_rate_and_its_neighbour_another() {
    let gate = Gate::builder()
        .with("LIMITS__DEVICE_REQUESTS_PER_SECOND", "3")
        .start();
    for device in ["l1", "l2"] {
        gate.device(device, SECRET, None);
    }
    let (one, two) = (gate.token("l1", SECRET), gate.token("l2", SECRET));
    let replies: Vec<Reply> = (0..8).map(|_| gate.message("l1", &one, b"x")).collect();
    assert!(replies[..3].iter().all(|reply| reply.status == 200));
    let refused = replies.iter().find(|reply| reply.status != 200).unwrap();
    assert_limited(refused, "IOTDA.021101", "limits.device_requests_per_second");
    assert_limited(
        &announce_too_much(&gate, "l1", &one),
        "IOTDA.021101",
        "limits.device",
    );
    assert_eq!(gate.message("l2", &two, b"x").status, 200);
    // A token that is no good costs nobody's rate and is refused first.
    gate.message("l1", "bad", b"x")
        .assert_refused(403, "IOTDA.000004", "");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(gate.message("l1", &one, b"x").status, 200);
    // A gateway's report counts as one, however many children it is for.
    for number in 0..10 {
        gate.device(&format!("c{number}"), SECRET, Some("l2"));
    }
    let child = |number| {
        format!(r#"{{"device_id":"c{number}","services":[{{"service_id":"Meter","properties":{{}}}}]}}"#)
    };
    let children: Vec<String> = (0..10).map(child).collect();
    let body = format!(r#"{{"devices":[{}]}}"#, children.join(","));
    std::thread::sleep(Duration::from_millis(1100));
    let statuses: Vec<u16> = (0..3).map(|_| gate.batch("l2", &two, &body).status).collect();
    assert_eq!(statuses, [200; 3]);
}

#[test]
fn the_instance_has_a_rate_that_its_refusal_names() {
    let gate = Gate::builder()
        .with("LIMITS__INSTANCE_REQUESTS_PER_SECOND", "5")
        .start();
    gate.device("l1", SECRET, None);
    let token = gate.token("l1", SECRET);
    let replies: Vec<Reply> = (0..12).map(|_| gate.message("l1", &token, b"x")).collect();
    let refused = replies.iter().find(|reply| reply.status != 200).unwrap();
    let text = "The request rate has reached the upper limit of the tenant, limit 5. limits.instance_requests_per_second";
    assert_limited(refused, "IOTDA.021102", text);
    assert_limited(&announce_too_much(&gate, "l1", &token), "IOTDA.021102", "limit 5");
}

#[test]
fn authentications_have_a_rate_for_each_id_known_or_not() {
    let gate = Gate::builder()
        .with("LIMITS__DEVICE_AUTH_PER_MINUTE", "2")
        .with("LIMITS__WRONG_PASSWORD_TRIES", "100")
        .start();
    gate.device("l1", SECRET, None);
    for device in ["l1", "nobody"] {
        let statuses: Vec<u16> = (0..2).map(|_| gate.authenticate(device, SECRET).status).collect();
        assert_eq!(statuses, if device == "l1" { [200, 200] } else { [401, 401] });
        assert_limited(
            &gate.authenticate(device, SECRET),
            "IOTDA.021101",
            "limits.device_auth_per_minute",
        );
    }
}

#[test]
fn wrong_passwords_cost_growing_waits_that_tell_nothing() {
    let gate = Gate::builder()
        .with("LIMITS__WRONG_PASSWORD_TRIES", "2")
        .with("LIMITS__WRONG_PASSWORD_IDS", "4")
        .start();
    for device in ["l1", "l2"] {
        gate.device(device, SECRET, None);
    }
    gate.token("l2", SECRET);
    let wrong = |device: &str| {
        let body = authentication(device, "another-secret", 0, &hour(0));
        gate.device_post("/v5/device-auth", "", body.as_bytes())
    };
    for device in ["l1", "nobody"] {
        assert_eq!([wrong(device).status, wrong(device).status], [401, 401]);
        assert_limited(&wrong(device), "IOTDA.021101", "limits.wrong_password_tries");
        // The right password has to wait as well, or it would be a way to try them.
        assert_limited(
            &gate.authenticate(device, SECRET),
            "IOTDA.021101",
            "limits.wrong_password_tries",
        );
    }
    std::thread::sleep(Duration::from_millis(1100));
    gate.token("l1", SECRET);
    for number in 0..6 {
        wrong(&format!("guess{number}"));
    }
    assert_limited(&wrong("one-more"), "IOTDA.021101", "limits.wrong_password");
    gate.token("l2", SECRET);
}

#[test]
fn bodies_in_flight_share_a_budget_and_give_it_back() {
    let gate = Gate::builder()
        .with("LIMITS__BODY_BYTES_IN_FLIGHT", "1500000")
        .unlimited()
        .start();
    gate.device("l1", SECRET, None);
    let token = gate.token("l1", SECRET);
    let head = format!(
        "POST /v5/devices/l1/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: {token}\r\nContent-Length: 1000000\r\n\r\n"
    );
    let mut holding = gate.device_wire();
    holding.send(head.as_bytes());
    holding.send(&vec![b'x'; 999_999]);
    std::thread::sleep(Duration::from_millis(300));
    let reply = gate.message("l1", &token, &vec![b'y'; 1_000_000]);
    reply.assert_refused(503, "IOTDA.000001", "limits.body_bytes_in_flight");
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(gate.message("l1", &token, b"small").status, 200);
    holding.send(b"x");
    assert_eq!(holding.reply().status, 200);
    assert_eq!(gate.message("l1", &token, &vec![b'y'; 1_000_000]).status, 200);
}
