//! Actions that send their dead letters to others, which therefore stay.

use crate::http::error::{ApiError, ErrorKind};
use crate::http::management::ManagementState;
use crate::storage::Action;

/// Refuses to delete actions while another, which stays, names one of them as its `dead_letter_action`. An action that is made to
/// name one at the same moment keeps its letters itself.
pub(super) async fn refuse_while_named(
    state: &ManagementState,
    goes: impl Fn(&Action) -> bool,
) -> Result<(), ApiError> {
    let (going, staying): (Vec<_>, Vec<_>) = state.stores.rules.actions().await?.into_iter().partition(goes);
    let named = |action: &Action| {
        let named = action.dead_letter_action.as_ref();
        named.is_some_and(|named| going.iter().any(|going| going.action_id == *named))
    };
    match staying.into_iter().find(named) {
        None => Ok(()),
        Some(user) => Err(ApiError::new(
            ErrorKind::ACTION_IN_USE,
            format!("action_id: {}", user.action_id),
        )),
    }
}
