//! What actions keep, beside what other followers keep. A save of all actions is one transaction.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Columns, SqlStore, Statement};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionKey, DeviceKey, Position};
use crate::storage::{
    ActionSave, ActionStore, AttemptRow, Counters, Letter, LetterStep, Mark, NewLetter, Page, PageRequest,
    ParkedRow, Result, SavedAction, SavedLane, StoreError,
};

/// Rows of one statement: at most 8 values each.
const ROWS: usize = 256;

/// The columns of a letter, without its body.
const LETTER: &str = "letter_id, action_key, position, device_key, device_id, product_id, app_id, received_ms, reason, \
                      attempts, at_ms, forwarded, replaying, counted";

/// The tables that are kept by action.
const TABLES: [&str; 5] = [
    "action_lanes",
    "action_counters",
    "action_parked",
    "action_letters",
    "action_attempts",
];

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &impl Columns, column: &str) -> Result<u64> {
    Ok(u64::try_from(row.int(column)?).unwrap_or(0))
}

fn small(row: &impl Columns, column: &str) -> Result<u32> {
    Ok(u32::try_from(row.int(column)?).unwrap_or(u32::MAX))
}

fn json<T: serde::de::DeserializeOwned>(row: &impl Columns, column: &str) -> Result<T> {
    let text = row.text(column)?;
    serde_json::from_str(&text).map_err(|error| StoreError::Corrupt(format!("{column}: {error}")))
}

fn mark(row: &impl Columns, name: &str) -> Result<Mark> {
    Ok(Mark {
        position: row.int(name)?,
        taken: unsigned(row, &format!("{name}_taken"))?,
        bytes: unsigned(row, &format!("{name}_bytes"))?,
    })
}

fn device(row: &impl Columns) -> Result<Option<DeviceKey>> {
    Ok(row.optional_int("device_key")?.map(DeviceKey))
}

fn lane(row: &impl Columns) -> Result<SavedLane> {
    let outcomes: Vec<(i64, u64)> = json(row, "outcomes")?;
    let marks: Vec<(i64, u64, u64)> = json(row, "marks")?;
    let outcome = |(position, bytes)| (Position(position), bytes);
    let placed = |(position, taken, bytes)| Mark {
        position,
        taken,
        bytes,
    };
    Ok(SavedLane {
        lane: row.int("lane")?,
        settled: mark(row, "settled")?,
        scanned: mark(row, "scanned")?,
        up_to: row.optional_int("up_to")?.map(Position),
        device: device(row)?,
        outcomes: outcomes.into_iter().map(outcome).collect(),
        marks: marks.into_iter().map(placed).collect(),
    })
}

fn counters(row: &impl Columns) -> Result<Counters> {
    Ok(Counters {
        taken: unsigned(row, "taken")?,
        taken_bytes: unsigned(row, "taken_bytes")?,
        delivered: unsigned(row, "delivered")?,
        dead: unsigned(row, "dead")?,
        dropped_by_size: unsigned(row, "dropped_by_size")?,
        dropped_by_time: unsigned(row, "dropped_by_time")?,
        dropped_by_retention: unsigned(row, "dropped_by_retention")?,
    })
}

fn parked(row: &impl Columns) -> Result<ParkedRow> {
    Ok(ParkedRow {
        lane: row.int("lane")?,
        position: Position(row.int("position")?),
        device: device(row)?,
        bytes: unsigned(row, "bytes")?,
        received: Timestamp(row.int("received_ms")?),
        tries: small(row, "tries")?,
        failed: row.optional_int("failed_ms")?.map(Timestamp),
    })
}

fn letter(row: &impl Columns, body: Option<Vec<u8>>) -> Result<Letter> {
    Ok(Letter {
        id: row.int("letter_id")?,
        counted: row.flag("counted")?,
        told: NewLetter {
            action: ActionKey(row.int("action_key")?),
            position: Position(row.int("position")?),
            device: device(row)?,
            device_id: row.optional_text("device_id")?,
            product_id: row.optional_text("product_id")?,
            app_id: row.optional_text("app_id")?,
            received: Timestamp(row.int("received_ms")?),
            body: body.map(Into::into),
            reason: row.text("reason")?,
            attempts: small(row, "attempts")?,
            at: Timestamp(row.int("at_ms")?),
            forwarded: row.flag("forwarded")?,
            replaying: row.flag("replaying")?,
        },
    })
}

