CREATE TABLE shadow (
    device_key BIGINT NOT NULL,
    service_id TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    UNIQUE (device_key, service_id)
);
