//! Errors to responses: the one table of statuses and codes (device-api.md "Errors", management-api.md §12).
//! Everything below `http` speaks of what went wrong without HTTP words; this file alone maps it.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::request_signature::Refusal as SignatureRefusal;
use crate::auth::secret::RandomError;
use crate::domain::ids::DeviceId;
use crate::ingest::{AuthenticationRefusal, Limit, LimitReached, ReportRefusal, TokenRefusal};
use crate::routing::sql::SqlFault;
use crate::shadow::DesiredRefusal;
use crate::storage::StoreError;

/// One row of the error table: status, code, fixed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorKind(pub StatusCode, pub &'static str, pub &'static str);

macro_rules! error_table {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $text:literal;)*) => {
        impl ErrorKind {
            $($(#[$doc])* pub const $name: Self = Self(StatusCode::$status, $code, $text);)*
            /// Every row, for the test that pins the table.
            pub const ALL: &'static [(&'static str, Self)] = &[$((stringify!($name), Self::$name)),*];
        }
    };
}

error_table! {
    /// A field or a report breaks its rule.
    INVALID_INPUT = BAD_REQUEST, "IOTDA.000006", "Invalid input data.";
    /// The body came slower than the minimum rate.
    TOO_SLOW = REQUEST_TIMEOUT, "IOTDA.000006", "Invalid input data.";
    /// No such device path.
    NO_PATH = NOT_FOUND, "IOTDA.000006", "Invalid input data.";
    /// Another method than the path takes.
    NO_METHOD = METHOD_NOT_ALLOWED, "IOTDA.000006", "Invalid input data.";
    /// A child in a batch is unknown or another gateway's.
    FOREIGN_CHILD = BAD_REQUEST, "IOTDA.021104",
        "Subdevices in the request does not exist or does not belong to the gateway.";
    /// No proof of who calls.
    UNAUTHENTICATED = UNAUTHORIZED, "IOTDA.000002", "Authentication failed.";
    /// A token that does not open this path.
    INVALID_TOKEN = FORBIDDEN, "IOTDA.000004", "Invalid access token.";
    /// A device's own limit.
    DEVICE_LIMIT = FORBIDDEN, "IOTDA.021101", "Request reached the maximum rate limit.";
    /// The whole instance's limit; `%s` is its rate.
    INSTANCE_LIMIT = FORBIDDEN, "IOTDA.021102",
        "The request rate has reached the upper limit of the tenant, limit %s.";
    /// More children than one report may hold.
    TOO_MANY_CHILDREN = FORBIDDEN, "IOTDA.021103",
        "The number of child devices in the request has reached the upper limit (50).";
    /// A body over 1 MB.
    BODY_TOO_LARGE = FORBIDDEN, "IOTDA.021105", "The content reported in a single request cannot exceed 1 MB.";
    /// A fault of the platform's own.
    INTERNAL = INTERNAL_SERVER_ERROR, "IOTDA.000001", "Internal server error.";
    /// Nothing can be stored now.
    UNAVAILABLE = SERVICE_UNAVAILABLE, "IOTDA.000001", "Internal server error.";
    /// Management: the body is no JSON object.
    BAD_FORMAT = BAD_REQUEST, "IOTDA.000008",
        "Invalid input. The request format is invalid. For details, see the error message.";
    /// Management: a time in another form.
    BAD_TIME = BAD_REQUEST, "IOTDA.000009", "Invalid input. Invalid time format.";
    /// Management: a range that ends before it starts.
    BAD_RANGE = BAD_REQUEST, "IOTDA.000010", "Invalid input. The start time must be earlier than the end time.";
    /// Management: paging.
    BAD_LIMIT = BAD_REQUEST, "IOTDA.000017", "Invalid input. The specified parameter 'limit' is out of range.";
    /// Management: paging.
    BAD_MARKER = BAD_REQUEST, "IOTDA.000018", "Invalid input. The specified parameter 'marker' is out of range.";
    /// Management: another project.
    FOREIGN_PROJECT = FORBIDDEN, "IOTDA.000021",
        "Operation not allowed. User not found by IAM token or the authorized user has not subscribed IOTDA service.";
    /// Management: a reader writes.
    NO_PERMISSION = FORBIDDEN, "IOTDA.000022", "Operation not allowed. The user does not have the permission";
    /// Management: no such path.
    UNKNOWN_PATH = NOT_FOUND, "IOTDA.000029", "The requested path does not exist.";
    /// Management: an operation of the contract that this version does not have; the detail names it.
    NOT_BUILT = NOT_IMPLEMENTED, "IOTDA.000029", "The operation is not available on this platform.";
    /// Management: a resource space that does not exist.
    NO_APP = FORBIDDEN, "IOTDA.001000", "The application does not exist.";
    /// Management: a resource space with products. Ours.
    APP_IN_USE = FORBIDDEN, "IOTDA.001100", "Operation not allowed. Products exist under the application.";
    /// Management: a resource space that rules or CAs name. Ours.
    APP_NAMED = FORBIDDEN, "IOTDA.001102", "Operation not allowed. Rules or certificates belong to the application.";
    /// Management: the default resource space cannot go. Ours.
    APP_IS_DEFAULT = FORBIDDEN, "IOTDA.001101", "Operation not allowed. The default application cannot be deleted.";
    /// Management: a tag whose key is the platform's own.
    TAG_RESERVED = BAD_REQUEST, "IOTDA.004002", "Invalid input. The tag_key cannot start with 'iot_'.";
    /// Management: more tags than a resource may have. Ours.
    TOO_MANY_TAGS = FORBIDDEN, "IOTDA.004100", "Operation not allowed. The number of tags has reached the upper limit (10).";
    /// Management: no such forwarding rule.
    NO_RULE = NOT_FOUND, "IOTDA.010002", "The rule does not exist.";
    /// Management: an event that the log does not hold, or that no rule sees. Ours.
    NO_EVENT = NOT_FOUND, "IOTDA.010100", "The event does not exist.";
    /// Management: an action that does not exist. Ours.
    NO_ACTION = NOT_FOUND, "IOTDA.010101", "The action does not exist.";
    /// Management: a dead letter that does not exist. Ours.
    NO_LETTER = NOT_FOUND, "IOTDA.010102", "The dead letter does not exist.";
    /// Management: a backlog or flow-control policy that does not exist. Ours.
    NO_POLICY = NOT_FOUND, "IOTDA.010103", "The policy does not exist.";
    /// Management: more replays of an action than may run at once. Ours.
    TOO_MANY_REPLAYS = FORBIDDEN, "IOTDA.010104",
        "Operation not allowed. As many replays of the action as may be are in progress.";
    /// Management: an action that others send their dead letters to. Ours.
    ACTION_IN_USE = FORBIDDEN, "IOTDA.010105", "Operation not allowed. Other actions send their dead letters to the action.";
    /// Management: no such product. The documentation shows no code; this one is ours.
    NO_PRODUCT = NOT_FOUND, "IOTDA.013100", "The product does not exist.";
    /// Management: a product id twice in one space. Ours.
    PRODUCT_EXISTS = BAD_REQUEST, "IOTDA.013101", "Invalid input. The product already exists.";
    /// Management: a product with devices. Ours.
    PRODUCT_IN_USE = FORBIDDEN, "IOTDA.013102", "Operation not allowed. Devices exist under the product.";
    /// Management: no such device.
    NO_DEVICE = NOT_FOUND, "IOTDA.014000", "The device does not exist.";
    /// Management: a device that cannot be reached.
    NOT_ONLINE = FORBIDDEN, "IOTDA.014016", "Operation not allowed. The device is not online.";
    /// Management: a device id twice.
    DEVICE_EXISTS = BAD_REQUEST, "IOTDA.014031", "Invalid input. The device already exists.";
    /// Management: a child cannot be frozen.
    FREEZE_CHILD = FORBIDDEN, "IOTDA.014038",
        "Operation not allowed. It is not allowed to freeze sub-devices, only gateways or directly connected devices can be frozen.";
    /// Management: frozen already.
    ALREADY_FROZEN = FORBIDDEN, "IOTDA.014039", "Operation not allowed. The device is already frozen.";
    /// Management: not frozen.
    NOT_FROZEN = FORBIDDEN, "IOTDA.014040",
        "Operation not allowed. The device is not frozen, can not unfreeze.";
    /// Management: a device with children. Ours.
    DEVICE_HAS_CHILDREN = FORBIDDEN, "IOTDA.014100", "Operation not allowed. Sub-devices exist under the device.";
    /// Management: a third level of children. Ours.
    TOO_DEEP = FORBIDDEN, "IOTDA.014101", "Operation not allowed. Sub-devices may have at most two levels.";
    /// Management: desired values for another version of the shadow. Ours.
    OTHER_VERSION = FORBIDDEN, "IOTDA.014102", "Operation not allowed. The shadow has another version.";
    /// Management: a device without a parent has no gateway to change. Ours.
    NOT_A_CHILD = FORBIDDEN, "IOTDA.014103", "Operation not allowed. Only the gateway of a sub-device can be changed.";
    /// Management: a gateway of another resource space. Ours.
    OTHER_APP = FORBIDDEN, "IOTDA.014104", "Operation not allowed. The gateway belongs to another application.";
    /// Management: no such CA certificate. Ours.
    NO_CERTIFICATE = NOT_FOUND, "IOTDA.014105", "The certificate does not exist.";
    /// Management: a CA certificate that actions name. Ours.
    CERTIFICATE_IN_USE = FORBIDDEN, "IOTDA.014106", "Operation not allowed. Actions use the certificate.";
}

