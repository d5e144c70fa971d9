//! What would become of a property report, judged as a device's is but neither stored nor counted: for the person who
//! writes a model or a device's program.

use super::directory::known_product;
use super::reporting::{ReportRefusal, refusal_of};
use crate::domain::clock::Timestamp;
use crate::domain::json_scan;
use crate::domain::model::ValidationMode;
use crate::domain::report::{self, ServiceReport};
use crate::domain::validation::{self, Fault};
use crate::storage::{Product, Result};

/// What the configuration says of reports.
#[derive(Clone, Copy, Debug)]
pub struct ReportRules {
    /// For products that name no mode of their own.
    pub default_mode: ValidationMode,
    /// How far ahead of the platform a device's `event_time` may be, milliseconds.
    pub event_time_max_ahead_ms: i64,
}

/// What would become of a report.
#[derive(Debug)]
pub struct CheckedReport {
    /// How the product treats what breaks its model.
    pub mode: ValidationMode,
    /// Why it would be refused.
    pub refusal: Option<ReportRefusal>,
    /// How many faults there are.
    pub fault_count: usize,
    /// The first of them.
    pub faults: Vec<PlacedFault>,
    /// What a device's trace would remark.
    pub remarks: Vec<String>,
    /// What would be stored; none when nothing would.
    pub stored: Option<String>,
}

/// A fault and where in the text it stands.
#[derive(Debug)]
pub struct PlacedFault {
    /// What does not fit.
    pub fault: Fault,
    /// The first byte of the value, and the byte after its last.
    pub bytes: (usize, usize),
}

/// Judges a report for this product.
pub fn check_report(
    product: &Product,
    rules: ReportRules,
    body: &[u8],
    now: Timestamp,
) -> Result<CheckedReport> {
    let known = known_product(product, rules.default_mode)?;
    let refused = |refusal| CheckedReport {
        mode: known.mode,
        refusal: Some(refusal),
        fault_count: 0,
        faults: Vec::new(),
        remarks: Vec::new(),
        stored: None,
    };
    let text = match json_scan::scan(body) {
        Ok(text) => text,
        Err(fault) => return Ok(refused(ReportRefusal::Json(fault))),
    };
    let services = match report::parse_properties(text) {
        Ok(services) => services,
        Err(fault) => return Ok(refused(ReportRefusal::Shape(fault))),
    };
    let faults = validation::validate(&known.model, &services);
    let placed = faults.first().iter().map(|fault| PlacedFault {
        fault: fault.clone(),
        bytes: place(text, &services, fault),
    });
    let mut checked = CheckedReport {
        mode: known.mode,
        refusal: refusal_of(known.mode, &faults, ""),
        fault_count: faults.count(),
        faults: placed.collect(),
        remarks: Vec::new(),
        stored: None,
    };
    if checked.refusal.is_none() {
        let left_out = (known.mode == ValidationMode::Filter).then_some(&faults);
        let ahead = rules.event_time_max_ahead_ms;
        (checked.stored, checked.remarks) = validation::stamped_body(&services, left_out, now, ahead);
    }
    Ok(checked)
}

/// Where the value of a fault stands; the properties of a service that is unknown as a whole.
fn place(text: &str, services: &[ServiceReport<'_>], fault: &Fault) -> (usize, usize) {
    let Some(service) = services.get(fault.service) else {
        return (0, 0);
    };
    let value = fault.property.as_ref().and_then(|name| {
        let members = service.properties.iter();
        let mut named = members.filter(|(member, _)| validation::shown_name(member) == *name);
        named.next().map(|(_, value)| value.get())
    });
    // The values are parts of the text.
    let value = value.unwrap_or(service.text);
    let from = (value.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    (from, from + value.len())
}
