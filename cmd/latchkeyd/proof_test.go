//go:build !firmware

package main

import (
	"slices"
	"testing"
	"time"

	"latchkey/board/sim"
)

// shows holds a card to the reader for two seconds, and returns whether the door opens and
// what the card was found to be.
func (s *soaked) shows(card sim.Card) (opens bool, outcome string) {
	s.t.Helper()
	before := s.r.metrics.Figures(nil).Lookups["card"]
	s.must(s.board.PresentCard(card))
	opens = s.opensWithin(2 * time.Second)
	s.board.RemoveCard()
	s.pass(12 * time.Second) // beyond what unknown cards are slowed down by
	for name, n := range s.r.metrics.Figures(nil).Lookups["card"] {
		if n != before[name] {
			outcome += name
		}
	}
	return opens, outcome
}

// keyed runs a reader whose site knows these cards, which have their keys, in a bubble.
func keyed(t *testing.T, test func(s *soaked), cards ...*keyedCard) {
	t.Helper()
	begun(t, keyedData(t, cards...), cards, test)
}

func TestACardOpensThatProvesItselfAndNothingThatLooksLikeIt(t *testing.T) {
	ada, bob, cyd := newKeyedCard(t, sim.DESFireEV3, 1), newKeyedCard(t, sim.NTAG424, 2), newKeyedCard(t, sim.DESFireEV1, 3)
	downgraded := newKeyedCard(t, sim.DESFireEV1, 4)
	downgraded.says = 1 // its credential asks for EV2
	keyed(t, func(s *soaked) {
		for _, genuine := range []*keyedCard{ada, bob, cyd} {
			for name, card := range map[string]sim.Card{
				"its UID alone": {UID: genuine.UID},
				"a copy":        {UID: genuine.UID, Kind: sim.Copy},
				"a fresh card":  {UID: genuine.UID, Kind: genuine.Kind},
				"a D40":         {UID: genuine.UID, Kind: sim.D40},
			} {
				if opens, outcome := s.shows(card); opens || outcome != "not-genuine" {
					t.Errorf("%v: %s: opens %v, %s", genuine.Kind, name, opens, outcome)
				}
			}
			if opens, outcome := s.shows(genuine.Card); !opens || outcome != "known" {
				t.Errorf("%v: opens %v, %s", genuine.Kind, opens, outcome)
			}
		}
		if opens, outcome := s.shows(downgraded.Card); opens || outcome != "not-genuine" {
			t.Errorf("an EV1 where an EV2 is asked for: opens %v, %s", opens, outcome)
		}
		if f := s.r.metrics.Figures(nil); f.Proof.Count < 12 || f.Proof.Longest > 1000 || f.Card.Count != 3 || f.Card.Longest > 1000 {
			t.Errorf("%d proofs, the longest of %.0f ms; %d openings, the longest after %.0f ms", f.Proof.Count, f.Proof.Longest, f.Card.Count, f.Card.Longest)
		}
	}, ada, bob, cyd, downgraded)
}

func TestACardThatIsTornAwayWhileItProvesItselfOpensNextTime(t *testing.T) {
	for _, kind := range []sim.Kind{sim.DESFireEV3, sim.NTAG424} {
		card := newKeyedCard(t, kind, 1)
		keyed(t, func(s *soaked) {
			torn := 0
			for bytes := 5; bytes < 1000; bytes += 23 {
				before := s.r.metrics.Figures(nil).Proof.Count
				s.must(s.board.PresentCard(card.Card))
				s.board.Tear(bytes)
				opens := s.opensWithin(2 * time.Second)
				s.board.RemoveCard()
				s.pass(3 * time.Second)
				if opens {
					break
				}
				if s.r.metrics.Figures(nil).Proof.Count > before {
					torn++
				}
				if opens, outcome := s.shows(card.Card); !opens {
					t.Errorf("%v after it was torn away after %d bytes: %s", kind, bytes, outcome)
				}
			}
			f := s.r.metrics.Figures(nil)
			if gone := f.Lookups["card"]["card-gone"]; torn < 3 || int(gone) != torn || f.Lookups["card"]["not-genuine"] != 0 || f.Proof.Longest > 1000 {
				t.Errorf("%v: torn away %d times: %v, the longest took %.0f ms", kind, torn, f.Lookups["card"], f.Proof.Longest)
			}
		}, card)
	}
}

func TestACardThatAnswersNonsenseIsRefusedWithinASecondAndTheNextWorks(t *testing.T) {
	ada, bob := newKeyedCard(t, sim.DESFireEV3, 1), newKeyedCard(t, sim.NTAG424, 2)
	keyed(t, func(s *soaked) {
		for _, fault := range []string{"nfc-card-waits", "nfc-card-nonsense", "nfc-card-floods"} {
			for _, card := range []*keyedCard{ada, bob} {
				s.must(s.board.Inject(fault, sim.Injection{Active: true}))
				if opens, outcome := s.shows(card.Card); opens || outcome != "not-genuine" {
					t.Errorf("%v, %s: opens %v, %s", card.Kind, fault, opens, outcome)
				}
				s.must(s.board.Inject(fault, sim.Injection{}))
				if opens, outcome := s.shows(card.Card); !opens {
					t.Errorf("%v after %s: %s", card.Kind, fault, outcome)
				}
			}
		}
		if f := s.r.metrics.Figures(nil); f.Proof.Count < 12 || f.Proof.Longest > 1000 {
			t.Errorf("%d proofs, the longest of %.0f ms", f.Proof.Count, f.Proof.Longest)
		}
		if slices.ContainsFunc(s.board.Faults(), func(f sim.FaultState) bool { return f.Active }) {
			t.Error("a fault is left")
		}
	}, ada, bob)
}
