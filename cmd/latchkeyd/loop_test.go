package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/device/journal"
	"latchkey/sync/wire"
)

// pending returns a loop that has charged a PIN and waits for its outcome.
func pending(t *testing.T, adopted <-chan struct{}, answers <-chan device.Event) *loop {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signed, err := (&wire.Policy{
		Reader: "front-door", Revision: 1, Door: "Front door", TimeZone: "UTC", PIN: true,
		Limit: 10, Unlock: 5, Extended: 5, Access: []wire.Access{{Group: wire.Everyone}},
	}).Sign(wire.SiteID{1}, key)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := wire.OpenPolicy(wire.SiteID{1}, signed, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := device.LoadPolicy(verified)
	if err != nil {
		t.Fatal(err)
	}
	var durable device.Durable
	events := journal.Open(journal.Options{Dir: t.TempDir(), Fresh: true, State: &durable})
	t.Cleanup(func() { events.Close() })
	l := &loop{
		lookups: new(status.Lookups),
		clock:   newClock(time.Unix(0, 0)), instruments: &instruments{slots: new(slots), stopwatch: new(status.Stopwatch), parts: supervision.NewParts(nil, nil, nil)}, answers: answers, adopted: adopted,
		journal: journal.NewWriter(events, func(journal.Stored) {}), storing: new(supervision.Task), recent: new(recent), report: func(device.State) {},
		workers: map[wire.CredentialKind]*worker{wire.PIN: {task: new(supervision.Task), jobs: make(chan *job, 1)}},
	}
	held := wire.Position{Epoch: 1, Revision: 1}
	l.brain, _ = device.New(durable, device.Start{Reader: "front-door", Site: wire.SiteID{1}, Policy: policy, Held: held, NewJournal: true}, l.clock.now())
	l.carryOut(l.brain.Step(l.clock.now(), device.Stored{Batch: 1}))
	l.carryOut(l.brain.Step(l.clock.now(), device.Presented{Kind: wire.PIN}))
	if l.brain.Durable().Pending == 0 {
		t.Fatal("the PIN is not charged")
	}
	return l
}

func TestAnAdoptionWaitsForThePINThatIsBeingChecked(t *testing.T) {
	adopted, answers := make(chan struct{}, 1), make(chan device.Event)
	adopted <- struct{}{}
	l := pending(t, adopted, answers)
	seq := l.brain.Durable().Pending
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- l.run(ctx, nil) }()
	for _, answer := range []device.Event{
		device.Identified{Kind: wire.PIN, Seq: seq, Outcome: device.Unknown},
		device.Stored{Batch: 2}, // the charge
	} {
		select {
		case err := <-ended:
			t.Fatalf("ended before the PIN was decided: %v", err)
		case answers <- answer:
		}
	}
	if err := <-ended; !errors.Is(err, errAdopted) {
		t.Error(err)
	}
	if d := l.brain.Durable(); d.Pending != 0 || d.Wrong != 1 {
		t.Errorf("the PIN was not counted: %+v", d)
	}
}

func TestWhatWasKnownAtTheStartGivesWayToWhatWasSaidSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			l := pending(t, nil, nil)
			var now device.State
			l.report = func(state device.State) { now = state }
			l.instruments.events = make(chan device.Event, 1)
			l.waiting = []device.Event{device.Health{Subject: wire.SubjectNFC, Condition: device.Good}}
			l.instruments.events <- device.Health{Subject: wire.SubjectNFC, Condition: device.Failed, Text: "no answer"}
			ctx, cancel := context.WithCancel(t.Context())
			go l.run(ctx, nil)
			synctest.Wait()
			cancel()
			synctest.Wait()
			if now.Parts.Is(wire.SubjectNFC) != device.Failed {
				t.Fatalf("the card reader has failed, and the reader says %q", now.Card)
			}
		}
	})
}

func TestAPINThatTheBrainHasDecidedIsCountedAndTimed(t *testing.T) {
	metrics := status.NewMetrics()
	l := &loop{instruments: &instruments{stopwatch: &metrics.Strike}, lookups: &metrics.Lookups}
	l.lookups.Identified(device.Identified{Kind: wire.PIN, Seq: 7, Outcome: device.Unknown}, status.LookupTimes{Derivation: time.Second, Lookup: time.Millisecond})
	l.carryOut([]device.Action{device.Decided{Seq: 7, Outcome: device.Unknown}})
	if f := metrics.Figures(nil); f.Lookups["pin"]["unknown"] != 1 || f.Derivation.Count != 1 {
		t.Errorf("%v, %d timed", f.Lookups, f.Derivation.Count)
	}
}
