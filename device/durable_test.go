package device

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/sync/wire"
)

func TestARecordThatDoesNotFitChangesNothing(t *testing.T) {
	pending := Durable{Wrong: 3, Guesses: 4, Pending: 7, Seq: 7}
	idle := Durable{Wrong: 3, Guesses: 4, Seq: 7}
	held := Durable{Epoch: 2, Revision: 5, PolicyRevision: 9, Site: wire.SiteID{1}}
	for _, test := range []struct {
		name   string
		before Durable
		record wire.Record
	}{
		{"the answer to another attempt", pending, wire.Record{Kind: wire.AttemptUnknown, Seq: 6}},
		{"an answer without an attempt", idle, wire.Record{Kind: wire.AttemptUnknown, Seq: 7}},
		{"an answer to attempt 0", idle, wire.Record{Kind: wire.AttemptUnknown}},
		{"an interruption of another attempt", pending, wire.Record{Kind: wire.AttemptInterrupted, Seq: 8}},
		{"another attempt taken back", pending, wire.Record{Kind: wire.AttemptTakenBack, Seq: 8}},
		{"a grant of another attempt", pending, wire.Record{Kind: wire.AccessGranted, By: "pin", Seq: 8}},
		{"a grant of a card", pending, wire.Record{Kind: wire.AccessGranted, By: "card", Seq: 7}},
		{"a remote grant", pending, wire.Record{Kind: wire.AccessGranted, By: "remote", Seq: 7}},
		{"a charge of attempt 0", idle, wire.Record{Kind: wire.AttemptStarted}},
		{"the same charge again", pending, wire.Record{Kind: wire.AttemptStarted, Seq: 7}},
		{"the end of no lockout", idle, wire.Record{Kind: wire.LockoutCleared, Count: 1}},
		{"a lockout in a lockout", Durable{Lockout: wire.CauseTamper}, wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts}},
		{"a lower position in the log", held, wire.Record{Kind: wire.CredentialsApplied, Epoch: 2, Revision: 4}},
		{"a lower epoch", held, wire.Record{Kind: wire.CredentialsApplied, Epoch: 1, Revision: 99}},
		{"a lower policy", held, wire.Record{Kind: wire.PolicyApplied, PolicyRevision: 8}},
		{"an adoption by the same site", held, wire.Record{Kind: wire.Adopted, Site: wire.SiteID{1}, Epoch: 1}},
		{"an earlier running time", Durable{Running: 9, Leaked: 9}, wire.Record{Kind: wire.Checkpoint + "x", Running: 8}},
		{"an untrusted time", Durable{Time: 9}, wire.Record{Time: 10}},
		{"a refusal", idle, wire.Record{Kind: wire.PINRefused, Seq: 7}},
		{"a kind of tomorrow", idle, wire.Record{Kind: "attempt.forgiven", Seq: 7, Wrong: 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			after := test.before
			after.Apply(test.record)
			if after != test.before {
				t.Errorf("%+v became %+v", test.before, after)
			}
		})
	}
}

func TestAChargeWhoseAnswerWasLostCountsWithTheNext(t *testing.T) {
	d := Durable{Wrong: 3, Guesses: 4, Pending: 7, Seq: 7}
	d.Apply(wire.Record{Kind: wire.AttemptStarted, Seq: 8})
	if d.Wrong != 4 || d.Guesses != 5 || d.Pending != 8 || d.Seq != 8 {
		t.Errorf("%+v", d)
	}
}

func TestCountsDoNotWrapAround(t *testing.T) {
	d := Durable{Wrong: math.MaxUint16, Guesses: math.MaxUint16, Pending: 1, Seq: 1}
	d.Apply(wire.Record{Kind: wire.AttemptUnknown, Seq: 1})
	if d.Wrong != math.MaxUint16 || d.Guesses != math.MaxUint16 {
		t.Errorf("%+v", d)
	}
}

func TestACheckpointTakesUpWhatItWasMadeOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDurable(t)
		if len(d.Encode()) > 3<<10 {
			t.Fatalf("%d bytes", len(d.Encode()))
		}
		for _, kind := range []wire.RecordKind{wire.Checkpoint, wire.JournalResumed} {
			taken := Durable{Wrong: 9, Lockout: wire.CauseTamper, Running: math.MaxUint32}
			taken.Apply(wire.Record{Kind: kind, State: d.Encode()})
			if taken != d {
				t.Fatalf("%+v became %+v", d, taken)
			}
		}
		again, err := Restore(d.Encode())
		if err != nil || again != d || !bytes.Equal(again.Encode(), d.Encode()) {
			t.Fatalf("%+v became %+v, %v", d, again, err)
		}
	})
}

