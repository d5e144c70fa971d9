//! The operator's console at `/console/` of the management listener: pages rendered here, served from the binary, without a
//! build step and without anything from elsewhere. People sign in with a name and a password; applications use keys and the
//! API instead. The console has no rules of its own: what a page shows or changes goes through the management API inside the
//! process (`Visitor::get`, `Visitor::call`), so that validation, refusals and the audit log are the API's. Users and
//! keys are not in the API; their pages write to the store as `fieldgate users` and `fieldgate keys` do.
//!
//! To add a page:
//!
//! 1. A file in `pages/` with the handlers, and its template in `templates/`, which extends `base.html` and takes its
//!    components from `ui.html` (import it as `ui`): fields, badges, confirmed buttons, pagers, code to copy.
//! 2. A handler that shows takes a [`Visitor`] (any user), `Visitor<Operator>` or `Visitor<Admin>`, and answers
//!    `page::show(&Template { frame: visitor.frame("Title"), … })`. What the query says comes by [`Asked`].
//! 3. A handler that changes something takes a [`Form`] of the least role, which is the only way to the fields: it has
//!    compared the form's token and where the request comes from. It answers a redirect (`page::to`) when it is done, with
//!    `?done=…` for the notice, and shows the form again with the API's own words when it was refused.
//! 4. Its paths in `routes.rs`, and where it belongs into the navigation an entry in `navigation.rs`.
//! 5. Rows in the table of `tests/it/console/matrix.rs`, which fails on a path without one, and a file
//!    in `tests/console/pages/` that opens it in a browser.
//!
//! Styles are in `assets/console.css` and scripts in `assets/console.js`, those of one page in a file of its own: the content
//! security policy takes no inline ones. A page must do its work without script.

mod answer;
mod api;
mod assets;
mod components;
mod cookies;
mod envelope;
mod fields;
mod form;
mod headers;
mod json_text;
mod navigation;
mod origin;
mod page;
mod pages;
mod passwords;
mod routes;
mod sessions;
mod signed_in;
mod verdict;
mod visitor;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::map_response;

use crate::auth::secret::{RandomError, random_bytes};
use crate::domain::clock::Clock;
use crate::domain::ids::RequestId;
use crate::http::{BodyBudget, InProcess};
use crate::ingest::{PasswordSettings, PasswordTrials};
use crate::observability::Metrics;
use crate::storage::{NewAuditEntry, Stores};

pub use answer::{Answer, Refusal};
pub use fields::{Asked, Fields};
pub use form::Form;
use passwords::Passwords;
pub use routes::Path;
pub use visitor::{Admin, Newcomer, Operator, Reader, Visitor};

/// What the console needs; see [`Console::new`].
pub struct ConsoleSettings {
    /// The stores.
    pub stores: Stores,
    /// The management API.
    pub api: InProcess,
    /// The instance's project.
    pub project_id: String,
    /// Where devices connect, as far as the configuration says it.
    pub device_host: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What bodies may take.
    pub bodies: BodyBudget,
    /// Where refusals by limits are counted.
    pub metrics: Arc<Metrics>,
    /// How long a sign-in holds, milliseconds.
    pub session_ms: i64,
    /// The delays after wrong passwords.
    pub trials: PasswordSettings,
    /// How many callers they remember.
    pub tracked_callers: usize,
}

/// What every page has at hand; clones share it.
#[derive(Clone)]
pub struct Console(Arc<Parts>);

struct Parts {
    settings: ConsoleSettings,
    passwords: Passwords,
    trials: PasswordTrials,
}

impl Console {
    /// With nobody signed in but those whom the store knows.
    pub fn new(settings: ConsoleSettings) -> Self {
        let trials = PasswordTrials::new(settings.trials, settings.tracked_callers);
        Self(Arc::new(Parts {
            settings,
            passwords: Passwords::new(),
            trials,
        }))
    }

    /// Its routes, to be served beside the API.
    pub fn router(self) -> Router {
        routes::pages()
            .into_router()
            .layer(map_response(headers::harden))
            .with_state(self)
    }

    fn stores(&self) -> &Stores {
        &self.0.settings.stores
    }

    /// Writes down what someone did or attempted, now.
    fn noted(
        &self,
        actor: &str,
        action: &str,
        resource: String,
        from: Option<IpAddr>,
        outcome: &str,
    ) -> Result<NewAuditEntry, RandomError> {
        let at = self.0.settings.clock.now();
        Ok(NewAuditEntry {
            at,
            request_id: RequestId::new(at, random_bytes()?),
            deed: crate::storage::Deed {
                actor: actor.to_owned(),
                action: action.to_owned(),
                resource,
                from: from.map_or_else(|| "local".to_owned(), |address| address.to_string()),
            },
            outcome: outcome.to_owned(),
        })
    }
}

impl FromRef<Console> for BodyBudget {
    fn from_ref(console: &Console) -> Self {
        console.0.settings.bodies.clone()
    }
}

/// Every path of the console with its method, for the test that goes through all of them.
pub fn paths() -> Vec<Path> {
    routes::pages().listed()
}
