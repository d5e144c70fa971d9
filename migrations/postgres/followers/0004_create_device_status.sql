-- What was last made known of a device that was ever heard; one that never was has no row.
CREATE TABLE device_status (
    device_key BIGINT PRIMARY KEY,
    online BOOLEAN NOT NULL,
    changed_ms BIGINT NOT NULL,
    active_ms BIGINT NOT NULL,
    announced BOOLEAN NOT NULL
);
CREATE INDEX device_status_to_announce ON device_status (device_key) WHERE NOT announced;
CREATE INDEX device_activity_by_time ON device_activity (last_seen_ms);
