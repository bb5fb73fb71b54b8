package desk

import "latchkey/cmd/latchkey-controller/internal/store"

// A FullError says that the controller's disk is full, and where.
type FullError = store.FullError

// Full returns a FullError if the disk is full: then administrators' acts are
// kept in space kept for them, and what readers report waits at the readers.
func (d *Desk) Full() error { return d.site.Full() }
