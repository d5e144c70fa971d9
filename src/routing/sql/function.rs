//! The functions' names and what they take.

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    GetTag,
    ContainsTag,
    GetService,
    GetServices,
    ContainsServices,
    GetServiceProperties,
    GetServiceProperty,
    StartsWith,
    EndsWith,
    Concat,
    Replace,
    Substring,
    Lower,
    Upper,
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Text,
    Whole,
    /// What can be part of a text.
    Printable,
    /// `TRUE` or `FALSE`.
    Flag,
}

use Parameter::{Flag, Printable, Text, Whole};

#[rustfmt::skip]
const ALL: [(Function, &str, &[Parameter], Option<Parameter>); 14] = [
    (Function::GetTag, "GET_TAG", &[Text], None),
    (Function::ContainsTag, "CONTAINS_TAG", &[Text], None),
    (Function::GetService, "GET_SERVICE", &[Text], Some(Flag)),
    (Function::GetServices, "GET_SERVICES", &[Text], Some(Flag)),
    (Function::ContainsServices, "CONTAINS_SERVICES", &[Text], Some(Flag)),
    (Function::GetServiceProperties, "GET_SERVICE_PROPERTIES", &[Text], None),
    (Function::GetServiceProperty, "GET_SERVICE_PROPERTY", &[Text, Text], None),
    (Function::StartsWith, "STARTS_WITH", &[Text, Text], None),
    (Function::EndsWith, "ENDS_WITH", &[Text, Text], None),
    (Function::Concat, "CONCAT", &[Printable, Printable], None),
    (Function::Replace, "REPLACE", &[Text, Text, Text], None),
    (Function::Substring, "SUBSTRING", &[Text, Whole], Some(Whole)),
    (Function::Lower, "LOWER", &[Text], None),
    (Function::Upper, "UPPER", &[Text], None),
];

impl Function {
    /// In any case.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let row = ALL.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(name));
        row.map(|(function, ..)| *function)
    }

    pub(super) fn name(self) -> &'static str {
        self.row().map_or("", |(_, name, ..)| name)
    }

    /// What it must be given, and what it may be given behind that.
    pub(super) fn parameters(self) -> (&'static [Parameter], Option<Parameter>) {
        self.row()
            .map_or((&[], None), |(_, _, required, optional)| (required, *optional))
    }

    fn row(self) -> Option<&'static (Self, &'static str, &'static [Parameter], Option<Parameter>)> {
        ALL.iter().find(|(function, ..)| *function == self)
    }

    /// Whether it can stand as a condition: it answers a boolean, or a property that can be one.
    pub(super) const fn can_hold(self) -> bool {
        matches!(
            self,
            Self::ContainsTag
                | Self::ContainsServices
                | Self::StartsWith
                | Self::EndsWith
                | Self::GetServiceProperty
        )
    }

    /// What it looks through.
    pub(super) const fn path(self) -> Option<&'static [&'static str]> {
        match self {
            Self::GetTag | Self::ContainsTag => Some(&["notify_data", "header", "tags"]),
            Self::GetService
            | Self::GetServices
            | Self::ContainsServices
            | Self::GetServiceProperties
            | Self::GetServiceProperty => Some(&["notify_data", "body", "services"]),
            _ => None,
        }
    }
}