/// What a handler answers when it does not do what it was asked.
#[derive(Debug)]
pub struct ApiError {
    kind: ErrorKind,
    detail: Box<str>,
    /// For the log instead of `detail`: what the caller must not see.
    logged: Option<Box<str>>,
    about: About,
    retry_after_seconds: Option<u32>,
    /// What stands for `%s` in the fixed text.
    number: Option<u32>,
}

/// What an answer tells beyond its text.
#[derive(Debug)]
enum About {
    Nothing,
    /// The methods that the path takes.
    Methods(&'static str),
    /// The device that was refused, where the path does not name it.
    Device(DeviceId),
    /// A clause's fault.
    Clause(Box<ClauseFault>),
}

/// What is wrong with a clause of a rule, as members of their own for programs that show the place.
#[derive(Debug)]
struct ClauseFault {
    clause: &'static str,
    fault: SqlFault,
}

/// The body of every refusal.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// The contract's code.
    #[schema(pattern = "^IOTDA\\.[0-9]{6}$")]
    error_code: &'static str,
    /// The code's fixed text, then what exactly was wrong and where.
    error_msg: String,
    /// Of a rule's SQL: `select` or `where`.
    #[serde(skip_serializing_if = "Option::is_none")]
    clause: Option<&'static str>,
    /// The character of the clause at which the fault begins, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    /// What is wrong there.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// What a response logs about its error.
#[derive(Clone, Debug)]
pub struct LoggedError(pub &'static str, pub Box<str>);

impl ApiError {
    /// A row of the table and what exactly was wrong.
    pub fn new(kind: ErrorKind, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            logged: None,
            about: About::Nothing,
            retry_after_seconds: (kind == ErrorKind::UNAVAILABLE).then_some(1),
            number: None,
        }
    }

    /// A clause of a rule that does not parse, with its place as members of their own.
    pub fn of_clause(clause: &'static str, fault: SqlFault) -> Self {
        let detail = format!("{clause}: {fault}");
        Self {
            about: About::Clause(Box::new(ClauseFault { clause, fault })),
            ..Self::new(ErrorKind::INVALID_INPUT, detail)
        }
    }

    /// A row of the table, with a reason that is for the log alone.
    pub fn unexplained(kind: ErrorKind, reason: impl Into<Box<str>>) -> Self {
        Self {
            logged: Some(reason.into()),
            ..Self::from(kind)
        }
    }

    /// 405, naming the methods that the path takes.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self {
            about: About::Methods(allow),
            ..Self::new(ErrorKind::NO_METHOD, format!("this path takes {allow} alone"))
        }
    }

    /// The status, and what the caller is told.
    pub fn told(&self) -> (StatusCode, String) {
        (self.kind.0, self.message())
    }

    /// IOTDA's code.
    pub const fn code(&self) -> &'static str {
        self.kind.1
    }

    fn message(&self) -> String {
        let ErrorKind(status, _, text) = self.kind;
        // What went wrong inside is for the log alone.
        let hidden = status == StatusCode::INTERNAL_SERVER_ERROR;
        let text = match self.number {
            Some(number) => text.replace("%s", &number.to_string()),
            None => text.to_owned(),
        };
        if hidden || self.detail.is_empty() {
            text
        } else {
            format!("{text} {}", self.detail)
        }
    }

    pub(super) fn body(&self) -> String {
        let clause = match &self.about {
            About::Clause(fault) => Some(fault),
            _ => None,
        };
        let body = ErrorBody {
            error_code: self.kind.1,
            error_msg: self.message(),
            clause: clause.map(|at| at.clause),
            position: clause.map(|at| at.fault.position),
            message: clause.map(|at| at.fault.message.clone()),
        };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

impl From<ErrorKind> for ApiError {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind, "")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let ErrorKind(status, code, _) = self.kind;
        let mut response = (status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let About::Methods(allow) = self.about {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ErrorKind::TOO_SLOW {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let About::Device(device_id) = self.about {
            response.extensions_mut().insert(device_id);
        }
        response
            .extensions_mut()
            .insert(LoggedError(code, self.logged.unwrap_or(self.detail)));
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::new(ErrorKind::UNAVAILABLE, "The write queue is full, try again."),
            StoreError::Unavailable(cause) => Self {
                logged: Some(cause.into()),
                ..Self::new(
                    ErrorKind::UNAVAILABLE,
                    "Nothing can be stored right now, try again.",
                )
            },
            StoreError::OutcomeUnknown => Self::new(
                ErrorKind::UNAVAILABLE,
                "The storage did not answer in time: this may still be stored. Try again.",
            ),
            StoreError::Corrupt(cause) => Self::new(ErrorKind::INTERNAL, cause),
        }
    }
}

impl From<LimitReached> for ApiError {
    fn from(reached: LimitReached) -> Self {
        let (kind, number) = match reached.limit {
            Limit::Instance(allowed) => (ErrorKind::INSTANCE_LIMIT, Some(allowed)),
            Limit::Device | Limit::DeviceAuth | Limit::WrongPasswords => (ErrorKind::DEVICE_LIMIT, None),
        };
        Self {
            retry_after_seconds: Some(reached.retry_after_seconds),
            number,
            ..Self::new(kind, format!("{reached}."))
        }
    }
}

impl From<AuthenticationRefusal> for ApiError {
    fn from(refusal: AuthenticationRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            AuthenticationRefusal::Json(_) | AuthenticationRefusal::Field(_) => {
                Self::new(ErrorKind::INVALID_INPUT, detail)
            }
            AuthenticationRefusal::HourTooFar { .. } => Self::new(ErrorKind::UNAUTHENTICATED, detail),
            AuthenticationRefusal::Limited(reached) => reached.into(),
            AuthenticationRefusal::Denied { device_id, reason } => Self {
                logged: Some(reason.into()),
                about: About::Device(device_id),
                ..Self::from(ErrorKind::UNAUTHENTICATED)
            },
            AuthenticationRefusal::Store(error) => error.into(),
        }
    }
}

