-- People who sign in to the console. A session holds while its epoch is its user's.
CREATE TABLE users (
    user_key INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    role TEXT NOT NULL,
    must_change INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    session_epoch INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);
CREATE TABLE console_sessions (
    fingerprint BLOB PRIMARY KEY,
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    origin TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX console_sessions_by_user ON console_sessions (user_key);
