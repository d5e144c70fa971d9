CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE apps (
    app_key INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);
CREATE TABLE products (
    product_key INTEGER PRIMARY KEY AUTOINCREMENT,
    app_key INTEGER NOT NULL REFERENCES apps (app_key),
    product_id TEXT NOT NULL,
    name TEXT NOT NULL,
    device_type TEXT NOT NULL,
    protocol_type TEXT NOT NULL,
    data_format TEXT NOT NULL,
    manufacturer_name TEXT,
    industry TEXT,
    description TEXT,
    service_capabilities TEXT NOT NULL,
    validation_mode TEXT,
    require_sign_type_1 INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (product_id, app_key)
);
CREATE TABLE devices (
    device_key INTEGER PRIMARY KEY AUTOINCREMENT,
    device_id TEXT NOT NULL UNIQUE,
    node_id TEXT NOT NULL,
    product_key INTEGER NOT NULL REFERENCES products (product_key),
    gateway_key INTEGER REFERENCES devices (device_key),
    name TEXT,
    description TEXT,
    extension_info TEXT,
    secret BLOB NOT NULL,
    secondary_secret BLOB,
    secure_access INTEGER NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    frozen INTEGER NOT NULL,
    version_key INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);
CREATE INDEX devices_by_product ON devices (product_key);
CREATE INDEX devices_by_gateway ON devices (gateway_key) WHERE gateway_key IS NOT NULL;
CREATE INDEX devices_by_node ON devices (node_id);
CREATE TABLE device_versions (
    version_key INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    node_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    gateway_id TEXT NOT NULL,
    tags TEXT
);
-- Positions rise in commit order and are never reused, also after a purge. No further index: it would cost the writer
-- three times the insert; history by device has one of its own, elsewhere.
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    device_key INTEGER,
    version_key INTEGER,
    reported_by INTEGER,
    received_ms INTEGER NOT NULL,
    request_id BLOB NOT NULL,
    payload BLOB NOT NULL,
    faults TEXT
);
CREATE TABLE access_keys (
    access_key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    secret BLOB NOT NULL,
    disabled INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
