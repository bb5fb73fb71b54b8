package link

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
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
	alarm := &store.Alarm{Reader: r.reader, Kind: store.LogForeign, At: now.Wall.UnixMilli(),
		Text: "the database was restored to an older state: it does not know an epoch and revision that its log has had; check the users and readers that were changed since then"}
	var epoch uint64
	if r.signed {
		epoch, err = l.o.Site.Reissue(ctx, now.Wall, r.position, alarm)
	} else {
		epoch, err = l.o.Site.ReissueOnClaim(ctx, now, r.position, alarm)
	}
	if errors.Is(err, site.ErrClaimed) || errors.Is(err, site.ErrNoticed) {
		return nil
	}
	if err != nil {
		return err
	}
	l.o.Log.Error("the database was restored to an older state than readers have seen: a new epoch begins", "reader", r.reader, "seen epoch", r.position.Epoch, "seen revision", r.position.Revision, "epoch", epoch)
	return nil
}
