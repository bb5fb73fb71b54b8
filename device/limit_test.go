package device

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/sync/wire"
)

// limitedPIN is a PIN with limits, made an hour ago.
func limitedPIN(g *rig, id uint64, uses uint8, within time.Duration) *wire.Credential {
	return &wire.Credential{ID: id, Kind: wire.PIN, User: id, Name: "Pat", Uses: uses, Within: uint32(within / time.Second), Made: g.in(-time.Hour), Until: g.in(24 * time.Hour)}
}

// wantRefused enters a PIN that is refused.
func (g *rig) wantRefused(c *wire.Credential, reason wire.Reason) {
	g.t.Helper()
	g.records, g.strikes = nil, nil
	g.enter(Known, c)
	if r := g.wantRecords(wire.AttemptStarted, wire.AttemptTakenBack)[1]; r.Reason != reason || r.Credential != c.ID {
		g.t.Fatalf("%+v, want %q", r, reason)
	}
	g.wantScreen(ScreenDenied)
	g.wantStrikes()
	g.wait(3 * time.Second)
}

// wantOpens enters a PIN with limits that opens.
func (g *rig) wantOpens(c *wire.Credential, uses uint64) {
	g.t.Helper()
	g.records, g.strikes = nil, nil
	g.enter(Known, c)
	if r := g.wantRecords(wire.AttemptStarted, wire.UseCounted, wire.AccessGranted)[1]; r.Count != uses || r.Last != uint64(c.Uses) || r.Credential != c.ID || r.User != c.User || r.From != c.Made*1000 || r.To != c.Until*1000 || r.Seq == 0 {
		g.t.Fatalf("%+v", r)
	}
	g.wantScreen(ScreenGranted)
	g.wantStrikes(5 * time.Second)
	g.wait(6 * time.Second)
}

func TestAPINOpensAsOftenAsItMay(t *testing.T) {
	g := newRig(t, nil)
	c := limitedPIN(g, 20, 3, 0)
	g.wantOpens(c, 1)
	g.wantOpens(c, 2)
	g.crash(time.Minute)
	g.wantOpens(c, 3)
	g.wantRefused(c, wire.ReasonUsedUp)
	g.crash(time.Minute)
	g.wantRefused(c, wire.ReasonUsedUp)
	g.wantOpens(limitedPIN(g, 21, 1, 0), 1)
	g.enter(Known, adaPIN)
	g.wantScreen(ScreenGranted)
	g.wantAttempts(0, 0, "")
}

func TestAPINOpensForAWhileFromItsFirstUse(t *testing.T) {
	g := newRig(t, nil)
	c := limitedPIN(g, 20, 0, time.Hour)
	g.wait(10 * time.Hour)
	g.wantOpens(c, 1)
	g.wait(59 * time.Minute)
	g.wantOpens(c, 2)
	g.now.Trusted = false
	g.do(Tick{})
	g.wantRefused(c, wire.ReasonClock)
	g.now.Trusted = true
	g.wait(time.Minute)
	g.wantRefused(c, wire.ReasonUsedUp)

	both := limitedPIN(g, 21, 2, time.Hour)
	g.wantOpens(both, 1)
	g.wantOpens(both, 2)
	g.wantRefused(both, wire.ReasonUsedUp)

	forever := limitedPIN(g, 22, 0, time.Hour)
	forever.Until = 0
	g.now.Trusted = false
	g.do(Tick{})
	g.wantRefused(forever, wire.ReasonClock)
	once := limitedPIN(g, 23, 1, 0)
	once.Until = 0
	g.wantOpens(once, 1) // needs no clock
}

