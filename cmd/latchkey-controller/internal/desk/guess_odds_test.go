package desk

import (
	"math"
	"slices"
	"strings"
	"testing"

	"latchkey/device/pin"
	"latchkey/sync/wire"
)

func TestTheOddsOfGuessingFollowFromPINsReadersAndLimits(t *testing.T) {
	t.Parallel()
	policy := func(reader string, limit uint16, pin bool) *wire.Policy {
		p := wire.DefaultPolicy(reader, reader)
		p.GuessLimit, p.PIN = limit, pin
		return &p
	}
	o := odds(1000, []*wire.Policy{policy("a", 60, true), policy("b", 60, true), policy("c", 60, false)})
	if o.PerDay != 2*(60+288) || o.Readers != 2 {
		t.Errorf("%+v", o)
	}
	// 696 guesses, each right with a chance of 1,000 in all PINs that are not weak.
	if want := 1 - math.Pow(1-1000.0/pin.Strong, 696); math.Abs(o.Chance-want) > 1e-12 {
		t.Errorf("%g, not %g", o.Chance, want)
	}
	if missed := math.Pow(1-1000.0/pin.Strong, 696*o.Years*365.25); math.Abs(missed-0.5) > 1e-9 {
		t.Errorf("after %g years the chance of having missed is %g", o.Years, missed)
	}
	if got := o.String(); got != "1,000 PINs at 2 readers. Guessing all day, at most 696 times, finds one with a chance of 1 in 144 per day; after 3 months that is more likely than not." {
		t.Error(got)
	}
	if o := odds(1, []*wire.Policy{policy("a", 0, true)}); !slices.Equal(o.Unbounded, []string{"a"}) || o.PerDay != 0 || !math.IsInf(o.Years, 1) {
		t.Errorf("%+v", o)
	}
	for _, o := range []*GuessOdds{odds(0, []*wire.Policy{policy("a", 60, true)}), odds(5, nil)} {
		if o.Chance != 0 || !strings.HasPrefix(o.String(), "No PIN can be guessed") {
			t.Errorf("%+v", o)
		}
	}
	if o := odds(200_000_000, []*wire.Policy{policy("a", 60, true)}); o.Chance != 1 || math.IsNaN(o.Years) {
		t.Errorf("%+v", o)
	}
}
