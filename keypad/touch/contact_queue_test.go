package touch

import (
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/holoplot/go-evdev"
)

// A press is a contact on its way, in milliseconds.
type press struct {
	slot, id   int32
	at         image.Point
	down, lift int
}

// A sight is one contact as a reader sees it.
type sight struct {
	first, at image.Point
	from, to  time.Duration // the first and the last reading that felt it
	gone      time.Duration // the last reading before the next that did not; 0: none
}

// watch gives c the presses as they come, with a reader that looks every so often, and
// returns what it sees within a second after the last.
func watch(c *contacts, presses []press, every func() time.Duration) (seen []sight) {
	type act struct {
		at     int
		events events
	}
	var acts []act
	last := 0
	for _, p := range presses {
		x, y := int32(p.at.X), int32(p.at.Y)
		if c.multi {
			acts = append(acts, act{p.down, lands(p.slot, p.id, x, y)}, act{p.lift, lifts(p.slot)})
		} else {
			acts = append(acts, act{p.down, events{}.key(1).abs(evdev.ABS_X, x).abs(evdev.ABS_Y, y).sync()}, act{p.lift, events{}.key(0).sync()})
		}
		last = max(last, p.lift)
	}
	slices.SortStableFunc(acts, func(a, b act) int { return a.at - b.at })
	start, look := time.Unix(100, 0), time.Duration(0)
	down := false
	for ms := range last + 1000 {
		now := time.Duration(ms) * time.Millisecond
		for len(acts) > 0 && acts[0].at == ms {
			for _, e := range acts[0].events {
				e.Time = syscall.NsecToTimeval(start.Add(now).UnixNano())
				c.event(e, start.Add(now))
			}
			acts = acts[1:]
		}
		if now < look {
			continue
		}
		look = now + every()
		at, felt := c.look(start.Add(now))
		switch {
		case felt && !down:
			seen = append(seen, sight{first: at, at: at, from: now, to: now})
		case felt:
			seen[len(seen)-1].at, seen[len(seen)-1].to = at, now
		case len(seen) > 0:
			seen[len(seen)-1].gone = now
		}
		down = felt
	}
	return seen
}

func eachSample() time.Duration { return 8 * time.Millisecond }

// believed is what the keypad asks of a contact: felt for 16 ms, then gone for 24 ms.
func (s sight) believed() bool {
	return s.to-s.from >= 16*time.Millisecond && s.gone-s.to >= 24*time.Millisecond
}

var keys = []image.Point{{100, 100}, {2000, 100}, {3900, 100}, {100, 2000}, {2000, 2000}, {3900, 2000}, {100, 3900}, {3900, 3900}}

func TestTwoThumbsTypeEachDigitOnceAndInOrder(t *testing.T) {
	slow := rand.New(rand.NewPCG(1, 2))
	for name, every := range map[string]func() time.Duration{
		"at every sample": eachSample,
		"now and then":    func() time.Duration { return time.Duration(8+slow.IntN(14)) * time.Millisecond },
	} {
		for lasts := 60; lasts <= 100; lasts += 5 {
			for overlap := -40; overlap <= lasts-5; overlap += 5 { // below zero: between them is nobody
				if name != "at every sample" && overlap > 50 {
					continue
				}
				var presses []press
				for i, at := range keys {
					down := i * (lasts - overlap)
					presses = append(presses, press{int32(i), int32(i), at, down, down + lasts})
				}
				if overlap > lasts/2 {
					presses = presses[:2] // what two thumbs can do
				}
				c := newContacts(true, image.Pt(256, 256))
				seen := watch(c, presses, every)
				what := fmt.Sprintf("%d ms that overlap by %d, read %s", lasts, overlap, name)
				if len(seen) != len(presses) {
					t.Fatalf("%s: %d contacts are seen of %d", what, len(seen), len(presses))
				}
				for i, s := range seen {
					if !s.believed() || s.first != keys[i] || s.at != keys[i] {
						t.Errorf("%s: contact %d is seen as %+v", what, i, s)
					}
				}
				if c.waits() {
					t.Errorf("%s: a finger is left", what)
				}
			}
		}
	}
}

