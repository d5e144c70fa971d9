//! What no page answers.

use http::StatusCode;

use crate::console::page::to;
use crate::console::{Answer, Refusal, Visitor};

/// `/console` without its slash.
pub async fn to_overview() -> Answer {
    to("/console/")
}

/// A path that is none.
pub async fn no_path(visitor: Visitor) -> Refusal {
    visitor.refuse(StatusCode::NOT_FOUND, "There is no such page.")
}

/// Another method than the path takes.
pub async fn no_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "The page is not asked for in this way. Go back, and try it from there.",
    )
}
