package sync

import (
	"errors"
	"time"

	"latchkey/sync/wire"
)

// retryEvery is how long what the disk has not taken waits.
const retryEvery = 30 * time.Second

// pendingKey is the newest epoch's site key on its way to the disk.
type pendingKey struct {
	key     *wire.Key     // nil: there is none
	put     *PutKey       // unsealed, to be stored
	again   time.Duration // when to try again
	askedAt time.Duration // when the topic was subscribed to again
}

// takeKey takes an epoch's key.
func (l *Link) takeKey(signed []byte) error {
	k, err := wire.OpenKey(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	if err := l.mine(k.Reader); err != nil {
		return err
	}
	if k.Epoch < l.log.state.Held.Epoch || l.key.key != nil && k.Epoch < l.key.key.Epoch {
		return errors.New("of an older epoch")
	}
	key, err := k.Unseal(l.o.Sealing)
	if err != nil {
		return errors.New("not sealed to this reader")
	}
	l.key.key, l.key.put, l.key.again = k, &PutKey{k.Epoch, key}, 0
	return nil
}

func (k *pendingKey) ready() bool { return k.put != nil }

func (k *pendingKey) take() PutKey {
	put := *k.put
	k.put = nil
	return put
}

// keyStored takes the cache's answer to a key.
func (l *Link) keyStored(err error) {
	switch {
	case l.key.put != nil: // a newer one has come
	case errors.Is(err, wire.ErrUnfit):
		l.key.key = nil
		l.refuse(string(wire.OnKey), err)
	case err != nil:
		l.key.again = l.now + retryEvery
	default:
		l.key.key = nil
	}
}

// settleKey tries a key again that the disk did not take, and asks for one that
// a whole snapshot waits for.
func (l *Link) settleKey() {
	if l.key.put == nil && l.key.key != nil && l.over(l.key.again) {
		l.key.again = 0
		if key, err := l.key.key.Unseal(l.o.Sealing); err == nil {
			l.key.put = &PutKey{l.key.key.Epoch, key}
		}
	}
	if !l.states.up || !l.log.waitsForKey() || l.key.key != nil {
		l.key.askedAt = 0
		return
	}
	if l.key.askedAt == 0 {
		l.key.askedAt = l.now + retryEvery
	}
	if l.over(l.key.askedAt) {
		l.key.askedAt = l.now + retryEvery
		l.do(Resubscribe{l.o.topic(wire.OnKey)})
		l.over(l.key.askedAt)
	}
}

// waitsForKey says that a whole snapshot of a new epoch is there.
func (g *log) waitsForKey() bool {
	s := g.state
	return g.doing == doingNothing && s.Missing.Epoch > s.Held.Epoch && len(s.Chunks) == 0
}
