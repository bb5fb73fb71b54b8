package keypad

import (
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"
	"time"
)

func TestAFilmThatIsHeldIsReportedUntilItIsReleased(t *testing.T) {
	run(t, func(b *bench) {
		b.tap("pin")
		b.enter("12")
		b.press(image.Pt(2, 2)) // the corner
		b.wait(stuckAfter - time.Second)
		if len(b.healths) != 0 {
			t.Fatalf("reported %q too soon", b.healths)
		}
		b.wait(2 * time.Second)
		b.wait(66 * time.Second)
		if len(b.healths) != 1 || !strings.HasPrefix(b.healths[0], "touch: "+ErrHeld.Error()) {
			t.Errorf("reported %q", b.healths)
		}
		b.lift()
		b.wait(time.Second)
		if len(b.healths) != 2 || b.healths[1] != "touch" {
			t.Errorf("reported %q", b.healths)
		}
		b.tap("pin") // wakes
		b.tap("pin")
		b.enter("12345678")
		if len(b.entries) != 1 || b.entries[0] != "12345678" {
			t.Errorf("typed %q", b.entries)
		}
	})
}

// several is a touchscreen that tells contacts apart, one of which may stay.
type several struct {
	*film
	k           *Keypad
	stays, over bool
}

func (s *several) Read() (image.Point, bool, error) {
	at, down, err := s.film.Read()
	if s.stays && !s.over && err == nil {
		return image.Pt(2, 2), true, nil
	}
	return at, down, err
}

func (s *several) PassOver() bool {
	s.over = s.stays
	s.k.PenChanged(false)
	return true
}

func (s *several) PassedOver() bool { return s.over && s.stays }

func TestAContactThatStaysIsPassedOverAndPINsGoOn(t *testing.T) {
	run(t, func(b *bench) {
		screen := &several{film: b.film, k: b.k}
		b.k.tracker.touch = screen
		b.tap("pin")
		screen.stays = true
		b.k.PenChanged(true)
		b.wait(stuckAfter + 200*time.Millisecond)
		if len(b.healths) != 1 || b.healths[0] != "touch: "+ErrPassedOver.Error() {
			t.Errorf("reported %q", b.healths)
		}
		b.wait(time.Minute)
		b.tap("pin") // wakes
		b.tap("pin")
		b.enter("12345678")
		if len(b.entries) != 1 || b.entries[0] != "12345678" {
			t.Errorf("typed %q", b.entries)
		}
		b.film.set(func(f *film) { f.err = errBroken })
		b.tapAt(image.Pt(100, 100))
		b.wait(time.Second)
		b.film.set(func(f *film) { f.err = nil })
		b.wait(2 * time.Second)
		screen.stays = false
		b.tapAt(image.Pt(100, 100))
		b.wait(5 * time.Second)
		want := []string{"touch: " + ErrPassedOver.Error(), "touch: broken", "touch: " + ErrPassedOver.Error(), "touch"}
		if fmt.Sprint(b.healths) != fmt.Sprint(want) {
			t.Errorf("reported %q", b.healths)
		}
		if errors.Is(ErrHeld, ErrPassedOver) {
			t.Error("both are one")
		}
	})
}

func (b *bench) tapAt(at image.Point) {
	b.press(at)
	b.lift()
}

// Two contacts on a film are measured as one between them, wherever that is.
func TestTwoThumbsOnAFilmTypeNoDigitThatNobodyTouched(t *testing.T) {
	for _, two := range []string{"13", "17", "19", "46", "28", "73", "12", "58"} {
		run(t, func(b *bench) {
			b.tap("pin")
			first, second := b.at("digit-"+two[:1]), b.at("digit-"+two[1:])
			for _, share := range []int{50, 30, 70} {
				between := first.Add(second.Sub(first).Mul(share).Div(100))
				for lasts := 60; lasts <= 100; lasts += 8 {
					for overlap := 10; overlap <= 50; overlap += 4 {
						ms := func(n int) { b.wait(time.Duration(n) * time.Millisecond) }
						b.k.entry.wipe()
						b.film.set(func(f *film) { f.at, f.down = first, true })
						b.k.PenChanged(true)
						ms(lasts - overlap)
						b.film.set(func(f *film) { f.at = between })
						ms(overlap)
						b.film.set(func(f *film) { f.at = second })
						ms(lasts - overlap)
						b.lift()
						typed := ""
						if b.k.entry.n > 0 {
							typed = string(b.k.entry.pin[:b.k.entry.n])
						}
						if strings.Trim(typed, two) != "" || len(typed) > 2 {
							t.Errorf("%d ms that overlap by %d, %d%% between %s: %q is typed", lasts, overlap, share, two, typed)
						}
						b.k.since = time.Now()
					}
				}
			}
		})
	}
}
