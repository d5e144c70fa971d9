CREATE TABLE trace (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device_key INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    request_id TEXT NOT NULL,
    count INTEGER NOT NULL,
    UNIQUE (device_key, method, path, status, code, message)
);
CREATE INDEX trace_by_device ON trace (device_key, id);
