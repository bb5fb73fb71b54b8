//go:build !firmware

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/board"
	"latchkey/board/sim"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/device"
	"latchkey/keypad"
	"latchkey/sync/wire"
)

var update = flag.Bool("update", false, "write the pictures in testdata/screens anew")

// pictures are what a person may see, in the order of the picture in README.md.
var pictures = []struct {
	name   string
	view   device.View
	touch  []string // controls that are pressed and released
	finger string   // one that is pressed
}{
	{name: "home", view: device.View{Screen: device.ScreenHome, PIN: true, Card: true}},
	{name: "pin", view: device.View{Screen: device.ScreenHome, PIN: true, Card: true}, touch: []string{"pin", "digit-1", "digit-5", "digit-8"}},
	{name: "pin-pressed", view: device.View{Screen: device.ScreenHome, PIN: true, Card: true}, touch: []string{"pin", "digit-1", "digit-5"}, finger: "digit-5"},
	{name: "checking", view: device.View{Screen: device.ScreenChecking, Card: true}},
	{name: "granted", view: device.View{Screen: device.ScreenGranted, Name: "Ada Lovelace", PIN: true, Card: true, End: 10000 * time.Hour}},
	{name: "denied", view: device.View{Screen: device.ScreenDenied, PIN: true, Card: true, End: 10000 * time.Hour}},
	{name: "denied-card", view: device.View{Screen: device.ScreenDenied, Reason: wire.ReasonExpired, PIN: true, Card: true, End: 10000 * time.Hour}},
	{name: "second-pin", view: device.View{Screen: device.ScreenSecondPIN, PIN: true, Card: true, End: 10000 * time.Hour}},
	{name: "second-card", view: device.View{Screen: device.ScreenSecondCard, Card: true, End: 10000 * time.Hour}},
	{name: "denied-another", view: device.View{Screen: device.ScreenDenied, Reason: wire.ReasonAnother, PIN: true, Card: true, End: 10000 * time.Hour}},
	{name: "paused", view: device.View{Screen: device.ScreenPaused, Card: true}},
	{name: "pin-off", view: device.View{Screen: device.ScreenHome, Card: true}},
	{name: "signs", view: device.View{Screen: device.ScreenHome, PIN: true, Card: true, LinkLost: true, ClockUntrusted: true}},
	{name: "not-set-up", view: device.View{Screen: device.ScreenNotSetUp, Fingerprint: "4F1A 90C2 7BE3 11D8 A6E0 5C97 20B4 6D3F"}},
	{name: "waiting", view: device.View{Screen: device.ScreenNotSetUp, Fingerprint: "4F1A 90C2 7BE3 11D8 A6E0 5C97 20B4 6D3F", Waiting: device.Waiting{Looks: true, Site: "home"}}},
	{name: "adopted", view: device.View{Screen: device.ScreenAdopted, Adopter: device.Adopter{Site: "home", Controller: "C20B 11D8 4F1A 6D3F 90C2 A6E0 5C97 7BE3"}}},
	{name: "out-of-order", view: device.View{Screen: device.ScreenOutOfOrder, Reason: wire.ReasonUnstored, Card: true}},
	{name: "touch-held", view: device.View{Screen: device.ScreenHome, PIN: true, Card: true, TouchHeld: true}},
	{name: "enrol", view: device.View{Screen: device.ScreenEnrol, Card: true}},
	{name: "enrol-again", view: device.View{Screen: device.ScreenEnrol, Reason: wire.ReasonCardGone, Card: true}},
	{name: "keep", view: device.View{Screen: device.ScreenKeep, Card: true, Done: 11, Of: 35}},
	{name: "written", view: device.View{Screen: device.ScreenWritten, Card: true, End: 10000 * time.Hour}},
	{name: "open", view: device.View{Screen: device.ScreenOpen, PIN: true, Card: true}},
	{name: "locked", view: device.View{Screen: device.ScreenLocked, PIN: true, Card: true}},
	{name: "lockdown", view: device.View{Screen: device.ScreenLockdown, Card: true}},
	{name: "evacuation", view: device.View{Screen: device.ScreenEvacuation, Card: true}},
}

