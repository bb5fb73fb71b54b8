package sync

import (
	"errors"
	"time"

	"latchkey/sync/wire"
)

// retryEvery is the time between two attempts to store or to get a key or a policy.
const retryEvery = 30 * time.Second

// pendingKey is the newest epoch's keys until they are on the disk.
type pendingKey struct {
	key    *wire.Key     // nil: there is none
	number uint64        // of its keys
	put    *PutKey       // unsealed, to be stored
	again  time.Duration // when to try again
	asked  time.Duration // when to subscribe to the topic again; 0: not
}

// takeKey accepts the keys of an epoch. Older ones of the same epoch are no error: a broker
// may deliver them at each connection, until the controller has published its newest.
func (l *Link) takeKey(signed []byte) error {
	k, err := wire.OpenKey(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	switch {
	case k.Reader != l.o.Reader:
		return errOtherReader
	case k.Epoch < l.log.state.Held.Epoch || l.key.key != nil && k.Epoch < l.key.key.Epoch:
		return errors.New("of an older epoch")
	}
	keys, err := k.Unseal(l.o.Sealing)
	if err != nil {
		return errors.New("not sealed to this reader")
	}
	pending := &l.key
	if pending.key != nil && pending.key.Epoch == k.Epoch && pending.number > keys.Number {
		keys.Wipe()
		return nil
	}
	if pending.put != nil {
		pending.put.Keys.Wipe()
	}
	pending.key, pending.number, pending.put, pending.again = k, keys.Number, &PutKey{k.Epoch, keys}, 0
	return nil
}

func (k *pendingKey) ready() bool { return k.put != nil }

func (k *pendingKey) take() PutKey {
	put := *k.put
	k.put = nil
	return put
}

// keyStored handles the cache's answer to a key.
func (l *Link) keyStored(err error) {
	switch {
	case l.key.put != nil: // a newer one has come
	case errors.Is(err, wire.ErrUnfit): // there are newer ones
		l.key.key = nil
	case err != nil:
		l.key.again = l.now + retryEvery
	default:
		l.key.key = nil
	}
}

// settleKey tries again to store a key, and asks for the key that a complete snapshot
// waits for.
func (l *Link) settleKey() {
	if l.key.put == nil && l.key.key != nil && l.over(l.key.again) {
		l.key.again = 0
		if keys, err := l.key.key.Unseal(l.o.Sealing); err == nil {
			l.key.put = &PutKey{l.key.key.Epoch, keys}
		}
	}
	l.resubscribe(wire.OnKey, l.states.up && l.log.waitsForKey() && l.key.key == nil, retryEvery, &l.key.asked)
}

// resubscribe subscribes to a topic again after a wait, and then at intervals, while its
// retained message is missing. at is the next time.
func (l *Link) resubscribe(c wire.Channel, missing bool, wait time.Duration, at *time.Duration) {
	if !missing {
		*at = 0
		return
	}
	if *at == 0 {
		*at = l.now + wait
	}
	if l.over(*at) {
		*at = l.now + retryEvery
		l.do(Resubscribe{l.o.topic(c)})
		l.over(*at)
	}
}

// waitsForKey says that a snapshot of a new epoch is complete.
func (g *log) waitsForKey() bool {
	s := g.state
	return g.doing == doingNothing && s.Missing.Epoch > s.Held.Epoch && len(s.Chunks) == 0
}
