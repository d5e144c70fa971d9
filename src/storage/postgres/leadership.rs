//! The node that follows the log is the one whose session holds an advisory lock. A killed node's session ends with it. A node
//! that falls silent knows it before anyone else leads: it stops at the first question without an [`ANSWER`], and the server ends
//! a session that asks nothing for [`SILENCE`]. When the server itself was away, the node that led before leads again, and knows
//! what it did: all others give it [`PRECEDENCE`].

use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgConnection;
use tokio::time::Instant;

use super::Postgres;
use super::connect::{self, Connector, within};
use crate::storage::{Leadership, Term};

/// How often a node asks whether it leads, or still does.
const BEAT: Duration = Duration::from_millis(500);

/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// After so long without a question the server ends the session, and the lock with it. Longer than [`BEAT`], [`ANSWER`] and the
/// time that what follows the log takes to stop. Servers before version 14 cannot: there a silent node leads until TCP gives up.
const SILENCE: Duration = Duration::from_secs(8);

/// How long a node whose own session was lost lets the one that led before go first.
const PRECEDENCE: Duration = Duration::from_secs(6);

type SqlResult<T> = std::result::Result<T, sqlx::Error>;

#[async_trait]
impl Leadership for Postgres {
    async fn lead(&self) -> Box<dyn Term> {
        let mut session_was_lost = false;
        loop {
            match wait(&self.connector, &self.node, session_was_lost).await {
                Ok(session) => return Box::new(session),
                Err(error) => tracing::debug!(%error, "it is not known who follows the log"),
            }
            session_was_lost = true;
            tokio::time::sleep(BEAT).await;
        }
    }
}

/// A session with the lock.
struct Session {
    connector: Connector,
    node: String,
    connection: PgConnection,
}

async fn wait(connector: &Connector, node: &str, give_precedence: bool) -> SqlResult<Session> {
    let mut connection = connect(connector).await?;
    let begun = Instant::now();
    while give_precedence && begun.elapsed() < PRECEDENCE {
        last_leader(&mut connection).await?;
        tokio::time::sleep(BEAT).await;
    }
    while !lock(&mut connection).await? {
        tokio::time::sleep(BEAT).await;
    }
    let upsert = "INSERT INTO settings (name, value) VALUES ('leader', $1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    let noting = sqlx::query(upsert).bind(node.as_bytes()).execute(&mut connection);
    within(ANSWER, noting).await?;
    Ok(Session {
        connector: connector.clone(),
        node: node.to_owned(),
        connection,
    })
}

async fn connect(connector: &Connector) -> SqlResult<PgConnection> {
    let mut connection = connector.connect().await?;
    let bound = "SELECT set_config('idle_session_timeout', $1, FALSE)
        WHERE current_setting('server_version_num')::INT >= 140000";
    let bound = sqlx::query(bound).bind(SILENCE.as_millis().to_string());
    within(ANSWER, bound.execute(&mut connection)).await?;
    Ok(connection)
}

async fn lock(connection: &mut PgConnection) -> SqlResult<bool> {
    let locked = sqlx::query_as("SELECT pg_try_advisory_lock(7166381, 2)").fetch_one(connection);
    let (locked,) = within(ANSWER, locked).await?;
    Ok(locked)
}

/// The node that leads, or led last.
async fn last_leader(connection: &mut PgConnection) -> SqlResult<Option<Vec<u8>>> {
    let found = sqlx::query_as("SELECT value FROM settings WHERE name = 'leader'").fetch_optional(connection);
    let found: Option<(Vec<u8>,)> = within(ANSWER, found).await?;
    Ok(found.map(|(node,)| node))
}

impl Session {
    /// The lock is taken before it is known who led last: who leads now has noted it.
    async fn claim_again(&mut self) -> SqlResult<bool> {
        let mut connection = connect(&self.connector).await?;
        loop {
            let is_locked = lock(&mut connection).await?;
            if last_leader(&mut connection).await?.as_deref() != Some(self.node.as_bytes()) {
                return Ok(false);
            }
            if is_locked {
                self.connection = connection;
                return Ok(true);
            }
            tokio::time::sleep(BEAT).await;
        }
    }
}

#[async_trait]
impl Term for Session {
    async fn lost(&mut self) {
        loop {
            tokio::time::sleep(BEAT).await;
            let asked = sqlx::query("SELECT 1").execute(&mut self.connection);
            if let Err(error) = within(ANSWER, asked).await {
                tracing::warn!(%error, "the session that leads is lost");
                return;
            }
        }
    }

    async fn regain(&mut self) -> bool {
        loop {
            match self.claim_again().await {
                Ok(regained) => return regained,
                Err(error) => tracing::debug!(%error, "it is not known who follows the log"),
            }
            tokio::time::sleep(BEAT).await;
        }
    }

    async fn end(self: Box<Self>) {
        // It does not matter whether that is heard: dropped, the session ends as well.
        let _ = tokio::time::timeout(ANSWER, connect::close(self.connection)).await;
    }
}
