//! How work gets a connection of the pool, and what becomes of it: given back, or closed where the server left it without an
//! answer, so that no connection stays taken until the network gives up.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::connect::{Outage, no_answer, silent};
use super::{Postgres, unavailable};
use crate::storage::Result;

type SqlResult<T> = std::result::Result<T, sqlx::Error>;

/// A connection of the pool for one piece of work.
pub(super) struct Lent {
    connection: PoolConnection<sqlx::Postgres>,
    /// By then the server ends any statement by itself.
    answers_until: Instant,
    returns_within: Duration,
    outage: Outage,
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Lent {
    /// Before one is taken back the pool cleans and tries it, and waits for the server as long as that takes. So it has its time
    /// here, and none where the server is known to be silent. Whichever is dropped before its end, the connection is closed.
    fn drop(&mut self) {
        let returning = self.connection.return_to_pool();
        let is_silent = Instant::now() >= self.answers_until || self.outage.check().is_err();
        if let (false, Ok(runtime)) = (is_silent, Handle::try_current()) {
            drop(runtime.spawn(tokio::time::timeout(self.returns_within, returning)));
        }
    }
}

impl Postgres {
    /// Gives work on the pool its time, or refuses it while the database cannot be reached.
    pub(super) async fn timed<T>(&self, work: impl Future<Output = SqlResult<T>> + Send) -> Result<T> {
        self.outage.check()?;
        let timed = tokio::time::timeout(self.patience, work);
        tokio::select! {
            biased;
            done = timed => done.unwrap_or_else(|_| Err(no_answer())).map_err(unavailable),
            () = self.outage.begins() => Err(silent()),
        }
    }

    /// A connection; within [`Postgres::timed`], which bounds the work on it.
    pub(super) async fn lend(&self) -> SqlResult<Lent> {
        let connection = self.pool.acquire().await?;
        Ok(Lent {
            connection,
            answers_until: Instant::now() + self.statement_timeout,
            returns_within: self.patience,
            outage: self.outage.clone(),
        })
    }

    pub(super) async fn found(&self, query: Query<'_, sqlx::Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        self.timed(async { query.fetch_all(&mut *self.lend().await?).await })
            .await
    }

    /// What a query finds that always finds one row.
    pub(super) async fn one<T>(&self, query: QueryAs<'_, sqlx::Postgres, T, PgArguments>) -> Result<T>
    where
        T: Send + Unpin + for<'r> sqlx::FromRow<'r, PgRow>,
    {
        self.timed(async { query.fetch_one(&mut *self.lend().await?).await })
            .await
    }

    /// How many rows a statement touched.
    pub(super) async fn touched(&self, query: Query<'_, sqlx::Postgres, PgArguments>) -> Result<u64> {
        let done = self.timed(async { query.execute(&mut *self.lend().await?).await });
        Ok(done.await?.rows_affected())
    }
}
