CREATE TABLE rules (
    rule_key INTEGER PRIMARY KEY AUTOINCREMENT,
    rule_id TEXT NOT NULL UNIQUE,
    name TEXT,
    description TEXT,
    resource TEXT NOT NULL,
    event TEXT NOT NULL,
    app_id TEXT,
    active INTEGER NOT NULL,
    select_text TEXT NOT NULL,
    where_text TEXT NOT NULL,
    created_ms INTEGER NOT NULL
);
-- What a rule said from a position on; events are judged by the version of their position.
CREATE TABLE rule_versions (
    rule_key INTEGER NOT NULL REFERENCES rules (rule_key) ON DELETE CASCADE,
    after_position INTEGER NOT NULL,
    active INTEGER NOT NULL,
    select_text TEXT NOT NULL,
    where_text TEXT NOT NULL,
    PRIMARY KEY (rule_key, after_position)
) WITHOUT ROWID;
CREATE TABLE actions (
    action_key INTEGER PRIMARY KEY AUTOINCREMENT,
    action_id TEXT NOT NULL UNIQUE,
    rule_key INTEGER NOT NULL REFERENCES rules (rule_key) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    detail TEXT NOT NULL,
    credentials BLOB,
    signing BLOB NOT NULL,
    previous_signing BLOB,
    previous_until_ms INTEGER,
    dead_letter_action TEXT,
    paused INTEGER NOT NULL,
    after_position INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);
CREATE INDEX actions_by_rule ON actions (rule_key);
CREATE TABLE backlog_policies (
    policy_key INTEGER PRIMARY KEY AUTOINCREMENT,
    policy_id TEXT NOT NULL UNIQUE,
    name TEXT,
    description TEXT,
    size_bytes INTEGER NOT NULL,
    time_seconds INTEGER NOT NULL
);
CREATE TABLE flow_control_policies (
    policy_key INTEGER PRIMARY KEY AUTOINCREMENT,
    policy_id TEXT NOT NULL UNIQUE,
    name TEXT,
    description TEXT,
    scope TEXT NOT NULL,
    scope_value TEXT,
    tps INTEGER NOT NULL
);
CREATE TABLE ca_certificates (
    certificate_key INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate_id TEXT NOT NULL UNIQUE,
    app_id TEXT,
    pem TEXT NOT NULL,
    created_ms INTEGER NOT NULL
);