fn letter_with_body(row: &impl Columns) -> Result<Letter> {
    letter(row, row.optional_bytes("body")?)
}

fn attempt(row: &impl Columns) -> Result<(ActionKey, AttemptRow)> {
    let told = AttemptRow {
        position: Position(row.int("position")?),
        at: Timestamp(row.int("at_ms")?),
        outcome: row.text("outcome")?,
        detail: row.text("detail")?,
        took_ms: unsigned(row, "took_ms")?,
    };
    Ok((ActionKey(row.int("action_key")?), told))
}

/// Places for rows of so many values: `($1, $2), ($3, $4)`.
fn places(rows: usize, width: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=width)
            .map(|column| format!("${}", row * width + column))
            .collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

fn lane_insert(action: ActionKey, lane: &SavedLane) -> Statement {
    let outcomes: Vec<_> = lane
        .outcomes
        .iter()
        .map(|(position, bytes)| (position.0, *bytes))
        .collect();
    let marks: Vec<_> = lane
        .marks
        .iter()
        .map(|mark| (mark.position, mark.taken, mark.bytes))
        .collect();
    let insert = "INSERT INTO action_lanes (action_key, lane, settled, settled_taken, settled_bytes, scanned, scanned_taken, \
                  scanned_bytes, up_to, device_key, outcomes, marks) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    Statement::new(insert)
        .bind(action.0)
        .bind(lane.lane)
        .bind(lane.settled.position)
        .bind(signed(lane.settled.taken))
        .bind(signed(lane.settled.bytes))
        .bind(lane.scanned.position)
        .bind(signed(lane.scanned.taken))
        .bind(signed(lane.scanned.bytes))
        .bind(lane.up_to.map(|up_to| up_to.0))
        .bind(lane.device.map(|device| device.0))
        .bind(serde_json::json!(outcomes).to_string())
        .bind(serde_json::json!(marks).to_string())
}

fn counters_upsert(action: ActionKey, save: &ActionSave) -> Statement {
    let counters = &save.counters;
    let upsert = "INSERT INTO action_counters (action_key, taken, taken_bytes, delivered, dead, dropped_by_size, \
                  dropped_by_time, dropped_by_retention, next_lane) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                  ON CONFLICT (action_key) DO UPDATE SET taken = excluded.taken, taken_bytes = excluded.taken_bytes, \
                  delivered = excluded.delivered, dead = excluded.dead, dropped_by_size = excluded.dropped_by_size, \
                  dropped_by_time = excluded.dropped_by_time, dropped_by_retention = excluded.dropped_by_retention, \
                  next_lane = excluded.next_lane";
    Statement::new(upsert)
        .bind(action.0)
        .bind(signed(counters.taken))
        .bind(signed(counters.taken_bytes))
        .bind(signed(counters.delivered))
        .bind(signed(counters.dead))
        .bind(signed(counters.dropped_by_size))
        .bind(signed(counters.dropped_by_time))
        .bind(signed(counters.dropped_by_retention))
        .bind(save.next_lane)
}

fn unpark(action: ActionKey, lane: i64, position: Position) -> Statement {
    Statement::new("DELETE FROM action_parked WHERE action_key = $1 AND lane = $2 AND position = $3")
        .bind(action.0)
        .bind(lane)
        .bind(position.0)
}

fn parked_upsert(action: ActionKey, rows: &[&ParkedRow]) -> Statement {
    let upsert = Statement::new(format!(
        "INSERT INTO action_parked (action_key, lane, position, device_key, bytes, received_ms, tries, failed_ms) VALUES {}
         ON CONFLICT (action_key, lane, position) DO UPDATE SET device_key = excluded.device_key, bytes = excluded.bytes,
             received_ms = excluded.received_ms, tries = excluded.tries, failed_ms = excluded.failed_ms",
        places(rows.len(), 8)
    ));
    rows.iter().fold(upsert, |upsert, row| {
        upsert
            .bind(action.0)
            .bind(row.lane)
            .bind(row.position.0)
            .bind(row.device.map(|device| device.0))
            .bind(signed(row.bytes))
            .bind(row.received.0)
            .bind(row.tries)
            .bind(row.failed.map(|failed| failed.0))
    })
}

