package device

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// rig is a reader with a disk, a worker and hands in front of it.
type rig struct {
	t      *testing.T
	r      Reader
	now    Now
	policy wire.Policy
	start  Start

	slow  bool    // what is appended waits for store
	fault string  // why the disk does not store; "": it does
	disk  Durable // the fold of what is stored
	queue []Append

	asked   Identify      // the last
	decided []Decided     // all of them
	records []wire.Record // since the last wantRecords
	strikes []Strike      // since the last wantStrikes
	forgot  int           // Forgets
	view    View
	state   State
	orders  byte
}

// newRig starts a new reader at a door that everyone may open, with the
// default policy as change alters it.
func newRig(t *testing.T, change func(p *wire.Policy)) *rig {
	t.Helper()
	g := &rig{t: t, policy: wire.DefaultPolicy("front-door", "Front door")}
	g.policy.Revision, g.policy.Access = 1, []wire.Access{{Group: wire.Everyone}}
	if change != nil {
		change(&g.policy)
	}
	g.now = Now{Monotonic: time.Hour, Wall: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Trusted: true}
	g.start = Start{Reader: "front-door", Version: "1.0", NewJournal: true, Policy: g.load()}
	g.begin()
	g.records, g.strikes = nil, nil
	return g
}

// verified signs a policy and opens it as a reader does.
func verified(t testing.TB, p *wire.Policy) *wire.VerifiedPolicy {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signed, err := p.Sign(wire.SiteID{1}, key)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := wire.OpenPolicy(wire.SiteID{1}, signed, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// faultOf returns what is wrong with a part; "": nothing.
func faultOf(s State, subject wire.Subject) string {
	for _, fault := range s.Parts.Faults() {
		if fault.Subject == subject {
			return fault.Text
		}
	}
	return ""
}

// load loads the policy as it is now.
func (g *rig) load() Policy {
	g.t.Helper()
	p := g.policy
	loaded, err := LoadPolicy(verified(g.t, &p))
	if err != nil {
		g.t.Fatal(err)
	}
	return loaded
}

func (g *rig) begin() {
	var actions []Action
	g.queue, g.view, g.state = nil, View{}, State{}
	g.r, actions = New(g.disk, g.start, g.now)
	g.take(actions)
	g.do(Input{InputExit, false})
}

// crash loses what is not stored and starts again, after a time without power.
func (g *rig) crash(off time.Duration) {
	g.now.Monotonic = 0
	g.now.Wall = g.now.Wall.Add(off)
	g.start.NewJournal, g.start.Held, g.start.Policy = false, g.r.held, g.r.policy
	g.begin()
}

// do hands an event to the reader and carries its actions out.
func (g *rig) do(event Event) {
	g.t.Helper()
	g.take(g.r.Step(g.now, event))
}

func (g *rig) take(actions []Action) {
	g.t.Helper()
	for _, action := range actions {
		switch a := action.(type) {
		case Append:
			g.records = append(g.records, a.Records...)
			g.queue = append(g.queue, a)
		case Decided:
			g.decided = append(g.decided, a)
		case Identify:
			g.asked = a
		case Forget:
			g.forgot++
		case Strike:
			g.strikes = append(g.strikes, a)
		case Show:
			g.view = a.View
		case Report:
			g.state = a.State
		}
	}
	if !g.slow {
		g.store()
	}
}

// store answers every append that waits.
func (g *rig) store() {
	g.t.Helper()
	for len(g.queue) > 0 {
		a := g.queue[0]
		g.queue = g.queue[1:]
		if g.fault == "" {
			g.disk.fold(a.Records)
		}
		g.take(g.r.Step(g.now, Stored{Batch: a.Batch, Fault: g.fault}))
	}
}

// wait lets time pass and wakes the reader when it wants to be woken.
func (g *rig) wait(d time.Duration) {
	g.t.Helper()
	end := g.now.Monotonic + d
	for {
		at, ok := g.r.Deadline()
		if !ok || at > end {
			break
		}
		if at < g.now.Monotonic {
			g.t.Fatalf("a deadline of %v is before %v", at, g.now.Monotonic)
		}
		g.pass(at - g.now.Monotonic)
		g.do(Tick{})
		if again, ok := g.r.Deadline(); ok && again <= at {
			g.t.Fatalf("the deadline of %v is still there", at)
		}
	}
	g.pass(end - g.now.Monotonic)
	g.do(Tick{})
}

func (g *rig) pass(d time.Duration) {
	g.now.Monotonic += d
	g.now.Wall = g.now.Wall.Add(d)
}

// enter enters a PIN, which the worker answers.
func (g *rig) enter(outcome Outcome, c *wire.Credential) {
	g.t.Helper()
	g.do(Presented{wire.PIN})
	g.do(Identified{Kind: wire.PIN, Seq: g.asked.Seq, Outcome: outcome, Credential: c})
}

// miss enters unknown PINs.
func (g *rig) miss(n int) {
	g.t.Helper()
	for range n {
		g.enter(Unknown, nil)
	}
}

// card shows a card, which the worker answers.
func (g *rig) card(outcome Outcome, c *wire.Credential) {
	g.t.Helper()
	asked := g.asked
	g.do(Presented{wire.Card})
	if g.asked != asked {
		g.do(Identified{Kind: wire.Card, Seq: g.asked.Seq, Outcome: outcome, Credential: c, Tag: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}})
	}
}

// order gives a command with an id of its own.
func (g *rig) order(o wire.Order) {
	g.t.Helper()
	g.orders++
	g.do(Command{wire.Command{ID: wire.CommandID{g.orders}, Order: o, By: "desk"}})
}

// want has a new policy want modes.
func (g *rig) want(modes ...wire.WantedMode) {
	g.t.Helper()
	g.change(func(p *wire.Policy) { p.Modes = modes })
}

// change puts a new policy in force.
func (g *rig) change(change func(p *wire.Policy)) {
	g.t.Helper()
	g.policy.Revision++
	change(&g.policy)
	g.do(g.load())
}

// in returns the time in Unix seconds, some time from now.
func (g *rig) in(d time.Duration) int64 { return g.now.Wall.Add(d).Unix() }

// wantAttempts compares what is durable of attempts.
func (g *rig) wantAttempts(wrong, guesses uint16, lockout wire.Cause) {
	g.t.Helper()
	d := g.r.Durable()
	if d.Wrong != wrong || d.Guesses != guesses || d.Lockout != lockout {
		g.t.Fatalf("wrong %d, guesses %d, lockout %q; want %d, %d, %q", d.Wrong, d.Guesses, d.Lockout, wrong, guesses, lockout)
	}
}

// wantRecords compares the kinds of the records since it was last asked, and
// returns those records.
func (g *rig) wantRecords(kinds ...wire.RecordKind) []wire.Record {
	g.t.Helper()
	records := g.records
	g.records = nil
	var got []wire.RecordKind
	for _, r := range records {
		got = append(got, r.Kind)
	}
	if !slices.Equal(got, kinds) {
		g.t.Fatalf("records %q, want %q", got, kinds)
	}
	return records
}

// wantStrikes compares what was asked of the strike since it was last asked.
func (g *rig) wantStrikes(want ...time.Duration) {
	g.t.Helper()
	var got []time.Duration
	for _, s := range g.strikes {
		got = append(got, s.For)
	}
	g.strikes = nil
	if !slices.Equal(got, want) {
		g.t.Fatalf("strikes %v, want %v", got, want)
	}
}

func (g *rig) wantScreen(screen Screen) {
	g.t.Helper()
	if g.view.Screen != screen {
		g.t.Fatalf("the screen is %q, want %q", g.view.Screen, screen)
	}
}
