package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/pin"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// held is the site's credentials on the disk, and the keys of their tags.
type held struct {
	cache *cache.Cache
	tpm   *tpm.TPM // nil: the config names none
	isNew bool     // no site has ever adopted the reader: that it holds nothing is no damage

	stale  chan struct{} // the keys must be opened again: watchTPM does it
	opened chan struct{} // closed once they were

	telling sync.Mutex    // tell's: what is told last is the newest
	asking  chan struct{} // holds one element while the TPM checks a PIN and counts

	mu    sync.RWMutex
	keys  keys
	asked uint64 // PINs of which the TPM was asked, or is
}

// keys are those of the newest epoch.
type keys struct {
	epoch    cache.Epoch
	memory   *pin.Keys     // nil: the TPM has them, or err
	state    wire.TPMState // of the TPM that has them
	err      error         // why there are none
	pinErr   error         // why no PIN can be checked although cards can
	impaired error         // what is wrong although these are used
}

// A TPM may take tpmWithin for a PIN or a card, less than the brain waits for it. To open
// keys it may take openWithin: a chip that needs a second for each command can.
const (
	tpmWithin  = 8 * time.Second
	openWithin = time.Minute
)

// errNoTPM says that the keys were wrapped to a TPM of which the config says nothing.
var errNoTPM = errors.New("the keys are in a TPM, and the config names none: set key.tpm, or have the reader adopted anew")

// errInFile says that the TPM of the config does not have the keys.
var errInFile = errors.New("the keys are in a file, not in the TPM that the config names: have the reader adopted with the request of latchkeyd identity --config")

// openHeld opens them. health and each look-up tell what is wrong. t is nil if there is no
// TPM; otherwise watchTPM opens the keys, as a TPM can take its time.
func openHeld(ctx context.Context, o cache.Options, t *tpm.TPM) *held {
	h := &held{cache: cache.Open(o), tpm: t, stale: make(chan struct{}, 1), opened: make(chan struct{}), asking: make(chan struct{}, 1)}
	if t == nil {
		h.openKeys(ctx)
	} else {
		h.keys.epoch, h.keys.err = h.cache.Epoch()
	}
	return h
}

// openKeys opens the keys of the newest epoch, as they are on the disk and in the TPM now.
// With a TPM only watchTPM calls it; PINs are checked meanwhile.
func (h *held) openKeys(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	k := h.readKeys(ctx)
	if h.tpm != nil {
		defer h.tpm.Prepare(ctx) // last: the budget may need the room
	}
	for {
		asked, err := h.idle(ctx)
		if err != nil {
			return
		}
		now := k
		h.readBudget(ctx, &now)
		if h.set(now, asked) {
			return
		}
	}
}