impl From<SignatureRefusal> for ApiError {
    fn from(refusal: SignatureRefusal) -> Self {
        let reason = refusal.to_string();
        match refusal {
            // What helps the caller, and tells of no key.
            SignatureRefusal::Skewed { .. } | SignatureRefusal::UnknownAlgorithm(_) => {
                Self::new(ErrorKind::UNAUTHENTICATED, format!("{reason}."))
            }
            _ => Self::unexplained(ErrorKind::UNAUTHENTICATED, reason),
        }
    }
}

impl From<TokenRefusal> for ApiError {
    fn from(refusal: TokenRefusal) -> Self {
        match refusal {
            TokenRefusal::Invalid { reason } => Self::unexplained(ErrorKind::INVALID_TOKEN, reason),
            TokenRefusal::Store(error) => error.into(),
        }
    }
}

impl From<ReportRefusal> for ApiError {
    fn from(refusal: ReportRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            ReportRefusal::Json(_) | ReportRefusal::Shape(_) | ReportRefusal::Model(_) => {
                Self::new(ErrorKind::INVALID_INPUT, detail)
            }
            ReportRefusal::Revoked => ErrorKind::INVALID_TOKEN.into(),
            ReportRefusal::TooManyChildren(_) => Self::new(ErrorKind::TOO_MANY_CHILDREN, detail),
            ReportRefusal::ForeignChild(_) => Self::new(ErrorKind::FOREIGN_CHILD, detail),
            ReportRefusal::Store(error) => error.into(),
        }
    }
}