func TestAUseOpensNothingBeforeItIsStored(t *testing.T) {
	begin := func() (*rig, *wire.Credential) {
		g := newRig(t, nil)
		c := limitedPIN(g, 20, 1, 0)
		g.slow = true
		g.do(Presented{wire.PIN})
		g.store()
		g.do(Identified{Kind: wire.PIN, Seq: g.asked.Seq, Outcome: Known, Credential: c})
		g.wantStrikes()
		g.wantScreen(ScreenChecking)
		return g, c
	}
	g, _ := begin()
	g.do(Identified{Kind: wire.PIN, Seq: g.asked.Seq, Outcome: Known, Credential: adaPIN}) // a second answer
	g.wantStrikes()
	g.store()
	g.wantStrikes(5 * time.Second)

	g, _ = begin()
	g.fault = "disk full"
	g.records = nil
	g.store()
	g.wantStrikes()
	if g.view.Screen == ScreenGranted || g.r.Durable().Pending != 0 || g.r.attempt.state != attemptIdle {
		t.Errorf("%+v", g.view)
	}
	g.wantAttempts(0, 0, "")

	g, _ = begin()
	g.wait(11 * time.Second) // the disk does not answer
	g.wantStrikes()
	g.wantAttempts(0, 0, "")
	if g.r.attempt.state != attemptIdle {
		t.Errorf("%+v", g.r.attempt)
	}

	g, c := begin()
	g.crash(time.Second) // it is lost, and the charge counts
	g.slow = false
	g.store()
	g.wantAttempts(1, 1, "")
	g.wantOpens(c, 1)

	g, c = begin()
	g.do(Input{InputTamper, true})
	g.store()
	g.wantStrikes()
	g.do(Input{InputTamper, false})
	g.card(Known, adaCard) // ends the lockout
	g.store()
	g.wait(time.Minute)
	g.slow = false
	g.store()
	g.wantRefused(c, wire.ReasonUsedUp)
}

func TestTheFirstOfTwoProofsIsAUseOnlyIfTheDoorOpens(t *testing.T) {
	pat := func(g *rig, uses uint8) (pin, card *wire.Credential) {
		pin = limitedPIN(g, 20, uses, 0)
		return pin, &wire.Credential{ID: 21, Kind: wire.Card, User: 20, Name: "Pat"}
	}
	g := twoRig(t, nil)
	pin, card := pat(g, 1)
	g.enter(Known, pin)
	g.enter(Known, pin)
	g.wait(20 * time.Second) // no card
	g.enter(Known, pin)
	g.card(CardGone, nil)
	g.records, g.strikes = nil, nil
	g.slow = true
	g.card(Known, card)
	g.wantStrikes()
	g.wantScreen(ScreenSecondCard)
	if g.view.PIN || g.view.End != 0 {
		t.Errorf("%+v", g.view)
	}
	g.do(Presented{wire.Card}) // another one waits until that is stored
	g.store()
	g.wantStrikes(5 * time.Second)
	if r := g.wantRecords(wire.UseCounted, wire.AccessGranted); r[0].Seq != 0 || r[0].Credential != pin.ID || r[0].Count != 1 || r[0].Last != 1 || r[1].By != wire.ByBoth || r[1].Credential != card.ID || r[1].User != 20 {
		t.Errorf("%+v", r)
	}
	g.slow = false
	g.wait(time.Minute)
	g.wantRefused(pin, wire.ReasonUsedUp)
	g.records, g.strikes = nil, nil
	g.card(Known, card)
	g.enter(Known, pin)
	if r := g.wantRecords(wire.ProofGiven, wire.AttemptStarted, wire.AttemptTakenBack, wire.AccessDenied)[2]; r.Reason != wire.ReasonUsedUp {
		t.Errorf("%+v", r)
	}
	g.wantStrikes()

	for name, fail := range map[string]func(g *rig){
		"the disk fails":         func(g *rig) { g.fault = "disk full"; g.store() },
		"it does not answer":     func(g *rig) { g.wait(3 * time.Second) },
		"the door is locked":     func(g *rig) { g.want(wire.WantedMode{Mode: wire.ModeLocked}); g.store() },
		"the power is cut":       func(g *rig) { g.crash(time.Second); g.store() },
		"the housing is open":    func(g *rig) { g.do(Input{InputTamper, true}); g.store() },
		"one proof is enough":    func(g *rig) { g.change(func(p *wire.Policy) { p.TwoProofs = nil }); g.store() },
		"nobody may open at all": func(g *rig) { g.change(func(p *wire.Policy) { p.Access = []wire.Access{} }); g.store() },
	} {
		g := twoRig(t, nil)
		pin, card := pat(g, 1)
		g.enter(Known, pin)
		g.slow, g.strikes = true, nil
		g.card(Known, card)
		fail(g)
		if len(g.strikes) > 0 || g.r.proof.credential != nil {
			t.Errorf("%s: strikes %v, proof %+v", name, g.strikes, g.r.proof)
		}
	}
}

