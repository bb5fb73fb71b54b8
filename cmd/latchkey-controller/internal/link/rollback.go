package link

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// A rollback is a position that the log may not contain. If it does not, the database was
// restored to an older state.
type rollback struct {
	position wire.Position
	reader   string // who showed it; "": the broker
	signed   bool   // the site has signed it; otherwise it is a reader's claim
}

// checkAgain is the wait after a check that failed, most likely because the disk is full.
const checkAgain = 5 * time.Second

// checkRollback begins a new epoch and raises an alarm if the log lacks a position.
func (l *Link) checkRollback(ctx context.Context, r rollback) error {
	lacks, err := l.o.Site.Lacks(ctx, r.position)
	if err != nil || !lacks {
		return err
	}
	now := clock.Read()
	var epoch uint64
	if r.signed {
		epoch, err = l.o.Site.Reissue(ctx, l.o.Site.Time(now), r.position, r.reader)
	} else {
		epoch, err = l.o.Site.ReissueOnClaim(ctx, now, r.position, r.reader)
	}
	if errors.Is(err, site.ErrClaimed) || errors.Is(err, site.ErrNoticed) {
		return nil
	}
	if err == nil {
		l.o.Log.Error("the database was restored to an older state than readers have seen: a new epoch begins", "reader", r.reader, "seen epoch", r.position.Epoch, "seen revision", r.position.Revision, "epoch", epoch)
	}
	return err
}
