-- What followers keep is in the same database here: no table tells whose followers they are.
CREATE TABLE cursors (name TEXT COLLATE "C" PRIMARY KEY, position BIGINT NOT NULL);
-- By position, so that retention removes a range; the index by device answers reads by itself.
CREATE TABLE history (
    position BIGINT PRIMARY KEY,
    device_key BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    kind SMALLINT NOT NULL
);
CREATE INDEX history_by_device ON history (device_key, position) INCLUDE (kind, received_ms);
CREATE TABLE device_activity (
    device_key BIGINT PRIMARY KEY,
    token_instants BYTEA NOT NULL,
    last_seen_ms BIGINT NOT NULL
);
