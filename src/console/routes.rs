//! Every path of the console, and the list of them.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{any, get, post};

use super::Console;
use super::pages::{account, audit, entry, event, keys, messages, overview, password, sign_in, users};

/// A path and the method that it takes.
pub type Path = (&'static str, &'static str);

/// The paths; a part in braces stands for one thing's name.
pub(super) fn pages() -> Pages {
    Pages::default()
        .get("/console", entry::to_overview)
        .get("/console/", overview::show)
        .get("/console/overview/rates", overview::rates)
        .get("/console/messages", messages::list)
        .get("/console/messages/stream", messages::stream)
        .get("/console/events/{sequence}", event::show)
        .get("/console/sign-in", sign_in::show)
        .post("/console/sign-in", sign_in::sign_in)
        .post("/console/sign-out", sign_in::sign_out)
        .get("/console/password", password::show)
        .post("/console/password", password::change)
        .get("/console/account", account::show)
        .post(
            "/console/account/sign-out-everywhere",
            account::sign_out_everywhere,
        )
        .post("/console/theme", account::choose_theme)
        .get("/console/users", users::list)
        .post("/console/users", users::add)
        .post("/console/users/{name}/role", users::set_role)
        .post("/console/users/{name}/disable", users::disable)
        .post("/console/users/{name}/enable", users::enable)
        .post("/console/users/{name}/reset-password", users::reset_password)
        .post("/console/users/{name}/sign-out", users::sign_out)
        .post("/console/users/{name}/delete", users::delete)
        .get("/console/keys", keys::list)
        .post("/console/keys", keys::create)
        .post("/console/keys/{access_key}/disable", keys::disable)
        .post("/console/keys/{access_key}/enable", keys::enable)
        .post("/console/keys/{access_key}/delete", keys::delete)
        .get("/console/audit", audit::list)
        .get("/console/assets/{hash}/{name}", super::assets::serve)
}

/// Routes that are listed as they are added.
#[derive(Default)]
pub(super) struct Pages {
    router: Router<Console>,
    listed: Vec<Path>,
}

impl Pages {
    fn get<H, T>(mut self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Console>,
        T: 'static,
    {
        self.router = self.router.route(path, get(handler));
        self.listed.push(("GET", path));
        self
    }

    fn post<H, T>(mut self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Console>,
        T: 'static,
    {
        self.router = self.router.route(path, post(handler));
        self.listed.push(("POST", path));
        self
    }

    pub(super) fn listed(self) -> Vec<Path> {
        self.listed
    }

    /// With what answers every other path and method below the console's.
    pub(super) fn into_router(self) -> Router<Console> {
        self.router
            .method_not_allowed_fallback(entry::no_method)
            .route("/console/{*path}", any(entry::no_path))
    }
}
