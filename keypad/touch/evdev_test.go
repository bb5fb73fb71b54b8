package touch

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holoplot/go-evdev"
)

// Events of one capacitive panel (Goodix, protocol B) and one resistive one (the kernel's
// ads7846), as evtest shows them, one SYN_REPORT a line.
type events []evdev.InputEvent

func ev(t evdev.EvType, code evdev.EvCode, v int32) evdev.InputEvent {
	return evdev.InputEvent{Type: t, Code: code, Value: v}
}

func (es events) abs(code evdev.EvCode, v int32) events { return append(es, ev(evdev.EV_ABS, code, v)) }
func (es events) key(v int32) events                    { return append(es, ev(evdev.EV_KEY, evdev.BTN_TOUCH, v)) }
func (es events) sync() events                          { return append(es, ev(evdev.EV_SYN, evdev.SYN_REPORT, 0)) }

// lands is a finger that comes in a slot.
func lands(slot, id, x, y int32) events {
	return events{}.abs(evdev.ABS_MT_SLOT, slot).abs(evdev.ABS_MT_TRACKING_ID, id).
		abs(evdev.ABS_MT_POSITION_X, x).abs(evdev.ABS_MT_POSITION_Y, y).key(1).abs(evdev.ABS_X, x).abs(evdev.ABS_Y, y).sync()
}

func lifts(slot int32) events {
	return events{}.abs(evdev.ABS_MT_SLOT, slot).abs(evdev.ABS_MT_TRACKING_ID, -1).sync()
}

// feed gives c all events at once, and then says where the finger is that is seen after
// whatever has lifted was.
func feed(c *contacts, now time.Time, all ...events) (at image.Point, down bool) {
	for _, es := range all {
		for _, e := range es {
			c.event(e, now)
		}
	}
	for i := range 40 {
		at, down = c.look(now.Add(time.Duration(i) * 8 * time.Millisecond))
	}
	return at, down
}

func TestOfSeveralFingersTheFirstCountsUntilItLifts(t *testing.T) {
	c, now := newContacts(true, image.Point{}), time.Unix(100, 0)
	for i, step := range []struct {
		events events
		at     image.Point
		down   bool
	}{
		{lands(0, 7, 100, 200), image.Pt(100, 200), true},
		{lands(1, 8, 300, 400), image.Pt(100, 200), true},
		{events{}.abs(evdev.ABS_MT_SLOT, 0).abs(evdev.ABS_MT_POSITION_X, 110).sync(), image.Pt(110, 200), true},
		{events{}.abs(evdev.ABS_MT_POSITION_X, 120), image.Pt(110, 200), true}, // not yet reported
		{lifts(0), image.Pt(300, 400), true},
		{lands(0, 9, 1, 1), image.Pt(300, 400), true},
		{lifts(0), image.Pt(300, 400), true},
		{lifts(1), image.Point{}, false},
		{lands(4, 10, 5, 6), image.Pt(5, 6), true},
		{lands(4, 11, 9, 9), image.Pt(9, 9), true}, // a new finger in the same slot
		{lands(40, 12, 3, 3), image.Pt(9, 9), true},
		{lifts(40), image.Pt(9, 9), true},
		{lifts(-1), image.Pt(9, 9), true},
		{lifts(4), image.Point{}, false},
	} {
		if at, down := feed(c, now, step.events); at != step.at || down != step.down {
			t.Errorf("step %d: %v, %v, want %v, %v", i, at, down, step.at, step.down)
		}
		now = now.Add(time.Second)
	}
	if c.waits() {
		t.Error("a finger is left")
	}
}

func TestADeviceWithoutSlotsIsFollowedByItsButton(t *testing.T) {
	c, now := newContacts(false, image.Pt(64, 64)), time.Unix(100, 0)
	for i, step := range []struct {
		events events
		at     image.Point
		down   bool
	}{
		{events{}.key(1).abs(evdev.ABS_X, 2000).abs(evdev.ABS_Y, 1000).abs(evdev.ABS_PRESSURE, 180).sync(), image.Pt(2000, 1000), true},
		{events{}.abs(evdev.ABS_X, 2010).sync(), image.Pt(2010, 1000), true},
		{events{}.key(0).abs(evdev.ABS_PRESSURE, 0).sync(), image.Point{}, false},
		{events{}.abs(evdev.ABS_X, 50).sync(), image.Point{}, false},
		{events{}.key(1).sync(), image.Pt(50, 1000), true}, // the kernel leaves out what has not changed
	} {
		if at, down := feed(c, now, step.events); at != step.at || down != step.down {
			t.Errorf("step %d: %v, %v, want %v, %v", i, at, down, step.at, step.down)
		}
		now = now.Add(time.Second)
	}
}

func TestWhatTheKernelDroppedCountsAsLifted(t *testing.T) {
	for _, multi := range []bool{true, false} {
		c, now := newContacts(multi, image.Pt(64, 64)), time.Unix(100, 0)
		if _, down := feed(c, now, lands(0, 1, 10, 10)); !down {
			t.Fatal("no finger")
		}
		dropped := events{ev(evdev.EV_SYN, evdev.SYN_DROPPED, 0)}
		if _, down := feed(c, now, dropped, lands(1, 2, 20, 20)); down {
			t.Errorf("multi %v: what came before the next report is believed", multi)
		}
		if at, down := feed(c, now.Add(time.Second), lands(0, 3, 30, 30)); !down || at != image.Pt(30, 30) {
			t.Errorf("multi %v: %v, %v after it landed again", multi, at, down)
		}
	}
}

