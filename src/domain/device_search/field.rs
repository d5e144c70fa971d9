//! The fields, what each may be tested with, and the values of those that have few.

/// A field of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// One that holds text.
    Text(TextField),
    /// `status`
    Status,
    /// `node_type`
    NodeType,
    /// `tag_key`
    TagKey,
    /// `tag_value`
    TagValue,
    /// `create_time`
    CreateTime,
    /// `marker`
    Marker,
}

/// A field that holds text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextField {
    /// `app_id`
    AppId,
    /// `device_id`
    DeviceId,
    /// `gateway_id`
    GatewayId,
    /// `product_id`
    ProductId,
    /// `device_name`
    DeviceName,
    /// `node_id`
    NodeId,
    /// `sw_version`
    SwVersion,
    /// `fw_version`
    FwVersion,
    /// `group_id`
    GroupId,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Text(TextField::AppId),
        Self::Text(TextField::DeviceId),
        Self::Text(TextField::GatewayId),
        Self::Text(TextField::ProductId),
        Self::Text(TextField::DeviceName),
        Self::Text(TextField::NodeId),
        Self::Status,
        Self::NodeType,
        Self::TagKey,
        Self::TagValue,
        Self::Text(TextField::SwVersion),
        Self::Text(TextField::FwVersion),
        Self::Text(TextField::GroupId),
        Self::CreateTime,
        Self::Marker,
    ];

    /// The field of a name, in its exact case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text(field) => field.as_str(),
            Self::Status => "status",
            Self::NodeType => "node_type",
            Self::TagKey => "tag_key",
            Self::TagValue => "tag_value",
            Self::CreateTime => "create_time",
            Self::Marker => "marker",
        }
    }

    /// Whether it can be tested by `like`.
    pub(super) const fn takes_like(self) -> bool {
        matches!(
            self,
            Self::Text(TextField::DeviceName | TextField::NodeId) | Self::TagKey | Self::TagValue
        )
    }

    /// Whether it can be tested by `in` and `not in`.
    pub(super) const fn takes_lists(self) -> bool {
        !matches!(self, Self::TagKey | Self::TagValue)
    }

    /// What it can be tested with, for people.
    pub(super) const fn operators(self) -> &'static str {
        match (self, self.takes_like(), self.takes_lists()) {
            (Self::CreateTime | Self::Marker, ..) => "=, !=, >, >=, <, <=, in or not in",
            (_, true, true) => "=, !=, like, in or not in",
            (_, true, false) => "=, != or like",
            (_, false, _) => "=, !=, in or not in",
        }
    }
}

impl TextField {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppId => "app_id",
            Self::DeviceId => "device_id",
            Self::GatewayId => "gateway_id",
            Self::ProductId => "product_id",
            Self::DeviceName => "device_name",
            Self::NodeId => "node_id",
            Self::SwVersion => "sw_version",
            Self::FwVersion => "fw_version",
            Self::GroupId => "group_id",
        }
    }
}

/// A device's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Heard of lately.
    Online,
    /// Silent for too long.
    Offline,
    /// In an abnormal state.
    Abnormal,
    /// Never heard of.
    Inactive,
    /// Not let in.
    Frozen,
}

impl Status {
    /// Reads a name in its exact case.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Online,
            Self::Offline,
            Self::Abnormal,
            Self::Inactive,
            Self::Frozen,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Offline => "OFFLINE",
            Self::Abnormal => "ABNORMAL",
            Self::Inactive => "INACTIVE",
            Self::Frozen => "FROZEN",
        }
    }
}

/// A device's `node_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeType {
    /// Connects by itself.
    Gateway,
    /// Connects through a gateway.
    Endpoint,
    /// Neither is known.
    Unknown,
}

impl NodeType {
    /// Reads a name in its exact case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Gateway, Self::Endpoint, Self::Unknown]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "GATEWAY",
            Self::Endpoint => "ENDPOINT",
            Self::Unknown => "UNKNOWN",
        }
    }
}
