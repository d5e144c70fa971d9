//! Devices that report numbers: gateways whose children's reports are events of their own, so that load costs little.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::SECRET;
use crate::harness::{Gate, Wire};

const MODEL: &str = r#"[{"service_id":"Counter","service_type":"Counter","properties":[{"property_name":"number","data_type":"long","method":"R"},{"property_name":"class","data_type":"int","method":"R"}]}]"#;

/// Children of each gateway.
pub const CHILDREN: u64 = 25;

/// Numbers are of this many classes, which rules tell apart.
pub const CLASSES: u64 = 4;

/// The gateways, and which numbers were acknowledged when. No number is reported twice.
pub struct Fleet {
    gateways: Vec<String>,
    next: AtomicU64,
    acknowledged: Mutex<HashMap<u64, Instant>>,
    resting: AtomicBool,
}

/// Devices at work, also while a test fails: they would go on for ever.
pub struct Load<'a>(&'a Fleet);

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.0.resting.store(true, Ordering::SeqCst);
    }
}

/// What a report says of a number.
fn services(number: u64) -> String {
    let class = number % CLASSES;
    format!(r#""services":[{{"service_id":"Counter","properties":{{"number":{number},"class":{class}}}}}]"#)
}

impl Fleet {
    /// Registers them, and the product that devices of their own kind may have too.
    pub fn register(gate: &Gate, gateways: usize) -> Self {
        assert_eq!(gate.product("counter", MODEL, "").status, 201);
        let gateways: Vec<_> = (0..gateways).map(|number| format!("gw{number}")).collect();
        for gateway in &gateways {
            gate.device_of("counter", gateway, SECRET, None);
            for child in 0..CHILDREN {
                let child = format!("{gateway}-{child}");
                gate.device_of("counter", &child, SECRET, Some(gateway));
            }
        }
        Self {
            gateways,
            next: AtomicU64::new(1),
            acknowledged: Mutex::default(),
            resting: AtomicBool::new(false),
        }
    }

    /// Each gateway reports for its children, with a pause between reports, until the program is gone or what this gives is
    /// dropped.
    pub fn works<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        gate: &'scope Gate,
        pause: Duration,
    ) -> Load<'scope> {
        self.resting.store(false, Ordering::SeqCst);
        for gateway in &self.gateways {
            let token = gate.token(gateway, SECRET);
            scope.spawn(move || {
                let mut wire = gate.device_wire();
                while !self.resting.load(Ordering::SeqCst)
                    && self.try_report(&mut wire, gateway, &token).is_some()
                {
                    std::thread::sleep(pause);
                }
            });
        }
        Load(self)
    }

    /// So many reports of each gateway, one after the other.
    pub fn report(&self, gate: &Gate, reports: usize, pause: Duration) {
        for gateway in &self.gateways {
            let token = gate.token(gateway, SECRET);
            let mut wire = gate.device_wire();
            for _ in 0..reports {
                self.try_report(&mut wire, gateway, &token).unwrap();
                std::thread::sleep(pause);
            }
        }
    }

    /// One report of a gateway, an event of each child; its numbers, if it was answered.
    fn try_report(&self, wire: &mut Wire, gateway: &str, token: &str) -> Option<Range<u64>> {
        let first = self.next.fetch_add(CHILDREN, Ordering::Relaxed);
        let children = (0..CHILDREN).map(|child| {
            let services = services(first + child);
            format!(r#"{{"device_id":"{gateway}-{child}",{services}}}"#)
        });
        let body = format!(r#"{{"devices":[{}]}}"#, children.collect::<Vec<_>>().join(","));
        let path = format!("/v5/devices/{gateway}/sys/gateway/sub-devices/properties/report");
        let headers = [("access_token", token)];
        let reply = wire.try_call("POST", &path, &headers, body.as_bytes()).ok()?;
        let now = Instant::now();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let numbers = first..first + CHILDREN;
        let mut acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.extend(numbers.clone().map(|number| (number, now)));
        Some(numbers)
    }

    /// One report of a device of its own; its number.
    pub fn report_one(&self, gate: &Gate, device: &str, token: &str) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let reply = gate.report(device, token, &format!("{{{}}}", services(number)));
        assert_eq!(reply.status, 200, "{}", reply.text());
        let mut acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.insert(number, Instant::now());
        number
    }

    /// The numbers that were answered 200, and when.
    pub fn acknowledged(&self) -> HashMap<u64, Instant> {
        self.acknowledged.lock().unwrap().clone()
    }

    pub fn acknowledged_count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}
