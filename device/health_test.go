package device

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestAChangeOfHealthIsRecordedOnce(t *testing.T) {
	bad, worse := Health{Condition: Failed, Text: "no answer"}, Health{Condition: Failed, Text: "smoke"}
	good := Health{Condition: Good, Text: "never better"}
	for _, subject := range []wire.Subject{wire.SubjectPanel, wire.SubjectTouch, wire.SubjectNFC, wire.SubjectRelay, wire.SubjectKey} {
		t.Run(string(subject), func(t *testing.T) {
			g := newRig(t, nil)
			var texts []string
			for _, h := range []Health{good, good, bad, bad, worse, good, good} {
				h.Subject = subject
				g.do(h)
			}
			for _, r := range g.wantRecords(wire.HealthChanged, wire.HealthChanged, wire.HealthChanged) {
				if r.Subject != string(subject) {
					t.Errorf("%+v", r)
				}
				texts = append(texts, r.Text)
			}
			if len(texts) != 3 || texts[0] != "no answer" || texts[1] != "smoke" || texts[2] != "ok" {
				t.Errorf("%q", texts)
			}
			if g.state.Parts.Is(subject) != Good || faultOf(g.state, subject) != "" {
				t.Errorf("%+v", g.state)
			}
		})
	}
}

func TestTheLinkIsMissedUntilItIsThere(t *testing.T) {
	g := newRig(t, nil)
	if !g.view.LinkLost {
		t.Error("it is not")
	}
	g.do(Health{Subject: wire.SubjectLink, Condition: Good})
	g.do(Health{Subject: wire.SubjectLink, Condition: Good})
	g.wantRecords(wire.LinkUp)
	if g.view.LinkLost {
		t.Error("it is missed though it is there")
	}
	g.do(Health{Subject: wire.SubjectLink, Condition: Failed, Text: "no answer"})
	if r := g.wantRecords(wire.LinkDown)[0]; r.Text != "no answer" || !g.view.LinkLost {
		t.Errorf("%+v %+v", r, g.view)
	}
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
}

func TestTheHighestPlaceInTheLogIsDurableAndLessIsBehind(t *testing.T) {
	g := newRig(t, nil)
	have := func(epoch, revision uint64, hash byte) {
		g.do(Health{Subject: wire.SubjectCache, Condition: Good, Held: wire.Position{Epoch: epoch, Revision: revision, Hash: wire.Hash{hash}}})
	}
	have(1, 5, 1)
	have(1, 5, 1)
	have(2, 1, 2)
	r := g.wantRecords(wire.CredentialsApplied, wire.CredentialsApplied)
	if r[1].Epoch != 2 || r[1].Revision != 1 || r[1].Hash != (wire.Hash{2}) {
		t.Errorf("%+v", r[1])
	}
	have(1, 9, 3)
	have(1, 8, 4)
	if r := g.wantRecords(wire.CacheBehind)[0]; r.Epoch != 1 || r.Revision != 9 || !g.state.Behind {
		t.Errorf("%+v %+v", r, g.state)
	}
	g.wantScreen(ScreenOutOfOrder)
	g.crash(0)
	if !g.state.Behind || g.r.Durable().Held() != (wire.Position{Epoch: 2, Revision: 1, Hash: wire.Hash{2}}) {
		t.Errorf("%+v", g.r.Durable())
	}
	g.records = nil
	have(2, 1, 2)
	g.wantRecords(wire.HealthChanged)
	g.wantScreen(ScreenHome)
	have(2, 1, 7)
	if g.wantRecords(wire.CredentialsApplied); g.r.Durable().Hash != (wire.Hash{7}) {
		t.Error("another hash at a position that is held was not taken")
	}
}

func TestAPolicyBelowTheHighestIsBehind(t *testing.T) {
	g := newRig(t, nil)
	g.policy.Revision = 7
	g.do(g.load())
	old := g.policy
	old.Revision = 6
	g.policy = old
	before := g.start
	g.start.Policy = g.load()
	g.begin()
	if !g.state.Behind || g.state.PIN != wire.ReasonBehind || g.state.PolicyRevision != 6 {
		t.Errorf("%+v", g.state)
	}
	if r := g.records[len(g.records)-2]; r.Kind != wire.CacheBehind || r.PolicyRevision != 6 {
		t.Errorf("%+v", r)
	}
	g.start = before
	g.policy.Revision = 8
	g.do(g.load())
	if g.state.Behind {
		t.Errorf("%+v", g.state)
	}
}

