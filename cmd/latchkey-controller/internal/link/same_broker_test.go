package link

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestConnectionsThatEndEachOtherAreToOneBroker(t *testing.T) {
	taken := func(s *sameBroker, by, c int) {
		s.opened(by)
		time.Sleep(takenWithin / 2)
		s.ended(c)
		time.Sleep(10 * time.Second)
	}
	is := func(t *testing.T, s *sameBroker, c, want int) {
		t.Helper()
		if got, ok := s.as(c); ok != (want >= 0) || ok && got != want {
			t.Errorf("%d is taken for the same as %d: %v; it is %d", c, got, ok, want)
		}
	}
	in := func(name string, test func(*testing.T, *sameBroker)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { test(t, newSameBroker()) }) })
	}
	in("in turn", func(t *testing.T, s *sameBroker) {
		s.opened(0)
		time.Sleep(time.Second)
		s.opened(1)
		time.Sleep(time.Second)
		for range takenTimes / 2 {
			is(t, s, 2, -1)
			taken(s, 2, 0)
			taken(s, 0, 2)
		}
		is(t, s, 2, 0)
		is(t, s, 1, -1)
		is(t, s, 0, -1)
		s.again(2)
		is(t, s, 2, -1)
		taken(s, 2, 0)
		is(t, s, 2, 0)
		s.ended(0) // its broker is away
		is(t, s, 2, -1)
	})
	in("two brokers that are lost together", func(t *testing.T, s *sameBroker) {
		for range 20 {
			s.opened(0)
			time.Sleep(time.Millisecond)
			s.opened(1)
			time.Sleep(time.Second)
			s.ended(0)
			s.ended(1)
			is(t, s, 1, -1)
			time.Sleep(time.Second)
		}
	})
	in("one that comes and goes", func(t *testing.T, s *sameBroker) {
		s.opened(0)
		for range 20 {
			s.opened(1)
			time.Sleep(time.Second)
			s.ended(1)
			is(t, s, 1, -1)
		}
	})
	in("late", func(t *testing.T, s *sameBroker) {
		s.opened(0)
		for i := range 20 {
			time.Sleep(time.Second)
			s.opened(1 - i%2)
			time.Sleep(takenWithin)
			s.ended(i % 2)
			is(t, s, 1, -1)
		}
	})
}
