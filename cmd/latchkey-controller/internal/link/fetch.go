package link

import (
	"context"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A fetch is one of a reader, with the broker over which it is answered: a reader is at one, and
// a reply is long.
type fetch struct {
	*wire.Fetch
	over *connection
}

// answerFetches answers fetches, of several readers in turn. It waits until the broker has
// a reply before it makes the next one, in the same memory.
func (l *Link) answerFetches(ctx context.Context) error {
	var buffer []byte
	for {
		fetch, ok := l.fetches.take(ctx)
		if !ok {
			return nil
		}
		buffer = l.reply(ctx, fetch, false, buffer)
	}
}

// reply answers a fetch. It uses buffer if that is long enough, and returns the buffer for
// the next reply. mayMake says whether it may make a snapshot, which takes long.
func (l *Link) reply(ctx context.Context, fetch fetch, mayMake bool, buffer []byte) []byte {
	reply, err := l.o.Site.Reply(ctx, time.Now(), fetch.Fetch, mayMake, buffer)
	switch {
	case errors.Is(err, site.ErrSnapshotNeeded):
		l.needSnapshot.put(fetch.Reader, fetch)
		return buffer
	case errors.Is(err, site.ErrForked):
		select {
		case l.rollbacks <- rollback{*fetch.Position, fetch.Reader, false}:
		default:
		}
		reply, err = (&wire.Reply{Number: fetch.Number}).Encode()
	}
	if err != nil {
		if ctx.Err() == nil && store.Outage(err) == "" { // that is logged elsewhere
			l.o.Log.Error("answer a fetch; the reader asks again", "reader", fetch.Reader, "err", err)
		}
		return buffer
	}
	token, err := fetch.over.publish(wire.OnReply, fetch.Reader, reply)
	if err == nil {
		err = finished(ctx, token)
	}
	if err != nil {
		l.o.Log.Debug("not answered", "reader", fetch.Reader, "err", err)
		return nil // paho may still be sending it
	}
	return reply
}

// build does what takes long, one after the other: it makes snapshots for fetches, and
// checks for rollbacks.
func (l *Link) build(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-l.rollbacks:
			if err := l.checkRollback(ctx, r); err != nil && ctx.Err() == nil {
				if store.Outage(err) == "" {
					l.o.Log.Error("cannot check whether the database was restored to an older state; trying again", "err", err)
				}
				time.AfterFunc(checkAgain, func() { // the tracker asks once
					select {
					case l.rollbacks <- r:
					case <-ctx.Done():
					}
				})
			}
		case <-l.needSnapshot.ready:
			if fetch, ok := l.needSnapshot.next(); ok {
				l.reply(ctx, fetch, true, nil)
			}
		}
	}
}
