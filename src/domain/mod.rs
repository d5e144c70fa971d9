//! The pure core: ids, time, product models, validation, events. No I/O, and no import from another part of
//! Fieldgate; everything else may depend on it.

pub mod clock;
pub mod decimal;
pub mod device_search;
pub mod envelope;
pub mod event;
pub mod event_time;
pub mod ids;
pub mod json_scan;
pub mod lexing;
pub mod model;
pub mod model_text;
pub mod report;
pub mod shadow;
pub mod text_class;
pub mod validation;
