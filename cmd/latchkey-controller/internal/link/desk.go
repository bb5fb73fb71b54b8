package link

import (
	"cmp"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A desk owns what is known of readers and orders. It waits for nobody, but for
// the disk when it takes the card of an enrol over.
type desk struct {
	*Link
	began     time.Time
	presences map[string]*presence
	orders    orders
	enrols    map[wire.CommandID]enrol
	dirty     map[string]bool // readers whose newest state is not kept yet
	heads     map[string]bool // signed heads that are the log's own
}

// An enrol is what an order for a card needs until the card comes.
type enrol struct {
	key  *ecdh.PrivateKey
	take func(uid []byte) (text string, ok bool)
}

// looks is how many messages are looked at before others are heard.
const looks = 64

// flushEvery is how often newest states are kept on the disk.
const flushEvery = 2 * time.Second

func (l *Link) desk(ctx context.Context) error {
	d := &desk{Link: l, began: time.Now(), presences: map[string]*presence{}, orders: orders{}, enrols: map[wire.CommandID]enrol{}, dirty: map[string]bool{}, heads: map[string]bool{}}
	if err := d.recall(ctx); err != nil {
		return err
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, o := range d.orders {
				d.orders.answer(o, Outcome{Text: "the controller ended before an answer came"})
			}
			return l.o.Site.SetStates(context.WithoutCancel(ctx), d.states())
		case <-l.inbox.ready:
			for range looks {
				m, ok := l.inbox.next()
				if !ok {
					break
				}
				d.message(time.Now(), m)
			}
		case p := <-l.placed:
			d.place(time.Now(), p)
		case o := <-l.answers:
			d.records(time.Now(), o)
		case answer := <-l.asked:
			answer <- d.readers(time.Now())
		case now := <-second.C:
			d.orders.expire(now)
			for id := range d.enrols {
				if d.orders[id] == nil {
					delete(d.enrols, id)
				}
			}
		case <-flush.C:
			if len(d.dirty) > 0 {
				select {
				case l.states <- d.states():
					clear(d.dirty)
				default: // the disk is slow; later
				}
			}
		}
	}
}

// recall reads the newest states that are kept.
func (d *desk) recall(ctx context.Context) error {
	states, err := d.o.Site.States(ctx)
	if err != nil {
		return err
	}
	for _, kept := range states {
		if d.presences[kept.Reader], err = recall(kept); err != nil {
			d.o.Log.Error("what was kept of a reader is damaged; it says it anew", "err", err)
		}
	}
	return nil
}

func (d *desk) states() []*store.State {
	var states []*store.State
	for reader := range d.dirty {
		states = append(states, d.presences[reader].keep(reader))
	}
	return states
}

func (d *desk) presence(reader string) *presence {
	p := d.presences[reader]
	if p == nil {
		p = new(presence)
		d.presences[reader] = p
	}
	return p
}

// message looks at one message. Whatever is wrong with it changes nothing.
func (d *desk) message(now time.Time, m message) {
	if err := d.look(now, m); err != nil {
		d.refused.note(m.reader, m.channel, err.Error())
	}
}

func (d *desk) look(now time.Time, m message) error {
	if m.channel == wire.OnHead {
		return d.head("", m.payload)
	}
	if m.retained && !m.channel.Retained() {
		return errors.New("it was retained")
	}
	peer := (*d.peers.Load())[m.reader]
	if peer == nil {
		return errors.New("no reader of this site, or removed")
	}
	switch m.channel {
	case wire.OnState:
		state, err := wire.OpenState(d.o.Site.ID, m.payload, peer.Signing)
		if err != nil {
			return err
		}
		if state.Reader != m.reader {
			return errOther
		}
		return d.state(now, peer, state, m.retained)
	case wire.OnRecords:
		records, err := wire.OpenRecords(d.o.Site.ID, m.payload, peer.Signing)
		if err != nil {
			return err
		}
		if records.Reader != m.reader {
			return errOther
		}
		select {
		case d.batches <- records:
		default: // the disk is slow; the reader sends them again
		}
		return nil
	case wire.OnFetch:
		fetch, err := wire.OpenFetch(d.o.Site.ID, m.payload, peer.Signing)
		if err != nil {
			return err
		}
		if fetch.Reader != m.reader {
			return errOther
		}
		if !d.presence(m.reader).fetches(peer.Bundle, fetch) {
			return errors.New("its number was seen before")
		}
		d.fetches.put(m.reader, fetch) // the reader asks again for what is too much
		return nil
	}
	return errors.New("readers send no such message")
}

var errOther = errors.New("it names another reader")

