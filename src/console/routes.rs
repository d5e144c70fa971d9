//! Every path of the console, and the list of them.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{any, get, post};

use super::Console;
use super::pages::{
    account, audit, devices, entry, event, keys, messages, overview, password, products, rules, sign_in,
    users,
};

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
        .products()
        .devices()
        .get("/console/keys", keys::list)
        .post("/console/keys", keys::create)
        .post("/console/keys/{access_key}/disable", keys::disable)
        .post("/console/keys/{access_key}/enable", keys::enable)
        .post("/console/keys/{access_key}/delete", keys::delete)
        .get("/console/rules", rules::list::list)
        .get("/console/rules/new", rules::new_rule::show)
        .post("/console/rules/new", rules::new_rule::create)
        .get("/console/rules/{rule_id}", rules::rule::show)
        .post("/console/rules/{rule_id}", rules::rule::save)
        .post("/console/rules/{rule_id}/activate", rules::rule::activate)
        .post("/console/rules/{rule_id}/deactivate", rules::rule::deactivate)
        .post("/console/rules/{rule_id}/delete", rules::rule::delete)
        .get("/console/rules/{rule_id}/actions/new", rules::new_action::show)
        .post("/console/rules/{rule_id}/actions/new", rules::new_action::create)
        .get("/console/rules/actions/{action_id}", rules::action::show)
        .post("/console/rules/actions/{action_id}", rules::action::save)
        .get(
            "/console/rules/actions/{action_id}/state",
            rules::standing::fragment,
        )
        .post(
            "/console/rules/actions/{action_id}/rotate-secret",
            rules::action::rotate_secret,
        )
        .post("/console/rules/actions/{action_id}/test", rules::action::try_out)
        .post("/console/rules/actions/{action_id}/pause", rules::action::pause)
        .post("/console/rules/actions/{action_id}/resume", rules::action::resume)
        .post("/console/rules/actions/{action_id}/replay", rules::replay::replay)
        .post("/console/rules/actions/{action_id}/delete", rules::action::delete)
        .get(
            "/console/rules/actions/{action_id}/dead-letters",
            rules::letters::list,
        )
        .post(
            "/console/rules/actions/{action_id}/dead-letters/replay",
            rules::letters::replay_all,
        )
        .post(
            "/console/rules/actions/{action_id}/dead-letters/drop",
            rules::letters::drop_all,
        )
        .get(
            "/console/rules/actions/{action_id}/dead-letters/{letter_id}",
            rules::letters::show,
        )
        .post(
            "/console/rules/actions/{action_id}/dead-letters/{letter_id}/replay",
            rules::letters::replay_one,
        )
        .post(
            "/console/rules/actions/{action_id}/dead-letters/{letter_id}/drop",
            rules::letters::drop_one,
        )
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

    fn products(self) -> Self {
        self.get("/console/products", products::list::list)
            .post("/console/products", products::list::create)
            .get("/console/products/{product_id}", products::show::show)
            .post("/console/products/{product_id}/settings", products::show::change)
            .post("/console/products/{product_id}/check", products::show::check)
            .post("/console/products/{product_id}/delete", products::show::delete)
            .get("/console/products/{product_id}/model", products::model::edit)
            .post("/console/products/{product_id}/model", products::model::work)
            .post("/console/products/{product_id}/import", products::model::import)
            .get(
                "/console/products/{product_id}/model.json",
                products::model::export,
            )
    }

    fn devices(self) -> Self {
        self.get("/console/devices", devices::list::list)
            .post("/console/devices", devices::list::register)
            .get("/console/devices/{device_id}", devices::show::show)
            .post("/console/devices/{device_id}/freeze", devices::upkeep::freeze)
            .post("/console/devices/{device_id}/unfreeze", devices::upkeep::unfreeze)
            .post(
                "/console/devices/{device_id}/reset-secret",
                devices::upkeep::reset_secret,
            )
            .post("/console/devices/{device_id}/delete", devices::upkeep::delete)
            .get("/console/device-ca", devices::ca::download)
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