// anyDurable folds some records of any content.
func anyDurable(t *rapid.T) Durable {
	var d Durable
	kinds := rapid.SampledFrom(append([]wire.RecordKind{wire.HoldStarted, wire.Adopted}, folded...))
	for range rapid.IntRange(0, 30).Draw(t, "records") {
		d.Apply(wire.Record{
			Kind:       kinds.Draw(t, "kind"),
			Seq:        rapid.Uint64Range(0, 4).Draw(t, "seq"),
			User:       rapid.Uint64Range(0, 12).Draw(t, "user"),
			By:         rapid.SampledFrom([]wire.Means{"", wire.ByPIN, wire.ByCard, wire.ByBoth}).Draw(t, "by"),
			Credential: rapid.Uint64Range(0, 3).Draw(t, "credential"),
			Cause:      rapid.SampledFrom([]wire.Cause{"", "attempts", "guessing", "tamper", "boredom"}).Draw(t, "cause"),
			Running:    rapid.Uint64().Draw(t, "running") >> rapid.IntRange(0, 63).Draw(t, "shift"),
			Time:       rapid.Int64().Draw(t, "time"), Trusted: rapid.Bool().Draw(t, "trusted"),
			Seconds: rapid.Uint32().Draw(t, "seconds"),
			Count:   rapid.Uint64Range(0, 9).Draw(t, "count"),
			Epoch:   rapid.Uint64Max(wire.MaxNumber).Draw(t, "epoch"), Revision: rapid.Uint64Max(wire.MaxNumber).Draw(t, "revision"),
		})
	}
	return d
}

func TestAStateThatCannotBeReadLocks(t *testing.T) {
	good := Durable{Wrong: 2}.Encode()
	for name, state := range map[string][]byte{
		"nothing":              nil,
		"cut short":            good[:len(good)-1],
		"with more at its end": append(bytes.Clone(good), 0),
		"an unknown cause":     Durable{Lockout: "boredom"}.Encode(),
		"an attempt to come":   Durable{Pending: 2, Seq: 1}.Encode(),
		"time to come":         Durable{Leaked: 2, Running: 1}.Encode(),
	} {
		if _, err := Restore(state); !errors.Is(err, wire.ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
		var d Durable
		d.Apply(wire.Record{Kind: wire.Checkpoint, State: state})
		if d.Lockout != wire.CauseJournal {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// FuzzApply folds records of any content, and reads states of any content.
func FuzzApply(f *testing.F) {
	f.Add(Durable{}.Encode())
	f.Add(Durable{Began: true, Wrong: 3, Pending: 4, Seq: 4, Guesses: 9, Running: 10, Lockout: wire.CauseGuessing}.Encode())
	f.Add(wire.Marshal(&wire.Record{Number: 1, Kind: wire.AttemptStarted, Seq: 5}))
	f.Add(append(wire.Marshal(&wire.Record{Number: 1, Kind: wire.AttemptStarted, Seq: 5}),
		wire.Marshal(&wire.Record{Number: 2, Kind: wire.AttemptUnknown, Seq: 5, Running: 1 << 63})...))
	f.Add(wire.Marshal(&wire.Record{Number: 1, Kind: wire.Checkpoint, State: Durable{Wrong: 9}.Encode()}))
	f.Add(wire.Marshal(&wire.Record{Number: 1, Kind: wire.FirstPerson, To: 60, Time: -1, Trusted: true}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := Restore(b); err == nil && !bytes.Equal(d.Encode(), b) {
			t.Fatalf("%x is also %x", b, d.Encode())
		}
		var d, twin Durable
		for len(b) > 0 {
			item, rest, err := wire.Next(b)
			if err != nil {
				break
			}
			b = rest
			r, err := wire.ParseRecord(item)
			if err != nil {
				continue
			}
			before := d
			d.Apply(*r)
			twin.Apply(*r)
			if d != twin {
				t.Fatalf("%+v and %+v", d, twin)
			}
			if restored, err := Restore(d.Encode()); err != nil || restored != d {
				t.Fatalf("%+v became %+v, %v", d, restored, err)
			}
			whole := r.Kind == wire.Checkpoint || r.Kind == wire.JournalResumed
			if before.Lockout != "" && d.Lockout == "" && r.Kind != wire.LockoutCleared && !whole {
				t.Fatalf("%s ended a lockout", r.Kind)
			}
			if d.Wrong < before.Wrong && r.Kind != wire.LockoutCleared && r.Kind != wire.AccessGranted && !whole {
				t.Fatalf("%s took wrong PINs off", r.Kind)
			}
		}
	})
}

func TestAClockInTheYear10000WritesRecordsThatAreRead(t *testing.T) {
	g := newRig(t, nil)
	for _, year := range []int{10000, 292277, -1} {
		g.now.Wall = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		g.records = nil
		g.do(Input{InputExit, true})
		g.do(Input{InputExit, false})
		g.now.Monotonic += time.Minute
		if len(g.records) == 0 {
			t.Fatal("nothing is recorded")
		}
		for _, r := range g.records {
			r.Number = 1
			if _, err := r.Encode(); err != nil {
				t.Errorf("year %d: %s: %v", year, r.Kind, err)
			}
		}
	}
}