// state takes a reader's state over and answers it.
func (d *desk) state(now time.Time, peer *site.Peer, state *wire.State, retained bool) error {
	if len(state.Head) > 0 {
		if err := d.head(peer.Reader, state.Head); err != nil {
			return err
		}
	}
	if !d.presence(peer.Reader).take(now, peer.Bundle, state, retained) {
		return nil
	}
	d.dirty[peer.Reader] = true
	if state.Counter == 0 || retained {
		return nil
	}
	if state.PolicyRevision > peer.PolicyRevision {
		select {
		case d.raises <- raise{peer.Reader, state.PolicyRevision}:
		default: // another one is; this one comes again
		}
	}
	if state.Card != nil {
		d.card(peer.Reader, state.Card)
	}
	signed, err := d.o.Site.Sign(wire.KindNow, &wire.Now{Reader: peer.Reader, Nonce: state.Nonce, Time: now.UnixMilli(), Head: d.log.Load().Head, PolicyRevision: peer.PolicyRevision})
	if err != nil {
		return err
	}
	d.send(wire.OnNow, peer.Reader, signed)
	for _, c := range d.orders.state(now, peer.Reader, state.Nonce) {
		d.command(c)
	}
	return nil
}

// send publishes a message. If it cannot, the broker is out of reach, which is
// said elsewhere.
func (d *desk) send(channel wire.Channel, reader string, payload []byte) {
	if err := d.edge.publish(channel, reader, payload); err != nil {
		d.o.Log.Debug("not published", "kind", string(channel), "reader", reader, "err", err)
	}
}

func (d *desk) command(c *wire.Command) {
	signed, err := d.o.Site.Sign(wire.KindCommand, c)
	if err != nil {
		d.o.Log.Error("sign a command", "err", err)
		return
	}
	d.send(wire.OnCommand, c.Reader, signed)
}

// head looks whether a head that bears the site's signature is in the log.
func (d *desk) head(reader string, signed []byte) error {
	if d.heads[string(signed)] {
		return nil
	}
	head, err := wire.OpenHead(d.o.Site.ID, signed, d.o.Site.Key())
	if err != nil {
		return fmt.Errorf("its head: %w", err)
	}
	select {
	case d.inquests <- inquest{head.Place(), reader, true}:
		if len(d.heads) >= 1024 {
			clear(d.heads)
		}
		d.heads[string(signed)] = true
	default: // another one is looked into; this one comes again
	}
	return nil
}

// card takes the card of an enrol, once.
func (d *desk) card(reader string, read *wire.CardRead) {
	e, ok := d.enrols[read.Command]
	o := d.orders[read.Command]
	if !ok || o == nil || o.command.Reader != reader {
		return
	}
	delete(d.enrols, read.Command)
	uid, err := read.Unseal(e.key)
	if err != nil {
		d.orders.answer(o, Outcome{Text: "the card cannot be read: " + err.Error()})
		return
	}
	text, ok := e.take(uid)
	d.orders.answer(o, Outcome{Done: ok, Text: text})
	clear(uid)
}

// place sends an order to its reader.
func (d *desk) place(now time.Time, p placed) {
	o := p.order
	c := wire.Command{Reader: o.Reader, ID: o.ID, Order: o.Order, Seconds: o.Seconds, By: o.Who}
	refuse := func(text string) { p.answer <- Outcome{ID: o.ID, Text: text} }
	if (*d.peers.Load())[o.Reader] == nil {
		refuse(unknownReader)
		return
	}
	at := d.presence(o.Reader)
	switch {
	case d.edge.client.Load() == nil:
		refuse("not sent: the controller has no connection to its broker")
		return
	case at.is == unknown:
		refuse("not sent: nothing was ever heard of " + o.Reader)
		return
	case at.is == gone || now.Sub(at.heard) >= freshFor:
		refuse(fmt.Sprintf("not sent: %s is not connected; it was last heard of %s ago", o.Reader, now.Sub(at.heard).Round(time.Second)))
		return
	}
	c.Nonce = at.nonce
	if o.Order == wire.Enrol {
		key, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			refuse("not sent: " + err.Error())
			return
		}
		c.Sealing = [32]byte(key.PublicKey().Bytes())
		d.enrols[o.ID] = enrol{key, p.card}
	}
	if d.orders.place(now, c, p.answer) {
		d.command(&c)
	}
}

// records takes what was stored to the orders that it answers.
func (d *desk) records(now time.Time, s answers) {
	for _, r := range s.records {
		if again := d.orders.record(now, s.reader, r, d.presence(s.reader).nonce); again != nil {
			d.command(again)
		}
	}
}

// readers returns how all readers are, by their ids.
func (d *desk) readers(now time.Time) []Reader {
	log := d.log.Load()
	var readers []Reader
	for id, peer := range *d.peers.Load() {
		p := d.presence(id)
		r := Reader{ID: id, Door: peer.Door}
		if p.bundle == peer.Bundle {
			r.Online, r.Heard, r.State = p.online(now), p.heard, p.state // a state is never changed
			r.Awaited = p.awaited(d.began, now)
			r.Current = p.state != nil && p.state.Held != nil && *p.state.Held == log.Place && p.state.PolicyRevision == peer.PolicyRevision
		}
		readers = append(readers, r)
	}
	slices.SortFunc(readers, func(a, b Reader) int { return cmp.Compare(a.ID, b.ID) })
	return readers
}
