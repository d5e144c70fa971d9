//! One contract suite over the storage traits; a backend joins by one line at the end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "storage/audit.rs"]
mod audit;
#[path = "storage/bed.rs"]
mod bed;
#[path = "common/database.rs"]
mod database;
#[path = "storage/followers.rs"]
mod followers;
#[path = "storage/forwarding.rs"]
mod forwarding;
#[path = "storage/log.rs"]
mod log;
#[path = "storage/postgres.rs"]
mod postgres;
#[path = "storage/registry.rs"]
mod registry;
#[path = "storage/routing.rs"]
mod routing;
#[path = "storage/search.rs"]
mod search;
#[path = "storage/shadows.rs"]
mod shadows;
#[path = "storage/spaces.rs"]
mod spaces;
#[path = "storage/sqlite.rs"]
mod sqlite;
#[path = "storage/statuses.rs"]
mod statuses;
#[path = "storage/tags.rs"]
mod tags;
#[path = "storage/updates.rs"]
mod updates;
#[path = "storage/users.rs"]
mod users;
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
            log::a_read_stops_at_its_bytes_and_tells_how_far_it_looked,
            log::followers_hear_of_each_commit,
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
            spaces::spaces_are_made_listed_and_renamed,
            spaces::a_space_goes_only_when_it_is_empty_and_not_the_default,
            spaces::a_product_id_stands_once_in_each_space,
            spaces::pages_of_devices_have_no_gap_and_no_duplicate,
            spaces::devices_are_listed_by_gateway_name_node_and_time,
            updates::of_a_product_what_is_absent_stays,
            updates::of_a_product_an_empty_text_clears_what_is_optional,
            updates::of_a_device_what_is_absent_stays_and_an_empty_text_clears,
            updates::each_fingerprint_is_set_and_cleared_for_itself,
            updates::a_child_moves_to_another_gateway_and_old_events_keep_theirs,
            updates::a_child_stays_where_the_move_is_refused,
            updates::registrations_run_out_unless_they_are_kept,
            updates::a_registration_that_was_changed_meanwhile_does_not_end,
            tags::tags_are_bound_overwritten_and_taken_off,
            tags::events_keep_the_tags_of_their_time,
            tags::tags_that_are_refused_change_nothing,
            tags::devices_are_found_by_any_of_some_tags,
            search::searches_find_what_they_say,
            search::searches_keep_their_order_and_their_bounds,
            search::random_searches_find_what_the_model_finds,
            audit::each_change_leaves_its_entry,
            audit::a_refused_change_leaves_no_entry,
            audit::what_is_done_to_keys_is_noted,
            audit::entries_are_filtered_and_paged,
            audit::retention_alone_takes_entries_away,
            users::users_are_added_once_listed_changed_and_deleted,
            users::a_session_ends_with_its_time_its_user_and_its_password,
            users::sessions_are_listed_and_forgotten,
            shadows::a_shadows_change_is_an_event_that_knows_what_it_overtakes,
            shadows::of_changes_at_once_on_one_version_one_is_done,
            shadows::events_of_some_kinds_are_read_in_order,
            shadows::internal_events_show_nowhere,
            shadows::rows_and_their_cursor_move_together,
            shadows::a_read_shows_what_was_appended_whether_it_was_followed_or_not,
            shadows::a_read_beside_a_running_follower_counts_each_event_once,
            shadows::a_shadow_ahead_of_the_log_is_made_anew,
            shadows::desired_values_are_set_on_a_version_and_within_bounds,
            shadows::the_follower_agrees_with_a_model_under_random_use,
            statuses::a_device_heard_is_online_until_it_is_marked,
            statuses::a_change_in_between_is_not_announced_with_the_old_one,
            statuses::a_status_is_told_once_as_it_changes,
            statuses::an_instant_that_is_written_late_is_still_looked_at,
            statuses::of_a_frozen_device_and_of_one_that_is_gone_nothing_is_told,
            statuses::a_crash_before_it_is_noted_tells_a_status_again,
            statuses::many_changes_are_told_in_steps,
            statuses::registrations_are_deleted_in_time_unless_they_were_heard,
            statuses::of_registrations_children_go_first,
            routing::a_rule_holds_from_a_position_on,
            routing::an_action_begins_where_the_log_ends_and_keeps_its_secrets,
            routing::a_rule_goes_with_its_actions_and_listeners_hear_of_it,
            routing::policies_and_certificates_are_kept,
            routing::actions_are_saved_together_and_loaded_again,
            routing::dead_letters_are_listed_replayed_and_dropped,
            routing::the_newest_tries_of_an_action_stay,
            forwarding::an_event_reaches_every_active_action_once_also_over_a_restart,
            forwarding::a_rule_judges_each_event_as_it_was_when_the_event_came,
            forwarding::a_target_that_is_away_delays_no_other_and_gets_everything_later,
            forwarding::what_retention_takes_undelivered_is_counted,
            forwarding::a_refused_event_is_a_dead_letter_that_can_be_sent_again,
            forwarding::actions_are_paused_changed_and_deleted_while_they_run,
            forwarding::an_action_that_is_behind_reads_the_log_once_for_many_events,
            forwarding::actions_at_rest_share_a_look_at_the_log_each_second,
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
