package link

import (
	"context"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// headEvery is how often the head is published though nothing has moved.
// Behind deltas, which lead readers on without it, it comes headAfter: one for
// many of them, and not while all readers work on a change.
const (
	headEvery = time.Minute
	headAfter = time.Second
)

// A teller publishes what moves in the database: deltas and head, policies,
// keys.
type teller struct {
	*Link
	versions store.Versions
	peers    map[string]*site.Peer // as published
	place    wire.Place            // as published
	head     <-chan time.Time      // when the head that belongs there is; nil: it was
}

func (l *Link) tell(ctx context.Context) error {
	t := &teller{Link: l}
	moved := make(chan struct{}, 1)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.o.Site.Watch(ctx, func() error { signal(moved); return nil }) })
	group.Go(func() error {
		minute := time.NewTicker(headEvery)
		defer minute.Stop()
		for {
			var err error
			select {
			case <-ctx.Done():
				return nil
			case <-l.told:
				t.peers, t.place = nil, wire.Place{}
				t.versions = store.Versions{}
				err = t.publish(ctx)
			case <-moved:
				err = t.publish(ctx)
			case id := <-l.stray:
				// Of before a restore, most likely. It may have been added this moment.
				if err = t.publish(ctx); err == nil && t.peers != nil && t.peers[id] == nil {
					t.forget(id)
				}
			case <-t.head:
				t.sendHead()
			case <-minute.C:
				if err = t.publish(ctx); err == nil {
					t.sendHead()
				}
			}
			if err != nil && ctx.Err() == nil {
				// A full disk, most likely: what is published already stays true.
				l.o.Log.Error("read what readers are to know", "err", err)
				time.AfterFunc(time.Second, func() { signal(moved) })
			}
		}
	})
	return group.Wait()
}

// publish publishes what has moved since it was called last.
func (t *teller) publish(ctx context.Context) error {
	versions, err := t.o.Site.Versions(ctx)
	if err != nil {
		return err
	}
	peers := t.peers
	var former []string
	if versions != t.versions || peers == nil {
		if peers, former, err = t.o.Site.Peers(ctx); err != nil {
			return err
		}
		t.Link.peers.Store(&peers)
		t.o.Readers(peers)
	}
	log, err := t.o.Site.Log(ctx, t.place)
	if err != nil {
		return err
	}
	t.log.Store(log)
	if t.edge.client.Load() == nil {
		return nil // all of it when the connection stands
	}
	for id, peer := range peers {
		before := t.peers[id]
		if before == nil || before.Bundle != peer.Bundle || log.Place.Epoch != t.place.Epoch {
			key, err := t.o.Site.EpochKey(ctx, peer)
			if err != nil {
				return err
			}
			t.send(wire.OnKey, id, key)
		}
		if before == nil || before.PolicyRevision != peer.PolicyRevision || before.Bundle != peer.Bundle {
			t.send(wire.OnPolicy, id, peer.Policy)
		}
	}
	for _, id := range former {
		if t.peers == nil || t.peers[id] != nil { // it may have been removed while no controller ran
			t.forget(id)
		}
	}
	if t.place != log.Place {
		for _, delta := range log.Deltas {
			t.send(wire.OnCredentials, "", delta)
		}
		if len(log.Deltas) == 0 {
			t.sendHead()
		} else if t.head == nil {
			t.head = time.After(headAfter)
		}
	}
	t.versions, t.peers, t.place = versions, maps.Clone(peers), log.Place
	return nil
}

// forget has the broker keep nothing of a reader (MQTT 3.1.1 §3.3.1.3).
func (t *teller) forget(reader string) {
	for _, channel := range []wire.Channel{wire.OnKey, wire.OnPolicy, wire.OnState} {
		t.send(channel, reader, nil)
	}
}

func (t *teller) sendHead() {
	t.head = nil
	t.send(wire.OnHead, "", t.log.Load().Head)
}

func (t *teller) send(channel wire.Channel, reader string, payload []byte) {
	if err := t.edge.publish(channel, reader, payload); err != nil {
		t.o.Log.Debug("not published", "kind", string(channel), "reader", reader, "err", err)
	}
}
