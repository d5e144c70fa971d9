//! What actions keep, in the second file. A save of all actions is one transaction.

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite as Database};

use super::{Sqlite, unavailable};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionKey, DeviceKey, Position};
use crate::storage::{
    ActionSave, ActionStore, AttemptRow, Counters, Letter, LetterStep, Mark, NewLetter, Page, PageRequest,
    ParkedRow, Result, SavedAction, SavedLane, StoreError,
};

/// Rows of one statement: at most 8 columns each.
const ROWS: usize = 256;

/// The columns of a letter, without its body.
const LETTER: &str = "letter_id, action_key, position, device_key, device_id, product_id, app_id, received_ms, reason, \
                      attempts, at_ms, forwarded, replaying, counted";

type Connected<'a> = &'a mut SqliteConnection;
type Done = std::result::Result<(), sqlx::Error>;

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &SqliteRow, column: &str) -> Result<u64> {
    let number: i64 = row.try_get(column).map_err(unavailable)?;
    Ok(u64::try_from(number).unwrap_or(0))
}

fn number(row: &SqliteRow, column: &str) -> Result<i64> {
    row.try_get(column).map_err(unavailable)
}

fn json<T: serde::de::DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T> {
    let text: String = row.try_get(column).map_err(unavailable)?;
    serde_json::from_str(&text).map_err(|error| StoreError::Corrupt(format!("{column}: {error}")))
}

fn mark(row: &SqliteRow, name: &str) -> Result<Mark> {
    Ok(Mark {
        position: number(row, name)?,
        taken: unsigned(row, &format!("{name}_taken"))?,
        bytes: unsigned(row, &format!("{name}_bytes"))?,
    })
}

fn device(row: &SqliteRow) -> Result<Option<DeviceKey>> {
    let key: Option<i64> = row.try_get("device_key").map_err(unavailable)?;
    Ok(key.map(DeviceKey))
}

fn lane(row: &SqliteRow) -> Result<SavedLane> {
    let up_to: Option<i64> = row.try_get("up_to").map_err(unavailable)?;
    let outcomes: Vec<(i64, u64)> = json(row, "outcomes")?;
    let marks: Vec<(i64, u64, u64)> = json(row, "marks")?;
    Ok(SavedLane {
        lane: number(row, "lane")?,
        settled: mark(row, "settled")?,
        scanned: mark(row, "scanned")?,
        up_to: up_to.map(Position),
        device: device(row)?,
        outcomes: outcomes
            .into_iter()
            .map(|(position, bytes)| (Position(position), bytes))
            .collect(),
        marks: marks
            .into_iter()
            .map(|(position, taken, bytes)| Mark {
                position,
                taken,
                bytes,
            })
            .collect(),
    })
}

