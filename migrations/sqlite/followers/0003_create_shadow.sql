CREATE TABLE shadow (
    device_key INTEGER NOT NULL,
    service_id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (device_key, service_id)
);
