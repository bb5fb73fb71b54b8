package desk

import (
	"cmp"
	"crypto/ed25519"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/device"
	"latchkey/sync/wire"
)

// A brain is a reader's own, which decides about what is shown to it.
type brain struct {
	r       device.Reader
	now     device.Now
	fault   string // why the journal does not store; "": it does
	state   device.State
	asked   *device.Identify // by the last event; nil: nothing
	records []wire.Record
}

func (b *brain) do(event device.Event) {
	b.asked = nil
	b.take(b.r.Step(b.now, event))
}

func (b *brain) take(actions []device.Action) {
	for _, action := range actions {
		switch a := action.(type) {
		case device.Append:
			b.records = append(b.records, a.Records...)
			asked := b.asked
			defer func() {
				b.take(b.r.Step(b.now, device.Stored{Batch: a.Batch, Fault: b.fault}))
				if b.asked == nil {
					b.asked = asked
				}
			}()
		case device.Identify:
			b.asked = &a
		case device.Report:
			b.state = a.State
		}
	}
}

// present shows a credential, which is what it says it is.
func (b *brain) present(c *wire.Credential) {
	if c.Kind == wire.Card && b.state.Parts.Is(wire.SubjectNFC) == device.Failed {
		return // nobody reads it
	}
	b.do(device.Presented{Kind: c.Kind})
	if a := b.asked; a != nil {
		b.do(device.Identified{Kind: c.Kind, Seq: a.Seq, Outcome: device.Known, Credential: c, Proven: len(c.CardKey) != 0})
	}
}

// decides shows credentials to a copy of the reader, in order. It returns the means by which
// that has opened the door, "": it has not, and the reason that it gave first.
func (b *brain) decides(credentials ...*wire.Credential) (by wire.Means, why wire.Reason) {
	another := *b
	another.records = nil
	for _, c := range credentials {
		another.present(c)
	}
	for _, r := range another.records {
		switch r.Kind {
		case wire.AccessGranted:
			by = r.By
		case wire.AccessDenied, wire.AttemptTakenBack, wire.PINRefused:
			if why == "" {
				why = r.Reason
			}
		}
	}
	return by, why
}

var openerGroups = []string{"a", "b", "c"}

func drawBool(t *rapid.T, name string, oneIn int) bool {
	return rapid.IntRange(1, oneIn).Draw(t, name) == 1
}

func drawGroups(t *rapid.T, name string) []string {
	return slices.DeleteFunc(slices.Clone(openerGroups), func(string) bool { return rapid.Bool().Draw(t, name) })
}

func drawSchedule(t *rapid.T, name string) *wire.Schedule {
	spans := func(days int) []wire.Span {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.Span {
			from := rapid.IntRange(0, 23).Draw(t, "from")
			to := rapid.IntRange(from+1, 24).Draw(t, "to")
			return wire.Span{Day: uint8(rapid.IntRange(0, days-1).Draw(t, "day")), From: uint16(from * 60), To: uint16(to * 60)}
		}), 1, 8).Draw(t, name)
	}
	return &wire.Schedule{Week: spans(7), Holiday: spans(1)}
}

// drawEnd draws when something ends, about now; 0: never.
func drawEnd(t *rapid.T, name string, now time.Time) int64 {
	return rapid.SampledFrom([]int64{0, now.Unix() - 60, now.Unix(), now.Unix() + 60}).Draw(t, name)
}

func drawPolicy(t *rapid.T, now time.Time) *wire.Policy {
	p := wire.DefaultPolicy("front-door", "Front door")
	p.Revision, p.TimeZone = 5, rapid.SampledFrom([]string{"UTC", "America/New_York", "Pacific/Auckland"}).Draw(t, "zone")
	p.Holidays = []wire.Holiday{{Month: 3, Day: 4}}
	if rapid.Bool().Draw(t, "open to all") {
		p.Access = append(p.Access, wire.Access{Group: wire.Everyone})
	}
	for range rapid.IntRange(0, 3).Draw(t, "access") {
		a := wire.Access{Group: rapid.SampledFrom(append([]string{wire.Everyone}, openerGroups...)).Draw(t, "group")}
		if rapid.Bool().Draw(t, "at times") {
			a.Schedule = drawSchedule(t, "access")
		}
		p.Access = append(p.Access, a)
	}
	switch rapid.IntRange(0, 3).Draw(t, "two proofs") {
	case 0, 3:
		p.TwoProofs = &wire.TwoProofs{}
	case 1:
		p.TwoProofs = &wire.TwoProofs{Schedule: drawSchedule(t, "two")}
	default:
		p.PIN = !drawBool(t, "no PINs", 6)
	}
	for _, mode := range wire.Modes()[1:] {
		if !drawBool(t, string(mode), 4) {
			continue
		}
		until := drawEnd(t, "until", now)
		if mode == wire.ModeUnlocked && until == 0 {
			until = now.Unix() + 60
		} else if mode == wire.ModeEvacuation {
			until = 0
		}
		p.Modes = append(p.Modes, wire.WantedMode{Mode: mode, Until: until, By: "Ada"})
	}
	p.Exempt, p.InLockdown = drawGroups(t, "exempt"), drawGroups(t, "in lockdown")
	if drawBool(t, "opening", 4) {
		p.Opening = &wire.Opening{Schedule: *drawSchedule(t, "opening")}
	}
	for _, option := range []*bool{&p.TamperPauses, &p.TamperStopsCard, &p.CardsBehind, &p.CardsUnstored, &p.ProvenOpens, &p.ProvenEnds} {
		*option = rapid.Bool().Draw(t, "option")
	}
	return &p
}

