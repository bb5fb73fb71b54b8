package device

import (
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// The people of the walks: Ada may open the door, Eve may not.
var (
	adaPIN  = &wire.Credential{ID: 1, Kind: wire.PIN, User: 1, Name: "Ada", Groups: []string{"staff"}}
	adaCard = &wire.Credential{ID: 2, Kind: wire.Card, User: 1, Name: "Ada", Groups: []string{"staff"}}
	evePIN  = &wire.Credential{ID: 3, Kind: wire.PIN, User: 2, Name: "Eve"}
	eveCard = &wire.Credential{ID: 4, Kind: wire.Card, User: 2, Name: "Eve"}

	// The guard, whom locked doors let in, too.
	guardPIN  = &wire.Credential{ID: 7, Kind: wire.PIN, User: 3, Name: "Gus", Groups: []string{"guards", "staff"}}
	guardCard = &wire.Credential{ID: 8, Kind: wire.Card, User: 3, Name: "Gus", Groups: []string{"guards", "staff"}}

	// PINs for duress, and with a number of uses.
	dotPIN   = &wire.Credential{ID: 9, Kind: wire.PIN, User: 1, Name: "Ada", Groups: []string{"staff"}, Duress: true}
	twicePIN = &wire.Credential{ID: 10, Kind: wire.PIN, User: 4, Name: "Pat", Groups: []string{"staff"}, Uses: 2, Made: 1}
	patCard  = &wire.Credential{ID: 13, Kind: wire.Card, User: 4, Name: "Pat", Groups: []string{"staff"}}

	// This one proves itself.
	keyedCard = &wire.Credential{ID: 6, Kind: wire.Card, User: 1, Name: "Ada", Groups: []string{"staff"}, CardKey: make([]byte, wire.CardKeySize)}
)

// smallPolicy has limits that a walk reaches soon.
func smallPolicy(t *testing.T, change func(p *wire.Policy)) Policy {
	t.Helper()
	p := wire.DefaultPolicy("front-door", "Front door")
	p.Revision, p.Limit, p.GuessLimit = 1, 2, 3
	p.Access = []wire.Access{{Group: "staff"}}
	p.Unlock, p.Extended, p.HeldAfter = 3, 3, 3
	if change != nil {
		change(&p)
	}
	loaded, err := LoadPolicy(verified(t, &p))
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// order is a command with an id of its own for each order: the walk forgets
// ids after each edge.
func order(o wire.Order) Command {
	return Command{wire.Command{ID: wire.CommandID{1}, Order: o, By: "desk"}}
}

func TestNoWayThroughTheStatesBreaksARule(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // millions of short-lived states
	var fired [len(rules)]int
	worlds := slices.Concat(doors(t), proofs(t), modes(t), seconds(t), limits(t), []world{attempts(t), faults(t), counted(t, attempts(t)), counted(t, faults(t)), cards(t), keys(t), service(t)})
	walked, states, edges := 0, 0, 0
	var mu sync.Mutex
	t.Run("worlds", func(t *testing.T) {
		for _, world := range worlds {
			t.Run(world.name, func(t *testing.T) {
				t.Parallel()
				w := walk{t: t, world: world}
				w.run()
				t.Logf("%d states, %d edges", len(w.seen), w.edges)
				mu.Lock()
				defer mu.Unlock()
				walked, states, edges = walked+1, states+len(w.seen), edges+w.edges
				for rule, times := range w.fired {
					fired[rule] += times
				}
			})
		}
	})
	if walked < len(worlds) {
		return
	}
	t.Logf("%d states, %d edges", states, edges)
	for i, rule := range rules {
		t.Logf("%8d edges: %s", fired[i], rule.name)
		if fired[i] == 0 {
			t.Errorf("no edge has to do with the rule that %s", rule.name)
		}
	}
}

// attempts is the world of PINs. Cards are answered at once in it, so that only
// the PIN's ten seconds and those between two tries of the journal pass.
func attempts(t *testing.T) world {
	events := func(n *node) []Event {
		r := &n.r
		if r.card.deadline != 0 {
			return []Event{
				Identified{Kind: wire.Card, Seq: r.card.seq, Outcome: Known, Credential: adaCard},
				Identified{Kind: wire.Card, Seq: r.card.seq, Outcome: Known, Credential: eveCard},
				Identified{Kind: wire.PIN, Seq: r.durable.Seq, Outcome: Unknown},
			}
		}
		seq := r.durable.Seq
		return []Event{
			Presented{wire.PIN}, Presented{wire.Card}, order(wire.Unlock), Input{InputTamper, !r.tamper},
			Stored{Batch: r.journal.answered}, Stored{Batch: r.journal.appended + 1},
			pin(seq-1, Known, adaPIN), pin(seq-1, Unknown, nil), pin(seq+1, Known, adaPIN),
			pin(seq, Known, adaPIN), pin(seq, Known, evePIN), pin(seq, Known, nil), pin(seq, Known, adaCard),
			pin(seq, Unknown, nil), pin(seq, Damaged, nil), pin(seq, KeyFailed, nil), pin(seq, EpochChanged, nil),
		}
	}
	return world{name: "attempts", queue: 2, events: events, wrong: 3, guesses: 4,
		start:  Start{Reader: "front-door", NewJournal: true, Policy: smallPolicy(t, nil)},
		forget: func(n *node) { n.r.strike = strike{} },
	}
}

// faults is the world of PINs on a disk that fails now and then.
func faults(t *testing.T) world {
	events := func(n *node) []Event {
		r := &n.r
		seq := r.durable.Seq
		return []Event{
			Presented{wire.PIN}, order(wire.Unlock), Input{InputTamper, !r.tamper},
			pin(seq-1, Known, adaPIN), pin(seq, Known, adaPIN), pin(seq, Unknown, nil), pin(seq, Damaged, nil),
		}
	}
	w := attempts(t)
	w.name, w.faults, w.events, w.guesses = "faults", true, events, 0
	w.start.Policy = smallPolicy(t, func(p *wire.Policy) { p.GuessLimit = 0 })
	return w
}

// counted is a world of PINs whose key is in a TPM. Where the disk may fail, the first wrong
// PIN locks.
func counted(t *testing.T, w world) world {
	events := w.events
	w.name, w.start.Counted = "counted "+w.name, true
	if w.faults {
		w.wrong, w.queue = 1, 1
		w.start.Policy = smallPolicy(t, func(p *wire.Policy) { p.Limit, p.GuessLimit = 1, 0 })
	}
	w.events = func(n *node) []Event {
		all := []Event{Health{Subject: wire.SubjectKey, Condition: Good, TPM: wire.TPMState{Ref: wire.TPMRef{1}, Budget: wire.Budget{Spent: n.spent, Limit: walkLimit}}}}
		if n.r.tpm.Budget.Limit == 0 {
			return append(all, Presented{wire.PIN}) // it may be before the first reading
		}
		for _, event := range events(n) {
			if (event != Presented{wire.PIN} || !n.r.attempt.waits) { // the slot is full
				all = append(all, event)
			}
		}
		return all
	}
	return w
}

func pin(seq uint64, outcome Outcome, c *wire.Credential) Event {
	return Identified{Kind: wire.PIN, Seq: seq, Outcome: outcome, Credential: c}
}

// doors are the worlds of the strike, the door and the inputs, under policies
// that differ.
func doors(t *testing.T) []world {
	events := func(n *node) []Event {
		r := &n.r
		return []Event{
			order(wire.Unlock),
			Input{InputTamper, !r.tamper}, Input{InputTamper, r.tamper},
			Input{InputExit, true}, Input{InputExit, false},
			Input{InputDoor, true}, Input{InputDoor, false},
		}
	}
	var worlds []world
	for _, policy := range []Policy{
		smallPolicy(t, nil),
		smallPolicy(t, func(p *wire.Policy) { p.ReleaseOnOpen, p.TamperStopsExit, p.TamperPauses = true, true, false }),
	} {
		worlds = append(worlds, world{name: "door", events: events,
			start: Start{Reader: "front-door", NewJournal: true, Policy: policy}})
	}
	return worlds
}

// cards is the world of cards, the unknown ones too, and of enrolment.
func cards(t *testing.T) world {
	events := func(n *node) []Event {
		r := &n.r
		card := func(seq uint64, outcome Outcome, c *wire.Credential) Event {
			return Identified{Kind: wire.Card, Seq: seq, Outcome: outcome, Credential: c}
		}
		return []Event{
			Presented{wire.Card}, Input{InputTamper, !r.tamper}, order(wire.Enrol),
			card(r.card.seq-1, Known, adaCard), card(r.card.seq+1, Known, adaCard),
			card(r.card.seq, Known, adaCard), card(r.card.seq, Known, eveCard), card(r.card.seq, Known, adaPIN),
			card(r.card.seq, Unknown, nil), card(r.card.seq, Damaged, nil), card(r.card.seq, Enrolled, nil),
		}
	}
	return world{name: "cards", events: events,
		start:  Start{Reader: "front-door", NewJournal: true, Policy: smallPolicy(t, func(p *wire.Policy) { p.TamperStopsCard = true })},
		forget: func(n *node) { n.r.strike = strike{} },
	}
}

// proofs are the worlds of cards that prove themselves, their copies and other cards, at
// doors that want proof and doors that do not. The first wrong PIN locks.
func proofs(t *testing.T) []world {
	events := func(n *node) []Event {
		seq := n.r.card.seq
		card := func(outcome Outcome, c *wire.Credential, proven bool) Event {
			return Identified{Kind: wire.Card, Seq: seq, Outcome: outcome, Credential: c, Proven: proven}
		}
		return []Event{
			Presented{wire.PIN}, pin(n.r.durable.Seq, Unknown, nil), pin(n.r.durable.Seq, Known, adaPIN),
			Presented{wire.Card}, Input{InputTamper, !n.r.tamper}, order(wire.Unlock),
			card(Known, keyedCard, true), card(Known, keyedCard, false), card(Known, adaCard, false), card(Known, eveCard, false),
			card(NotGenuine, keyedCard, false), card(NotGenuine, nil, false), card(CardGone, nil, false),
			card(EpochChanged, nil, false), card(Unknown, nil, false),
		}
	}
	var worlds []world
	for _, policy := range []Policy{
		smallPolicy(t, func(p *wire.Policy) { p.Limit, p.GuessLimit, p.ProvenEnds = 1, 0, true }),
		smallPolicy(t, func(p *wire.Policy) { p.Limit, p.GuessLimit, p.ProvenOpens = 1, 0, true }),
	} {
		worlds = append(worlds, world{name: "proofs", events: events, wrong: 1,
			start:  Start{Reader: "front-door", NewJournal: true, Policy: policy},
			forget: func(n *node) { n.r.strike = strike{} },
		})
	}
	return worlds
}

// keys is the world of cards that get keys.
func keys(t *testing.T) world {
	events := func(n *node) []Event {
		seq := n.r.card.seq
		card := func(outcome Outcome, c *wire.Credential, proven bool) Event {
			return Identified{Kind: wire.Card, Seq: seq, Outcome: outcome, Credential: c, Proven: proven}
		}
		return []Event{
			order(wire.Personalise), order(wire.Enrol), Presented{wire.Card},
			Progress{seq, 1, 2}, Progress{seq, 2, 2}, Progress{seq - 1, 1, 2}, Progress{seq, 3, 2}, Progress{seq, 0, 0},
			card(Personalised, nil, false), card(CardGone, nil, false), card(Declined, nil, false), card(Enrolled, nil, false),
			card(Known, keyedCard, true),
		}
	}
	return world{name: "keys", events: events,
		start:  Start{Reader: "front-door", NewJournal: true, Policy: smallPolicy(t, nil)},
		forget: func(n *node) { n.r.strike = strike{} },
	}
}

// seconds are the worlds of two proofs: one of what happens beside each other, one of clocks,
// modes and schedules, in which PINs and cards are answered at once. The first wrong PIN locks.
func seconds(t *testing.T) []world {
	answers := func(n *node, outcomes ...Event) (all []Event) {
		r := &n.r
		for _, event := range outcomes {
			e := event.(Identified)
			switch {
			case e.Kind == wire.Card && r.card.deadline != 0:
				e.Seq = r.card.seq
				all = append(all, e)
			case e.Kind == wire.PIN && r.attempt.state != attemptIdle:
				e.Seq = r.durable.Seq
				all = append(all, e)
			}
		}
		return all
	}
	card := func(outcome Outcome, c *wire.Credential) Event {
		return Identified{Kind: wire.Card, Outcome: outcome, Credential: c}
	}
	beside := func(n *node) []Event {
		return append(answers(n,
			pin(0, Known, adaPIN), pin(0, Known, dotPIN), pin(0, Known, guardPIN), pin(0, Known, evePIN), pin(0, Unknown, nil), pin(0, KeyFailed, nil),
			card(Known, adaCard), card(Known, guardCard), card(Known, eveCard), card(Unknown, nil), card(NotGenuine, keyedCard), card(CardGone, nil),
		), Presented{wire.PIN}, Presented{wire.Card}, Input{InputTamper, !n.r.tamper}, order(wire.Unlock))
	}
	policy := smallPolicy(t, func(p *wire.Policy) { p.Limit, p.GuessLimit, p.TwoProofs = 1, 0, &wire.TwoProofs{} })
	worlds := []world{{name: "two proofs", events: beside, wrong: 1,
		start:  Start{Reader: "front-door", NewJournal: true, Policy: policy},
		forget: func(n *node) { n.r.strike, n.r.card.unknown, n.r.card.wait = strike{}, 0, 0 },
	}}
	at := func(hour int) Now {
		return Now{Wall: time.Date(2026, 3, 2, hour, 30, 0, 0, time.UTC), Trusted: true}
	}
	unknown := at(12)
	unknown.Trusted = false
	moments := []Now{at(12), at(22), unknown}
	night := &wire.TwoProofs{Schedule: &wire.Schedule{Week: []wire.Span{{Day: 1, From: 1200, To: 1440}}}}
	var policies [2][]Policy
	for _, two := range []*wire.TwoProofs{nil, night, {}} {
		for _, modes := range [][]wire.WantedMode{nil, {{Mode: wire.ModeLockdown}}} {
			for revision := range policies {
				policies[revision] = append(policies[revision], smallPolicy(t, func(p *wire.Policy) {
					p.Revision, p.Limit, p.GuessLimit, p.TwoProofs, p.Modes = uint64(revision+1), 1, 0, two, modes
					p.InLockdown = []string{"guards"}
				}))
			}
		}
	}
	clocks := func(n *node) []Event {
		if all := answers(n, pin(0, Known, adaPIN), pin(0, Known, guardPIN), pin(0, Unknown, nil), card(Known, adaCard), card(Known, guardCard)); len(all) > 0 {
			return all
		}
		all := []Event{Presented{wire.PIN}, Presented{wire.Card}}
		for at := range moments {
			all = append(all, moment(at))
		}
		for _, policy := range policies[1] {
			all = append(all, policy)
		}
		return all
	}
	return append(worlds, counted(t, worlds[0]), world{name: "two proofs", events: clocks, wrong: 1, moments: moments, policies: policies[0], renewed: policies[1],
		start:  Start{Reader: "front-door", NewJournal: true, Policy: policies[0][0]},
		forget: func(n *node) { n.r.strike.grace = 0 },
	})
}

// limits are the worlds of a PIN with a number of uses: one in which it opens, on a disk that
// fails now and then, and one in which it is one of two proofs. The first wrong PIN locks.
func limits(t *testing.T) []world {
	var worlds []world
	for _, two := range []*wire.TwoProofs{nil, {}} {
		events := func(n *node) []Event {
			seq := n.r.durable.Seq
			if n.r.card.deadline != 0 {
				return []Event{
					Identified{Kind: wire.Card, Seq: n.r.card.seq, Outcome: Known, Credential: adaCard},
					Identified{Kind: wire.Card, Seq: n.r.card.seq, Outcome: Known, Credential: patCard},
				}
			}
			var cards []Event
			if two != nil {
				cards = []Event{Presented{wire.Card}}
			}
			return append(cards,
				Presented{wire.PIN}, pin(seq, Known, twicePIN), pin(seq, Known, adaPIN), pin(seq, Unknown, nil),
				order(wire.Unlock), Input{InputTamper, !n.r.tamper},
			)
		}
		policy := smallPolicy(t, func(p *wire.Policy) { p.Limit, p.GuessLimit, p.TwoProofs = 1, 0, two })
		worlds = append(worlds, world{name: "limits", queue: 1, faults: two == nil, events: events, wrong: 1,
			start:  Start{Reader: "front-door", NewJournal: true, Policy: policy},
			forget: func(n *node) { n.r.strike = strike{} },
		})
	}
	worlds[1].guesses, worlds[1].queue = 1, 2
	return worlds
}

// service is the world of what is out of order, from before the first policy.
// Cards are answered at once in it, and the first wrong PIN locks.
func service(t *testing.T) world {
	var policies []Policy
	for revision := range uint64(3) {
		policies = append(policies, smallPolicy(t, func(p *wire.Policy) {
			p.Revision, p.Limit, p.GuessLimit = revision+1, 1, 0
			p.CardsBehind, p.PIN = revision == 0, revision < 2
		}))
	}
	events := func(n *node) []Event {
		r := &n.r
		cache := func(revision uint64) Event {
			return Health{Subject: wire.SubjectCache, Condition: Good, Held: wire.Position{Epoch: 1, Revision: revision}}
		}
		if r.card.deadline != 0 {
			return []Event{
				cache(1), cache(2), Health{Subject: wire.SubjectKey, Condition: Failed}, policies[1],
				Identified{Kind: wire.Card, Seq: r.card.seq, Outcome: Known, Credential: adaCard},
			}
		}
		all := []Event{
			cache(1), cache(2), order(wire.Unlock), order(wire.Identify),
			Presented{wire.PIN}, Presented{wire.Card}, Input{InputExit, r.door.exit != exitDown},
			pin(r.durable.Seq, Known, adaPIN), pin(r.durable.Seq, Unknown, nil),
		}
		for _, subject := range []wire.Subject{wire.SubjectTouch, wire.SubjectKey} {
			all = append(all, Health{Subject: subject, Condition: Good + Failed - max(Good, r.parts.Is(subject))})
		}
		for _, policy := range policies {
			all = append(all, policy)
		}
		return all
	}
	return world{name: "service", events: events, wrong: 1, start: Start{Reader: "front-door", NewJournal: true},
		forget: func(n *node) { n.r.strike, n.r.blink = strike{}, 0 },
	}
}

// modes are the worlds of modes: one of all of them, with cards and PINs, and one of an unlock
// schedule that waits for its first person. Their clocks stand somewhere, or are not known.
// Cards and PINs are answered at once in them, and the first wrong PIN locks.
func modes(t *testing.T) []world {
	at := func(day, hour int) Now {
		return Now{Wall: time.Date(2026, 3, day, hour, 30, 0, 0, time.UTC), Trusted: true}
	}
	unknown, years := at(2, 13), at(2, 13)
	unknown.Trusted = false
	years.Wall = time.Date(2029, 3, 5, 13, 30, 0, 0, time.UTC) // a Monday, too
	until := at(2, 18).Wall.Unix()
	unlocked, locked := wire.WantedMode{Mode: wire.ModeUnlocked, Until: until}, wire.WantedMode{Mode: wire.ModeLocked, Until: until}
	lockdown, evacuation := wire.WantedMode{Mode: wire.ModeLockdown}, wire.WantedMode{Mode: wire.ModeEvacuation}
	opening := &wire.Opening{First: "staff", Schedule: wire.Schedule{Week: []wire.Span{{Day: 1, From: 780, To: 1080}, {Day: 2, From: 780, To: 1080}}}}

	ended := *opening // a span early
	ended.After = at(2, 18).Wall.Unix()
	far := wire.WantedMode{Mode: wire.ModeLockdown, Until: wire.MaxTime}

	all := func(n *node) []Event {
		r := &n.r
		if r.attempt.state != attemptIdle {
			return []Event{pin(r.durable.Seq, Known, adaPIN), pin(r.durable.Seq, Known, guardPIN), pin(r.durable.Seq, Unknown, nil), Input{InputFire, !r.fire}}
		}
		chief := order(wire.Unlock)
		chief.InLockdown = true
		return []Event{Presented{wire.PIN}, Presented{wire.Card}, order(wire.Unlock), chief, Input{InputExit, r.door.exit != exitDown}, Input{InputFire, !r.fire}}
	}
	schedule := func(n *node) []Event {
		return []Event{Presented{wire.Card}, Input{InputFire, !n.r.fire}, Input{InputTamper, !n.r.tamper}}
	}
	return []world{
		modesWorld(t, all, []*wire.Opening{nil}, []Now{at(2, 12), at(2, 19), unknown}, [][]wire.WantedMode{
			nil, {unlocked}, {locked}, {lockdown}, {evacuation}, {unlocked, locked, lockdown, evacuation},
		}),
		modesWorld(t, schedule, []*wire.Opening{opening, &ended}, []Now{at(2, 12), at(2, 13), at(3, 13), years, unknown}, [][]wire.WantedMode{nil, {far}}),
	}
}

func modesWorld(t *testing.T, events func(n *node) []Event, openings []*wire.Opening, moments []Now, wanted [][]wire.WantedMode) world {
	var policies [2][]Policy
	for _, modes := range wanted {
		for _, opening := range openings {
			for revision := range policies {
				policies[revision] = append(policies[revision], smallPolicy(t, func(p *wire.Policy) {
					p.Revision, p.Limit, p.GuessLimit, p.Modes, p.Opening = uint64(revision+1), 1, 0, modes, opening
					p.Exempt, p.InLockdown = []string{"guards"}, []string{"guards"}
				}))
			}
		}
	}
	return world{name: "modes", wrong: 1, moments: moments, policies: policies[0], renewed: policies[1],
		start:  Start{Reader: "front-door", NewJournal: true, Policy: policies[0][0]},
		forget: func(n *node) { n.r.strike.grace = 0 },
		events: func(n *node) []Event {
			if n.r.card.deadline != 0 {
				var all []Event
				for _, c := range []*wire.Credential{adaCard, guardCard, eveCard} {
					all = append(all, Identified{Kind: wire.Card, Seq: n.r.card.seq, Outcome: Known, Credential: c})
				}
				return all
			}
			all := events(n)
			for at := range moments {
				all = append(all, moment(at))
			}
			for _, policy := range policies[1] {
				all = append(all, policy)
			}
			return all
		},
	}
}
