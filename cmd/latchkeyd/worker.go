package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// job is a presented secret that waits for its outcome. Never copy it: it is wiped in
// place.
type job struct {
	seq         uint64
	enrol       wire.CommandID // zero: it is looked up
	personalise bool
	material    material
}

// worker identifies secrets one after the other: it derives the tag, looks it up, lets a
// card prove itself, and wipes the secret. PINs and cards have a worker each, so that a
// card need not wait for Argon2id, nor a PIN for a card.
type worker struct {
	kind    wire.CredentialKind
	lookups *status.Lookups
	task    *supervision.Task
	held    *held
	jobs    chan *job
	answer  func(device.Event)
	enrol   func(id wire.CommandID, uid []byte) error                                         // sends a card to the controller
	keys    func(context.Context, wire.CommandID, *wire.CardToKey) (*wire.CardKeySets, error) // has the controller give a card keys
	damaged func()                                                                            // a part of the credentials is damaged
	log     *slog.Logger
}

// identifyWithin is more than the brain waits for an outcome, or for a step of a
// personalisation.
const identifyWithin = 30 * time.Second

// jobsWaiting is more than the brain has looked up at once before it gives up on one.
const jobsWaiting = 8

// releaseAfter is how long after an outcome the memory of Argon2id and of a card's keys
// is freed: that stops the whole process for some milliseconds, and the strike comes
// first.
const releaseAfter = 250 * time.Millisecond

// run works until ctx ends, and wipes what is left.
func (w *worker) run(ctx context.Context) error {
	release := time.NewTimer(0)
	defer release.Stop()
	for {
		select {
		case <-release.C:
			pin.Release()
		case <-ctx.Done():
			for len(w.jobs) > 0 { // nobody else takes them
				(<-w.jobs).material.wipe()
			}
			return nil
		case j := <-w.jobs:
			w.answer(w.identify(ctx, j))
			if w.kind == wire.PIN && w.held.tpm != nil {
				w.held.tell(w.answer) // the TPM has counted
			}
			w.task.Done()
			release.Reset(releaseAfter)
		}
	}
}

// identify answers a job and wipes it.
func (w *worker) identify(ctx context.Context, j *job) device.Identified {
	defer j.material.wipe()
	answer, took, damaged := device.Identified{Kind: w.kind, Seq: j.seq}, status.LookupTimes{}, false
	var err error // why the card is refused
	switch {
	case j.personalise:
		pin.Secretly(func() { answer.Outcome, err = w.personalise(ctx, j) })
	case j.enrol != (wire.CommandID{}):
		answer.Outcome = device.Enrolled
		if err = w.enrol(j.enrol, j.material.value()); err != nil {
			answer.Outcome = device.KeyFailed // nobody waits for it any more
		}
	default:
		pin.Secretly(func() { damaged, err = w.lookUp(ctx, &j.material, &answer, &took) })
	}
	if err != nil {
		w.log.Debug("card refused", "err", err)
	}
	w.lookups.Identified(answer, took)
	if damaged {
		w.damaged()
	}
	return answer
}

// lookUp derives the tag of a secret, looks it up, lets its card prove itself if it can,
// and fills in the answer and the times. The error says why the card has proved nothing.
func (w *worker) lookUp(ctx context.Context, m *material, answer *device.Identified, took *status.LookupTimes) (damaged bool, _ error) {
	begin := time.Now()
	tag, epoch, err := w.held.tag(ctx, w.kind, m.value())
	defer clear(tag[:])
	switch {
	case errors.Is(err, cache.ErrEmpty):
		answer.Outcome = device.Damaged
		return false, nil
	case err != nil:
		answer.Outcome = device.KeyFailed
		return false, nil
	}
	derived := time.Now()
	damaged = w.find(epoch, tag, answer)
	took.Derivation, took.Lookup = derived.Sub(begin), time.Since(derived)
	if answer.Outcome != device.Known || len(answer.Credential.CardKey) == 0 {
		return damaged, nil
	}
	return w.prove(ctx, m, epoch, tag, answer, &took.Proof)
}

// find looks a tag up and fills in the answer.
func (w *worker) find(epoch uint64, tag wire.Tag, answer *device.Identified) (damaged bool) {
	credential, err := w.held.cache.Lookup(epoch, tag)
	answer.Credential = nil
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
		return true
	}
	return false
}
