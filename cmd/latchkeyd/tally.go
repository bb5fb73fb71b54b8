package main

import (
	"sync"
	"sync/atomic"
	"time"

	"latchkey/device"
	"latchkey/sync/wire"
)

// tally counts what came of look-ups. A card's counts at once. A PIN's is not to be told
// from any figure before the brain has decided it, with its charge on the disk: until then
// how long it took is held back, and its outcome is taken from the brain's own records.
type tally struct {
	derivation, lookup timing
	counts             [2][len(outcomes)]atomic.Uint64

	mu   sync.Mutex
	held took // of the newest PIN
}

// took is how long a look-up took.
type took struct {
	seq                uint64
	derivation, lookup time.Duration
}

// outcomes by their names, in the order of device.Outcome from its first on.
var outcomes = [...]string{"known", "unknown", "damaged", "key-failed", "epoch-changed", "enrolled"}

// identified takes an answer of a worker, and how long it took.
func (t *tally) identified(answer device.Identified, took took) {
	if answer.Kind == wire.PIN {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.held = took
		return
	}
	t.took(took)
	t.add(answer.Kind, answer.Outcome)
}

// decided takes what the brain did when it decided the PIN entry seq. One that ended
// unseen, as its charge was not stored or no answer came, is none of the outcomes.
func (t *tally) decided(seq uint64, actions []device.Action) {
	outcome, ok := outcomeOf(seq, actions)
	if !ok {
		return
	}
	t.add(wire.PIN, outcome)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held.seq == seq {
		t.took(t.held)
	}
}

func (t *tally) took(took took) {
	if took.derivation > 0 {
		t.derivation.took(took.derivation)
		t.lookup.took(took.lookup)
	}
}

// outcomeOf returns what the records among actions say of a PIN entry.
func outcomeOf(seq uint64, actions []device.Action) (device.Outcome, bool) {
	for _, action := range actions {
		stored, _ := action.(device.Append)
		for _, r := range stored.Records {
			switch reason := device.Reason(r.Reason); {
			case r.Seq != seq:
			case r.Kind == wire.AccessGranted, r.Kind == wire.AttemptTakenBack && r.Credential != 0:
				return device.Known, true
			case r.Kind == wire.AttemptUnknown && reason == "":
				return device.Unknown, true
			case r.Kind != wire.AttemptTakenBack:
			case reason == device.ReasonDamaged:
				return device.Damaged, true
			case reason == device.ReasonKey:
				return device.KeyFailed, true
			case reason == device.ReasonEpoch:
				return device.EpochChanged, true
			}
		}
	}
	return 0, false
}

func (t *tally) add(kind wire.CredentialKind, outcome device.Outcome) {
	if i := int(outcome - device.Known); i >= 0 && i < len(outcomes) {
		t.counts[kind-wire.PIN][i].Add(1)
	}
}

func (t *tally) now() map[string]map[string]uint64 {
	all := map[string]map[string]uint64{}
	for kind, name := range []string{"pin", "card"} {
		all[name] = map[string]uint64{}
		for outcome, name2 := range outcomes {
			all[name][name2] = t.counts[kind][outcome].Load()
		}
	}
	return all
}
