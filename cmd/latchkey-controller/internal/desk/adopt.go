package desk

import (
	"context"
	"io"

	"latchkey/cmd/latchkey-controller/internal/site"
)

// A Request is a board's request for adoption, as it was uploaded.
type Request struct {
	Fingerprint string // the reader's screen shows the same
	Reader      string // the reader that this board is now; "": none
}

// MaxRequest is the most bytes of a request.
const MaxRequest = 64 << 10

// ReadRequest reads a request, for a person to compare the fingerprint. Field:
// "request".
func (d *Desk) ReadRequest(ctx context.Context, a Actor, signed []byte) (*Request, error) {
	return nil, errUnwritten
}

// An AdoptForm is the second step. Its fields in errors are "reader", "door",
// "place", "time-zone", "broker", "fingerprint".
type AdoptForm struct {
	Reader      string // id
	Request     []byte // as uploaded
	Fingerprint string // that was compared: must be the request's
	Door        string // "": as it is, or the reader's id
	Place       string // "": as it is, or the first location
	TimeZone    string // "": as it is, or UTC
	Broker      string // URL at which the reader meets the controller; "": the one that it was given before
}

// Adopt makes a board a reader and hands the sealed bundle to save; if that
// fails nothing has happened. A newer bundle revokes the older one.
func (d *Desk) Adopt(ctx context.Context, a Actor, form AdoptForm, save func(bundle []byte) error) (*site.Adoption, error) {
	return nil, errUnwritten
}

// A Removal is how a reader left.
type Removal string

// The removals.
const (
	Returned Removal = "returned" // it is in good hands
	Lost     Removal = "lost"     // it may be taken apart: PINs and cards count as exposed
)

// RemoveReader refuses a reader's certificate and signatures from now on, has
// its retained topics cleared, and begins a new epoch. Lost marks all PINs and
// cards as exposed.
func (d *Desk) RemoveReader(ctx context.Context, a Actor, reader string, how Removal) (epoch uint64, err error) {
	return 0, errUnwritten
}

// NewEpoch begins an epoch with a new site key.
func (d *Desk) NewEpoch(ctx context.Context, a Actor) (epoch uint64, err error) {
	return 0, errUnwritten
}

// WriteBackup writes the site as it is now as a tar archive, keys included.
func (d *Desk) WriteBackup(ctx context.Context, a Actor, w io.Writer) error { return errUnwritten }

// BackupTo copies the site as it is now into a new directory.
func (d *Desk) BackupTo(ctx context.Context, a Actor, dir string) error { return errUnwritten }

// Settings are what is set for the whole site.
type Settings struct {
	KeepDays int // how long activity is kept, 1 to 3,650 days
}

// Settings returns them.
func (d *Desk) Settings(ctx context.Context, a Actor) (Settings, error) {
	return Settings{}, errUnwritten
}

// SetSettings changes them. Field: "keep-days".
func (d *Desk) SetSettings(ctx context.Context, a Actor, s Settings) error { return errUnwritten }
