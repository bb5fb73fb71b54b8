package device

import (
	"bytes"
	"math"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// newTPMRig starts a reader whose PIN key may be in a TPM.
func newTPMRig(t *testing.T, change func(p *wire.Policy)) *rig {
	t.Helper()
	g := newRig(t, change)
	g.start.Counted = true
	g.crash(0)
	g.records = nil
	return g
}

// tpmSays tells the reader what its TPM has counted.
func (g *rig) tpmSays(spent, limit uint32) {
	g.t.Helper()
	g.do(tpmHealth(1, spent, limit))
}

func tpmHealth(ref byte, spent, limit uint32) Health {
	return Health{Subject: wire.SubjectKey, Condition: Good, TPM: wire.TPMState{Ref: wire.TPMRef{ref}, Budget: wire.Budget{Spent: spent, Limit: limit}}}
}

func (g *rig) wantBudget(spent, limit uint32) {
	g.t.Helper()
	if got := g.r.Durable().Budget; got != (wire.Budget{Spent: spent, Limit: limit}) {
		g.t.Fatalf("the journal has %+v, want %d of %d", got, spent, limit)
	}
}

func TestTheLastPINOfABudgetOpensAndAGrantBringsMore(t *testing.T) {
	g := newTPMRig(t, nil)
	g.tpmSays(0, 2)
	if r := g.wantRecords(wire.BudgetGranted)[0]; r.Count != 2 {
		t.Errorf("%+v", r)
	}
	g.enter(Known, adaPIN)
	g.wantStrikes(5 * time.Second)
	g.tpmSays(1, 2)
	g.wait(10 * time.Second)
	g.records, g.strikes = nil, nil
	g.wantScreen(ScreenHome)

	g.do(Presented{wire.PIN})
	g.tpmSays(2, 2) // it counts before it answers
	g.do(Identified{Kind: wire.PIN, Seq: g.asked.Seq, Outcome: Known, Credential: adaPIN})
	g.wantStrikes(5 * time.Second)
	if r := g.wantRecords(wire.AttemptStarted, wire.BudgetSpent, wire.AccessGranted)[1]; r.Count != 2 {
		t.Errorf("%+v", r)
	}
	g.wantBudget(2, 2)
	g.wait(10 * time.Second)
	g.records, g.strikes, g.forgot = nil, nil, 0

	g.wantScreen(ScreenOutOfOrder)
	if g.state.PIN != wire.ReasonSpent || g.view.Reason != wire.ReasonSpent || g.view.PIN || !g.view.Card {
		t.Errorf("%+v %+v", g.state, g.view)
	}
	asked := g.asked
	g.do(Presented{wire.PIN})
	if r := g.wantRecords(wire.PINRefused)[0]; r.Reason != wire.ReasonSpent || g.forgot != 1 || g.asked != asked {
		t.Errorf("%+v; forgotten %d, asked %+v", r, g.forgot, g.asked)
	}
	g.wantBudget(2, 2) // nothing was charged
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
	g.wait(10 * time.Second)
	g.records = nil

	g.tpmSays(2, 3)
	g.wantRecords(wire.BudgetGranted)
	g.wantScreen(ScreenHome)
	g.enter(Known, adaPIN)
	g.wantStrikes(5 * time.Second)
}

func TestASpentBudgetIsRecordedOnce(t *testing.T) {
	restart := func(g *rig) { g.crash(0); g.records = nil }
	for _, test := range []struct {
		name    string
		do      func(g *rig)
		records []wire.RecordKind
	}{
		{"the TPM says so again", func(g *rig) { g.tpmSays(2, 2) }, nil},
		{"it failed meanwhile", func(g *rig) { g.tpmSays(0, 0); g.tpmSays(2, 2) }, nil},
		{"a start", func(g *rig) { restart(g); g.tpmSays(2, 2) }, nil},
		{"two starts, one with a TPM that does not answer", func(g *rig) { restart(g); g.tpmSays(0, 0); restart(g); g.tpmSays(2, 2) }, nil},
		{"a grant that is spent as well", func(g *rig) { g.tpmSays(2, 3); g.records = nil; g.tpmSays(3, 3) },
			[]wire.RecordKind{wire.BudgetOverspent, wire.BudgetSpent}},
		{"a grant that is spent as well, while the reader is off", func(g *rig) { restart(g); g.tpmSays(3, 3) },
			[]wire.RecordKind{wire.BudgetOverspent, wire.BudgetGranted, wire.BudgetSpent}},
		{"another TPM, spent", func(g *rig) { restart(g); g.do(tpmHealth(2, 2, 2)) }, nil},
		{"another TPM, spent later", func(g *rig) { restart(g); g.do(tpmHealth(2, 0, 2)); g.records = nil; g.do(tpmHealth(2, 2, 2)) },
			[]wire.RecordKind{wire.BudgetOverspent, wire.BudgetSpent}},
		{"a start from a checkpoint", func(g *rig) {
			checkpoint := wire.Record{Kind: wire.Checkpoint, State: g.disk.Encode()}
			g.disk = Durable{}
			g.disk.Apply(checkpoint)
			restart(g)
			g.tpmSays(2, 2)
		}, nil},
		{"another site", func(g *rig) { g.disk.Leave(); restart(g); g.tpmSays(2, 2) },
			[]wire.RecordKind{wire.BudgetCounted, wire.BudgetGranted, wire.BudgetSpent}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newTPMRig(t, nil)
			g.tpmSays(2, 2) // spent at its first report ever
			if records := g.wantRecords(wire.BudgetCounted, wire.BudgetGranted, wire.BudgetSpent); records[2].Count != 2 {
				t.Errorf("%+v", records[2])
			}
			g.wantBudget(2, 2)
			if g.wantScreen(ScreenOutOfOrder); g.state.PIN != wire.ReasonSpent || !g.view.Card {
				t.Errorf("%+v %+v", g.state, g.view)
			}
			g.records = nil
			test.do(g)
			g.wantRecords(test.records...)
		})
	}
}

