CREATE TABLE audit (
    audit_key INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    request_id BLOB NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    origin TEXT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX audit_by_actor ON audit (actor);
CREATE INDEX audit_by_time ON audit (at_ms);
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