fn letter_insert(letter: &NewLetter) -> Statement {
    let insert = "INSERT INTO action_letters (action_key, position, device_key, device_id, product_id, app_id, received_ms, \
                  body, reason, attempts, at_ms, forwarded, replaying, counted) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, FALSE)";
    Statement::new(insert)
        .bind(letter.action.0)
        .bind(letter.position.0)
        .bind(letter.device.map(|device| device.0))
        .bind(&letter.device_id)
        .bind(&letter.product_id)
        .bind(&letter.app_id)
        .bind(letter.received.0)
        .bind(letter.body.as_ref().map(|body| body.to_vec()))
        .bind(&letter.reason)
        .bind(letter.attempts)
        .bind(letter.at.0)
        .bind(letter.forwarded)
        .bind(letter.replaying)
}

fn letter_step(id: i64, step: &LetterStep) -> Statement {
    match step {
        LetterStep::Counted => {
            Statement::new("UPDATE action_letters SET counted = TRUE WHERE letter_id = $1").bind(id)
        }
        LetterStep::Delivered => Statement::new("DELETE FROM action_letters WHERE letter_id = $1").bind(id),
        LetterStep::Dead { reason, attempts, at } => Statement::new(
            "UPDATE action_letters SET replaying = FALSE, counted = FALSE, reason = $1, attempts = $2, at_ms = $3 \
             WHERE letter_id = $4",
        )
        .bind(reason)
        .bind(*attempts)
        .bind(at.0)
        .bind(id),
    }
}

fn attempts_insert(action: ActionKey, attempts: &[AttemptRow]) -> Statement {
    let insert = Statement::new(format!(
        "INSERT INTO action_attempts (action_key, position, at_ms, outcome, detail, took_ms) VALUES {}",
        places(attempts.len(), 6)
    ));
    attempts.iter().fold(insert, |insert, attempt| {
        insert
            .bind(action.0)
            .bind(attempt.position.0)
            .bind(attempt.at.0)
            .bind(&attempt.outcome)
            .bind(&attempt.detail)
            .bind(signed(attempt.took_ms))
    })
}

fn old_attempts(action: ActionKey, keep: u32) -> Statement {
    let delete = "DELETE FROM action_attempts WHERE action_key = $1 AND attempt_id <= (SELECT attempt_id \
                  FROM action_attempts WHERE action_key = $1 ORDER BY attempt_id DESC LIMIT 1 OFFSET $2)";
    Statement::new(delete).bind(action.0).bind(keep)
}

/// What one action's save writes, in order.
fn save(action: ActionKey, save: &ActionSave, keep_attempts: u32) -> Vec<Statement> {
    let old = Statement::new("DELETE FROM action_lanes WHERE action_key = $1").bind(action.0);
    let mut statements = vec![old];
    statements.extend(save.lanes.iter().map(|lane| lane_insert(action, lane)));
    statements.push(counters_upsert(action, save));
    let unparked = save.unparked.iter();
    statements.extend(unparked.map(|(lane, position)| unpark(action, *lane, *position)));
    // One statement may touch a row once: the newest says what is so.
    let newest: BTreeMap<_, _> = save
        .parked
        .iter()
        .map(|row| ((row.lane, row.position), row))
        .collect();
    let newest: Vec<_> = newest.into_values().collect();
    statements.extend(newest.chunks(ROWS).map(|rows| parked_upsert(action, rows)));
    statements.extend(save.letters.iter().map(letter_insert));
    statements.extend(save.letter_steps.iter().map(|(id, step)| letter_step(*id, step)));
    if !save.attempts.is_empty() {
        let inserts = save.attempts.chunks(ROWS);
        statements.extend(inserts.map(|attempts| attempts_insert(action, attempts)));
        statements.push(old_attempts(action, keep_attempts));
    }
    statements
}

/// A condition for one letter of an action, or for all of them.
fn of_letter(change: &str, action: ActionKey, letter: Option<i64>) -> Statement {
    let condition = "WHERE action_key = $1 AND letter_id = coalesce($2, letter_id) AND NOT replaying";
    Statement::new(format!("{change} {condition}"))
        .bind(action.0)
        .bind(letter)
}

