package device

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// first is what an onlooker knows of a first proof: whose it was, of which kind, and when.
type first struct {
	kind wire.CredentialKind
	user uint64
	at   time.Duration
}

// specTwo says, in other words than the reader's, whether two proofs are demanded.
func specTwo(p *wire.Policy, now Now) bool {
	if p.TwoProofs == nil || p.TwoProofs.Schedule == nil || !now.Trusted {
		return p.TwoProofs != nil
	}
	minute := now.Wall.Hour()*60 + now.Wall.Minute()
	for _, span := range p.TwoProofs.Schedule.Week { // the walk's zone is UTC, and it has no holidays
		if time.Weekday(span.Day) == now.Wall.Weekday() && int(span.From) <= minute && minute < int(span.To) {
			return true
		}
	}
	return false
}

// waits returns the first proof before the edge that still stands, of a kind other than that
// of the second; nil: there is none.
func (e *edge) waits(second wire.CredentialKind) *wire.Credential {
	if e.before.r.proof.credential == nil {
		return nil
	}
	r := e.before.r // as it is when its deadlines have passed
	t := turn{Reader: &r, now: e.now}
	r.elapsed = e.now.Monotonic
	t.expire()
	if c := r.proof.credential; c != nil && c.Kind != second {
		return c
	}
	return nil
}

// presentedAt is when what the edge's event answers was presented.
func (e *edge) presentedAt(kind wire.CredentialKind) time.Duration {
	if kind == wire.Card {
		return e.before.r.card.deadline - answerWithin
	}
	return e.before.r.attempt.deadline - answerWithin
}

func twoOpen(e *edge) (met bool, err error) {
	for _, r := range e.records() {
		if r.Kind != wire.AccessGranted || r.By == wire.ByRemote {
			continue
		}
		if two := specTwo(e.policy(), e.now); two != (r.By == wire.ByBoth) {
			return true, fmt.Errorf("it opened by %s", r.By)
		} else if !two {
			continue
		}
		met = true
		second := wire.PIN
		if identified, ok := e.event.(Identified); ok {
			second = identified.Kind
		} else if e.completed() {
			second = wire.Card
		}
		known := e.before.known
		if known.user != r.User || known.kind == second || e.before.r.attempt.state != attemptCounting && !e.completed() && e.presentedAt(second)-known.at >= 15*time.Second {
			return true, fmt.Errorf("%+v and %v of %d, presented at %v", known, second, r.User, e.presentedAt(second))
		}
	}
	return met, nil
}

func secondCharges(e *edge) (met bool, err error) {
	event, ok := e.event.(Identified)
	if !ok || event.Kind != wire.Card || e.before.r.card.deadline == 0 || event.Seq != e.before.r.card.seq || e.timedOut() {
		return false, nil
	}
	pin := e.waits(wire.Card)
	if pin == nil {
		return false, nil
	}
	before, after := e.before.r.durable, e.after.r.durable
	if after.Guesses > before.Guesses || after.Wrong > before.Wrong || after.Lockout != before.Lockout {
		return true, errors.New("it charged")
	}
	failed := event.Outcome != Known && event.Outcome != Unknown && event.Outcome != NotGenuine
	counts := event.Outcome == Known && pin.Limited() && pin.User == event.Credential.User
	if waits := e.after.r.proof.is(wire.PIN); waits != (failed || counts) {
		return true, fmt.Errorf("the first proof waits: %t", waits)
	}
	return true, nil
}

func proofEndsInTime(e *edge) (met bool, err error) {
	after := &e.after.r
	if after.proof.credential == nil {
		return false, nil
	}
	if left := after.proof.end - e.now.Monotonic; left > 15*time.Second || left <= 0 && !after.secondAsked() {
		return true, fmt.Errorf("%v are left", left)
	}
	if at, ok := after.Deadline(); !after.secondAsked() && (!ok || at > after.proof.end) {
		return true, errors.New("nobody looks at its end")
	}
	return true, nil
}

func usesHold(e *edge) (met bool, err error) {
	if e.after.uses == 0 {
		return false, nil
	}
	stored, _ := e.after.disk.usesOf(twicePIN)
	if e.after.uses > twicePIN.Uses || e.after.uses > stored.Uses {
		return true, fmt.Errorf("it was used %d times, of which %d are on the disk", e.after.uses, stored.Uses)
	}
	return true, nil
}

// accepted says whether the edge has let the PIN with limits in, alone or with a card.
func (e *edge) accepted() bool {
	return slices.ContainsFunc(e.records(), func(r wire.Record) bool {
		return r.Kind == wire.AccessGranted && (r.Credential == twicePIN.ID || r.By == wire.ByBoth && e.before.r.proof.credential == twicePIN)
	})
}

func duressIsSilent(e *edge) (met bool, err error) {
	outcome, c, ok := e.decided()
	if !ok || outcome != Known || c == nil || !c.Duress || e.crashed() {
		return false, nil
	}
	plain := *c
	plain.Duress = false
	other, event := e.before.r, e.event
	if identified, ok := event.(Identified); ok {
		identified.Credential = &plain
		event = identified
	} else {
		other.attempt.credential = &plain
	}
	actions := other.Step(e.now, event)
	after := e.after.r
	after.proof.credential, other.proof.credential = nil, nil
	if after != other {
		return true, fmt.Errorf("with a plain PIN %+v", other)
	}
	var records []wire.Record
	if appended, ok := actions[0].(Append); ok {
		records = appended.Records
	}
	at := slices.IndexFunc(e.records(), func(r wire.Record) bool { return r.Kind == wire.Duress && r.User == c.User })
	if at < 0 || len(e.records()) != len(records)+1 || e.records()[at+1].Kind != records[at].Kind ||
		slices.ContainsFunc(records[:at], func(r wire.Record) bool { return r.Kind == wire.AccessGranted || r.Kind == wire.ProofGiven }) {
		return true, fmt.Errorf("records %v, with a plain PIN %v", e.records(), records)
	}
	if !slices.Equal(e.strikes(), (&edge{actions: actions}).strikes()) || len(actions) != len(e.actions) {
		return true, fmt.Errorf("actions %v, with a plain PIN %v", e.actions, actions)
	}
	return true, nil
}
