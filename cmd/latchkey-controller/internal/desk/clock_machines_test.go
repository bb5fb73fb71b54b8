package desk

import (
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// ahead is a desk of another controller, on a machine whose clock is ahead.
func (w *world) ahead(d time.Duration) *Desk {
	s := w.another()
	read := func() clock.Reading {
		r := w.clock()
		return clock.Reading{Wall: r.Wall.Add(d), Boot: "another machine", Since: r.Since}
	}
	w.must(s.FollowTime(w.t.Context(), read()))
	return New(Options{Site: s, Live: &w.live, Clock: read})
}

func TestAStandByWithAWrongClockEndsNoLockdownAndSetsModesByTheTimeOfReaders(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{2 * time.Hour, -2 * time.Hour, 0} {
		w := nowInPostgreSQL(t)
		_, err := w.site.KeepTime(t.Context(), w.clock())
		w.must(err)
		w.readerAt("front", "home", "front")
		w.setMode(Where{}, wire.ModeLockdown, time.Hour)
		other := w.ahead(off)
		if _, err := other.SetMode(t.Context(), as(Owner), Where{}, wire.ModeLocked, 0); err != nil {
			t.Errorf("%v ahead: %v", off, err)
		}
		if _, err := other.SetMode(t.Context(), as(Owner), Where{}, wire.ModeUnlocked, other.Now().Add(15*time.Minute).Unix()); err != nil {
			t.Errorf("%v ahead: %v", off, err)
		}
		modes := w.look("front").Policy.Modes
		for _, m := range modes {
			if m.Until != 0 && m.Mode == wire.ModeUnlocked {
				if lasts := time.Unix(m.Until, 0).Sub(w.time); lasts < 14*time.Minute || lasts > 16*time.Minute {
					t.Errorf("%v ahead: 15 minutes are %v", off, lasts)
				}
			}
		}
		if len(modes) != 3 {
			t.Errorf("%v ahead: the reader is to work as %+v", off, modes)
		}
	}
}

func TestAModeThatIsSetWhileTheLeadersClockIsInDoubtEndsByTheTimeOfReaders(t *testing.T) {
	t.Parallel()
	w := nowInPostgreSQL(t)
	_, err := w.site.KeepTime(t.Context(), w.clock())
	w.must(err)
	w.readerAt("front", "home", "front")
	w.put = 2 * time.Hour
	if doubt, err := w.site.KeepTime(t.Context(), w.clock()); doubt == nil || err != nil {
		t.Fatalf("%q, %v", doubt, err)
	}
	_, err = w.SetMode(t.Context(), as(Owner), Where{}, wire.ModeUnlocked, w.Now().Add(15*time.Minute).Unix())
	w.must(err)
	for _, m := range w.look("front").Policy.Modes {
		if lasts := time.Unix(m.Until, 0).Sub(w.site.Time(w.clock())).Round(time.Minute); lasts != 15*time.Minute {
			t.Errorf("15 minutes are %v", lasts)
		}
	}
	w.must(w.ConfirmClock(t.Context(), as(Owner)))
	if off := w.site.Time(w.clock()).Sub(w.clock().Wall); off.Abs() > time.Second {
		t.Errorf("readers are told a time that is %v ahead of what was confirmed", off)
	}
}