#[async_trait]
impl<S: SqlStore> ActionStore for S {
    async fn load_action(&self, action: ActionKey) -> Result<Option<SavedAction>> {
        let of_action = |sql: &'static str| Statement::new(sql).bind(action.0);
        let counted = self
            .row(of_action("SELECT * FROM action_counters WHERE action_key = $1"))
            .await?;
        let Some(counted) = counted else {
            return Ok(None);
        };
        let lanes = of_action("SELECT * FROM action_lanes WHERE action_key = $1 ORDER BY lane");
        let waiting = of_action("SELECT * FROM action_parked WHERE action_key = $1 ORDER BY lane, position");
        Ok(Some(SavedAction {
            counters: counters(&counted)?,
            next_lane: counted.int("next_lane")?,
            lanes: self.rows(lanes).await?.iter().map(lane).collect::<Result<_>>()?,
            parked: self
                .rows(waiting)
                .await?
                .iter()
                .map(parked)
                .collect::<Result<_>>()?,
        }))
    }

    async fn save_actions(&self, saves: &[(ActionKey, ActionSave)], keep_attempts: u32) -> Result<()> {
        let statements = saves
            .iter()
            .flat_map(|(action, what)| save(*action, what, keep_attempts));
        self.keep(statements.collect()).await?;
        Ok(())
    }

    async fn keep_actions(&self, actions: &[ActionKey]) -> Result<()> {
        let keys: Vec<_> = actions.iter().map(|action| action.0.to_string()).collect();
        let condition = match keys.len() {
            0 => String::new(),
            _ => format!("WHERE action_key NOT IN ({})", keys.join(",")),
        };
        let deletes = TABLES.map(|table| Statement::new(format!("DELETE FROM {table} {condition}")));
        self.keep(deletes.into()).await?;
        Ok(())
    }

    async fn letters(&self, action: ActionKey, page: PageRequest) -> Result<Page<Letter>> {
        let listed = Statement::new(format!(
            "SELECT {LETTER} FROM action_letters WHERE action_key = $1 AND NOT replaying AND letter_id < $2
             ORDER BY letter_id DESC LIMIT $3 OFFSET $4"
        ));
        let listed = listed
            .bind(action.0)
            .bind(page.before)
            .bind(page.limit)
            .bind(page.offset);
        let found = self.rows(listed).await?;
        let count = "SELECT count(*) FROM action_letters WHERE action_key = $1 AND NOT replaying";
        Ok(Page {
            items: found.iter().map(|row| letter(row, None)).collect::<Result<_>>()?,
            total: self.number(Statement::new(count).bind(action.0)).await?,
        })
    }

    async fn letter(&self, action: ActionKey, id: i64) -> Result<Option<Letter>> {
        let one = of_letter("SELECT * FROM action_letters", action, Some(id));
        let row = self.row(one).await?;
        row.map(|row| letter_with_body(&row)).transpose()
    }

    async fn replay_letters(&self, action: ActionKey, letter: Option<i64>) -> Result<u64> {
        let replay = "UPDATE action_letters SET replaying = TRUE, counted = FALSE";
        self.keep(vec![of_letter(replay, action, letter)]).await
    }

    async fn letters_to_replay(&self, action: ActionKey, after: i64, limit: u32) -> Result<Vec<Letter>> {
        let waiting = Statement::new(
            "SELECT * FROM action_letters WHERE action_key = $1 AND replaying AND letter_id > $2
             ORDER BY letter_id LIMIT $3",
        );
        let found = self.rows(waiting.bind(action.0).bind(after).bind(limit)).await?;
        found.iter().map(letter_with_body).collect()
    }

    async fn drop_letters(&self, action: ActionKey, letter: Option<i64>) -> Result<u64> {
        self.keep(vec![of_letter("DELETE FROM action_letters", action, letter)])
            .await
    }

    async fn attempts(&self, position: Position) -> Result<Vec<(ActionKey, AttemptRow)>> {
        let tries = Statement::new("SELECT * FROM action_attempts WHERE position = $1 ORDER BY attempt_id");
        let found = self.rows(tries.bind(position.0)).await?;
        found.iter().map(attempt).collect()
    }
}
