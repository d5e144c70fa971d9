//! Many clients at once: stalled ones, resting ones, and ones with the largest bodies.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::version::TLS12;

use crate::harness::{Gate, Suite, Wire, client_config};

const SECRET: &str = "s3cret-of-the-device";

/// Bytes, as the README says.
const MEMORY_OF_A_RESTING_CONNECTION: u64 = 30_000;

/// The median time of some messages over one connection.
fn median_answer(gate: &Gate, wire: &mut Wire, token: &str) -> Duration {
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let started = Instant::now();
            let path = "/v5/devices/healthy/sys/messages/up";
            let reply = wire.call("POST", path, &[("access_token", token)], b"x");
            assert_eq!(reply.status, 200, "{}\n{}", reply.text(), gate.log());
            started.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_thousand_stalled_connections_are_cut_and_slow_nobody_down() {
    raise_file_limit();
    let gate = Gate::builder()
        .unlimited()
        .with("SERVER__HANDSHAKE_TIMEOUT_SECONDS", "5")
        .with("SERVER__HEADER_TIMEOUT_SECONDS", "5")
        .with("SERVER__BODY_GRACE_SECONDS", "5")
        .start();
    gate.device("healthy", SECRET, None);
    let token = gate.token("healthy", SECRET);
    let mut wire = gate.device_wire();
    let usual = median_answer(&gate, &mut wire, &token);
    let silent: Vec<TcpStream> = (0..334)
        .map(|_| TcpStream::connect(gate.device).unwrap())
        .collect();
    let head = "POST /v5/devices/healthy/sys/messages/up HTTP/1.1\r\nHost: h\r\naccess_token: ";
    let mut stalled = Vec::new();
    for number in 0..666 {
        let mut wire = gate.device_wire();
        if number % 2 == 0 {
            wire.send(head.as_bytes());
        } else {
            wire.send(format!("{head}{token}\r\nContent-Length: 1000\r\n\r\nabc").as_bytes());
        }
        stalled.push(wire);
    }
    let meanwhile = median_answer(&gate, &mut wire, &token);
    println!("median answer: usually {usual:?}, beside 1,000 stalled connections {meanwhile:?}");
    assert!(
        meanwhile < usual * 2 + Duration::from_millis(1),
        "{usual:?} became {meanwhile:?}"
    );
    std::thread::sleep(Duration::from_secs(11));
    // The one that asks, the healthy device's, and whatever is just ending.
    let open = open_connections(&gate);
    assert!(open <= 5, "{open} connections are still open");
    drop((silent, stalled));
}

fn open_connections(gate: &Gate) -> usize {
    let text = gate.management_wire().call("GET", "/metrics", &[], b"").text();
    let open = text
        .lines()
        .find_map(|line| line.strip_prefix("fieldgate_connections "));
    open.unwrap().parse().unwrap()
}

/// Connects with a full handshake, authenticates nobody, and rests.
fn resting(gate: &Gate, config: &Arc<ClientConfig>) -> Wire {
    let mut wire = Wire::connect(gate.device, config.clone()).unwrap();
    assert_eq!(wire.call("POST", "/v5/nothing", &[], b"").status, 404);
    wire
}

#[test]
fn ten_thousand_resting_connections_take_the_documented_memory_and_slow_nobody_down() {
    const RESTING: usize = 10_000;
    const THREADS: usize = 4;
    raise_file_limit();
    let gate = Gate::builder()
        .unlimited()
        .with("SERVER__IDLE_TIMEOUT_SECONDS", "600")
        .start();
    gate.device("healthy", SECRET, None);
    let token = gate.token("healthy", SECRET);
    let mut wire = gate.device_wire();
    let usual = median_answer(&gate, &mut wire, &token);
    let mut config = ClientConfig::clone(&client_config(&gate.ca(), Suite::Any, &[&TLS12]));
    config.resumption = Resumption::disabled();
    let config = Arc::new(config);
    let mut awake: Vec<Wire> = (0..100).map(|_| resting(&gate, &config)).collect();
    let before = gate.memory_bytes();
    let started = Instant::now();
    // Their sockets are enough to keep them open, and take this process less memory.
    let asleep: Vec<TcpStream> = std::thread::scope(|scope| {
        let connect = || (0..RESTING / THREADS).map(|_| resting(&gate, &config).stream.sock);
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(move || connect().collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let each = (gate.memory_bytes() - before) / asleep.len() as u64;
    let took = started.elapsed();
    let meanwhile = median_answer(&gate, &mut wire, &token);
    println!(
        "{} resting connections in {took:?}: {each} bytes each; median answer: usually {usual:?}, beside them {meanwhile:?}",
        asleep.len()
    );
    assert!(open_connections(&gate) > RESTING);
    assert!(each < MEMORY_OF_A_RESTING_CONNECTION, "{each} bytes");
    assert!(
        meanwhile < usual * 2 + Duration::from_millis(1),
        "{usual:?} became {meanwhile:?}"
    );
    for wire in &mut awake {
        assert_eq!(
            wire.call("POST", "/v5/nothing", &[], b"").status,
            404,
            "it is still served"
        );
    }
    drop(asleep);
}

#[test]
fn two_hundred_of_the_largest_bodies_stay_within_the_documented_memory() {
    let gate = Gate::builder().unlimited().start();
    gate.device("healthy", SECRET, None);
    let token = gate.token("healthy", SECRET);
    let body = vec![b'x'; 1_048_576];
    let (mut stored, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..200)
            .map(|_| scope.spawn(|| gate.message("healthy", &token, &body).status))
            .collect();
        for call in calls {
            match call.join().unwrap() {
                200 => stored += 1,
                503 => refused += 1,
                other => panic!("{other}"),
            }
        }
    });
    let peak = gate.peak_memory_bytes();
    println!(
        "200 bodies of 1 MB at once: {stored} stored, {refused} refused, peak {} MiB",
        peak >> 20
    );
    assert!(stored >= 20);
    assert_eq!(gate.stored("healthy"), stored.min(50));
    assert!(peak < 256 << 20, "{} MiB", peak >> 20);
}

/// This process opens more files than the usual limit, and so does the program, which inherits it.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    const WANTED: u64 = 12_000;
    let mut limit = getrlimit(Resource::Nofile);
    limit.maximum = limit.maximum.map(|allowed| allowed.max(WANTED));
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit);
    assert!(
        raised.is_ok(),
        "{raised:?}: {WANTED} files must be allowed (ulimit -Hn)"
    );
}
