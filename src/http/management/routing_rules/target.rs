//! What a body says of an action's target.

use serde_json::{Map, Value};

use super::path::no_action;
use crate::domain::ids::{ActionId, CertificateId};
use crate::http::error::ApiError;
use crate::http::extract::fields::Fields;
use crate::http::management::ManagementState;
use crate::routing::channel::target::{CHANNELS, ChannelKind, Target};
use crate::storage::Action;

/// `channel`, which must be one that is built in; none when it is absent.
pub(super) fn channel(fields: &Fields<'_>) -> Result<Option<ChannelKind>, ApiError> {
    let Some(name) = fields.text("channel", 64, |_| true)? else {
        return Ok(None);
    };
    let there = CHANNELS.map(|kind| kind.name).join(", ");
    let refusal = || {
        let told = format!("{name} is not available on this platform, there is: {there}");
        fields.fault("channel", &told)
    };
    ChannelKind::of(&name).map(Some).ok_or_else(refusal)
}

/// `channel_detail`, checked by its channel; none when it is absent. Where `stored` is being changed, its credentials may
/// stay.
pub(super) async fn target(
    state: &ManagementState,
    fields: &Fields<'_>,
    kind: ChannelKind,
    stored: Option<&Action>,
) -> Result<Option<Target>, ApiError> {
    let Some(detail) = fields.object("channel_detail")? else {
        return Ok(None);
    };
    let Some(member) = detail.raw(kind.member) else {
        let told = format!("is missing: the channel is {}", kind.name);
        return Err(detail.fault(kind.member, &told));
    };
    let members: Map<String, Value> =
        serde_json::from_str(member).map_err(|_| detail.fault(kind.member, "must be an object"))?;
    let target = kind
        .check(&members, stored, &state.targets)
        .map_err(|fault| detail.fault(fault.field, &fault.cause))?;
    if let Some(text) = &target.cert_id {
        let found = match CertificateId::parse(text) {
            Ok(id) => state.stores.rules.certificate(&id).await?,
            Err(_) => None,
        };
        if found.is_none() {
            let place = format!("{}.cert_id", kind.member);
            return Err(detail.fault(&place, "names no certificate that was uploaded"));
        }
    }
    Ok(Some(target))
}

/// `dead_letter_action`, another action that exists; empty clears.
pub(super) async fn dead_letter_action(
    state: &ManagementState,
    fields: &Fields<'_>,
    own: Option<&ActionId>,
) -> Result<Option<Option<ActionId>>, ApiError> {
    let name = "dead_letter_action";
    if fields
        .text(name, 36, |_| true)?
        .is_some_and(|text| text.is_empty())
    {
        return Ok(Some(None));
    }
    let Some(id) = fields.id(name, ActionId::parse)? else {
        return Ok(None);
    };
    if own == Some(&id) {
        return Err(fields.fault(name, "must be another action"));
    }
    if state.stores.rules.action(&id).await?.is_none() {
        return Err(no_action(id.as_str()));
    }
    Ok(Some(Some(id)))
}