func TestEachScreenIsOnThePanelAsInItsPicture(t *testing.T) {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	c := &config{Board: board.Config{Kind: "sim", Sim: board.SimConfig{Listen: "127.0.0.1:0"}}}
	b, err := board.Open(c.Board, log)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	in, err := openInstruments(b, c, new(status.Stopwatch), log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	defer func() {
		defer in.halt()()
		cancel()
		if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := in.close(); err != nil {
			t.Error(err)
		}
	}()
	in.run(ctx, group)
	h := &person{t: t, board: b.Simulated(), keypad: in.keypad}
	clock := newClock(time.Unix(0, 0))
	const columns = 9
	strip := image.NewRGBA(image.Rect(0, 0, 16+columns*256, 16+(len(pictures)+columns-1)/columns*336))
	draw.Draw(strip, strip.Bounds(), image.NewUniform(color.RGBA{0x2b, 0x30, 0x38, 0xff}), image.Point{}, draw.Src)
	for i, picture := range pictures {
		picture.view.Door, picture.view.Place, picture.view.Reader = "Front door", "Main building", "front-door"
		now := clock.now().Monotonic
		if picture.view.End != 0 {
			picture.view.Start = now
		}
		in.keypad.Show(viewer{linked: true}.view(device.View{Screen: device.ScreenNotSetUp}, time.Now(), now)) // no page stays open
		in.keypad.Show(viewer{linked: true}.view(picture.view, time.Now(), now))
		for _, name := range picture.touch {
			h.press(name)
		}
		if picture.finger != "" {
			h.finger(picture.finger, true)
		}
		seen := h.samePicture(filepath.Join("testdata", "screens", picture.name+".png"))
		if picture.finger != "" {
			h.finger(picture.finger, false)
		}
		if len(picture.touch) > 0 {
			h.press("cancel")
		}
		at := image.Pt(16+i%columns*256, 16+i/columns*336)
		draw.Draw(strip, image.Rectangle{at, at.Add(image.Pt(240, 320))}, seen, image.Point{}, draw.Src)
	}
	if *update {
		writePicture(t, filepath.Join("testdata", "screens", "all.png"), strip)
	}
}

// person touches the panel and looks at it.
type person struct {
	t      *testing.T
	board  *sim.Board
	keypad *keypad.Keypad
}

// eventually waits for something to become true; the bound is for what hangs, not
// for what is slow.
func (h *person) eventually(what string, check func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); !check(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// press puts a finger on a control, once that can be touched, and lifts it.
func (h *person) press(name string) {
	h.t.Helper()
	h.finger(name, true)
	time.Sleep(40 * time.Millisecond) // a touch shorter than 16 ms is none
	h.finger(name, false)
}

// finger puts a finger on a control, or lifts it, and waits until that is seen
// there.
func (h *person) finger(name string, down bool) {
	h.t.Helper()
	var at keypad.Control
	h.eventually("the control "+name, func() bool {
		controls := h.keypad.Controls()
		i := slices.IndexFunc(controls, func(c keypad.Control) bool { return c.Name == name })
		if i >= 0 {
			at = controls[i]
		}
		return i >= 0
	})
	looks := func() []byte {
		return rgba(h.board.Screen().SubImage(image.Rect(at.X, at.Y, at.X+at.W, at.Y+at.H)))
	}
	before := looks()
	h.board.Touch(at.X+at.W/2, at.Y+at.H/2, down)
	h.eventually(fmt.Sprintf("a change of %s, down %v", name, down), func() bool { return !bytes.Equal(before, looks()) })
}

// samePicture waits until the panel shows what a file holds: screens move.
func (h *person) samePicture(path string) image.Image {
	h.t.Helper()
	if *update {
		time.Sleep(300 * time.Millisecond)
		seen := h.board.Screen()
		writePicture(h.t, path, seen)
		return seen
	}
	b, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatalf("%v; go test -run %s -update makes it", err, h.t.Name())
	}
	want, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		h.t.Fatal(err)
	}
	var seen image.Image
	h.eventually("the screen is that of "+path, func() bool {
		seen = h.board.Screen()
		return bytes.Equal(rgba(seen), rgba(want))
	})
	return seen
}

func rgba(m image.Image) []byte {
	all := image.NewRGBA(m.Bounds())
	draw.Draw(all, all.Bounds(), m, m.Bounds().Min, draw.Src)
	return all.Pix
}

func writePicture(t *testing.T, path string, m image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
