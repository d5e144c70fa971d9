-- What was last made known of a device that was ever heard; one that never was has no row.
CREATE TABLE device_status (
    device_key INTEGER PRIMARY KEY,
    online INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    active_ms INTEGER NOT NULL,
    announced INTEGER NOT NULL
);
CREATE INDEX device_status_to_announce ON device_status (device_key) WHERE announced = 0;
CREATE INDEX device_activity_by_time ON device_activity (last_seen_ms);