func TestWhatIsWrongWithTheCacheHasRecordsOfItsOwn(t *testing.T) {
	g := newRig(t, nil)
	held := wire.Position{Epoch: 1, Revision: 5, Hash: wire.Hash{1}}
	g.do(Health{Subject: wire.SubjectCache, Condition: Good, Held: held})
	g.records = nil
	g.do(Health{Subject: wire.SubjectCache, Condition: Corrupt, Text: "chunk 7", Held: held})
	g.do(Health{Subject: wire.SubjectCache, Condition: Forked, Held: wire.Position{Epoch: 1, Revision: 5, Hash: wire.Hash{9}}})
	g.do(Health{Subject: wire.SubjectCache, Condition: Good, Held: held})
	r := g.wantRecords(wire.CacheDamaged, wire.LogForked, wire.HealthChanged)
	if r[0].Text != "chunk 7" || r[1].Hash != (wire.Hash{9}) || r[1].Revision != 5 {
		t.Errorf("%+v", r)
	}
	if g.r.Durable().Held() != held {
		t.Errorf("a position that does not match was taken: %+v", g.r.Durable().Held())
	}
}

func TestTheClockIsRecordedAndShown(t *testing.T) {
	g := newRig(t, nil)
	newest := g.now.Wall.UnixMilli()
	g.now.Trusted = false
	g.now.Wall = g.now.Wall.Add(time.Hour)
	g.do(Tick{})
	g.do(Tick{})
	if r := g.wantRecords(wire.ClockUntrusted)[0]; r.Trusted || !g.view.ClockUntrusted || g.state.ClockTrusted {
		t.Errorf("%+v %+v", r, g.view)
	}
	if g.r.Durable().Time != newest {
		t.Errorf("the newest trusted time is %d, want %d", g.r.Durable().Time, newest)
	}
	g.now.Trusted = true
	g.do(Tick{})
	g.wantRecords(wire.ClockTrusted, wire.ClockStepped)
	if g.r.Durable().Time != g.now.Wall.UnixMilli() {
		t.Errorf("%d", g.r.Durable().Time)
	}
}

func TestHealthOfNothingChangesNothing(t *testing.T) {
	g := newRig(t, nil)
	before := g.r
	g.do(Health{Subject: "roof", Condition: Failed})
	g.do(Health{Subject: wire.SubjectPanel, Condition: NotKnown})
	g.do(Health{Subject: wire.SubjectPanel, Condition: Impaired + 1})
	if g.r != before {
		t.Error("it did")
	}
}

func TestAFailureWithoutATextIsRecordedAsOne(t *testing.T) {
	g := newRig(t, nil)
	g.do(Health{Subject: wire.SubjectNFC, Condition: Failed})
	if r := g.wantRecords(wire.HealthChanged)[0]; r.Text != "failed" {
		t.Errorf("%+v", r)
	}
}

func TestATouchThatWorksInPartIsSaidAndTakesPINs(t *testing.T) {
	g := newRig(t, nil)
	g.records = nil
	g.do(Health{Subject: wire.SubjectTouch, Condition: Impaired, Text: "something lies on it"})
	if r := g.wantRecords(wire.HealthChanged)[0]; r.Subject != "touch" || r.Text != "something lies on it" {
		t.Errorf("%+v", r)
	}
	if !g.view.TouchHeld || !g.view.PIN || g.view.Screen != ScreenHome || faultOf(g.state, wire.SubjectTouch) == "" || g.state.PIN != "" {
		t.Errorf("%+v %+v", g.view, g.state)
	}
	g.enter(Known, adaPIN)
	if g.count(wire.AccessGranted) != 1 {
		t.Error("a PIN does not open")
	}
	g.do(Health{Subject: wire.SubjectTouch, Condition: Good})
	if g.view.TouchHeld || faultOf(g.state, wire.SubjectTouch) != "" {
		t.Errorf("%+v %+v", g.view, g.state)
	}
}
