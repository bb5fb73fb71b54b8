package main

import (
	"errors"
	"sync"

	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// held is the site's credentials on the disk, and the key of their tags.
type held struct {
	cache *cache.Cache

	mu    sync.RWMutex
	epoch cache.Epoch
	key   pin.Key
	err   error // why there is no key
}

// openHeld opens them. health and each look-up tell what is wrong.
func openHeld(o cache.Options) *held {
	h := &held{cache: cache.Open(o)}
	h.openKey()
	return h
}

// openKey opens the key of the newest epoch.
func (h *held) openKey() {
	epoch, err := h.cache.Epoch()
	var key pin.Key
	if err == nil {
		var raw *[pin.KeySize]byte
		if raw, err = cache.ReadKey(epoch.KeyFile); err == nil {
			key = pin.NewKey(*raw)
			clear(raw[:])
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.epoch, h.key, h.err = epoch, key, err
}

// current returns the epoch whose key is open, or why there is no key.
func (h *held) current() (cache.Epoch, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.epoch, h.err
}

// tag derives a tag of the open epoch.
func (h *held) tag(kind wire.CredentialKind, secret []byte) (wire.Tag, uint64, error) {
	h.mu.RLock()
	epoch, key, err := h.epoch, h.key, h.err
	h.mu.RUnlock()
	if err != nil {
		return wire.Tag{}, 0, err
	}
	if kind == wire.PIN {
		derived, err := pin.Material(secret, epoch.KDF)
		if err != nil {
			return wire.Tag{}, 0, err
		}
		defer clear(derived)
		secret = derived
	}
	tag, err := key.Tag(kind, secret)
	return tag, epoch.Number, err
}

// cardKey unwraps the key in the credential of the card with this identifier, if epoch is
// still the open one. The caller wipes it.
func (h *held) cardKey(epoch uint64, uid, wrapped []byte) (*wire.CardKey, error) {
	h.mu.RLock()
	now, key, err := h.epoch.Number, h.key, h.err
	h.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	if now != epoch {
		return nil, cache.ErrEpoch
	}
	with, err := key.WrappingKey(uid)
	if err != nil {
		return nil, err
	}
	defer clear(with[:])
	return wire.UnwrapCardKey(with, wrapped)
}

// again says how what is missing or damaged comes back.
const again = ": the link puts it right; without one have the reader adopted anew"

// health is what the brain is told of the cache and the key.
func (h *held) health() []device.Event {
	credentials := device.Health{Subject: wire.SubjectCache, Condition: device.Good, Held: h.cache.Held()}
	var damage *cache.Damage
	switch err := h.cache.Fault(); {
	case err == nil:
		if lack := h.cache.Lack(); lack != nil {
			credentials.Condition, credentials.Text = device.Impaired, lack.Error()
		}
	case errors.Is(err, cache.ErrEmpty):
		credentials.Condition, credentials.Text = device.Failed, "none are held"+again
	case errors.As(err, &damage) && damage.Chunk >= 0:
		credentials.Condition, credentials.Text = device.Corrupt, "a part of them is damaged: it is fetched again"
	default:
		credentials.Condition, credentials.Text = device.Failed, "cannot be read"+again
	}
	key := device.Health{Subject: wire.SubjectKey, Condition: device.Good}
	switch _, err := h.current(); {
	case err == nil, errors.Is(err, cache.ErrEmpty):
	case errors.Is(err, cache.ErrKeyExposed):
		key.Condition, key.Text = device.Failed, "others could read the site key: start an epoch"
	case errors.Is(err, cache.ErrKeyDamaged):
		key.Condition, key.Text = device.Failed, "the site key is damaged"+again
	default:
		key.Condition, key.Text = device.Failed, "the site key cannot be read"+again
	}
	return []device.Event{credentials, key}
}
