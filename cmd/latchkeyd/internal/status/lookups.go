package status

import (
	"sync"
	"sync/atomic"
	"time"

	"latchkey/device"
	"latchkey/sync/wire"
)

// Lookups counts and times the workers' look-ups. A card counts at once. No figure may
// tell a PIN's outcome before the brain has decided it, with its charge on the disk: its
// times wait until then, and its outcome is the brain's.
type Lookups struct {
	derivation, lookup, proof Timing
	counts                    [len(kinds)][len(outcomes)]atomic.Uint64

	mu  sync.Mutex
	pin LookupTimes // of the newest one
	seq uint64      // of the newest PIN
}

// LookupTimes is how long a look-up took. Each is 0 if there was none.
type LookupTimes struct {
	Derivation time.Duration // of the tag
	Lookup     time.Duration // of the credential
	Proof      time.Duration // of a card, successful or not
}

// kinds by their names, in the order of wire.CredentialKind.
var kinds = [...]string{wire.PIN.String(), wire.Card.String()}

// outcomes by their names, in the order of device.Outcome from its first on.
var outcomes = [...]string{"known", "unknown", "damaged", "key-failed", "epoch-changed", "enrolled", "not-genuine", "card-gone", "personalised", "foreign-keys", "unsuitable", "declined", "unanswered"}

// Identified takes a worker's answer and how long it took.
func (l *Lookups) Identified(answer device.Identified, took LookupTimes) {
	if answer.Kind == wire.PIN {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pin, l.seq = took, answer.Seq
		return
	}
	l.add(took)
	l.count(answer.Kind, answer.Outcome)
}

// Decided takes the brain's decision on a PIN. One that was decided without a look at
// its outcome does not count.
func (l *Lookups) Decided(d device.Decided) {
	if d.Outcome == 0 {
		return
	}
	l.count(wire.PIN, d.Outcome)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seq == d.Seq {
		l.add(l.pin)
	}
}

func (l *Lookups) add(took LookupTimes) {
	if took.Derivation > 0 {
		l.derivation.Add(took.Derivation)
		l.lookup.Add(took.Lookup)
	}
	if took.Proof > 0 {
		l.proof.Add(took.Proof)
	}
}

func (l *Lookups) count(kind wire.CredentialKind, outcome device.Outcome) {
	if i := int(outcome - device.Known); i >= 0 && i < len(outcomes) {
		l.counts[kind-wire.PIN][i].Add(1)
	}
}

// counted returns how many there were, by kind and outcome.
func (l *Lookups) counted() map[string]map[string]uint64 {
	all := map[string]map[string]uint64{}
	for kind, of := range kinds {
		all[of] = map[string]uint64{}
		for i, outcome := range outcomes {
			all[of][outcome] = l.counts[kind][i].Load()
		}
	}
	return all
}
