package link

import (
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// message handles one message. A wrong one changes nothing.
func (t *tracker) message(now time.Time, m message) {
	if err := t.handle(now, m); err != nil {
		t.refused.log(m.reader, m.channel, err.Error())
	}
}

func (t *tracker) handle(now time.Time, m message) error {
	if m.channel == wire.OnHead {
		return t.head("", m.payload)
	}
	if m.retained && !m.channel.Retained() {
		return errors.New("it was retained")
	}
	peer := (*t.peers.Load())[m.reader]
	if peer == nil {
		return errors.New(strange)
	}
	switch m.channel {
	case wire.OnState:
		state, err := wire.OpenState(t.o.Site.ID, m.payload, peer.Signing)
		if err != nil {
			return err
		}
		if state.Reader != m.reader {
			return errWrongReader
		}
		err = t.state(now, peer, state, m.retained)
		if p := t.presence(m.reader); p.state == state && !m.retained {
			p.over = m.over
		}
		return err
	case wire.OnRecords:
		records, err := wire.OpenRecords(t.o.Site.ID, m.payload, peer.Signing)
		if err != nil {
			return err
		}
		if records.Reader != m.reader {
			return errWrongReader
		}
		select {
		case t.batches <- reported{records, t.term(m.reader)}:
		default: // the disk is slow; the reader sends them again
		}
		return nil
	case wire.OnFetch:
		asked, err := wire.OpenFetch(t.o.Site.ID, m.payload, peer.Signing)
		if err != nil {
			return err
		}
		if asked.Reader != m.reader {
			return errWrongReader
		}
		if !t.presence(m.reader).fetches(peer.Bundle, asked) {
			return errors.New("its number was seen before")
		}
		t.fetches.put(m.reader, fetch{asked, m.over}) // if too many wait, the reader asks again
		return nil
	}
	return errors.New("readers send no such message")
}

var errWrongReader = errors.New("it names another reader")

// state keeps a reader's state and answers it.
func (t *tracker) state(now time.Time, peer *site.Peer, state *wire.State, retained bool) error {
	if len(state.Head) > 0 {
		if err := t.head(peer.Reader, state.Head); err != nil {
			return err
		}
	}
	p := t.presence(peer.Reader)
	isNew := p.take(now, peer.Bundle, state, retained)
	if isNew {
		t.dirty[peer.Reader] = true
	}
	switch {
	case retained && p.kept(state):
		return t.greet(peer, state)
	case !isNew, retained, state.Counter == 0:
		return nil
	}
	if state.PolicyRevision > peer.PolicyRevision {
		select {
		case t.ahead <- policyAhead{peer.Reader, state.PolicyRevision}:
		default: // another one is being raised; this state comes again
		}
	}
	select {
	case t.keyStates <- keyState{peer, state}:
	default: // the disk is slow; the next state says it again
	}
	report := site.ModeReport{Reader: peer.Reader, Bundle: peer.Bundle, At: t.o.Site.Now(), Level: int(state.Level), Revision: state.PolicyRevision}
	if mode := state.Condition.Mode; mode != nil {
		report.Mode = mode.Mode
	}
	t.reports[peer.Reader] = report
	t.settle(now, peer, state)
	if state.Card != nil {
		t.card(peer, state.Card)
	}
	if err := t.answer(peer, state); err != nil {
		return err
	}
	for _, c := range t.orders.state(now, peer.Reader, state.Nonce) {
		t.command(c)
	}
	return nil
}

// greet answers the newest state of a reader that the broker has kept, or that is stored: the reader hears that another
// controller leads, and tells it how it is.
func (t *tracker) greet(peer *site.Peer, state *wire.State) error {
	if t.term(peer.Reader) == 0 {
		return nil
	}
	return t.answer(peer, state)
}

// answer answers a state.
func (t *tracker) answer(peer *site.Peer, state *wire.State) error {
	signed, err := t.o.Site.Sign(wire.KindNow, &wire.Now{Reader: peer.Reader, Nonce: state.Nonce, Time: t.o.Site.Time(clock.Read()).UnixMilli(), Head: t.log.Load().Head, PolicyRevision: peer.PolicyRevision, Term: t.term(peer.Reader)})
	if err == nil {
		t.send(wire.OnNow, peer.Reader, signed)
	}
	return err
}

func (t *tracker) command(c *wire.Command) {
	c.Term = t.term(c.Reader)
	signed, err := t.o.Site.Sign(wire.KindCommand, c)
	if err != nil {
		t.o.Log.Error("sign a command", "err", err)
		return
	}
	t.send(wire.OnCommand, c.Reader, signed)
}

// term returns the term for a reader: none if the reader would refuse the member.
func (t *tracker) term(reader string) uint64 {
	if s := t.presence(reader).state; s == nil || s.Level < wire.LevelTerm {
		return 0
	}
	return t.Link.term.Load()
}

// head has a head with the site's signature checked against the log, once.
func (t *tracker) head(reader string, signed []byte) error {
	if t.heads[string(signed)] {
		return nil
	}
	opened, err := wire.OpenHead(t.o.Site.ID, signed, t.o.Site.Key())
	if err != nil {
		return fmt.Errorf("its head: %w", err)
	}
	select {
	case t.rollbacks <- rollback{opened.Position(), reader, true}:
		if len(t.heads) >= 1024 {
			clear(t.heads)
		}
		t.heads[string(signed)] = true
	default: // another one is being checked; this one comes again
	}
	return nil
}
