//! One contract suite over the storage traits; a backend joins by one line at the end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "storage/bed.rs"]
mod bed;
#[path = "common/database.rs"]
mod database;
#[path = "storage/followers.rs"]
mod followers;
#[path = "storage/log.rs"]
mod log;
#[path = "storage/postgres.rs"]
mod postgres;
#[path = "storage/registry.rs"]
mod registry;
#[path = "storage/sqlite.rs"]
mod sqlite;
#[path = "storage/writers.rs"]
mod writers;

/// Every case of the contract, for one backend.
macro_rules! contract {
    ($backend:ident, $bed:expr) => {
        contract!($backend, $bed, [
            registry::the_default_space_and_the_project_are_made_once,
            registry::a_product_and_its_event_are_one_change,
            registry::a_refused_change_leaves_no_event,
            registry::a_device_and_its_event_are_one_change,
            registry::children_go_two_levels_deep_and_hold_their_parent,
            registry::freezing_raises_the_epoch_and_unfreezing_does_not,
            registry::each_secret_is_reset_for_itself,
            registry::keys_of_deleted_devices_and_products_are_never_used_again,
            registry::a_device_made_anew_does_not_honour_the_old_token,
            registry::listeners_hear_of_a_change_before_its_caller,
            registry::lists_are_newest_first_and_filtered,
            registry::a_description_outlives_its_device,
            registry::access_keys_are_found_again,
            registry::access_keys_are_listed_disabled_and_deleted,
            log::events_come_back_as_they_went_in,
            log::positions_rise_and_reading_goes_on_from_one,
            log::positions_go_on_after_everything_was_purged,
            log::a_batch_is_seen_whole_or_not_at_all,
            log::a_full_queue_says_busy_and_loses_nothing_it_took,
            log::a_closed_store_takes_nothing_and_keeps_what_it_took,
            log::a_scan_back_narrows_by_device_kind_and_time,
            log::the_log_agrees_with_a_model_under_random_use,
            followers::the_index_and_its_cursor_move_together,
            followers::indexed_positions_are_narrowed_and_forgotten,
            followers::activity_is_replaced_row_by_row,
            followers::an_index_ahead_of_the_log_is_made_anew,
            followers::a_trace_folds_keeps_its_newest_and_goes_with_its_device,
        ]);
    };
    ($backend:ident, $bed:expr, [$($module:ident::$case:ident),* $(,)?]) => {
        mod $backend {
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(bed) = $bed.await {
                        crate::$module::$case(bed).await;
                    }
                }
            )*
        }
    };
}

contract!(on_sqlite, crate::sqlite::bed());
contract!(on_postgres, crate::postgres::bed());