// drawPerson draws what a person has: their groups and dates are those of all of it.
func drawPerson(t *rapid.T, now time.Time) (credentials []wire.Credential) {
	of := wire.Credential{User: 1, Name: "Ada", Groups: drawGroups(t, "groups")}
	if drawBool(t, "dates", 3) {
		of.From, of.Until = drawEnd(t, "from", now), drawEnd(t, "until", now)
		if of.Until != 0 && of.Until <= of.From {
			of.From = 0
		}
	}
	for range rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(t, "PINs") {
		c := of
		c.Kind = wire.PIN
		switch rapid.IntRange(0, 4).Draw(t, "kind of PIN") {
		case 0:
			c.Duress = true
		case 1:
			c.Uses, c.Made = 2, 1
		case 2:
			c.Within, c.Made = 3600, 1
			if end := drawEnd(t, "ends", now); end != 0 && (of.Until == 0 || end < of.Until) { // it was used elsewhere
				c.From, c.Until = min(c.From, end-1), end
			}
		}
		credentials = append(credentials, c)
	}
	for range rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(t, "cards") {
		c := of
		if c.Kind = wire.Card; rapid.Bool().Draw(t, "keyed") {
			c.CardKey = make([]byte, wire.CardKeySize)
		}
		credentials = append(credentials, c)
	}
	for i := range credentials {
		credentials[i].ID = uint64(i + 1)
		if err := credentials[i].Check(); err != nil {
			t.Fatal(err)
		}
	}
	return credentials
}

// drawBrain draws a reader with a policy, and things that are wrong with it, unless it is
// sound.
func drawBrain(t *rapid.T, r *Reader, now time.Time, sound bool) *brain {
	often := map[string]int{"lockout": 4, "tamper": 4, "fire": 6, "journal": 6}
	wrong := func(name string) bool { return !sound && drawBool(t, name, cmp.Or(often[name], 12)) }
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signed, err := r.Policy.For(uint8(r.Level)).Sign(wire.SiteID{1}, key)
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
	b := &brain{now: device.Now{Monotonic: time.Hour, Wall: now, Trusted: !wrong("clock")}}
	durable := device.Durable{Began: true, PolicyRevision: 5, Epoch: 1}
	if wrong("behind") {
		durable.Epoch = 2
	}
	if wrong("lockout") {
		durable.Lockout = rapid.SampledFrom([]wire.Cause{wire.CauseAttempts, wire.CauseGuessing, wire.CauseTamper}).Draw(t, "cause")
	}
	if wrong("journal") {
		b.fault = "full"
	}
	reader, actions := device.New(durable, device.Start{Reader: "front-door", Policy: policy, Held: wire.Position{Epoch: 1}, NoPIN: wrong("no touchscreen"), NoCards: wrong("no card reader")}, b.now)
	b.r = reader
	b.take(actions)
	if wrong("tamper") {
		b.do(device.Input{Name: device.InputTamper, Active: true})
	}
	if wrong("fire") {
		b.do(device.Input{Name: device.InputFire, Active: true})
	}
	for _, subject := range []wire.Subject{wire.SubjectCache, wire.SubjectPanel, wire.SubjectNFC, wire.SubjectTouch} {
		if wrong(string(subject)) {
			b.do(device.Health{Subject: subject, Condition: device.Failed, Text: "broken", Held: wire.Position{Epoch: 1}})
		}
	}
	keys := device.Health{Subject: wire.SubjectKey, Condition: device.Good}
	switch {
	case wrong("key"):
		keys.Condition, keys.Text = device.Failed, "broken"
	case drawBool(t, "withheld", 9):
		keys.PIN, r.Key = wire.ReasonWithheld, KeyWithheld
	case wrong("spent"):
		keys.TPM = wire.TPMState{Ref: wire.TPMRef{1}, Budget: wire.Budget{Spent: 7, Limit: 7}}
	}
	b.do(keys)
	return b
}