func TestWhatIsNoFingerHasNoTurn(t *testing.T) {
	for name, presses := range map[string][]press{
		"a spike":                           {{0, 1, keys[0], 0, 8}},
		"a spike beside a finger":           {{0, 1, keys[0], 0, 80}, {1, 2, keys[1], 40, 50}},
		"a finger long before its turn":     {{0, 1, keys[0], 0, 2000}, {1, 2, keys[1], 500, 600}},
		"seventeen fingers behind a finger": nil,
	} {
		want := 1
		if presses == nil {
			presses = []press{{0, 1, keys[0], 0, 400}}
			for i := range int32(17) {
				presses = append(presses, press{1 + i, 2 + i, keys[1], 100 + int(i), 300})
			}
			want = mostWaiting
		}
		seen := watch(newContacts(true, image.Point{}), presses, eachSample)
		seen = slices.DeleteFunc(seen, func(s sight) bool { return !s.believed() })
		if name == "a spike" {
			want = 0
		}
		if len(seen) > want || len(seen) < min(want, 1) {
			t.Errorf("%s: %d contacts are believed", name, len(seen))
		}
	}
}

func TestAContactThatSlidWhileItWaitedIsSeenWhereItLandedAndWhereItLifted(t *testing.T) {
	c, now := newContacts(true, image.Point{}), time.Unix(100, 0)
	feed(c, now, lands(0, 1, 10, 10))
	ms := func(n int) time.Time { return now.Add(time.Second + time.Duration(n)*time.Millisecond) }
	for at, es := range []events{0: lands(1, 2, 50, 50), 20: lands(1, 2, 900, 50)[2:], 60: append(lifts(1), lifts(0)...)} {
		for _, e := range es {
			c.event(e, ms(at))
		}
	}
	var places []image.Point
	for i := 60; i < 300; i += 8 {
		if at, down := c.look(ms(i)); down {
			places = append(places, at)
		}
	}
	if len(places) < 4 || places[0] != image.Pt(50, 50) || places[1] != places[0] || places[len(places)-1] != image.Pt(900, 50) {
		t.Errorf("it is seen at %v", places)
	}
}

func TestABounceOfAFilmIsOneContactAndTwoPlacesAreTwo(t *testing.T) {
	for _, test := range []struct {
		gap  int
		next image.Point
		want int
	}{{8, image.Pt(110, 90), 1}, {20, keys[0], 1}, {30, keys[0], 2}, {60, keys[0], 2}, {8, keys[4], 2}, {20, keys[4], 2}} {
		seen := 0
		lifted := true
		for _, s := range watch(newContacts(false, image.Pt(256, 256)), []press{
			{0, 0, keys[0], 0, 60}, {0, 0, test.next, 60 + test.gap, 120 + test.gap},
		}, eachSample) {
			if lifted { // else the keypad takes it for a bounce
				seen++
			}
			lifted = s.gone-s.to >= 24*time.Millisecond
		}
		if seen != test.want {
			t.Errorf("after %d ms at %v: %d contacts, not %d", test.gap, test.next, seen, test.want)
		}
	}
}

func TestAContactThatStaysIsPassedOverUntilItLifts(t *testing.T) {
	c, now := newContacts(true, image.Point{}), time.Unix(100, 0)
	for i, step := range []struct {
		events events
		pass   bool // first
		at     image.Point
		down   bool
		over   bool
	}{
		{lands(0, 1, 10, 10), false, image.Pt(10, 10), true, false},
		{nil, true, image.Point{}, false, true},
		{events{}.abs(evdev.ABS_MT_POSITION_X, 12).sync(), false, image.Point{}, false, true}, // it moves
		{lands(1, 2, 50, 50), false, image.Pt(50, 50), true, true},
		{lifts(1), false, image.Point{}, false, true},
		{lands(1, 2, 60, 60), false, image.Pt(60, 60), true, true}, // the same id again
		{lands(2, 3, 70, 70), true, image.Pt(70, 70), true, true},  // two stay
		{lifts(0), false, image.Pt(70, 70), true, true},
		{lifts(1), false, image.Pt(70, 70), true, false},
		{lifts(2), false, image.Point{}, false, false},
		{lands(0, 4, 10, 10), false, image.Pt(10, 10), true, false},
		{nil, true, image.Point{}, false, true},
		{lands(0, 5, 10, 10), false, image.Pt(10, 10), true, false}, // another finger in its slot
		{nil, true, image.Point{}, false, true},
		{events{ev(evdev.EV_SYN, evdev.SYN_DROPPED, 0)}.sync(), false, image.Point{}, false, false}, // events were lost, its lifting perhaps
		{lands(1, 6, 80, 80), false, image.Pt(80, 80), true, false},
	} {
		if step.pass {
			c.passOverCurrent()
		}
		at, down := feed(c, now, step.events)
		if at != step.at || down != step.down || c.passedOver() != step.over {
			t.Errorf("step %d: %v, %v, passed over %v", i, at, down, c.passedOver())
		}
		now = now.Add(time.Minute)
	}
}
