//! Schemas of the texts that the contract names again and again (management-api.md §1.5), as types for
//! `#[schema(value_type = …)]`. They describe; the checks are `domain`'s, and some take the
//! empty text too.

use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// Makes types that stand for a schema.
macro_rules! documented {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)*) => {
        $(
            $(#[$doc])*
            pub enum $name {}

            impl utoipa::PartialSchema for $name {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                    utoipa::openapi::RefOr::T($schema.into())
                }
            }

            impl utoipa::ToSchema for $name {}
        )*
    };
}
pub(super) use documented;

documented! {
    /// `ProductId`, `AppId`.
    Id36 = text(1, 36, "^[A-Za-z0-9_-]+$");
    /// `NodeId`.
    Id64 = text(1, 64, "^[A-Za-z0-9_-]+$");
    /// `DeviceId`.
    Id128 = text(1, 128, "^[A-Za-z0-9_-]+$");
    /// `is_name`.
    Name32 = text(1, 32, NAME);
    /// `is_name`.
    Name64 = text(1, 64, NAME);
    /// `is_name`.
    Name256 = text(0, 256, NAME);
    /// `is_name`.
    Name2048 = text(0, 2048, NAME);
    /// `is_name_dollar`.
    NameDollar64 = text(1, 64, "^[A-Za-z0-9\u{4e00}-\u{9ffc}_?'#().,&%@!$-]*$");
    /// `is_description`.
    Description128 = text(0, 128, "^[A-Za-z0-9\u{4e00}-\u{9ffc}_?'#().,&%@!\\s;/，、：；。-]*$");
    /// `check_device_secret`.
    DeviceSecret = text(8, 32, "^[A-Za-z0-9_-]+$");
    /// `is_tag`.
    Tag64 = text(1, 64, TAG);
    /// `is_tag`.
    Tag128 = text(0, 128, TAG);
    /// `parse_compact`.
    CompactTime = text(16, 16, TIME);
}

const NAME: &str = "^[A-Za-z0-9\u{4e00}-\u{9ffc}_?'#().,&%@!-]*$";

const TIME: &str =
    "^[0-9]{4}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z$";

const TAG: &str = "^[A-Za-z0-9\u{4e00}-\u{9ffc}_.-]*$";

/// One of these texts.
pub(super) fn choice(values: &[&str]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(values.iter().copied()))
        .build()
}

/// A text of this form.
pub(super) fn pattern(form: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(form))
        .build()
}

/// A whole number in this range.
pub(super) fn number(least: i64, greatest: i64) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(Some(greatest))
        .build()
}

fn text(shortest: usize, longest: usize, pattern: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(shortest).filter(|shortest| *shortest > 0))
        .max_length(Some(longest))
        .pattern(Some(pattern))
        .build()
}
