//! What a rule takes, before its scope and SQL narrow it.

/// A resource and its event (management-api.md §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    resource: &'static str,
    event: &'static str,
}

impl Subject {
    /// Every resource that a rule can name; devices over HTTPS have no commands and take no messages, so some of them
    /// have no events here.
    pub const RESOURCES: [&'static str; 8] = [
        "device",
        "device.status",
        "device.property",
        "device.message",
        "device.message.status",
        "device.command.status",
        "batchtask",
        "product",
    ];
    /// Every event that a rule can name.
    pub const EVENTS: [&'static str; 4] = ["create", "update", "delete", "report"];

    /// The pair; none when the resource does not have the event.
    pub fn new(resource: &str, event: &str) -> Option<Self> {
        let known =
            |names: &'static [&'static str], name: &str| names.iter().copied().find(|known| *known == name);
        let resource = known(&Self::RESOURCES, resource)?;
        let event = known(&Self::EVENTS, event)?;
        let fits = match resource {
            "device" | "product" => event != "report",
            "device.property" | "device.message" => event == "report",
            _ => event == "update",
        };
        fits.then_some(Self { resource, event })
    }

    /// What it tells of.
    pub const fn resource(self) -> &'static str {
        self.resource
    }

    /// What befell it.
    pub const fn event(self) -> &'static str {
        self.event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::EventKind;

    #[test]
    fn the_documented_pairs_are_subjects_and_no_others() {
        let mut pairs = Vec::new();
        for resource in Subject::RESOURCES {
            for event in Subject::EVENTS {
                pairs.extend(
                    Subject::new(resource, event).map(|subject| format!("{resource}:{}", subject.event())),
                );
            }
        }
        assert_eq!(
            pairs.join(" "),
            "device:create device:update device:delete device.status:update device.property:report \
             device.message:report device.message.status:update device.command.status:update batchtask:update \
             product:create product:update product:delete"
        );
    }

    #[test]
    fn every_event_of_the_log_is_a_subject_but_for_internal_ones() {
        for kind in EventKind::ALL {
            let subject = Subject::new(kind.resource(), kind.event());
            assert_eq!(subject.is_none(), kind.is_internal(), "{kind:?}");
        }
    }
}
