//! What judging one event by one rule costs: nanoseconds for each of some usual rules, over a report of one service and
//! one of fifty.
//!
//! `cargo bench --bench rule_sql`

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use fieldgate::routing::sql::{Select, Where};

const ROUNDS: u32 = 200_000;

const RULES: [(&str, &str); 4] = [
    (
        "notify_data.header.device_id AS device_id, notify_data.body",
        "notify_data.header.product_id = 'meter'",
    ),
    (
        "notify_data.header.device_id AS device_id, GET_SERVICE_PROPERTY('Meter', 'level') AS level",
        "GET_SERVICE_PROPERTY('Meter', 'level') > 20.5 AND CONTAINS_TAG('site')",
    ),
    (
        "*",
        "notify_data.header.device_id LIKE 'meter_%' AND (GET_TAG('site') IN ('1', '2', '3') OR resource <> 'device.property')",
    ),
    ("", ""),
];

fn event(services: usize) -> String {
    let service = |n: usize| {
        format!(
            r#"{{"service_id":"{}","properties":{{"level":21.50,"voltage":230.1,"state":"on","serial":"A-{n}"}},"event_time":"20261123T081530Z"}}"#,
            if n + 1 == services {
                "Meter".to_owned()
            } else {
                format!("S{n}")
            }
        )
    };
    let services: Vec<_> = (0..services).map(service).collect();
    format!(
        concat!(
            r#"{{"resource":"device.property","event":"report","event_time":"20261123T081530Z","#,
            r#""event_time_ms":"2026-11-23T08:15:30.250Z","request_id":"01010101-0101-0101-0101-010101010101","#,
            r#""sequence":"7","notify_data":{{"header":{{"app_id":"0123456789abcdef","device_id":"meter_node7","#,
            r#""node_id":"node7","product_id":"meter","gateway_id":"meter_node7","#,
            r#""tags":[{{"tag_key":"site","tag_value":"3"}}]}},"body":{{"services":[{}]}}}}}}"#
        ),
        services.join(",")
    )
}

#[expect(clippy::print_stdout, reason = "a figure for a person")]
fn main() -> Result<(), Box<dyn Error>> {
    for services in [1, 50] {
        let event = event(services);
        for (select, condition) in RULES {
            let (select, condition) = (Select::parse(select)?, Where::parse(condition)?);
            let mut bytes = 0;
            let start = Instant::now();
            for _ in 0..ROUNDS {
                let event = black_box(event.as_str());
                if condition.holds(event) {
                    bytes += select.of(event).len();
                }
            }
            let each = start.elapsed().as_nanos() / u128::from(ROUNDS);
            let out = bytes / ROUNDS as usize;
            println!(
                "{each:6} ns, {} bytes in, {out} out: SELECT {select} WHERE {condition}",
                event.len()
            );
        }
    }
    Ok(())
}