func TestTheJournalAndTheTPMAreCompared(t *testing.T) {
	for _, test := range []struct {
		name    string
		do      func(g *rig)
		records []wire.RecordKind
		count   uint64 // of the last of them
		spent   uint32
	}{
		{"the same", func(g *rig) { g.tpmSays(2, 9) }, nil, 0, 2},
		{"more than was charged", func(g *rig) { g.tpmSays(5, 9) }, []wire.RecordKind{wire.BudgetOverspent}, 3, 5},
		{"more, twice", func(g *rig) { g.tpmSays(5, 9); g.tpmSays(5, 9) }, []wire.RecordKind{wire.BudgetOverspent}, 3, 5},
		{"fewer, while it runs", func(g *rig) { g.tpmSays(1, 9) }, nil, 0, 2},
		{"fewer, at a start", func(g *rig) { g.crash(0); g.records = nil; g.tpmSays(1, 9) }, []wire.RecordKind{wire.BudgetCounted}, 1, 1},
		{"more, at a start", func(g *rig) { g.crash(0); g.records = nil; g.tpmSays(4, 9) }, []wire.RecordKind{wire.BudgetOverspent}, 2, 4},
		{"the same, at a start", func(g *rig) { g.crash(0); g.records = nil; g.tpmSays(2, 9) }, nil, 0, 2},
		{"a later grant", func(g *rig) { g.tpmSays(2, 12) }, []wire.RecordKind{wire.BudgetGranted}, 12, 2},
		{"a TPM that does not answer", func(g *rig) { g.tpmSays(0, 0) }, nil, 0, 2},
		{"a TPM that answers again", func(g *rig) { g.tpmSays(0, 0); g.tpmSays(2, 9) }, nil, 0, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newTPMRig(t, nil)
			g.tpmSays(0, 9)
			g.enter(Known, adaPIN)
			g.wait(10 * time.Second)
			g.enter(Unknown, nil)
			g.wait(10 * time.Second)
			g.wantBudget(2, 9)
			g.tpmSays(2, 9)
			g.records = nil
			test.do(g)
			records := g.wantRecords(test.records...)
			if n := len(records); n > 0 && records[n-1].Count != test.count {
				t.Errorf("%+v", records[n-1])
			}
			if got := g.r.Durable().Budget.Spent; got != test.spent || g.disk != g.r.Durable() {
				t.Errorf("the journal has %d spent, want %d; on the disk %+v", got, test.spent, g.disk.Budget)
			}
		})
	}
}

func TestATPMThatNeedsAFirstGrantHasNoBudget(t *testing.T) {
	g := newTPMRig(t, nil)
	g.tpmSays(3, 9)
	g.do(Health{Subject: wire.SubjectKey, Condition: Impaired, Text: "no budget", PIN: wire.ReasonKey, TPM: wire.TPMState{Ref: wire.TPMRef{1}, Nonce: wire.TPMNonce{1}}})
	if g.state.TPM.Budget != (wire.Budget{}) || g.state.TPM.Nonce != (wire.TPMNonce{1}) || g.state.PIN != wire.ReasonKey || !g.view.Card {
		t.Errorf("%+v", g.state)
	}
	g.records = nil
	g.do(tpmHealth(2, 0, 9))
	g.wantRecords(wire.BudgetCounted, wire.HealthChanged)
	g.wantBudget(0, 9)
	g.wantScreen(ScreenHome)
}