func TestAPINWithLimitsIsNoSecondProofToACardThatHasEndedMeanwhile(t *testing.T) {
	g := twoRig(t, nil)
	pin, card := limitedPIN(g, 20, 2, 0), &wire.Credential{ID: 21, Kind: wire.Card, User: 20, Name: "Pat", Until: g.in(2 * time.Second)}
	g.card(Known, card)
	g.slow = true
	g.do(Presented{wire.PIN})
	g.store()
	g.do(Identified{Kind: wire.PIN, Seq: g.asked.Seq, Outcome: Known, Credential: pin})
	g.pass(2 * time.Second)
	g.store()
	g.wantStrikes()
	g.wantScreen(ScreenDenied)
}

func TestAPINThatAReaderHasForgottenIsRefused(t *testing.T) {
	g := newRig(t, nil)
	var pins []*wire.Credential
	for i := range uint64(maxUsed + 2) {
		c := limitedPIN(g, 100+i, 9, 0)
		c.Made += int64(i)
		pins = append(pins, c)
	}
	for _, c := range pins[1 : maxUsed+1] {
		g.wantOpens(c, 1)
	}
	if n := len(g.r.Durable().Encode()); n > 2<<10 {
		t.Errorf("%d PINs with limits have %d bytes", maxUsed, n)
	}
	g.wantOpens(pins[0], 1)         // in the place of the one that was made first
	g.wantOpens(pins[maxUsed+1], 1) // and again: now of pins[0]
	g.wantRefused(pins[1], wire.ReasonForgotten)
	g.wantRefused(pins[0], wire.ReasonForgotten)
	g.wantOpens(pins[2], 2)
	g.crash(time.Minute)
	g.wantRefused(pins[1], wire.ReasonForgotten)
	g.wantOpens(pins[2], 3)

	// Of those that are used up, the one that was made first goes before all others.
	once := limitedPIN(g, 90, 1, 0)
	once.Made = pins[40].Made
	g.wantOpens(once, 1)
	g.wantOpens(limitedPIN(g, 91, 1, 0), 1)
	g.wantOpens(pins[4], 2)
	g.wantRefused(once, wire.ReasonForgotten)
	unused := limitedPIN(g, 92, 1, 0)
	unused.Made = pins[39].Made
	g.wantRefused(unused, wire.ReasonForgotten)

	// An id comes again after a restore of the controller: it is another PIN.
	again := *pins[10]
	again.Made = g.in(0)
	g.wantOpens(&again, 1)

	g.wait(24 * time.Hour) // their ends have passed, and make room
	late := limitedPIN(g, 1000, 1, 0)
	older := limitedPIN(g, 1001, 1, 0)
	older.Made = g.in(-23 * time.Hour)
	g.wantOpens(late, 1)
	g.wantOpens(older, 1)
	if uses, err := g.r.durable.uses(); err != nil || len(uses) != 2 {
		t.Errorf("%v, %v", uses, err)
	}
}

func TestAReaderThatHasLostItsJournalRefusesPINsWithLimitsOfBefore(t *testing.T) {
	g := newRig(t, nil)
	c := limitedPIN(g, 20, 5, 0)
	g.wantOpens(c, 1)
	lose := func(trusted bool) {
		g.disk = Durable{}
		g.start.NewJournal, g.start.JournalFault = false, "damaged"
		g.start.Site = wire.SiteID{1}
		g.now.Trusted = trusted
		g.begin()
		g.card(Known, adaCard) // ends the lockout
		g.wait(10 * time.Second)
	}
	lose(true)
	g.wantRefused(c, wire.ReasonForgotten)
	g.wait(10 * time.Minute)
	fresh := limitedPIN(g, 21, 1, 0)
	fresh.Made = g.in(-time.Minute)
	g.wantOpens(fresh, 1)

	lose(false)
	fresh = limitedPIN(g, 22, 1, 0)
	fresh.Made, fresh.Until = g.in(0), 0
	g.wantRefused(fresh, wire.ReasonForgotten) // nobody knows which were made before
	g.now.Trusted = true
	g.do(Tick{})
	g.wait(10 * time.Minute)
	g.wantRefused(fresh, wire.ReasonForgotten)
	fresh.Made = g.in(0)
	g.wantOpens(fresh, 1)
}

