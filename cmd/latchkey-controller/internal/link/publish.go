package link

import (
	"context"
	"maps"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// headEvery is how often the head is published even if nothing has changed. After deltas,
// which readers can follow without it, it comes headAfter later: one for several deltas,
// and not while all readers are busy with a change.
const (
	headEvery = time.Minute
	headAfter = time.Second
)

// A publisher publishes what changes in the database: deltas and heads, policies, keys.
type publisher struct {
	*Link
	versions store.Versions
	peers    map[string]*site.Peer // as published
	keys     map[string][]byte     // of peers, as published: a broker that comes and goes delays nothing elsewhere
	former   []string              // readers that are there no more, as of versions
	gone     map[string]bool       // readers that the link serves no more, or never has, and of which brokers may retain something
	position wire.Position         // as published
	head     <-chan time.Time      // when the head at position is to be published; nil: it was
}

// publishChanges publishes whenever the database has changed.
func (l *Link) publishChanges(ctx context.Context, changed chan struct{}) error {
	p := &publisher{Link: l, keys: map[string][]byte{}, gone: map[string]bool{}}
	minute := time.Tick(headEvery)
	var rest, takeIn <-chan time.Time
	astray := l.astray.ready
	for failed := ""; ; {
		var err error
		awake := changed
		if rest != nil {
			awake = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.republish:
			err = p.bring(ctx)
		case <-awake:
			began := time.Now()
			err = p.bring(ctx)
			rest = time.After(store.RestAfter(time.Since(began)))
		case <-rest:
			rest = nil
		case id := <-l.strangers:
			// Most likely it was lost in a restore. Or it was added this moment.
			if err = p.bring(ctx); err == nil && p.peers != nil && p.peers[id] == nil {
				p.forget(id)
			}
		case <-astray:
			if m, ok := l.astray.next(); ok {
				err = p.takeIn(ctx, m)
			}
			astray, takeIn = nil, time.After(takeInEvery)
		case <-takeIn:
			astray, takeIn = l.astray.ready, nil
		case <-p.head:
			p.sendHead()
		case <-minute:
			if err = p.bring(ctx); err == nil {
				p.sendHead()
			}
		}
		if err != nil && ctx.Err() == nil {
			// Most likely the disk is full. What was published stays valid.
			if err.Error() != failed && store.Outage(err) == "" { // that is logged elsewhere
				l.o.Log.Error("cannot read what is to be published to readers; trying again", "err", err)
			}
			failed = err.Error()
			time.AfterFunc(time.Second, func() { signal(changed) })
		} else if err == nil {
			failed = ""
		}
	}
}

// bring publishes what has changed, and everything to brokers that were connected since.
func (p *publisher) bring(ctx context.Context) error {
	if err := p.publish(ctx); err != nil || p.peers == nil {
		return err
	}
	for _, c := range p.connections {
		if s := c.session.Load(); s != nil && !s.greeted.Load() {
			p.greet(s)
		}
	}
	return nil
}

// greet has a broker that was connected get everything that is retained, and drop what it
// retains of readers that are there no more. What changes from now on is told to it, too.
func (p *publisher) greet(s *session) {
	for id, peer := range p.peers {
		s.out.put(outgoing{wire.OnKey, id, p.keys[id]})
		s.out.put(outgoing{wire.OnPolicy, id, peer.Policy})
	}
	for _, id := range p.former {
		s.forget(id)
	}
	for id := range p.gone {
		s.forget(id)
	}
	s.out.put(outgoing{wire.OnHead, "", p.log.Load().Head})
	s.greeted.Store(true)
}

// publish publishes what has changed since it was called last, at brokers that were greeted.
func (p *publisher) publish(ctx context.Context) error {
	var versions store.Versions
	err := p.o.Site.View(ctx, func(tx *store.Tx) (err error) {
		versions, err = tx.Versions()
		return err
	})
	if err != nil {
		return err
	}
	peers := p.peers
	var former []string
	if versions != p.versions || peers == nil {
		if peers, former, err = p.o.Site.NewPeers(ctx, p.o.Cell, *p.Link.peers.Load()); err != nil {
			return err
		}
		p.former = former
		p.Link.peers.Store(&peers)
		if err := p.o.Readers(ctx, peers); err != nil {
			return err
		}
		signal(p.moved)
	}
	log, err := p.o.Site.Log(ctx, p.position)
	if err != nil {
		return err
	}
	p.log.Store(log)
	if !p.reached() {
		return nil // all of it is published after the next connect
	}
	if p.peers != nil && versions == p.versions && log.Position == p.position {
		return nil // most commits are of what readers tell
	}
	var rekeyed []*site.Peer
	for id, peer := range peers {
		if before := p.peers[id]; before == nil || before.Bundle != peer.Bundle || before.Keys != peer.Keys || log.Position.Epoch != p.position.Epoch {
			rekeyed = append(rekeyed, peer)
		}
	}
	keys, err := p.o.Site.EpochKeys(ctx, rekeyed)
	if err != nil {
		return err
	}
	maps.Copy(p.keys, keys)
	maps.DeleteFunc(p.keys, func(id string, _ []byte) bool { return peers[id] == nil })
	for id, peer := range peers {
		if key := keys[id]; key != nil {
			p.tell(wire.OnKey, id, key)
		}
		before := p.peers[id]
		if before == nil || before.PolicyRevision != peer.PolicyRevision || before.Bundle != peer.Bundle {
			p.tell(wire.OnPolicy, id, peer.Policy)
		}
	}
	for id := range p.peers {
		if peers[id] == nil {
			p.forget(id)
		}
	}
	maps.DeleteFunc(p.gone, func(id string, _ bool) bool { return peers[id] != nil })
	if p.position != log.Position {
		for _, delta := range log.Deltas {
			p.tell(wire.OnCredentials, "", delta)
		}
		if len(log.Deltas) == 0 {
			p.sendHead()
		} else if p.head == nil {
			p.head = time.After(headAfter)
		}
	}
	p.versions, p.peers, p.position = versions, maps.Clone(peers), log.Position
	return nil
}

// retained are the channels of a reader whose newest message a broker retains.
var retained = [...]wire.Channel{wire.OnKey, wire.OnPolicy, wire.OnState}

// mostGone bounds the readers that are kept in gone, as a broker may make up names without end: twice as many as a cell is meant
// for, so that all of its readers can be moved away. A broker that connects later is not told of those beyond.
const mostGone = 20_000

// forget has the brokers drop what they retain of a reader, also those that come later.
func (p *publisher) forget(reader string) {
	if len(p.gone) < mostGone {
		p.gone[reader] = true
	}
	for _, c := range p.connections {
		if s := c.session.Load(); s != nil {
			s.forget(reader)
		}
	}
}

// forget has the broker drop its retained messages of a reader (MQTT 3.1.1 §3.3.1.3).
func (s *session) forget(reader string) {
	for _, channel := range retained {
		s.out.put(outgoing{channel, reader, nil})
	}
}

func (p *publisher) sendHead() {
	p.head = nil
	p.send(wire.OnHead, "", p.log.Load().Head)
}
