package device

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// begun starts a reader as start says and returns the rig and its first
// records.
func begun(t *testing.T, durable Durable, change func(s *Start), kinds ...wire.RecordKind) (*rig, []wire.Record) {
	t.Helper()
	g := newRig(t, nil)
	g.disk, g.records, g.now.Trusted = durable, nil, false
	g.start = Start{Reader: "front-door", Version: "1.0", Policy: g.load()}
	if change != nil {
		change(&g.start)
	}
	g.begin()
	return g, g.wantRecords(kinds...)
}

func TestAFirstJournalBringsNoLockout(t *testing.T) {
	g, r := begun(t, Durable{}, func(s *Start) { s.NewJournal = true },
		wire.ReaderStarted, wire.JournalBegan, wire.PolicyApplied)
	if r[0].Version != "1.0" || r[1].Reason != "new" || r[2].PolicyRevision != 1 {
		t.Errorf("%+v", r)
	}
	g.wantAttempts(0, 0, "")
	g.wantScreen(ScreenHome)
}

func TestALostJournalBringsALockout(t *testing.T) {
	for _, test := range []struct {
		fault  string
		reason wire.Reason
	}{
		{"segment 3: hash mismatch", "segment 3: hash mismatch"},
		{"", "there was none"},
	} {
		g, r := begun(t, Durable{}, func(s *Start) { s.JournalFault = test.fault },
			wire.ReaderStarted, wire.LockoutStarted, wire.JournalBegan, wire.PolicyApplied)
		if r[1].Cause != wire.CauseJournal || r[2].Reason != test.reason {
			t.Errorf("%+v", r)
		}
		g.wantAttempts(0, 0, wire.CauseJournal)
		g.wantScreen(ScreenPaused)
		// How many guesses the lost one had counted nobody knows.
		g.card(Known, adaCard)
		g.wantAttempts(0, 45, "") // those of the journal that is lost are not known
		g.guess(14, adaPIN)
		g.miss(1)
		if d := g.r.Durable(); d.Lockout != wire.CauseGuessing {
			t.Errorf("a lost journal gives new guesses: %+v", d)
		}
	}
}

func TestALostJournalLeavesTheGuessesThatTheLimitInForceSays(t *testing.T) {
	for limit, left := range map[uint16]uint16{0: 45, 4: 3, 20: 15} {
		g, _ := begun(t, Durable{}, func(s *Start) {
			policy := wire.DefaultPolicy("front-door", "Front door")
			policy.Revision, policy.GuessLimit = 1, limit
			var err error
			if s.Policy, err = LoadPolicy(verified(t, &policy)); err != nil {
				t.Fatal(err)
			}
		}, wire.ReaderStarted, wire.LockoutStarted, wire.JournalBegan, wire.PolicyApplied)
		g.order(wire.Unlock)
		g.wantAttempts(0, left, "")
		g.crash(time.Minute)
		g.wantAttempts(0, left, "")
	}
}

func TestNothingOfASitesAuthorityOutlivesIt(t *testing.T) {
	old := Durable{
		Began: true, Site: wire.SiteID{7}, Epoch: 1 << 40, Revision: 8, PolicyRevision: 1 << 40,
		Running: 1000, Leaked: 1000, Time: 1 << 50, FirstUntil: 1 << 50,
		Guesses: 9, Resets: [maxResets]uint64{3, 4}, Connection: 77, Lockout: wire.CauseGuessing,
	}
	adopt := func(site wire.SiteID, replaced bool, kinds ...wire.RecordKind) {
		t.Helper()
		g, _ := begun(t, old, func(s *Start) {
			s.Site, s.Replaced, s.Held = site, replaced, wire.Position{Epoch: 1, Revision: 2, Hash: wire.Hash{5}}
		}, kinds...)
		d := g.r.Durable()
		if d.Site != site || d.Held() != (wire.Position{Epoch: 1, Revision: 2, Hash: wire.Hash{5}}) || d.PolicyRevision != 1 {
			t.Errorf("what the site had reached: %+v", d)
		}
		if d.FirstUntil != 0 {
			t.Errorf("its first person is in: %+v", d)
		}
		if d.Time != 0 || d.Resets != [maxResets]uint64{} {
			t.Errorf("its time, or its users: %+v", d)
		}
		if d.Guesses != 9 || d.Lockout != wire.CauseGuessing || d.Connection != 77 || d.Running != 1000 {
			t.Errorf("what was counted at the door is forgotten: %+v", d)
		}
	}
	adopt(wire.SiteID{8}, false, wire.ReaderStarted, wire.Adopted)
	adopt(wire.SiteID{8}, true, wire.ReaderStarted, wire.Adopted)
	// Another controller's, which chose the same id.
	adopt(wire.SiteID{7}, true, wire.ReaderStarted, wire.Adopted, wire.Adopted)
}