func TestAnotherSiteForgetsThePINsOfTheOneBefore(t *testing.T) {
	d := Durable{Site: wire.SiteID{1}}
	d.Apply(wire.Record{Kind: wire.UseCounted, Credential: 7, Count: 1, From: 1000})
	d.Forgot = 5
	d.Apply(wire.Record{Kind: wire.Adopted, Site: wire.SiteID{2}})
	if d.Used != "" || d.Forgot != 0 {
		t.Errorf("%+v", d)
	}
}

func TestUsesThatCannotBeReadLock(t *testing.T) {
	many := make([]used, maxUsed+1)
	for name, uses := range map[string]wire.Bytes{
		"no list":      "\x01",
		"an empty one": "\x80",
		"too many":     wire.Bytes(wire.Marshal(many)),
	} {
		if _, err := Restore(Durable{Used: uses}.Encode()); !errors.Is(err, wire.ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheUsesThatAReaderRemembersAreBounded(t *testing.T) {
	d := Durable{Began: true, Lockout: wire.CauseGuessing, Seq: math.MaxInt64, Pending: math.MaxInt64, Running: math.MaxInt64, Leaked: math.MaxInt64, Epoch: math.MaxInt64, Revision: math.MaxInt64, PolicyRevision: math.MaxInt64}
	for i := range uint64(3 * maxUsed) {
		d.Apply(wire.Record{
			Kind: wire.UseCounted, Credential: math.MaxInt64 - i, Count: math.MaxInt64, Trusted: true,
			Time: wire.ClipTime(math.MaxInt64), From: wire.ClipTime(math.MaxInt64), To: wire.ClipTime(math.MaxInt64),
		})
	}
	if n := len(d.Encode()); n > 3<<10 {
		t.Errorf("%d bytes", n)
	}
	r := wire.Record{Number: math.MaxInt64, Kind: wire.JournalResumed, State: d.Encode(), Text: string(make([]byte, maxText))}
	if _, err := r.Encode(); err != nil {
		t.Error(err)
	}
}

// Whatever else is used, forgotten, written and read: no PIN is used more often than it may.
func TestNoPINIsUsedMoreOftenThanItMay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Durable
		open := &wire.Policy{Access: []wire.Access{{Group: wire.Everyone}}}
		now := Now{Wall: time.Unix(1_800_000_000, 0), Trusted: true}
		taken := map[uint64]uint8{}
		for range rapid.IntRange(1, 400).Draw(t, "uses") {
			id := rapid.Uint64Range(1, 3*maxUsed).Draw(t, "id")
			c := &wire.Credential{ID: id, Kind: wire.PIN, User: 1, Uses: uint8(1 + id%3), Made: 1_700_000_000 + int64(id*7%50), Until: 1_800_000_000 + int64(id%4)*100}
			now.Trusted = rapid.IntRange(0, 9).Draw(t, "trusted") > 0
			now.Wall = now.Wall.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "seconds")) * time.Second)
			if open.Refusal(c, wire.Moment{Local: now.Wall, Trusted: now.Trusted}) != "" || d.limit(c, now) != "" {
				continue
			}
			u, _ := d.usesOf(c)
			d.Apply(wire.Record{Kind: wire.UseCounted, Credential: c.ID, Count: uint64(u.Uses) + 1, Last: uint64(c.Uses), From: c.Made * 1000, To: c.Until * 1000, Time: now.Wall.UnixMilli(), Trusted: now.Trusted})
			if taken[id]++; taken[id] > c.Uses {
				t.Fatalf("PIN %d was used %d times of %d", id, taken[id], c.Uses)
			}
			restored, err := Restore(d.Encode())
			if err != nil || restored != d {
				t.Fatalf("%+v became %+v, %v", d, restored, err)
			}
		}
	})
}