// piped is an input device whose events come out of a pipe, as bytes.
type piped struct{ *os.File }

func (p piped) ReadSlice(most int) ([]evdev.InputEvent, error) {
	var e evdev.InputEvent
	if err := binary.Read(p.File, binary.LittleEndian, &e); err != nil {
		return nil, err
	}
	return []evdev.InputEvent{e}, nil
}

func write(t *testing.T, w *os.File, es events) {
	t.Helper()
	for _, e := range es {
		if err := binary.Write(w, binary.LittleEndian, e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBytesOfADeviceMoveThePenAndThePlace(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d, err := NewEvdev("/dev/input/event0", Opts{Size: image.Pt(320, 240), Rotation: 90})
	if err != nil {
		t.Fatal(err)
	}
	d.open = func(string) (source, ranges, error) { return piped{r}, ranges{true, 0, 239, 0, 319}, nil }
	ctx, cancel := context.WithCancel(t.Context())
	pen, done := make(chan bool, 10), make(chan error)
	go func() { done <- d.Run(ctx, func(active bool) { pen <- active }) }()
	write(t, w, lands(0, 1, 10, 20))
	if !<-pen {
		t.Error("the pen is up")
	}
	// A quarter turn: x runs down the glass, y to the left.
	if at, down, err := d.Read(); at != image.Pt(20, 229) || !down || err != nil {
		t.Errorf("%v, %v, %v", at, down, err)
	}
	if raw, down, err := d.Raw(); raw != image.Pt(10, 20) || !down || err != nil {
		t.Errorf("raw: %v, %v, %v", raw, down, err)
	}
	write(t, w, append(lands(1, 2, 200, 200), lifts(0)...))
	write(t, w, lifts(1))
	for d.contacts.waits() { // Run has read all of it, and it was seen to lift
		if _, _, err := d.Read(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if <-pen {
		t.Error("the pen is down")
	}
	cancel() // while it reads
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// scripted is an input device that comes and goes.
type scripted struct {
	mu     sync.Mutex
	opened int
	there  bool
	events chan events // closed: the device has vanished
}

var errGone = errors.New("no such device")

func (s *scripted) open(string) (source, ranges, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	if !s.there {
		return nil, ranges{}, errGone
	}
	return s, ranges{false, 0, 4095, 0, 4095}, nil
}

func (s *scripted) ReadSlice(int) ([]evdev.InputEvent, error) {
	if es, ok := <-s.events; ok {
		return es, nil
	}
	return nil, errGone
}

func (s *scripted) Close() error { return nil }

func (s *scripted) set(there bool, events chan events) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.there, s.events = there, events
}

func TestADeviceThatVanishesIsLookedForEverySecondAndItsFingerLifts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		d, err := NewEvdev("panel", upright)
		if err != nil {
			t.Fatal(err)
		}
		d.open = s.open
		if err := d.Refresh(); err != nil {
			t.Errorf("a start is taken for a fault: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var pen []bool
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx, func(active bool) { pen = append(pen, active) }) }()
		time.Sleep(9500 * time.Millisecond)
		if _, _, err := d.Read(); !errors.Is(err, errGone) || s.opened != 10 {
			t.Errorf("%v after looking for it %d times", err, s.opened)
		}
		for range 2 {
			came := make(chan events)
			s.set(true, came)
			time.Sleep(time.Second)
			synctest.Wait() // the device is looked for at this very instant
			if _, down, err := d.Read(); down || err != nil {
				t.Errorf("as it comes: %v, %v", down, err)
			}
			came <- lands(0, 0, 2000, 2000)
			synctest.Wait()
			if _, down, err := d.Read(); !down || err != nil {
				t.Errorf("touched: %v, %v", down, err)
			}
			s.set(false, nil)
			close(came)
			synctest.Wait()
			if _, down, err := d.Read(); down || !errors.Is(err, errGone) {
				t.Errorf("as it goes: %v, %v", down, err)
			}
			time.Sleep(10 * time.Second)
		}
		if len(pen) != 4 || !pen[0] || pen[1] || !pen[2] || pen[3] {
			t.Errorf("the pen went %v", pen)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAnInputDeviceNeedsANameAndASize(t *testing.T) {
	if _, err := NewEvdev("", upright); err == nil {
		t.Error("no name is accepted")
	}
	if _, err := NewEvdev("/dev/input/event0", Opts{Size: image.Pt(-1, 10)}); err == nil {
		t.Error("no size is accepted")
	}
}

func TestADeviceThatIsNotThereSaysWhich(t *testing.T) {
	if _, _, err := openEvdev("/dev/input/no-such-device"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, _, err := openEvdev("no such name"); err == nil {
		t.Error("it is there")
	}
	if err := CheckEvdev("/dev/null"); err == nil || !strings.HasPrefix(err.Error(), "/dev/null does not work") {
		t.Errorf("the null device: %v", err)
	}
}