func TestAPolicyThatWasReplacedIsNotPutInForceThoughTheNewerOneIsLost(t *testing.T) {
	g, _ := begun(t, Durable{Began: true, PolicyRevision: 9}, func(s *Start) { s.Policy = Policy{} }, wire.ReaderStarted)
	for _, revision := range []uint64{1, 8} {
		g.policy.Revision = revision
		g.do(g.load())
		if g.r.policy.policy != nil {
			t.Errorf("revision %d is in force", revision)
		}
	}
	g.policy.Revision = 9
	g.do(g.load())
	if g.r.policy.policy == nil {
		t.Error("the newest policy is refused")
	}
}

func TestTheNumberOfTheConnectionIsInTheJournal(t *testing.T) {
	g := newRig(t, nil)
	g.do(Health{Subject: wire.SubjectLink, Condition: Good, Connection: 1_800_000_000})
	g.do(Health{Subject: wire.SubjectLink, Condition: Failed, Text: "gone"})
	g.do(Health{Subject: wire.SubjectLink, Condition: Good, Connection: 5})
	g.crash(time.Hour)
	if n := g.r.Durable().Connection; n != 1_800_000_000 {
		t.Errorf("connection %d", n)
	}
	if d, err := Restore(g.r.Durable().Encode()); err != nil || d != g.r.Durable() {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestTheFirstActionsSayAllThatIsKnownAtTheStart(t *testing.T) {
	g := newRig(t, nil)
	g.want(unlockedFor(g, time.Minute))
	g.start.Policy = g.r.policy
	_, actions := New(g.disk, g.start, g.now)
	var got []string
	for _, action := range actions {
		got = append(got, fmt.Sprintf("%T", action))
	}
	want := []string{"device.Append", "device.Strike", "device.Show", "device.Report"}
	if !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	records := actions[0].(Append).Records
	if last := records[len(records)-1]; actions[0].(Append).Batch != 1 || last.Kind != wire.ModeChanged {
		t.Errorf("%+v", actions[0])
	}
}

func TestALostJournalLocksThoughThePowerIsCutAtAnyRecord(t *testing.T) {
	g, _ := begun(t, Durable{}, nil, wire.ReaderStarted, wire.LockoutStarted, wire.JournalBegan, wire.PolicyApplied)
	_, actions := New(Durable{}, g.start, g.now)
	records := actions[0].(Append).Records
	for n := range len(records) + 1 {
		var disk Durable
		disk.fold(records[:n])
		r, _ := New(disk, g.start, g.now)
		if r.Durable().Lockout != wire.CauseJournal {
			t.Errorf("not after %d records", n)
		}
	}
}

func TestAStartSaysWhatIsNewsAndNothingElse(t *testing.T) {
	site := wire.SiteID{7}
	old := Durable{Began: true, Site: site, Epoch: 3, Revision: 8, Hash: wire.Hash{1}, PolicyRevision: 1}
	at := func(epoch, revision uint64, hash byte) func(s *Start) {
		return func(s *Start) {
			s.Site, s.Held = site, wire.Position{Epoch: epoch, Revision: revision, Hash: wire.Hash{hash}}
		}
	}
	begun(t, old, at(3, 8, 1), wire.ReaderStarted)
	begun(t, old, at(3, 9, 2), wire.ReaderStarted, wire.CredentialsApplied)
	begun(t, old, at(4, 1, 2), wire.ReaderStarted, wire.CredentialsApplied)
	g, _ := begun(t, old, at(3, 7, 2), wire.ReaderStarted, wire.CacheBehind)
	g.wantScreen(ScreenOutOfOrder)
	if g.r.Durable().Held() != (wire.Position{Epoch: 3, Revision: 8, Hash: wire.Hash{1}}) {
		t.Errorf("%+v", g.r.Durable())
	}
}

func TestAnAdoptionByAnotherSiteStartsItsRevisionsAnewAndKeepsALockout(t *testing.T) {
	old := Durable{Began: true, Site: wire.SiteID{7}, Epoch: 3, Revision: 8, PolicyRevision: 900, Lockout: wire.CauseAttempts, Wrong: 10,
		FirstUntil: 1 << 50, Time: 1 << 50, Connection: 77}
	g, r := begun(t, old, func(s *Start) {
		s.Site, s.Held = wire.SiteID{8}, wire.Position{Epoch: 1, Revision: 2, Hash: wire.Hash{5}}
	},
		wire.ReaderStarted, wire.Adopted)
	if r[1].Site != (wire.SiteID{8}) || r[1].Epoch != 1 || r[1].Revision != 2 || r[1].PolicyRevision != 1 {
		t.Errorf("%+v", r[1])
	}
	d := g.r.Durable()
	if d.FirstUntil != 0 || d.Time != 0 {
		t.Errorf("what the former site gave goes on: %+v", d)
	}
	if g.state.Behind || d.Held() != (wire.Position{Epoch: 1, Revision: 2, Hash: wire.Hash{5}}) || d.PolicyRevision != 1 || d.Site != (wire.SiteID{8}) {
		t.Errorf("%+v", d)
	}
	g.wantAttempts(10, 0, wire.CauseAttempts)
}

func TestRunningTimeGoesOnWhereTheRecordsLeftIt(t *testing.T) {
	g := newRig(t, nil)
	g.wait(90 * time.Second)
	g.order(wire.Identify)
	g.wait(time.Minute)
	g.crash(time.Hour)
	g.wait(10 * time.Second)
	g.records = nil
	g.order(wire.Identify)
	if r := g.records[0]; r.Running != 100_000 {
		t.Errorf("%d ms", r.Running)
	}
}

func TestTheMonotonicClockNeverRunsBackwards(t *testing.T) {
	g := newRig(t, nil)
	g.card(Known, adaCard)
	g.now.Monotonic -= 30 * time.Minute
	g.do(Tick{})
	if g.state.Strike != wire.StrikePulse {
		t.Errorf("%+v", g.state)
	}
	g.now.Monotonic += 30*time.Minute + 5*time.Second
	g.do(Tick{})
	if g.state.Strike != wire.StrikeOff {
		t.Errorf("%+v", g.state)
	}
}

func TestAnEmptyEventChangesNothing(t *testing.T) {
	for _, event := range []Event{Presented{}, Identified{}, Stored{}, Input{}, Command{}, Policy{}, Refused{}, Health{}, Tick{}} {
		g := newRig(t, nil)
		before := g.r.Durable()
		g.do(event)
		g.wantStrikes()
		if _, refused := event.(Refused); refused {
			g.wantRecords(wire.MessageRefused)
		} else {
			g.wantRecords()
		}
		if after := g.r.Durable(); after != before {
			t.Errorf("an empty %T: %+v, before %+v", event, after, before)
		}
		if _, asked := event.(Presented); asked != (g.forgot == 1) {
			t.Errorf("an empty %T: forgotten %d times", event, g.forgot)
		}
	}
}