// conditionOf is what latchkeyd reports of a reader.
func conditionOf(s device.State) wire.Condition {
	c := wire.Condition{
		Lockout: s.Lockout, PIN: s.PIN, Card: s.Card, Strike: s.Strike, Door: s.Door, Mode: &s.Mode,
		Tamper: s.Tamper, ClockTrusted: s.ClockTrusted, Behind: s.Behind, Faults: s.Parts.Faults(),
	}
	if s.TPM != (wire.TPMState{}) {
		c.TPM = &s.TPM
	}
	if s.Journal != "" {
		c.Faults = append(c.Faults, wire.Fault{Subject: wire.SubjectJournal, Text: s.Journal})
	}
	return c
}

// Whatever the policy, the person, the mode, the time and what is wrong with the reader: it is
// said that somebody can open a door exactly if the reader lets them.
func TestWhoMayOpenIsWhatTheReaderDecides(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 14*24*60).Draw(t, "minute")) * time.Minute)
		r := &Reader{Policy: drawPolicy(t, now), Level: rapid.SampledFrom([]int{0, 1, 2, 2, 2, 2, 2, 2}).Draw(t, "level")}
		r.Live.Known = rapid.IntRange(0, 3).Draw(t, "known") > 0
		b := drawBrain(t, r, now, !r.Live.Known)
		if r.Live.Known {
			r.Live.Condition = conditionOf(b.state)
			if r.Level < wire.LevelModes {
				r.Live.Mode = nil
			}
			if r.Live.Online = b.state.Mode.Cause == wire.CauseFire || rapid.Bool().Draw(t, "online"); r.Live.Online {
				r.Live.Policy = r.Policy.Revision
			}
		}
		if b.state.Mode.Cause == wire.CauseFire && r.Live.Mode == nil {
			t.Skip("an older reader does not tell of the fire alarm")
		}
		if touch := b.state.Parts.Is(wire.SubjectTouch) == device.Failed; touch && b.state.PIN != wire.ReasonPanel {
			t.Skip("the reader names another reason, and not whether its touch has failed or is only held")
		}
		w := r.doorway(now)
		for range 30 {
			credentials := drawPerson(t, now)
			opened := comparePerson(t, w, b, credentials)
			pin, card := w.takes(credentials)
			if (opened[wire.ByPIN] || opened[wire.ByBoth]) && !pin || (opened[wire.ByCard] || opened[wire.ByBoth]) && !card {
				t.Fatalf("it opens by %v, and takes PINs: %v, cards: %v", opened, pin, card)
			}
			dated := slices.ContainsFunc(credentials, func(c wire.Credential) bool { return c.From != 0 || c.Until != 0 })
			if r.Live.Known || b.state.Mode.Mode != wire.ModeNormal || len(credentials) == 0 || dated {
				continue
			}
			// A sound door in its ordinary mode opens within their hours.
			hours := w.policy.Hours(&credentials[0])
			may := pin || card
			if w.demandsTwo() {
				may = pin && card
			}
			may = may && (hours == nil || w.policy.InSchedule(hours, w.at.Local))
			if does := len(opened) > 0; does != may {
				t.Fatalf("it opens: %v; it should by their hours %v, and what they have: %v", does, hours, may)
			}
		}
	})
}

// comparePerson compares what is said of a person's credentials with what the reader decides
// about each, and each two, and returns by which means that opens.
func comparePerson(t *rapid.T, w *doorway, b *brain, credentials []wire.Credential) (opened map[wire.Means]bool) {
	opened = map[wire.Means]bool{}
	for i := range credentials {
		c, says := &credentials[i], wire.Reason("")
		if says = w.card(c); c.Kind == wire.PIN {
			says = w.pin(c, nil)
		}
		by, why := b.decides(c)
		switch {
		case by != "" && w.demandsTwo():
			t.Fatalf("a %s alone opens", c.Kind)
		case w.demandsTwo():
		case (says == "") != (by != ""), why != "" && says != why:
			t.Fatalf("the reader opens to a %s %q, or does not for %q; it is said that it does not for %q", c.Kind, by, why, says)
		}
		if by != "" {
			opened[by] = true
		}
	}
	cardFirst := true
	for _, pin := range ofKind(credentials, wire.PIN) {
		for _, card := range ofKind(credentials, wire.Card) {
			one, _ := b.decides(card, pin)
			other, _ := b.decides(pin, card)
			switch {
			case !w.demandsTwo():
				continue
			case one == "" && other != "":
				t.Fatal("it opens with the PIN first only")
			case one != "":
				opened[one] = true
			}
			cardFirst = cardFirst && other == ""
		}
	}
	ways := w.ways(credentials)
	said := map[wire.Means]bool{}
	for _, way := range ways {
		if way.Why == "" {
			said[way.Means] = true
		}
		if way.CardFirst != (way.Means == wire.ByBoth && opened[wire.ByBoth] && cardFirst) {
			t.Fatalf("it takes only the card first: %v, not %+v", cardFirst, way)
		}
	}
	if !maps.Equal(said, opened) {
		t.Fatalf("it opens by %v, and is said to by %v", opened, said)
	}
	return opened
}
