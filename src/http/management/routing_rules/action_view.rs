//! An action as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use super::ChannelName;
use crate::routing::channel::target;
use crate::storage::Action;

/// An action of a rule.
#[derive(Serialize, ToSchema)]
pub struct ActionView {
    action_id: String,
    rule_id: String,
    /// Its rule's resource space.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    #[schema(value_type = ChannelName)]
    channel: String,
    /// With `******` in place of each credential.
    #[schema(value_type = ChannelDetail)]
    channel_detail: serde_json::Value,
    /// The action that its dead letters go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_action: Option<String>,
}

impl ActionView {
    pub(super) fn of(action: &Action) -> Self {
        Self {
            action_id: action.action_id.to_string(),
            rule_id: action.rule_id.to_string(),
            app_id: action.app_id.as_ref().map(ToString::to_string),
            channel: action.channel.clone(),
            channel_detail: target::shown(action),
            dead_letter_action: action.dead_letter_action.as_ref().map(ToString::to_string),
        }
    }
}

/// One member, chosen by `channel`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what `target` reads")]
pub(super) struct ChannelDetail {
    http_forwarding: Option<HttpForwardingBody>,
}

/// Each event is a POST of its own.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the channel's parser reads")]
struct HttpForwardingBody {
    /// `https://` or `http://`, without user and fragment.
    #[schema(max_length = 2048)]
    url: String,
    /// The CA that the target may prove itself with beside the public ones.
    cert_id: Option<String>,
    /// With `sni_enable`: the name that the target is asked for and must prove.
    cn_name: Option<String>,
    sni_enable: Option<bool>,
    /// Send `timestamp`, `nonce` and `signature`, made with `token`.
    signature_enable: Option<bool>,
    /// 3 to 32 letters and digits; `******` keeps the one that is stored.
    token: Option<String>,
}