// idle waits until the TPM checks no PIN, and returns how many it was asked.
func (h *held) idle(ctx context.Context) (asked uint64, err error) {
	select {
	case h.asking <- struct{}{}:
		defer func() { <-h.asking }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.asked, nil
}

// set makes these the open keys, unless the TPM was asked for more PINs than that since
// their budget was read: it may have counted them before or after.
func (h *held) set(k keys, asked uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked != asked {
		return false
	}
	h.keys = k
	select {
	case <-h.opened:
	default:
		close(h.opened)
	}
	return true
}

// openAgain has the keys opened again: at once or, with a TPM, soon.
func (h *held) openAgain(ctx context.Context) {
	if h.tpm == nil {
		h.openKeys(ctx)
		return
	}
	select {
	case h.stale <- struct{}{}:
	default:
	}
}

// readKeys reads the keys, but for the budget.
func (h *held) readKeys(ctx context.Context) (k keys) {
	if k.epoch, k.err = h.cache.Epoch(); k.err != nil {
		return k
	}
	var raw *wire.EpochKeys
	if raw, k.err = cache.ReadKey(k.epoch.KeyFile); k.err != nil {
		return k
	}
	defer raw.Wipe()
	if raw.TPM == nil {
		if k.memory, k.err = pin.NewKeys(raw); len(raw.PIN) == 0 {
			k.pinErr = pin.ErrWithheld
		}
		if h.tpm != nil {
			k.impaired = errInFile
		}
		return k
	}
	k.state.Ref = raw.TPM.Ref
	if h.tpm == nil {
		k.err = errNoTPM
		return k
	}
	if err := h.tpm.Use(ctx, raw.TPM); err != nil {
		switch cards, pins := h.tpm.Checks(raw.TPM); {
		case !cards || !h.checksCards(ctx):
			k.err = err
		case !pins:
			k.pinErr = err
		default:
			k.impaired = err
		}
	}
	if errors.Is(k.pinErr, tpm.ErrNoBudget) {
		if request, err := h.tpm.Request(ctx); err == nil {
			k.state.Nonce = request.Nonce
		}
	}
	return k
}

// checksCards returns whether the TPM answers for a card, of no matter which identifier.
func (h *held) checksCards(ctx context.Context) bool {
	with, err := h.tpm.WrappingKey(ctx, make([]byte, 4))
	if err != nil {
		return false
	}
	clear(with[:])
	return true
}

// readBudget reads how many PINs the TPM has counted, if it checks them with these keys. A
// failure keeps nobody from trying a PIN while the budget is known from before.
func (h *held) readBudget(ctx context.Context, k *keys) {
	if k.state.Ref == (wire.TPMRef{}) || k.err != nil || k.pinErr != nil {
		return
	}
	budget, err := h.tpm.Budget(ctx)
	switch before := h.current(); {
	case err == nil:
		k.state.Budget = budget
	case before.state.Ref == k.state.Ref && before.state.Budget.Limit != 0:
		k.state.Budget, k.impaired = before.state.Budget, err
	default:
		k.pinErr = err
	}
}

// current returns the keys that are open.
func (h *held) current() keys {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.keys
}

// isOpen says whether the keys were opened, with success or without.
func (h *held) isOpen() bool {
	select {
	case <-h.opened:
		return true
	default:
		return false
	}
}

// tag derives a tag of the open epoch.
func (h *held) tag(ctx context.Context, kind wire.CredentialKind, secret []byte) (tag wire.Tag, epoch uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, tpmWithin)
	defer cancel()
	select {
	case <-h.opened:
	case <-ctx.Done():
		return tag, 0, ctx.Err()
	}
	k := h.current()
	if err := errors.Join(k.err, k.wrong(kind)); err != nil {
		return tag, 0, err
	}
	if kind == wire.PIN {
		if k.memory == nil {
			if err := h.cache.Fault(); err != nil { // it might cost a guess, and open nothing
				return tag, 0, fmt.Errorf("%w: %w", cache.ErrEmpty, err)
			}
		}
		derived, err := pin.Material(secret, k.epoch.KDF)
		if err != nil {
			return tag, 0, err
		}
		defer clear(derived)
		secret = derived
	}
	if k.memory != nil {
		tag, err = k.memory.Tag(kind, secret)
	} else {
		tag, err = h.ask(ctx, kind, secret)
	}
	return tag, k.epoch.Number, err
}

// log says what cannot be checked.
func (k *keys) log(log *slog.Logger) {
	switch {
	case k.err != nil && k.state.Ref != (wire.TPMRef{}): // the TPM's error says what to do
		log.Error("no PIN or card can be checked", "err", k.err)
	case k.err != nil:
		log.Error("no PIN or card can be checked"+again, "err", k.err)
	case k.pinErr != nil && !errors.Is(k.pinErr, pin.ErrWithheld):
		log.Error("no PIN can be checked", "err", k.pinErr)
	case k.impaired != nil:
		log.Warn("not all is well with the keys of PINs and cards", "err", k.impaired)
	}
}

// wrong returns why credentials of a kind cannot be checked although there are keys.
func (k *keys) wrong(kind wire.CredentialKind) error {
	if kind == wire.PIN {
		return k.pinErr
	}
	return nil
}

