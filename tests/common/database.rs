//! A PostgreSQL database for one test, on the server that the environment names.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Dropped, with whoever is connected, when this is, unless it stays.
pub struct Database {
    server: String,
    name: String,
    /// Whether it outlives this.
    pub stays: bool,
}

impl Database {
    /// An empty one on `server` (`postgres://…/postgres`).
    pub fn create(server: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        let mut database = Self::named(server, &name);
        database.stays = false;
        database
    }

    /// The one of this name on `server`, made where it is missing.
    pub fn named(server: &str, name: &str) -> Self {
        let database = Self {
            server: server.to_owned(),
            name: name.to_owned(),
            stays: true,
        };
        if !exists(server, name) {
            execute(server, &format!("CREATE DATABASE {name}"));
        }
        database
    }

    pub fn url(&self) -> String {
        let (base, _) = self.server.rsplit_once('/').unwrap();
        format!("{base}/{}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.stays {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            execute(&self.server, &drop);
        }
    }
}

fn exists(server: &str, name: &str) -> bool {
    let (server, name) = (server.to_owned(), name.to_owned());
    apart(async move {
        let mut connection = PgConnection::connect(&server).await.unwrap();
        let found = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(name);
        found.fetch_optional(&mut connection).await.unwrap().is_some()
    })
}

/// Runs one statement.
fn execute(url: &str, statement: &str) {
    let (url, statement) = (url.to_owned(), statement.to_owned());
    apart(async move {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await
            .unwrap();
    });
}

/// On a thread of its own: a test may be inside a runtime.
fn apart<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::thread::spawn(move || runtime.block_on(work)).join().unwrap()
}

/// The server for tests that need one, from the environment.
#[expect(clippy::disallowed_methods, reason = "it says where a server is")]
pub fn server() -> Option<String> {
    std::env::var("FIELDGATE_TEST_POSTGRES").ok()
}
