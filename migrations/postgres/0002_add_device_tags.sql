-- For queries by tag. What a device's events show stands in its description's version, as text.
CREATE TABLE device_tags (
    device_key BIGINT NOT NULL,
    tag_key TEXT COLLATE "C" NOT NULL,
    tag_value TEXT COLLATE "C",
    PRIMARY KEY (device_key, tag_key)
);
CREATE INDEX device_tags_by_tag ON device_tags (tag_key, tag_value, device_key);