// ask has the TPM derive a tag, and counts PINs as it does.
func (h *held) ask(ctx context.Context, kind wire.CredentialKind, material []byte) (wire.Tag, error) {
	if kind == wire.PIN {
		select {
		case h.asking <- struct{}{}:
		case <-ctx.Done():
			return wire.Tag{}, ctx.Err()
		}
		defer func() { <-h.asking }()
		h.mu.Lock()
		h.asked++
		h.mu.Unlock()
	}
	tag, err := h.tpm.Tag(ctx, kind, material)
	if err != nil {
		h.openAgain(ctx)
	} else if kind == wire.PIN {
		h.mu.Lock()
		h.keys.state.Budget.Spent++
		h.mu.Unlock()
	}
	return tag, err
}

// cardKey unwraps the key in the credential of the card with this identifier, if epoch is
// still the open one. The caller wipes it.
func (h *held) cardKey(ctx context.Context, epoch uint64, uid, wrapped []byte) (*wire.CardKey, error) {
	k := h.current()
	if k.err != nil {
		return nil, k.err
	}
	if k.epoch.Number != epoch {
		return nil, cache.ErrEpoch
	}
	var with *[32]byte
	var err error
	if k.memory != nil {
		with, err = k.memory.WrappingKey(uid)
	} else {
		ctx, cancel := context.WithTimeout(ctx, tpmWithin)
		defer cancel()
		with, err = h.tpm.WrappingKey(ctx, uid)
	}
	if err != nil {
		return nil, err
	}
	defer clear(with[:])
	return wire.UnwrapCardKey(with, wrapped)
}

// tell sends what the brain is told of the cache and the keys.
func (h *held) tell(send func(device.Event)) {
	h.telling.Lock()
	defer h.telling.Unlock()
	for _, health := range h.health() {
		send(health)
	}
}

// again says how what is missing or damaged comes back.
const again = ": the link puts it right; without one have the reader adopted anew"

// health is what the brain is told of the cache and, once they were opened, of the keys.
func (h *held) health() []device.Event {
	credentials := device.Health{Subject: wire.SubjectCache, Condition: device.Good, Held: h.cache.Held()}
	var damage *cache.Damage
	switch err := h.cache.Fault(); {
	case errors.Is(err, cache.ErrEmpty) && h.isNew:
		credentials.Condition = device.NotKnown
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
	if !h.isOpen() {
		return []device.Event{credentials}
	}
	return []device.Event{credentials, h.keyHealth()}
}

func (h *held) keyHealth() device.Health {
	k := h.current()
	key := device.Health{Subject: wire.SubjectKey, Condition: device.Good, TPM: k.state}
	failed := func(text string) device.Health {
		key.Condition, key.Text = device.Failed, text
		return key
	}
	switch err := k.err; {
	case errors.Is(err, cache.ErrEmpty):
	case errors.Is(err, cache.ErrKeyExposed):
		return failed("others could read the keys: start an epoch")
	case errors.Is(err, cache.ErrKeyDamaged):
		return failed("the key file is damaged" + again)
	case k.state.Ref != (wire.TPMRef{}) && err != nil:
		return failed(tpmFault(err))
	case err != nil:
		return failed("the keys cannot be read" + again)
	case errors.Is(k.pinErr, pin.ErrWithheld):
		key.PIN = wire.ReasonWithheld
	case k.pinErr != nil:
		key.Condition, key.Text, key.PIN = device.Impaired, tpmFault(k.pinErr), wire.ReasonKey
	}
	if k.impaired != nil {
		key.Condition, key.Text = device.Impaired, tpmFault(k.impaired)
	}
	return key
}

// tpmFault says what is wrong with the keys in a TPM, for people.
func tpmFault(err error) string {
	for _, known := range []error{errNoTPM, errInFile, tpm.Known(err)} {
		if known != nil && errors.Is(err, known) {
			return known.Error() // without the path and the TPM's codes, which the log has
		}
	}
	return "the TPM refuses the keys: see the log"
}
