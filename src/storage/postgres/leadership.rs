//! The node that follows the log is the one whose session holds an advisory lock. A killed node's session ends with it. A node
//! that falls silent knows it before anyone else leads: it stops [`ANSWER`] after a question without an answer, and the server
//! ends a session that asks nothing for [`SILENCE`].

use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgConnection;

use super::Postgres;
use super::connect::{self, Connector};
use crate::storage::{Leadership, Term};

/// How often a node asks whether it leads, or still does.
const BEAT: Duration = Duration::from_millis(500);

/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// After so long without a question the server ends the session, and the lock with it. Longer than [`BEAT`], [`ANSWER`] and the
/// time that what follows the log takes to stop. Servers before version 14 cannot: there a silent node leads until TCP gives up.
const SILENCE: Duration = Duration::from_secs(8);

type SqlResult<T> = std::result::Result<T, sqlx::Error>;

#[async_trait]
impl Leadership for Postgres {
    async fn lead(&self) -> Box<dyn Term> {
        loop {
            match wait(&self.connector).await {
                Ok(session) => return Box::new(session),
                Err(error) => tracing::debug!(%error, "it is not known who follows the log"),
            }
            tokio::time::sleep(BEAT).await;
        }
    }
}

/// A session with the lock.
struct Session(PgConnection);

async fn wait(connector: &Connector) -> SqlResult<Session> {
    let mut connection = connector.connect().await?;
    let bound = "SELECT set_config('idle_session_timeout', $1, FALSE)
        WHERE current_setting('server_version_num')::INT >= 140000";
    let bound = sqlx::query(bound).bind(SILENCE.as_millis().to_string());
    connect::within(ANSWER, bound.execute(&mut connection)).await?;
    loop {
        let locked = sqlx::query_as("SELECT pg_try_advisory_lock(7166381, 2)");
        let (locked,) = connect::within(ANSWER, locked.fetch_one(&mut connection)).await?;
        if locked {
            return Ok(Session(connection));
        }
        tokio::time::sleep(BEAT).await;
    }
}

#[async_trait]
impl Term for Session {
    async fn lost(&mut self) {
        loop {
            tokio::time::sleep(BEAT).await;
            let asked = sqlx::query("SELECT 1").execute(&mut self.0);
            if let Err(error) = connect::within(ANSWER, asked).await {
                tracing::warn!(%error, "the session that leads is lost");
                return;
            }
        }
    }

    async fn end(self: Box<Self>) {
        // It does not matter whether that is heard: dropped, the session ends as well.
        let _ = tokio::time::timeout(ANSWER, connect::close(self.0)).await;
    }
}
