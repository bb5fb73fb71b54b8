package store

import "latchkey/cmd/latchkey-controller/internal/zone"

// zoneSchema is the site's time zone.
const zoneSchema = `
ALTER TABLE site ADD COLUMN zone TEXT NOT NULL DEFAULT 'UTC'; -- IANA name, in which people write and read times
`

// fillZone gives a site that had no zone of its own the one in which its
// controller read and showed times: the machine's.
func (t *Tx) fillZone() error { return t.SetZone(zone.OfMachine()) }
