//go:build !firmware

package main

import (
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/sync/wire"
)

// at waits until a time of the day, in the bubble's time.
func (s *soaked) at(clock string) {
	s.t.Helper()
	until, err := time.Parse(time.TimeOnly, clock)
	s.must(err)
	y, m, d := time.Now().UTC().Date()
	s.pass(time.Until(time.Date(y, m, d, until.Hour(), until.Minute(), until.Second(), 0, time.UTC)))
}

// held checks whether the strike is energised, and stays so for 40 s, or does not.
func (s *soaked) held(want bool) {
	s.t.Helper()
	for range 40 {
		if got := s.board.Line("strike"); got != want {
			s.t.Fatalf("at %s the strike is energised: %t", time.Now().UTC().Format(time.TimeOnly), got)
		}
		s.pass(time.Second)
	}
}

// lay lays a card on the reader for two seconds.
func (s *soaked) lay(card sim.Card) {
	s.t.Helper()
	s.must(s.board.PresentCard(card))
	s.pass(2 * time.Second)
	s.board.RemoveCard()
}

func TestADayOfADoorThatOpensOnceItsFirstPersonHasCome(t *testing.T) {
	ada := newKeyedCard(t, sim.DESFireEV3, 1)
	data := keyedDoor(t, func(p *wire.Policy) {
		p.Opening = &wire.Opening{First: wire.Everyone, Schedule: wire.Schedule{Week: []wire.Span{
			{Day: 6, From: 5, To: 10}, {Day: 6, From: 12, To: 15}, // of the Saturday on which a bubble begins
		}}}
	}, ada)
	synctest.Test(t, func(t *testing.T) {
		personalise(t, ada)
		s := newSoaked(t, data)
		s.start()
		s.at("00:06:00")
		s.held(false)
		s.lay(ada.Card)
		s.held(true)
		s.restart() // which finds the strike released
		s.pass(time.Second)
		s.held(true)
		s.at("00:09:59")
		if !s.board.Line("strike") {
			t.Error("released before the end of the span")
		}
		s.at("00:10:01")
		s.held(false)
		s.at("00:12:01")
		s.held(true)
		s.at("00:15:01")
		s.held(false)
		s.must(s.stop())
	})
}

func TestALockdownOutlastsARestartAndAFireOverridesIt(t *testing.T) {
	ada := newKeyedCard(t, sim.DESFireEV3, 1)
	data := keyedDoor(t, func(p *wire.Policy) {
		p.Modes = []wire.WantedMode{{Mode: wire.ModeLockdown, By: "Grace"}}
	}, ada)
	synctest.Test(t, func(t *testing.T) {
		personalise(t, ada)
		s := newSoaked(t, data)
		s.start()
		for range 2 {
			s.pass(5 * time.Second)
			if s.offers("pin") {
				t.Error("a PIN can be entered")
			}
			s.lay(ada.Card)
			s.held(false)
			s.must(s.board.SetLine("fire", true))
			s.pass(time.Second)
			s.held(true)
			s.must(s.board.SetLine("fire", false))
			s.pass(time.Second)
			s.held(false)
			s.restart()
		}
		s.must(s.stop())
	})
}
