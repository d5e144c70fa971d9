//! A PostgreSQL database for one test, on the server that the environment names.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Dropped, with whoever is connected, when this is.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// An empty one on `server` (`postgres://…/postgres`).
    pub fn create(server: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        // Its language sorts unlike bytes, and "a" before "B": nothing may depend on it.
        execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        execute(server, &format!("CREATE DATABASE {name}"));
        Self {
            server: server.to_owned(),
            name,
        }
    }

    pub fn url(&self) -> String {
        let (base, _) = self.server.rsplit_once('/').unwrap();
        format!("{base}/{}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        execute(
            &self.server,
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

/// Runs one statement, on a thread of its own: a test may be inside a runtime.
fn execute(url: &str, statement: &str) {
    let (url, statement) = (url.to_owned(), statement.to_owned());
    let run = async move {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::thread::spawn(move || runtime.block_on(run)).join().unwrap();
}

/// The server for tests that need one, from the environment.
#[expect(clippy::disallowed_methods, reason = "it says where a server is")]
pub fn server() -> Option<String> {
    std::env::var("FIELDGATE_TEST_POSTGRES").ok()
}
