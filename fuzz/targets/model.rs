//! Product models and reports, as the server reads them: scanned, parsed, and the one judged by the other. A 0 byte
//! parts the model from the report.

#![no_main]

use fieldgate::domain::json_scan::scan;
use fieldgate::domain::model::ProductModel;
use fieldgate::domain::report::parse_properties;
use fieldgate::domain::validation::validate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (model, report) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(Ok(model)) = scan(model).map(ProductModel::parse) else {
        return;
    };
    let Ok(Ok(services)) = scan(report).map(parse_properties) else {
        return;
    };
    let faults = validate(&model, &services);
    assert_eq!(faults.is_empty(), faults.first().is_empty());
    assert!(faults.first().len() <= faults.count());
    for fault in faults.first() {
        assert!(fault.service < services.len(), "{fault}");
    }
});
