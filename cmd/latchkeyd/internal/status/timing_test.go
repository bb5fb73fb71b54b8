package status

import (
	"testing"
	"time"
)

func TestPercentilesAreThoseOfTheNewest(t *testing.T) {
	var of Timing
	for i := range 1000 {
		of.Add(time.Duration(i+1) * time.Millisecond)
	}
	// The newest 256 are 745 to 1000 ms.
	if got := of.Times(); got.Count != 1000 || got.P50 != 872 || got.P99 != 998 || got.Longest != 1000 {
		t.Errorf("%+v", got)
	}
	var one Timing
	one.Add(7 * time.Millisecond)
	if got := one.Times(); got.P50 != 7 || got.P99 != 7 {
		t.Errorf("of one: %+v", got)
	}
	if got := new(Timing).Times(); got.P50 != 0 || got.Count != 0 {
		t.Errorf("of none: %+v", got)
	}
}

func TestOnlyPINsThatOpenTheDoorAreTimed(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1, 0).Add(time.Duration(ms) * time.Millisecond) }
	var s Stopwatch
	s.Strike(true, at(5)) // a card
	s.Strike(false, at(10))
	s.PIN.Begin(at(20))
	s.Strike(true, at(25)) // a card, while the PIN is checked
	s.Strike(false, at(30))
	s.PIN.Decided(true)
	s.Strike(true, at(50))
	if got := s.PIN.Times(); got.Count != 1 || got.Longest != 30 {
		t.Fatalf("%+v", got)
	}
	s.PIN.Begin(at(60)) // the strike is still on
	s.PIN.Decided(true)
	s.Strike(false, at(70))
	s.Strike(true, at(80)) // somebody else
	s.PIN.Begin(at(90))
	s.PIN.Decided(false)
	s.Strike(false, at(95))
	s.Strike(true, at(100))
	if got := s.PIN.Times(); got.Count != 1 {
		t.Errorf("%+v", got)
	}
}
