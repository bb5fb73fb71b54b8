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

// answer answers fetches, those of several readers in turn. It waits until the
// broker has a reply before it makes the next one, in the same memory.
func (l *Link) answer(ctx context.Context) error {
	var room []byte
	for {
		fetch, ok := l.fetches.take(ctx)
		if !ok {
			return nil
		}
		room = l.reply(ctx, fetch, false, room)
	}
}

// reply answers a fetch, in room if it is long enough, and returns what the
// next reply may lie in.
func (l *Link) reply(ctx context.Context, fetch *wire.Fetch, mayMake bool, room []byte) []byte {
	reply, err := l.o.Site.Reply(ctx, time.Now(), fetch, mayMake, room)
	switch {
	case errors.Is(err, site.ErrMake):
		l.unmade.put(fetch.Reader, fetch)
		return room
	case errors.Is(err, site.ErrForked):
		select {
		case l.inquests <- inquest{*fetch.Place, fetch.Reader, false}:
		default:
		}
		reply, err = (&wire.Reply{Number: fetch.Number}).Encode()
	}
	if err != nil {
		if ctx.Err() == nil {
			l.o.Log.Error("answer a fetch; the reader asks again", "reader", fetch.Reader, "err", err)
		}
		return room
	}
	if err := l.edge.publishSlowly(ctx, wire.OnReply, fetch.Reader, reply); err != nil {
		l.o.Log.Debug("not answered", "reader", fetch.Reader, "err", err)
		return nil // it may still be on its way
	}
	return reply
}

// An inquest looks into a place that the log may lack.
type inquest struct {
	place  wire.Place
	reader string // who showed it; "": the broker
	signed bool   // by the site; else it is what a reader says
}

// inquireAgain is how long an inquest waits that could not be made: the disk is
// full, most likely.
const inquireAgain = 5 * time.Second

// produce makes what takes long: snapshots that are fetched, and epochs where
// the log turns out to be older than what was told of it.
func (l *Link) produce(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case q := <-l.inquests:
			if err := l.inquire(ctx, q); err != nil && ctx.Err() == nil {
				l.o.Log.Error("look into a place of the log; it is tried again", "err", err)
				time.AfterFunc(inquireAgain, func() { // the desk asks once
					select {
					case l.inquests <- q:
					case <-ctx.Done():
					}
				})
			}
		case <-l.unmade.ready:
			if fetch, ok := l.unmade.next(); ok {
				l.reply(ctx, fetch, true, nil)
			}
		}
	}
}

// inquire begins a new epoch if the log lacks a place that was told of it.
func (l *Link) inquire(ctx context.Context, q inquest) error {
	lacks, err := l.o.Site.Lacks(ctx, q.place)
	if err != nil || !lacks {
		return err
	}
	now := clock.Read()
	var epoch uint64
	if q.signed {
		epoch, err = l.o.Site.Reissue(ctx, now.Wall, q.place.Epoch)
	} else {
		epoch, err = l.o.Site.ReissueOnWord(ctx, now)
	}
	if errors.Is(err, site.ErrClaimed) {
		return nil
	}
	if err != nil {
		return err
	}
	l.o.Log.Error("the log was put back to an older state than readers have seen: a new epoch begins", "reader", q.reader, "seen epoch", q.place.Epoch, "seen revision", q.place.Revision, "epoch", epoch)
	return l.o.Site.AddAlarm(ctx, &store.Alarm{Reader: q.reader, Kind: store.LogForeign, At: now.Wall.UnixMilli(),
		Text: "this site's log was at an epoch and revision that its database does not know: it was put back to an older state; users and readers changed since then have to be looked at"})
}
