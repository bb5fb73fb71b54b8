package clock

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A sharing is one of several machines that share a database server, whose clock is right.
type sharing struct {
	boot    string
	started time.Time
	ahead   time.Duration // its wall clock
}

func (m *sharing) read(now time.Time) Reading {
	return Reading{Wall: now.Add(m.ahead), Boot: m.boot, Since: now.Sub(m.started), Shared: now.UnixMilli()}
}

func TestMachinesThatTakeTurnsCountTheSameTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		offs := rapid.SampledFrom([]time.Duration{0, 0, 20 * time.Second, -30 * time.Second, 5 * time.Minute, -5 * time.Minute, 23 * time.Hour, -23 * time.Hour, 400 * 24 * time.Hour})
		var all []*sharing
		for _, boot := range []string{"a", "b", "c"} {
			up := time.Duration(rapid.Int64Range(0, int64(90*24*time.Hour)).Draw(t, "up"))
			all = append(all, &sharing{boot, began.Add(-up), offs.Draw(t, "ahead")})
		}
		all[0].ahead = 0
		now := began
		mark := Begin(all[0].read(now))
		for range rapid.IntRange(1, 20).Draw(t, "turns") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(offBelow/time.Millisecond)).Draw(t, "ms")) * time.Millisecond)
			m := all[rapid.IntRange(0, 2).Draw(t, "machine")]
			if rapid.IntRange(0, 9).Draw(t, "starts") == 0 {
				m.boot, m.started = m.boot+"'", now
			}
			r := m.read(now)
			mark = mark.At(r)
			if got, want := mark.Steady, began.UnixMilli()+now.Sub(began).Milliseconds(); got != want {
				t.Fatalf("%d ms have passed too many on %s", got-want, m.boot)
			}
			if doubted := mark.Doubt != None; doubted != (max(m.ahead, -m.ahead) > time.Minute) {
				t.Fatalf("%v ahead: doubt %d", m.ahead, mark.Doubt)
			} else if doubted != strings.Contains(mark.Says(r).String(), "of another controller of the site") {
				t.Fatalf("%v ahead: %q", m.ahead, mark.Says(r))
			}
		}
	})
}

// The server's clock bridges a turn only if it can be right.
func TestAServersClockThatWasPutBackOrADayForwardBridgesNoTurn(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	one, other := &sharing{boot: "a", started: noon}, &sharing{boot: "b", started: noon.Add(-40 * 24 * time.Hour)}
	for _, off := range []time.Duration{-time.Hour, 25 * time.Hour} {
		r := other.read(noon.Add(time.Minute))
		r.Shared += off.Milliseconds()
		m := Begin(one.read(noon)).At(r)
		if passed := m.Time().Sub(Steady(noon.Unix())); passed != time.Minute || m.Doubt != None {
			t.Errorf("%v: %v have passed, doubt %d", off, passed, m.Doubt)
		}
	}
}

// A clock that somebody puts is believed if the server's says the same, and has gone on steadily.
func TestAClockThatIsPutRightByTheServersIsInNoDoubt(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for what, is := range map[string]struct {
		before, after, server time.Duration // ahead
		doubt                 Doubt
	}{
		"it is put right":                {before: -time.Hour, doubt: None},
		"it is put wrong":                {after: time.Hour, doubt: Stepped},
		"the server's is put with it":    {after: time.Hour, server: time.Hour, doubt: Stepped},
		"it is put from wrong to wrong":  {before: time.Hour, after: -time.Hour, doubt: Stepped},
		"it follows the server's slowly": {before: time.Hour, after: time.Hour + 50*time.Second, doubt: None},
	} {
		m := &sharing{boot: "a", started: noon.Add(-time.Hour), ahead: is.before}
		mark := Begin(m.read(noon))
		m.ahead = is.after
		r := m.read(noon.Add(30 * time.Second))
		r.Shared += is.server.Milliseconds()
		if mark = mark.At(r); mark.Doubt != is.doubt {
			t.Errorf("%s: doubt %d", what, mark.Doubt)
		}
	}
}
