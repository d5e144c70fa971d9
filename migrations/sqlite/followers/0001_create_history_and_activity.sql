CREATE TABLE cursors (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE history (
    device_key INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (device_key, position)
) WITHOUT ROWID;
CREATE TABLE device_activity (
    device_key INTEGER PRIMARY KEY,
    token_instants BLOB NOT NULL,
    last_seen_ms INTEGER NOT NULL
);
