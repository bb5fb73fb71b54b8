package main

import (
	"context"
	"errors"
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
	seq      uint64
	enrol    wire.CommandID
	material material
}

// worker identifies secrets one after the other: it derives the tag, looks it up and
// wipes the secret. PINs and cards have a worker each, so that a card need not wait for
// Argon2id.
type worker struct {
	kind    wire.CredentialKind
	lookups *status.Lookups
	task    *supervision.Task
	held    *held
	jobs    chan *job
	answer  func(device.Event)
	enrol   func(id wire.CommandID, uid []byte) error // sends a card to the controller
	damaged func()                                    // a part of the credentials is damaged
}

// identifyWithin is three times what the brain waits for an outcome.
const identifyWithin = 30 * time.Second

// jobsWaiting is more than the brain has looked up at once before it gives up on one.
const jobsWaiting = 8

// releaseAfter is how long after an outcome Argon2id's memory is freed: that stops the
// whole process for some milliseconds, and the strike comes first.
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
			w.answer(w.identify(j))
			w.task.Done()
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
		answer.Outcome = device.Enrolled
		if w.enrol(j.enrol, j.material.value()) != nil {
			answer.Outcome = device.KeyFailed // nobody waits for it any more
		}
		w.lookups.Identified(answer, status.LookupTimes{})
		return answer
	}
	damaged, took := false, status.LookupTimes{}
	pin.Secretly(func() { damaged = w.lookUp(j.material.value(), &answer, &took) })
	w.lookups.Identified(answer, took)
	if damaged {
		w.damaged()
	}
	return answer
}

// lookUp derives the tag of a secret, looks it up, and fills in the answer and the
// times.
func (w *worker) lookUp(secret []byte, answer *device.Identified, took *status.LookupTimes) (damaged bool) {
	begin := time.Now()
	tag, epoch, err := w.held.tag(w.kind, secret)
	defer clear(tag[:])
	switch {
	case errors.Is(err, cache.ErrEmpty):
		answer.Outcome = device.Damaged
		return false
	case err != nil:
		answer.Outcome = device.KeyFailed
		return false
	}
	derived := time.Now()
	credential, err := w.held.cache.Lookup(epoch, tag)
	took.Derivation, took.Lookup = derived.Sub(begin), time.Since(derived)
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
