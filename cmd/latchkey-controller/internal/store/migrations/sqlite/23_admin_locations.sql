-- Administrators who act at some locations only. One whose locations are all gone stays limited.
ALTER TABLE admins ADD COLUMN limited INTEGER NOT NULL DEFAULT 0 CHECK (limited IN (0, 1));
CREATE TABLE admin_locations (
	admin_id    INTEGER NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
	location_id INTEGER NOT NULL REFERENCES locations (id) ON DELETE CASCADE,
	PRIMARY KEY (admin_id, location_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX admin_locations_by_location ON admin_locations (location_id);
