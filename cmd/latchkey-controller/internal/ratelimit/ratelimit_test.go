package ratelimit

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestEachHasABurstAndThenOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](3*time.Second, 5)
		for range 5 {
			if l.Take("a") != 0 {
				t.Error("the burst is cut short")
			}
		}
		if wait := l.Take("a"); wait != 3 {
			t.Errorf("it waits %d s", wait)
		}
		if l.Take("b") != 0 {
			t.Error("another one waits, too")
		}
		time.Sleep(3 * time.Second)
		if l.Take("a") != 0 || l.Take("a") == 0 {
			t.Error("not one every 3 s")
		}
	})
}

func TestNoMoreThanSoManyAreRemembered(t *testing.T) {
	l := New[int](time.Hour, 1)
	for key := range most + 500 {
		l.Take(key)
	}
	if n := len(l.of); n > most || l.order.Len() != n {
		t.Errorf("%d, and %d in order", n, l.order.Len())
	}
	l.Forget()
	if l.Take(0) != 0 || l.order.Len() != 1 {
		t.Error("not all is forgotten")
	}
}

// TestWhoGoesOnAskingIsNotForgottenAmongManyOthers has one ask while others come from a hundred thousand networks.
func TestWhoGoesOnAskingIsNotForgottenAmongManyOthers(t *testing.T) {
	l := New[int](time.Hour, 1)
	l.Take(-1)
	for key := range 10 * most {
		if l.Take(key) != 0 {
			t.Fatal("somebody new is held up")
		}
		if key%(most/2) == 0 && l.Take(-1) == 0 {
			t.Fatalf("it may ask again after %d others", key)
		}
	}
}

func TestANetworkIsAnAddressOrWhatOneCustomerHas(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "nonsense": "nonsense",
	} {
		if got := Network(address); got != want {
			t.Errorf("%s: %s, not %s", address, got, want)
		}
	}
}
