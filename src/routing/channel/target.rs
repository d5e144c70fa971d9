//! `channel_detail` as it is written and read: checked by its channel's own parser, its credentials apart.

use serde_json::{Map, Value};

use super::http::{ConfigurationFault, HttpForwarding};
use crate::auth::secret::Secret;
use crate::routing::egress::AddressPolicy;
use crate::routing::whole_detail;
use crate::storage::Action;

/// What stands for a stored credential.
pub const MASK: &str = "******";

/// A channel that is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelKind {
    /// `channel`.
    pub name: &'static str,
    /// Its member of `channel_detail`.
    pub member: &'static str,
    /// What the member may hold.
    fields: &'static [&'static str],
    /// Those of them that are sealed, and shown as [`MASK`].
    credentials: &'static [&'static str],
}

/// Every channel that is built in.
pub const CHANNELS: [ChannelKind; 1] = [ChannelKind {
    name: "HTTP_FORWARDING",
    member: "http_forwarding",
    fields: &[
        "url",
        "cert_id",
        "cn_name",
        "sni_enable",
        "signature_enable",
        "token",
    ],
    credentials: &["token"],
}];

/// A checked target, as it is stored.
#[derive(Debug)]
pub struct Target {
    /// The channel's member without its credentials, as JSON.
    pub detail: String,
    /// Its credentials, as JSON.
    pub credentials: Option<Secret>,
    /// The CA that it names.
    pub cert_id: Option<String>,
}

impl ChannelKind {
    /// The channel of this name.
    pub fn of(name: &str) -> Option<Self> {
        CHANNELS.into_iter().find(|kind| kind.name == name)
    }

    /// Checks what is written; a credential that reads [`MASK`] is the one that `stored` holds.
    pub fn check(
        self,
        written: &Map<String, Value>,
        stored: Option<&Action>,
        policy: &AddressPolicy,
    ) -> Result<Target, ConfigurationFault> {
        let mut members: Map<_, _> = written
            .iter()
            .filter(|(name, value)| self.fields.contains(&name.as_str()) && !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let kept = stored
            .filter(|action| action.channel == self.name)
            .and_then(|action| whole_detail(action).ok());
        for name in self.credentials {
            let kept = kept.as_ref().and_then(|kept| kept.get(name));
            if let (Some(text), Some(kept)) = (members.get_mut(*name), kept)
                && text == MASK
            {
                *text = kept.clone();
            }
        }
        let whole = Value::Object(members);
        let forwarding = HttpForwarding::parse(&whole, policy)?;
        let Value::Object(mut members) = whole else {
            return Err(ConfigurationFault {
                field: self.member,
                cause: "must be an object".to_owned(),
            });
        };
        let credentials: Map<_, _> = self
            .credentials
            .iter()
            .filter_map(|name| members.remove_entry(*name))
            .filter(|(_, value)| *value != "")
            .collect();
        let text = |members| Value::Object(members).to_string();
        Ok(Target {
            detail: text(members),
            credentials: Some(credentials)
                .filter(|found| !found.is_empty())
                .map(|found| Secret::new(text(found))),
            cert_id: forwarding.cert_id,
        })
    }
}

/// `channel_detail` as it is shown: each credential as [`MASK`].
pub fn shown(action: &Action) -> Value {
    let mut members = match whole_detail(action) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let Some(kind) = ChannelKind::of(&action.channel) else {
        return Value::Object(Map::new());
    };
    for name in kind.credentials {
        if let Some(value) = members.get_mut(*name) {
            *value = MASK.into();
        }
    }
    Value::Object(Map::from_iter([(kind.member.to_owned(), members.into())]))
}
