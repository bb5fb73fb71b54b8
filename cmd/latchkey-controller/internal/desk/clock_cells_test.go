package desk

import (
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A cellWorld is a site with three cells, whose home cell has had a leader until now.
type cellWorld struct {
	*world
	south, north *Desk
	off          time.Duration // how far the wall clocks of both are ahead
}

func newCellWorld(t *testing.T) *cellWorld {
	t.Helper()
	w := &cellWorld{world: inPostgreSQL(t)}
	w.Desk = New(Options{Site: w.site, Live: &w.live, Clock: func() clock.Reading {
		r := w.clock()
		r.Shared = w.time.UnixMilli()
		return r
	}})
	w.south, w.north = w.in("south"), w.in("north")
	w.leads(store.HomeCell)
	w.must(w.maintain(t.Context()))
	return w
}

// in adds a cell, and returns the desk of its controller, on a machine of its own.
func (w *cellWorld) in(name string) *Desk {
	w.t.Helper()
	id, err := w.AddCell(w.t.Context(), as(Owner), CellForm{Name: name, Brokers: "ssl://" + name + ".example"})
	w.must(err)
	return New(Options{Site: w.another(), Live: &w.live, Cell: id, Clock: func() clock.Reading {
		return clock.Reading{Wall: w.time.Add(w.off), Boot: name, Since: w.time.Sub(w.started) + 1000*time.Hour, Shared: w.time.UnixMilli()}
	}})
}

// leads has another controller lead a cell for a moment.
func (w *cellWorld) leads(cell int64) {
	w.t.Helper()
	lead, err := w.another().Lead(w.t.Context(), cell, nil)
	w.must(err)
	lead.Close()
}

// rounds lets time pass, with a round of the leaders of south and north each minute. Those of the cells before them are alive as
// alive says.
func (w *cellWorld) rounds(d time.Duration, alive ...int64) {
	w.t.Helper()
	for range d / time.Minute {
		w.time = w.time.Add(time.Minute)
		for _, cell := range alive {
			w.leads(cell)
		}
		for _, d := range []*Desk{w.south, w.north} {
			w.must(d.site.FollowTime(w.t.Context(), d.read()))
			w.must(d.maintain(w.t.Context()))
		}
	}
}

// keeper returns whose clocks the site's time was kept by last.
func (w *cellWorld) keeper() string {
	w.t.Helper()
	var m clock.Mark
	w.must(w.site.View(w.t.Context(), func(tx *store.Tx) (err error) { m, err = tx.KeptClock(); return err }))
	return m.Boot
}

func TestTheFirstCellThatIsLedMaintainsTheSite(t *testing.T) {
	t.Parallel()
	w := newCellWorld(t)
	w.readerAt("front", "home", "front")
	w.setMode(Where{}, wire.ModeLockdown, 2*time.Minute)
	w.rounds(5*time.Minute, store.HomeCell)
	if w.keeper() != w.boot || w.modes("front") != "lockdown" {
		t.Errorf("while the home cell is led, %q kept the time, and the modes are %q", w.keeper(), w.modes("front"))
	}
	w.rounds(leaderless-time.Minute, w.south.cell)
	if w.keeper() != w.boot {
		t.Errorf("%q kept the time at once", w.keeper())
	}
	w.rounds(3*time.Minute, w.south.cell)
	if w.keeper() != "south" || w.modes("front") != "" {
		t.Errorf("when the home cell is not led any more, %q kept the time, and the modes are %q", w.keeper(), w.modes("front"))
	}
	w.rounds(time.Minute, store.HomeCell, w.south.cell)
	w.must(w.maintain(t.Context()))
	w.rounds(5*time.Minute, store.HomeCell)
	if w.keeper() != w.boot {
		t.Errorf("%q kept the time when the home cell was led again", w.keeper())
	}
}

func TestReadersOfOtherCellsAreToldTheRightTimeWhileNobodyLeadsTheHomeCell(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-30 * day, 2 * time.Hour, 30 * day} {
		w := newCellWorld(t)
		w.off = off
		for range 4 {
			w.rounds(5 * time.Minute)
			w.time = w.time.Add(20 * time.Hour)
			for _, d := range []*Desk{w.south, w.north} {
				if wrong := d.Now().Sub(w.time).Abs(); wrong > time.Minute {
					t.Errorf("with a clock that is off by %v, the cell %d tells readers a time that is off by %v", off, d.cell, wrong)
				}
			}
		}
		w.rounds(time.Minute)
		w.must(w.maintain(t.Context()))
		if is := w.Now().Sub(w.time); is != 0 {
			t.Errorf("when the home cell is led again, its readers' time is off by %v", is)
		}
		var steady clock.Steady
		w.must(w.site.View(t.Context(), func(tx *store.Tx) (err error) { steady, err = w.steady(tx); return err }))
		if off := time.Unix(int64(steady), 0).Sub(w.time).Abs(); off > time.Minute {
			t.Errorf("ages are off by %v", off)
		}
		var alarms []*store.Alarm
		w.must(w.site.View(t.Context(), func(tx *store.Tx) (err error) {
			alarms, err = tx.Alarms(store.Filter{Kinds: []string{store.ClockDoubted}})
			return err
		}))
		if len(alarms) != 1 {
			t.Errorf("%d alarms about clocks", len(alarms))
		}
	}
}

func TestTheClockThatCountsIsConfirmedWhereItIs(t *testing.T) {
	t.Parallel()
	w := newCellWorld(t)
	w.off = 2 * time.Hour
	w.rounds(5*time.Minute, w.south.cell)
	lead, err := w.south.site.Lead(t.Context(), w.south.cell, nil)
	w.must(err)
	defer lead.Close()
	for _, d := range []*Desk{w.Desk, w.north} {
		w.refused(d.ConfirmClock(t.Context(), as(Owner)), "clock", "the clock that counts is that of ")
	}
	if doubt, err := w.south.Doubt(t.Context()); err != nil || doubt == nil {
		t.Errorf("%q, %v", doubt, err)
	}
	w.must(w.south.ConfirmClock(t.Context(), as(Owner)))
	if doubt, err := w.south.Doubt(t.Context()); err != nil || doubt != nil {
		t.Errorf("it is confirmed: %q, %v", doubt, err)
	}
}
