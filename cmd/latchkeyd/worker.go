package main

import (
	"context"
	"errors"
	"time"

	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// job is a presented secret on its way to an outcome.
type job struct {
	seq      uint64
	enrol    wire.CommandID
	material material
}

// worker identifies what is presented, one after the other: it derives the tag,
// looks it up and wipes the secret. There is one for PINs and one for cards, so
// that a card need not wait for Argon2id.
type worker struct {
	kind   wire.CredentialKind
	held   *held
	jobs   chan job
	answer func(device.Event)
}

// jobsWaiting is more than the brain hands out before it gives one up.
const jobsWaiting = 8

// releaseAfter is how long after an outcome the memory of its derivation goes
// back: that stops everything for some milliseconds, and the strike comes first.
const releaseAfter = 250 * time.Millisecond

func newWorker(kind wire.CredentialKind, h *held, answer func(device.Event)) *worker {
	return &worker{kind: kind, held: h, jobs: make(chan job, jobsWaiting), answer: answer}
}

// run works until ctx ends, and wipes what is left then.
func (w *worker) run(ctx context.Context) error {
	release := time.NewTimer(0)
	defer release.Stop()
	for {
		select {
		case <-release.C:
			pin.Release()
		case <-ctx.Done():
			for {
				select {
				case j := <-w.jobs:
					j.material.wipe()
				default:
					return nil
				}
			}
		case j := <-w.jobs:
			w.answer(w.identify(&j))
			if w.kind == wire.PIN {
				release.Reset(releaseAfter)
			}
		}
	}
}

// identify answers a job and wipes it.
func (w *worker) identify(j *job) device.Identified {
	defer j.material.wipe()
	answer := device.Identified{Kind: w.kind, Seq: j.seq}
	if j.enrol != (wire.CommandID{}) {
		answer.Outcome = device.KeyFailed // nobody is there to enrol it for
		return answer
	}
	tag, epoch, err := w.held.tag(w.kind, j.material.value())
	switch {
	case errors.Is(err, cache.ErrEmpty):
		answer.Outcome = device.Damaged
		return answer
	case err != nil:
		answer.Outcome = device.KeyFailed
		return answer
	}
	credential, err := w.held.cache.Lookup(epoch, tag)
	switch {
	case err == nil && credential.Kind == w.kind:
		answer.Outcome, answer.Credential = device.Known, credential
	case errors.Is(err, cache.ErrUnknown):
		answer.Outcome = device.Unknown
		if w.kind == wire.Card {
			copy(answer.Tag[:], tag[:])
		}
	case errors.Is(err, cache.ErrEpoch):
		answer.Outcome = device.EpochChanged
	default:
		answer.Outcome = device.Damaged
	}
	return answer
}

// held is the site's credentials and key as they are on the disk.
type held struct {
	cache *cache.Cache
	epoch cache.Epoch
	key   pin.Key
	err   error // why there is no key
}

// openHeld opens them. What is wrong is said by health and by each look-up.
func openHeld(o cache.Options) *held {
	h := &held{cache: cache.Open(o)}
	if h.epoch, h.err = h.cache.Epoch(); h.err != nil {
		return h
	}
	key, err := pin.OpenKey(h.epoch.KeyFile)
	if err != nil {
		h.err = err
		return h
	}
	h.key = key
	return h
}

// tag derives a tag and says of which epoch.
func (h *held) tag(kind wire.CredentialKind, secret []byte) (wire.Tag, uint64, error) {
	if h.err != nil {
		return wire.Tag{}, 0, h.err
	}
	if kind == wire.PIN {
		derived, err := pin.Material(secret, h.epoch.KDF)
		if err != nil {
			return wire.Tag{}, 0, err
		}
		defer clear(derived)
		secret = derived
	}
	tag, err := h.key.Tag(kind, secret)
	return tag, h.epoch.Number, err
}

// health is what the brain is to know of the cache and the key.
func (h *held) health() []device.Event {
	place := h.cache.Held()
	credentials := device.Health{
		Subject: device.SubjectCache, Condition: device.Good,
		Held: device.Held{Epoch: place.Epoch, Revision: place.Revision, Hash: place.Hash},
	}
	if err := h.cache.Fault(); err != nil {
		credentials.Condition, credentials.Text = device.Failed, "cannot be read"
		if errors.Is(err, cache.ErrEmpty) {
			credentials.Text = "none are held"
		}
	}
	key := device.Health{Subject: device.SubjectKey, Condition: device.Good}
	if h.err != nil && !errors.Is(h.err, cache.ErrEmpty) {
		key.Condition, key.Text = device.Failed, "the site key cannot be used"
	}
	return []device.Event{credentials, key}
}