func TestAWithheldPINKeyIsNoFault(t *testing.T) {
	g := newTPMRig(t, nil)
	g.do(Health{Subject: wire.SubjectKey, Condition: Good, PIN: wire.ReasonWithheld})
	g.wantScreen(ScreenHome)
	if g.view.PIN || !g.view.Card || g.state.PIN != wire.ReasonWithheld || len(g.state.Parts.Faults()) != 0 {
		t.Errorf("%+v %+v", g.view, g.state)
	}
	g.do(Presented{wire.PIN})
	if r := g.wantRecords(wire.PINRefused)[0]; r.Reason != wire.ReasonWithheld || g.forgot != 1 {
		t.Errorf("%+v; forgotten %d", r, g.forgot)
	}
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
	g.do(Health{Subject: wire.SubjectKey, Condition: Good})
	if g.wait(10 * time.Second); !g.view.PIN {
		t.Errorf("%+v", g.view)
	}
}

func TestAPINForATPMWaitsForItsCharge(t *testing.T) {
	for _, test := range []struct {
		name  string
		then  func(g *rig)
		asked bool // the PIN is looked up
		wrong uint16
	}{
		{"stored", func(g *rig) { g.slow = false; g.store() }, true, 0},
		{"not stored", func(g *rig) { g.fault, g.slow = "disk full", false; g.store() }, false, 0},
		{"the case was opened meanwhile", func(g *rig) { g.do(Input{InputTamper, true}); g.slow = false; g.store() }, false, 0},
		{"the TPM failed meanwhile", func(g *rig) {
			g.do(Health{Subject: wire.SubjectKey, Condition: Failed, Text: "gone"})
			g.slow = false
			g.store()
		}, false, 0},
		{"the budget was spent meanwhile", func(g *rig) { g.tpmSays(9, 9); g.slow = false; g.store() }, false, 0},
		{"no answer", func(g *rig) { g.wait(10 * time.Second); g.slow = false; g.store() }, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newTPMRig(t, func(p *wire.Policy) { p.TamperPauses = true })
			g.do(Input{InputTamper, false})
			g.tpmSays(0, 9)
			before := g.asked
			g.slow = true
			g.do(Presented{wire.PIN})
			g.wantScreen(ScreenChecking)
			if g.asked != before || g.forgot != 0 {
				t.Fatalf("asked %+v, forgotten %d, before the charge is stored", g.asked, g.forgot)
			}
			test.then(g)
			if asked := g.asked != before; asked != test.asked || g.forgot != map[bool]int{false: 1}[test.asked] {
				t.Errorf("asked %t, forgotten %d", asked, g.forgot)
			}
			if d := g.r.Durable(); d.Wrong != test.wrong || (d.Pending != 0) != test.asked {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestTheLargestStateFitsACheckpoint(t *testing.T) {
	d := Durable{
		Began: true, Wrong: math.MaxUint16, Pending: wire.MaxNumber, Seq: wire.MaxNumber, Lockout: wire.CauseAttempts,
		Guesses: math.MaxUint16, Leaked: wire.MaxNumber, WasHeld: wire.MaxNumber, WasUntil: math.MinInt64, FirstFrom: math.MinInt64, FirstUntil: math.MinInt64,
		Site: wire.SiteID(bytes.Repeat([]byte{0xff}, len(wire.SiteID{}))), Epoch: wire.MaxNumber, Revision: wire.MaxNumber,
		Hash: wire.Hash(bytes.Repeat([]byte{0xff}, len(wire.Hash{}))), PolicyRevision: wire.MaxNumber,
		Running: wire.MaxNumber, Time: math.MinInt64, Connection: wire.MaxNumber, Budget: wire.Budget{Spent: math.MaxUint32, Limit: math.MaxUint32}, BudgetSpent: true,
	}
	for i := range d.Resets {
		d.Resets[i] = wire.MaxNumber
	}
	encoded := d.Encode()
	if again, err := Restore(encoded); err != nil || again != d {
		t.Errorf("%+v, %v", again, err)
	}
	if len(encoded) > 512 {
		t.Errorf("%d bytes", len(encoded))
	}
}
