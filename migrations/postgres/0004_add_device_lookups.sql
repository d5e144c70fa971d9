-- A device's space is its product's and never changes; here it lets a list of one space read just its devices.
ALTER TABLE devices ADD COLUMN app_key BIGINT NOT NULL DEFAULT 0;
UPDATE devices SET app_key = (SELECT app_key FROM products WHERE products.product_key = devices.product_key);
CREATE INDEX devices_by_app ON devices (app_key);
CREATE INDEX devices_by_name ON devices (name) WHERE name IS NOT NULL;
CREATE INDEX devices_by_creation ON devices (created_ms);
-- Those whose registration may still run out.
CREATE INDEX devices_by_timeout ON devices ((created_ms + timeout_seconds * 1000)) WHERE timeout_seconds > 0;