fn counters(row: &SqliteRow) -> Result<Counters> {
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

fn parked(row: &SqliteRow) -> Result<ParkedRow> {
    let failed: Option<i64> = row.try_get("failed_ms").map_err(unavailable)?;
    Ok(ParkedRow {
        lane: number(row, "lane")?,
        position: Position(number(row, "position")?),
        device: device(row)?,
        bytes: unsigned(row, "bytes")?,
        received: Timestamp(number(row, "received_ms")?),
        tries: row.try_get("tries").map_err(unavailable)?,
        failed: failed.map(Timestamp),
    })
}

fn letter(row: &SqliteRow, body: Option<Vec<u8>>) -> Result<Letter> {
    let optional = |column: &str| row.try_get::<Option<String>, _>(column).map_err(unavailable);
    Ok(Letter {
        id: number(row, "letter_id")?,
        counted: row.try_get("counted").map_err(unavailable)?,
        told: NewLetter {
            action: ActionKey(number(row, "action_key")?),
            position: Position(number(row, "position")?),
            device: device(row)?,
            device_id: optional("device_id")?,
            product_id: optional("product_id")?,
            app_id: optional("app_id")?,
            received: Timestamp(number(row, "received_ms")?),
            body: body.map(Into::into),
            reason: row.try_get("reason").map_err(unavailable)?,
            attempts: row.try_get("attempts").map_err(unavailable)?,
            at: Timestamp(number(row, "at_ms")?),
            forwarded: row.try_get("forwarded").map_err(unavailable)?,
            replaying: row.try_get("replaying").map_err(unavailable)?,
        },
    })
}

fn letter_with_body(row: &SqliteRow) -> Result<Letter> {
    let body = row.try_get("body").map_err(unavailable)?;
    letter(row, body)
}

async fn save_lanes(connection: Connected<'_>, action: ActionKey, save: &ActionSave) -> Done {
    sqlx::query("DELETE FROM action_lanes WHERE action_key = ?")
        .bind(action.0)
        .execute(&mut *connection)
        .await?;
    for lane in &save.lanes {
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
        sqlx::query("INSERT INTO action_lanes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
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
            .execute(&mut *connection)
            .await?;
    }
    let counters = &save.counters;
    sqlx::query("INSERT OR REPLACE INTO action_counters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(action.0)
        .bind(signed(counters.taken))
        .bind(signed(counters.taken_bytes))
        .bind(signed(counters.delivered))
        .bind(signed(counters.dead))
        .bind(signed(counters.dropped_by_size))
        .bind(signed(counters.dropped_by_time))
        .bind(signed(counters.dropped_by_retention))
        .bind(save.next_lane)
        .execute(connection)
        .await?;
    Ok(())
}

async fn save_parked(connection: Connected<'_>, action: ActionKey, save: &ActionSave) -> Done {
    for (lane, position) in &save.unparked {
        sqlx::query("DELETE FROM action_parked WHERE action_key = ? AND lane = ? AND position = ?")
            .bind(action.0)
            .bind(lane)
            .bind(position.0)
            .execute(&mut *connection)
            .await?;
    }
    for chunk in save.parked.chunks(ROWS) {
        let mut query = QueryBuilder::<Database>::new("INSERT OR REPLACE INTO action_parked ");
        query.push_values(chunk, |mut row, parked| {
            row.push_bind(action.0)
                .push_bind(parked.lane)
                .push_bind(parked.position.0);
            row.push_bind(parked.device.map(|device| device.0))
                .push_bind(signed(parked.bytes));
            row.push_bind(parked.received.0).push_bind(parked.tries);
            row.push_bind(parked.failed.map(|failed| failed.0));
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_letter(connection: Connected<'_>, letter: &NewLetter) -> Done {
    sqlx::query(
        "INSERT INTO action_letters (action_key, position, device_key, device_id, product_id, app_id, received_ms, body, \
         reason, attempts, at_ms, forwarded, replaying, counted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
    )
    .bind(letter.action.0)
    .bind(letter.position.0)
    .bind(letter.device.map(|device| device.0))
    .bind(&letter.device_id)
    .bind(&letter.product_id)
    .bind(&letter.app_id)
    .bind(letter.received.0)
    .bind(letter.body.as_deref())
    .bind(&letter.reason)
    .bind(letter.attempts)
    .bind(letter.at.0)
    .bind(letter.forwarded)
    .bind(letter.replaying)
    .execute(connection)
    .await?;
    Ok(())
}

async fn letter_step(connection: Connected<'_>, id: i64, step: &LetterStep) -> Done {
    let query = match step {
        LetterStep::Counted => {
            sqlx::query("UPDATE action_letters SET counted = 1 WHERE letter_id = ?").bind(id)
        }
        LetterStep::Delivered => sqlx::query("DELETE FROM action_letters WHERE letter_id = ?").bind(id),
        LetterStep::Dead { reason, attempts, at } => sqlx::query(
            "UPDATE action_letters SET replaying = 0, counted = 0, reason = ?, attempts = ?, at_ms = ? \
             WHERE letter_id = ?",
        )
        .bind(reason)
        .bind(attempts)
        .bind(at.0)
        .bind(id),
    };
    query.execute(connection).await?;
    Ok(())
}

async fn save_attempts(
    connection: Connected<'_>,
    action: ActionKey,
    attempts: &[AttemptRow],
    keep: u32,
) -> Done {
    if attempts.is_empty() {
        return Ok(());
    }
    for chunk in attempts.chunks(ROWS) {
        let mut query = QueryBuilder::<Database>::new(
            "INSERT INTO action_attempts (action_key, position, at_ms, outcome, detail, took_ms) ",
        );
        query.push_values(chunk, |mut row, attempt| {
            row.push_bind(action.0)
                .push_bind(attempt.position.0)
                .push_bind(attempt.at.0);
            row.push_bind(&attempt.outcome).push_bind(&attempt.detail);
            row.push_bind(signed(attempt.took_ms));
        });
        query.build().execute(&mut *connection).await?;
    }
    sqlx::query(
        "DELETE FROM action_attempts WHERE action_key = ?1 AND attempt_id <=
         (SELECT attempt_id FROM action_attempts WHERE action_key = ?1 ORDER BY attempt_id DESC LIMIT 1 OFFSET ?2)",
    )
    .bind(action.0)
    .bind(keep)
    .execute(connection)
    .await?;
    Ok(())
}

async fn save(connection: Connected<'_>, action: ActionKey, save: &ActionSave, keep: u32) -> Done {
    save_lanes(&mut *connection, action, save).await?;
    save_parked(&mut *connection, action, save).await?;
    for letter in &save.letters {
        insert_letter(&mut *connection, letter).await?;
    }
    for (id, step) in &save.letter_steps {
        letter_step(&mut *connection, *id, step).await?;
    }
    save_attempts(connection, action, &save.attempts, keep).await
}

impl Sqlite {
    async fn action_rows(&self, sql: &'static str, action: ActionKey) -> Result<Vec<SqliteRow>> {
        let query = sqlx::query(sql).bind(action.0);
        query.fetch_all(&self.followers).await.map_err(unavailable)
    }
}

#[async_trait]
impl ActionStore for Sqlite {
    async fn load_action(&self, action: ActionKey) -> Result<Option<SavedAction>> {
        let counted = self.action_rows("SELECT * FROM action_counters WHERE action_key = ?", action);
        let counted = counted.await?;
        let Some(row) = counted.first() else {
            return Ok(None);
        };
        let lanes = self.action_rows(
            "SELECT * FROM action_lanes WHERE action_key = ? ORDER BY lane",
            action,
        );
        let waiting = self.action_rows(
            "SELECT * FROM action_parked WHERE action_key = ? ORDER BY lane, position",
            action,
        );
        Ok(Some(SavedAction {
            counters: counters(row)?,
            next_lane: number(row, "next_lane")?,
            lanes: lanes.await?.iter().map(lane).collect::<Result<_>>()?,
            parked: waiting.await?.iter().map(parked).collect::<Result<_>>()?,
        }))
    }

    async fn save_actions(&self, saves: &[(ActionKey, ActionSave)], keep_attempts: u32) -> Result<()> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for (action, what) in saves {
            save(&mut transaction, *action, what, keep_attempts)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn keep_actions(&self, actions: &[ActionKey]) -> Result<()> {
        let keys: Vec<_> = actions.iter().map(|action| action.0.to_string()).collect();
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        for table in [
            "action_lanes",
            "action_counters",
            "action_parked",
            "action_letters",
            "action_attempts",
        ] {
            let sql = format!("DELETE FROM {table} WHERE action_key NOT IN ({})", keys.join(","));
            sqlx::query(AssertSqlSafe(sql))
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn letters(&self, action: ActionKey, page: PageRequest) -> Result<Page<Letter>> {
        let sql = format!(
            "SELECT {LETTER} FROM action_letters WHERE action_key = ? AND replaying = 0 AND letter_id < ?
             ORDER BY letter_id DESC LIMIT ? OFFSET ?"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(action.0)
            .bind(page.before)
            .bind(page.limit)
            .bind(page.offset)
            .fetch_all(&self.followers)
            .await
            .map_err(unavailable)?;
        let total = sqlx::query("SELECT count(*) FROM action_letters WHERE action_key = ? AND replaying = 0")
            .bind(action.0)
            .fetch_one(&self.followers)
            .await;
        Ok(Page {
            items: found.iter().map(|row| letter(row, None)).collect::<Result<_>>()?,
            total: total.and_then(|row| row.try_get(0)).map_err(unavailable)?,
        })
    }

    async fn letter(&self, action: ActionKey, id: i64) -> Result<Option<Letter>> {
        let row = sqlx::query(
            "SELECT * FROM action_letters WHERE action_key = ? AND letter_id = ? AND replaying = 0",
        )
        .bind(action.0)
        .bind(id);
        let row = row.fetch_optional(&self.followers).await.map_err(unavailable)?;
        row.map(|row| letter_with_body(&row)).transpose()
    }

    async fn replay_letters(&self, action: ActionKey, letter: Option<i64>) -> Result<u64> {
        let done = sqlx::query(
            "UPDATE action_letters SET replaying = 1, counted = 0
             WHERE action_key = ?1 AND letter_id = coalesce(?2, letter_id) AND replaying = 0",
        )
        .bind(action.0)
        .bind(letter)
        .execute(&self.followers);
        Ok(done.await.map_err(unavailable)?.rows_affected())
    }

    async fn letters_to_replay(&self, action: ActionKey, after: i64, limit: u32) -> Result<Vec<Letter>> {
        let found = sqlx::query(
            "SELECT * FROM action_letters WHERE action_key = ? AND replaying = 1 AND letter_id > ?
             ORDER BY letter_id LIMIT ?",
        )
        .bind(action.0)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.followers)
        .await
        .map_err(unavailable)?;
        found.iter().map(letter_with_body).collect()
    }

    async fn drop_letters(&self, action: ActionKey, letter: Option<i64>) -> Result<u64> {
        let done = sqlx::query(
            "DELETE FROM action_letters
             WHERE action_key = ?1 AND letter_id = coalesce(?2, letter_id) AND replaying = 0",
        )
        .bind(action.0)
        .bind(letter)
        .execute(&self.followers);
        Ok(done.await.map_err(unavailable)?.rows_affected())
    }

    async fn attempts(&self, position: Position) -> Result<Vec<(ActionKey, AttemptRow)>> {
        let found = sqlx::query("SELECT * FROM action_attempts WHERE position = ? ORDER BY attempt_id")
            .bind(position.0)
            .fetch_all(&self.followers)
            .await
            .map_err(unavailable)?;
        let attempt = |row: &SqliteRow| {
            let told = AttemptRow {
                position,
                at: Timestamp(number(row, "at_ms")?),
                outcome: row.try_get("outcome").map_err(unavailable)?,
                detail: row.try_get("detail").map_err(unavailable)?,
                took_ms: unsigned(row, "took_ms")?,
            };
            Ok((ActionKey(number(row, "action_key")?), told))
        };
        found.iter().map(attempt).collect()
    }
}
