-- How far an action has come. Lane 0 is the log as it grows; the others are ranges that are delivered again.
CREATE TABLE action_lanes (
    action_key INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    settled_taken INTEGER NOT NULL,
    settled_bytes INTEGER NOT NULL,
    scanned INTEGER NOT NULL,
    scanned_taken INTEGER NOT NULL,
    scanned_bytes INTEGER NOT NULL,
    up_to INTEGER,
    device_key INTEGER,
    outcomes TEXT NOT NULL,
    marks TEXT NOT NULL,
    PRIMARY KEY (action_key, lane)
) WITHOUT ROWID;
CREATE TABLE action_counters (
    action_key INTEGER PRIMARY KEY,
    taken INTEGER NOT NULL,
    taken_bytes INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    dropped_by_size INTEGER NOT NULL,
    dropped_by_time INTEGER NOT NULL,
    dropped_by_retention INTEGER NOT NULL,
    next_lane INTEGER NOT NULL
);
-- Events that failed while their target took others, and those that wait behind them.
CREATE TABLE action_parked (
    action_key INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    position INTEGER NOT NULL,
    device_key INTEGER,
    bytes INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    failed_ms INTEGER,
    PRIMARY KEY (action_key, lane, position)
) WITHOUT ROWID;
-- With what went out, since the event may be gone from the log. A letter that is delivered again stays until that is done.
CREATE TABLE action_letters (
    letter_id INTEGER PRIMARY KEY AUTOINCREMENT,
    action_key INTEGER NOT NULL,
    position INTEGER NOT NULL,
    device_key INTEGER,
    device_id TEXT,
    product_id TEXT,
    app_id TEXT,
    received_ms INTEGER NOT NULL,
    body BLOB,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    forwarded INTEGER NOT NULL,
    replaying INTEGER NOT NULL,
    counted INTEGER NOT NULL
);
CREATE INDEX action_letters_by_action ON action_letters (action_key, letter_id);
CREATE INDEX action_letters_to_replay ON action_letters (action_key, letter_id) WHERE replaying;
CREATE TABLE action_attempts (
    attempt_id INTEGER PRIMARY KEY AUTOINCREMENT,
    action_key INTEGER NOT NULL,
    position INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    took_ms INTEGER NOT NULL
);
CREATE INDEX action_attempts_by_action ON action_attempts (action_key, attempt_id);
CREATE INDEX action_attempts_by_position ON action_attempts (position);
