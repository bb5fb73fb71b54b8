package adoption

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"latchkey/cmd/latchkeyd/internal/datadir"
)

// An Inbox takes over the adoptions that come into a running reader's data directory,
// which the caller has locked.
type Inbox struct {
	dir     string
	log     *slog.Logger
	tried   time.Time // modification time of the adoption that was tried last
	refused string
}

// NewInbox returns the inbox of a data directory.
func NewInbox(dir string, log *slog.Logger) *Inbox { return &Inbox{dir: dir, log: log} }

// Refused returns why the last adoption was not taken over; "": it was.
func (i *Inbox) Refused() string { return i.refused }

// TakeOver takes over an adoption that has come. It renames one that is refused; one that
// fails, because the disk is full perhaps, is tried again later.
func (i *Inbox) TakeOver() {
	err := takeOver(i.dir)
	if err == nil {
		i.tried, i.refused = time.Time{}, ""
		return
	}
	i.log.Error("the adoption failed", "err", err)
	i.refused = err.Error()
	path := filepath.Join(i.dir, datadir.Adoption)
	if errors.Is(err, errRefused) {
		if err := os.Rename(path, path+".refused"); err == nil {
			return
		}
	}
	if info, err := os.Stat(path); err == nil {
		i.tried = info.ModTime()
	}
}

// retryAfter is how long an adoption that failed waits for another try.
const retryAfter = time.Minute

// Await waits until a bundle has come, or new keys of the reader's, and returns false if
// ctx ends first. The bundle that was tried last waits for retryAfter. Await looks
// whenever next fires.
func (i *Inbox) Await(ctx context.Context, next func() <-chan time.Time) bool {
	bundle, keys := filepath.Join(i.dir, datadir.Adoption), i.keysMade()
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return false
		case <-next():
		}
		info, err := os.Stat(bundle)
		if err == nil && (!info.ModTime().Equal(i.tried) || time.Since(began) > retryAfter) {
			return true
		}
		if made := i.keysMade(); !made.IsZero() && !made.Equal(keys) {
			return true
		}
	}
}

// keysMade returns when the reader's newest keys were made; zero: there are none.
func (i *Inbox) keysMade() time.Time {
	for _, name := range []string{datadir.NextIdentity, datadir.Identity} {
		if info, err := os.Stat(filepath.Join(i.dir, name)); err == nil {
			return info.ModTime()
		}
	}
	return time.Time{}
}
