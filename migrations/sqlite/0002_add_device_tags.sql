-- For queries by tag. What a device's events show stands in its description's version, as text.
CREATE TABLE device_tags (
    device_key INTEGER NOT NULL,
    tag_key TEXT NOT NULL,
    tag_value TEXT,
    PRIMARY KEY (device_key, tag_key)
) WITHOUT ROWID;
CREATE INDEX device_tags_by_tag ON device_tags (tag_key, tag_value, device_key);
