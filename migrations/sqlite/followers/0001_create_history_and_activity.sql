-- Whose followers these are: beside another database they are worth nothing.
CREATE TABLE origin (project_id TEXT NOT NULL);
CREATE TABLE cursors (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
-- By position, so that retention removes a range; the index by device answers reads by itself.
CREATE TABLE history (
    position INTEGER PRIMARY KEY,
    device_key INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    received_ms INTEGER NOT NULL
);
CREATE INDEX history_by_device ON history (device_key, position, kind, received_ms);
CREATE TABLE device_activity (
    device_key INTEGER PRIMARY KEY,
    token_instants BLOB NOT NULL,
    last_seen_ms INTEGER NOT NULL
);
