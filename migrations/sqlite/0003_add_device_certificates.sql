ALTER TABLE devices ADD COLUMN auth_type TEXT NOT NULL DEFAULT 'SECRET';
ALTER TABLE devices ADD COLUMN fingerprint TEXT;
ALTER TABLE devices ADD COLUMN secondary_fingerprint TEXT;