impl From<DesiredRefusal> for ApiError {
    fn from(refusal: DesiredRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            DesiredRefusal::NoDevice => ErrorKind::NO_DEVICE.into(),
            DesiredRefusal::OtherVersion { .. } => Self::new(ErrorKind::OTHER_VERSION, detail),
            DesiredRefusal::TooLarge { .. } => {
                Self::new(ErrorKind::INVALID_INPUT, format!("shadow: {detail}"))
            }
            DesiredRefusal::Busy => Self::new(ErrorKind::UNAVAILABLE, detail),
            DesiredRefusal::Store(error) => error.into(),
        }
    }
}

impl From<RandomError> for ApiError {
    fn from(error: RandomError) -> Self {
        Self::new(ErrorKind::INTERNAL, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients are written against these: a change here is a change of the contract.
    #[test]
    fn the_table_of_errors_stays_as_it_is() {
        let rows: Vec<String> = ErrorKind::ALL
            .iter()
            .map(|(name, ErrorKind(status, code, text))| format!("{name} {} {code} {text}", status.as_u16()))
            .collect();
        insta::assert_snapshot!(rows.join("\n"), @r"
        INVALID_INPUT 400 IOTDA.000006 Invalid input data.
        TOO_SLOW 408 IOTDA.000006 Invalid input data.
        NO_PATH 404 IOTDA.000006 Invalid input data.
        NO_METHOD 405 IOTDA.000006 Invalid input data.
        FOREIGN_CHILD 400 IOTDA.021104 Subdevices in the request does not exist or does not belong to the gateway.
        UNAUTHENTICATED 401 IOTDA.000002 Authentication failed.
        INVALID_TOKEN 403 IOTDA.000004 Invalid access token.
        DEVICE_LIMIT 403 IOTDA.021101 Request reached the maximum rate limit.
        INSTANCE_LIMIT 403 IOTDA.021102 The request rate has reached the upper limit of the tenant, limit %s.
        TOO_MANY_CHILDREN 403 IOTDA.021103 The number of child devices in the request has reached the upper limit (50).
        BODY_TOO_LARGE 403 IOTDA.021105 The content reported in a single request cannot exceed 1 MB.
        INTERNAL 500 IOTDA.000001 Internal server error.
        UNAVAILABLE 503 IOTDA.000001 Internal server error.
        BAD_FORMAT 400 IOTDA.000008 Invalid input. The request format is invalid. For details, see the error message.
        BAD_TIME 400 IOTDA.000009 Invalid input. Invalid time format.
        BAD_RANGE 400 IOTDA.000010 Invalid input. The start time must be earlier than the end time.
        BAD_LIMIT 400 IOTDA.000017 Invalid input. The specified parameter 'limit' is out of range.
        BAD_MARKER 400 IOTDA.000018 Invalid input. The specified parameter 'marker' is out of range.
        FOREIGN_PROJECT 403 IOTDA.000021 Operation not allowed. User not found by IAM token or the authorized user has not subscribed IOTDA service.
        NO_PERMISSION 403 IOTDA.000022 Operation not allowed. The user does not have the permission
        UNKNOWN_PATH 404 IOTDA.000029 The requested path does not exist.
        NOT_BUILT 501 IOTDA.000029 The operation is not available on this platform.
        NO_APP 403 IOTDA.001000 The application does not exist.
        APP_IN_USE 403 IOTDA.001100 Operation not allowed. Products exist under the application.
        APP_NAMED 403 IOTDA.001102 Operation not allowed. Rules or certificates belong to the application.
        APP_IS_DEFAULT 403 IOTDA.001101 Operation not allowed. The default application cannot be deleted.
        TAG_RESERVED 400 IOTDA.004002 Invalid input. The tag_key cannot start with 'iot_'.
        TOO_MANY_TAGS 403 IOTDA.004100 Operation not allowed. The number of tags has reached the upper limit (10).
        NO_RULE 404 IOTDA.010002 The rule does not exist.
        NO_EVENT 404 IOTDA.010100 The event does not exist.
        NO_ACTION 404 IOTDA.010101 The action does not exist.
        NO_LETTER 404 IOTDA.010102 The dead letter does not exist.
        NO_POLICY 404 IOTDA.010103 The policy does not exist.
        TOO_MANY_REPLAYS 403 IOTDA.010104 Operation not allowed. As many replays of the action as may be are in progress.
        ACTION_IN_USE 403 IOTDA.010105 Operation not allowed. Other actions send their dead letters to the action.
        NO_PRODUCT 404 IOTDA.013100 The product does not exist.
        PRODUCT_EXISTS 400 IOTDA.013101 Invalid input. The product already exists.
        PRODUCT_IN_USE 403 IOTDA.013102 Operation not allowed. Devices exist under the product.
        NO_DEVICE 404 IOTDA.014000 The device does not exist.
        NOT_ONLINE 403 IOTDA.014016 Operation not allowed. The device is not online.
        DEVICE_EXISTS 400 IOTDA.014031 Invalid input. The device already exists.
        FREEZE_CHILD 403 IOTDA.014038 Operation not allowed. It is not allowed to freeze sub-devices, only gateways or directly connected devices can be frozen.
        ALREADY_FROZEN 403 IOTDA.014039 Operation not allowed. The device is already frozen.
        NOT_FROZEN 403 IOTDA.014040 Operation not allowed. The device is not frozen, can not unfreeze.
        DEVICE_HAS_CHILDREN 403 IOTDA.014100 Operation not allowed. Sub-devices exist under the device.
        TOO_DEEP 403 IOTDA.014101 Operation not allowed. Sub-devices may have at most two levels.
        OTHER_VERSION 403 IOTDA.014102 Operation not allowed. The shadow has another version.
        NOT_A_CHILD 403 IOTDA.014103 Operation not allowed. Only the gateway of a sub-device can be changed.
        OTHER_APP 403 IOTDA.014104 Operation not allowed. The gateway belongs to another application.
        NO_CERTIFICATE 404 IOTDA.014105 The certificate does not exist.
        CERTIFICATE_IN_USE 403 IOTDA.014106 Operation not allowed. Actions use the certificate.
        ");
    }

    #[test]
    fn what_went_wrong_inside_is_for_the_log_alone() {
        let error = ApiError::from(StoreError::Corrupt("row 7 of devices".to_owned()));
        assert_eq!(
            error.body(),
            r#"{"error_code":"IOTDA.000001","error_msg":"Internal server error."}"#
        );
        let error = ApiError::from(StoreError::Unavailable("disk full at /data".to_owned()));
        assert!(!error.body().contains("/data"), "{}", error.body());
        let response = error.into_response();
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        let logged = response
            .extensions()
            .get::<LoggedError>()
            .map(|error| error.1.clone());
        assert_eq!(logged.as_deref(), Some("disk full at /data"));
    }
}
