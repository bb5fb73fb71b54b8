package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
)

// onFilm runs f in a bubble, on a film without noise.
func onFilm(t *testing.T, f func(r *touchRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := New(&Options{Touch: quiet})
		defer b.Close()
		f(&touchRig{rig{t, b, connect(t, b, "touch", 2*physic.MegaHertz)}})
	})
}

// ohm is the contact's resistance as a driver reckons it, in units of the
// plate's 400.
func (r *touchRig) ohm() float64 {
	x, z1, z2 := r.twelve(0xD0), r.twelve(0xB0), r.twelve(0xC0)
	if z1 == 0 {
		return 1e9
	}
	return 400 * float64(x) / 4096 * (float64(z2)/float64(z1) - 1)
}

func TestGhostsTouchWeaklyOrBriefly(t *testing.T) {
	onFilm(t, func(r *touchRig) {
		var began time.Time
		type ghost struct {
			ohm  float64
			long time.Duration
		}
		var seen []ghost
		if err := r.b.Inject("touch-ghosts", Injection{Active: true, Amount: 2}); err != nil {
			t.Fatal(err)
		}
		var ohm float64
		for range 10 * 60 * 1000 { // ten minutes by the millisecond
			synctest.Wait()
			switch down := r.b.Line("touch-irq"); {
			case down && began.IsZero():
				began, ohm = time.Now(), r.ohm()
			case !down && !began.IsZero():
				seen = append(seen, ghost{ohm, time.Since(began)})
				began = time.Time{}
			}
			time.Sleep(time.Millisecond)
		}
		if len(seen) < 900 || len(seen) > 1400 {
			t.Errorf("%d ghosts in ten minutes, want about 1,200", len(seen))
		}
		firm, stayed := 0, 0
		for _, g := range seen {
			if g.ohm < 2500 {
				firm++
				if g.long > 10*time.Millisecond {
					stayed++
				}
			} else if g.long > 32*time.Millisecond {
				stayed++
			}
		}
		if stayed > len(seen)/50 { // one may begin before the other has gone
			t.Errorf("%d of %d stayed too long", stayed, len(seen))
		}
		if firm < len(seen)/5 || firm > len(seen)*4/5 {
			t.Errorf("%d of %d were firm", firm, len(seen))
		}
		r.b.Inject("touch-ghosts", Injection{})
		if r.b.Line("touch-irq") {
			t.Error("a ghost stays after the fault's end")
		}
	})
}

func TestAGhostDrawsAFingerTowardsItself(t *testing.T) {
	onFilm(t, func(r *touchRig) {
		r.b.Touch(0, 0, true)
		alone := r.twelve(0xD0)
		r.b.mu.Lock()
		r.b.touch.ghosts.contact = contact{made: true, x: 1, y: 1, ohm: float64(r.b.touch.opts.Resistance)}
		r.b.mu.Unlock()
		if got := r.twelve(0xD0); !near(got, (alone+3860)/2, 10) {
			t.Errorf("a ghost as firm as the finger: %d, want half way between %d and 3860", got, alone)
		}
		r.b.mu.Lock()
		r.b.touch.ghosts.ohm *= 1e6
		r.b.mu.Unlock()
		if got := r.twelve(0xD0); !near(got, alone, 2) {
			t.Errorf("a very weak ghost: %d, want %d", got, alone)
		}
	})
}

func TestPositionsJumpAsOftenAsAskedAndPressureDoesNot(t *testing.T) {
	onFilm(t, func(r *touchRig) {
		r.b.Touch(120, 160, true)
		x, z1 := r.twelve(0xD0), r.twelve(0xB0)
		r.b.SetFault("touch", Fault{Jumps: 0.2})
		jumps := 0
		for range 1000 {
			if !near(r.twelve(0xD0), x, 40) {
				jumps++
			}
			if !near(r.twelve(0xB0), z1, 0) {
				t.Fatal("the pressure jumped")
			}
		}
		if jumps < 150 || jumps > 250 {
			t.Errorf("%d of 1,000 jumped, want 200", jumps)
		}
	})
}
