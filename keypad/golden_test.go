package keypad

import (
	"bytes"
	"flag"
	"image"
	"image/draw"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata again")

// example is a scene of a reader at a front door.
func example(change func(s *scene)) scene {
	s := scene{
		view:    View{PIN: true, Place: "Main building", Door: "Front door", ReaderID: "front-door"},
		order:   telephone(),
		pressed: nothing,
	}
	change(&s)
	return s
}

// someKey is a fingerprint as the screens show it.
const someKey = "4F1A 90C2 7BE3 11D8 A6E0 5C97 20B4 6D3F"

type named struct {
	name string
	scene
}

// gallery is every screen once. Where crosses stand is the panel's: see sheet.
func gallery() []named {
	e := pinEntry{pick: rand.New(rand.NewPCG(1, 2)).IntN}
	e.open(true)
	return []named{
		{"home", example(func(s *scene) {})},
		{"home-pressed", example(func(s *scene) { s.pressed = pinButton })},
		{"home-greeting", example(func(s *scene) {
			s.view.Greeting = "Good morning. Deliveries go to the side entrance."
			s.view.LinkLost, s.view.ClockUntrusted = true, true
		})},
		{"home-link-lost", example(func(s *scene) { s.view.LinkLost = true })},
		{"home-clock-untrusted", example(func(s *scene) { s.view.ClockUntrusted = true })},
		{"home-without-pin", example(func(s *scene) { s.view.PIN = false })},
		{"open", example(func(s *scene) { s.view.Screen = Open })},
		{"open-without-pin", example(func(s *scene) { s.view.Screen, s.view.PIN = Open, false })},
		{"locked", example(func(s *scene) { s.view.Screen = Locked })},
		{"locked-without-pin", example(func(s *scene) { s.view.Screen, s.view.PIN = Locked, false })},
		{"lockdown", example(func(s *scene) { s.view.Screen = Lockdown })},
		{"lockdown-link-lost", example(func(s *scene) { s.view.Screen, s.view.LinkLost = Lockdown, true })},
		{"evacuation", example(func(s *scene) { s.view.Screen = Evacuation })},
		{"home-identify", example(func(s *scene) { s.view.Identify, s.blink = true, true })},
		{"pin", example(func(s *scene) { s.page, s.filled = entryPage, 3 })},
		{"pin-pressed", example(func(s *scene) { s.page, s.filled, s.pressed = entryPage, 3, 4 })},
		{"pin-cancel-pressed", example(func(s *scene) { s.page, s.filled, s.pressed = entryPage, 3, cancelKey })},
		{"pin-shuffled", example(func(s *scene) { s.page, s.order = entryPage, e.order })},
		{"checking", example(func(s *scene) { s.page, s.phase = checkingPage, 5 })},
		{"granted", example(func(s *scene) { s.view.Screen, s.view.User, s.bar = Granted, "Ada", 119 })},
		{"granted-long-name", example(func(s *scene) {
			s.view.Screen, s.view.User, s.bar = Granted, "Maximiliane Schwarzenberg-Hohenlohe", 40
		})},
		{"denied", example(func(s *scene) { s.view.Screen = Denied })},
		{"denied-reason", example(func(s *scene) {
			s.view.Screen, s.view.Reason = Denied, "This card opens the door on weekdays from 8:00 to 18:00"
		})},
		{"second-pin", example(func(s *scene) { s.page, s.view.Screen, s.bar = entryPage, SecondPIN, 80 })},
		{"second-pin-typed", example(func(s *scene) {
			s.page, s.view.Screen, s.filled, s.pressed, s.bar = entryPage, SecondPIN, 3, 4, 40
		})},
		{"second-pin-cancelled", example(func(s *scene) { s.view.Screen, s.bar = SecondPIN, 90 })},
		{"second-card", example(func(s *scene) { s.view.Screen, s.bar = SecondCard, 150 })},
		{"paused", example(func(s *scene) { s.view.Screen = Paused })},
		{"not-set-up", example(func(s *scene) {
			s.view.Screen, s.view.Fingerprint = NotSetUp, "4f1a 90c2 7be3 11d8 a6e0 5c97"
		})},
		{"looking", example(func(s *scene) {
			s.view.Screen, s.view.Fingerprint, s.view.ReaderID, s.view.Looking = NotSetUp, someKey, "", true
		})},
		{"waiting", example(func(s *scene) {
			s.view.Screen, s.view.Fingerprint, s.view.Looking, s.view.Site = NotSetUp, someKey, true, "home"
		})},
		{"waiting-at-several", example(func(s *scene) {
			s.view.Screen, s.view.Fingerprint, s.view.Looking, s.view.Site, s.view.MoreSites = NotSetUp, someKey, true, "home", 2
		})},
		{"adopted", example(func(s *scene) { s.view.Screen, s.view.Site, s.view.Fingerprint = Adopted, "home", someKey })},
		{"out-of-order", example(func(s *scene) { s.view.Screen, s.view.PIN, s.view.LinkLost = OutOfOrder, false, true })},
		{"pin-only", example(func(s *scene) { s.view.Screen, s.view.CardOutOfOrder = OutOfOrder, true })},
		{"home-both", example(func(s *scene) { s.view.Both = true })},
		{"home-pin-only", example(func(s *scene) { s.view.CardOutOfOrder = true })},
		{"enrol", example(func(s *scene) { s.view.Screen, s.view.PIN = Enrol, false })},
		{"enrolled", example(func(s *scene) { s.view.Screen = Enrolled })},
		{"enrol-again", example(func(s *scene) { s.view.Screen, s.view.PIN, s.view.Reason = Enrol, false, "Hold the card there longer" })},
		{"keep", example(func(s *scene) { s.view.Screen, s.view.PIN, s.bar = Keep, false, 60 })},
		{"written", example(func(s *scene) { s.view.Screen = Written })},
		{"paused-identify", example(func(s *scene) { s.view.Screen, s.view.Identify, s.blink = Paused, true, true })},
		{"cross", example(func(s *scene) {
			s.page, s.prompt, s.cross, s.crossNumber = crossPage, "Touch the cross", image.Pt(30, 40), 1
		})},
		{"cross-taken", example(func(s *scene) {
			s.page, s.prompt, s.cross, s.crossNumber, s.crossTaken = crossPage, "Not exact enough: start again", image.Pt(210, 160), 2, true
		})},
		{"cross-done", example(func(s *scene) { s.page, s.prompt = crossPage, "Touch is set" })},
	}
}

// sizes are the panels there are.
func sizes() []image.Point {
	return []image.Point{{240, 320}, {320, 240}, {320, 480}, {480, 320}}
}

func TestEachScreenLooksAsItDid(t *testing.T) {
	for _, at := range sizes() {
		sheet(t, "all", at, 8, gallery(), func(s named, m *image.NRGBA) {
			if at == (image.Point{X: 240, Y: 320}) {
				golden(t, s.name, m)
			}
		})
	}
}

// telling are the screens that have the most to say.
func telling() []named {
	return []named{
		{"home", example(func(s *scene) { s.view.Greeting, s.view.LinkLost = "Deliveries: side entrance", true })},
		{"pin", example(func(s *scene) { s.page, s.filled, s.pressed = entryPage, 3, 4 })},
		{"checking", example(func(s *scene) { s.page, s.phase = checkingPage, 5 })},
		{"granted", example(func(s *scene) { s.view.Screen, s.view.User, s.bar = Granted, "Ada Lovelace", 119 })},
		{"denied", example(func(s *scene) { s.view.Screen, s.view.Reason = Denied, "Not for this door" })},
		{"second-pin", example(func(s *scene) { s.page, s.view.Screen, s.filled, s.pressed, s.bar = entryPage, SecondPIN, 3, 4, 40 })},
		{"second-pin-cancelled", example(func(s *scene) { s.view.Screen, s.view.LinkLost, s.bar = SecondPIN, true, 60 })},
		{"second-card", example(func(s *scene) { s.view.Screen, s.bar = SecondCard, 60 })},
		{"paused", example(func(s *scene) { s.view.Screen, s.view.LinkLost, s.view.ClockUntrusted = Paused, true, true })},
		{"waiting", example(func(s *scene) {
			s.view.Screen, s.view.Fingerprint, s.view.Looking, s.view.Site, s.view.MoreSites = NotSetUp, someKey, true, "home", 2
		})},
		{"adopted", example(func(s *scene) { s.view.Screen, s.view.Site, s.view.Fingerprint = Adopted, "home", someKey })},
		{"out-of-order", example(func(s *scene) { s.view.Screen, s.view.PIN, s.view.Notes = OutOfOrder, false, "Storage fault" })},
		{"open", example(func(s *scene) { s.view.Screen = Open })},
		{"locked", example(func(s *scene) { s.view.Screen = Locked })},
		{"lockdown", example(func(s *scene) { s.view.Screen, s.view.LinkLost, s.view.ClockUntrusted = Lockdown, true, true })},
		{"evacuation", example(func(s *scene) { s.view.Screen = Evacuation })},
		{"pin-only", example(func(s *scene) {
			s.view.Screen, s.view.CardOutOfOrder, s.view.Notes = OutOfOrder, true, "No card reader"
		})},
	}
}

func TestEachLookLooksAsItDid(t *testing.T) {
	for _, at := range sizes() {
		for _, look := range looks[1:] {
			all := telling()
			for i := range all {
				all[i].view.LargeText, all[i].view.HighContrast = look.large, look.contrast
			}
			sheet(t, "look-"+look.name, at, (len(all)+1)/2, all, nil)
		}
	}
}

func TestEachLanguageLooksAsItDid(t *testing.T) {
	for _, at := range sizes()[:2] {
		for in := range lang(len(languages)) {
			all := telling()
			for i := range all {
				all[i].language = in
			}
			sheet(t, "language-"+languages[in], at, (len(all)+1)/2, all, nil)
		}
	}
}

// sheet shows scenes one after the other on one panel, and compares the picture of all of
// them, so many in a row, with the golden one. each may look at the pictures one by one.
func sheet(t *testing.T, name string, at image.Point, columns int, all []named, each func(s named, m *image.NRGBA)) {
	t.Helper()
	g := newGlass(at)
	p, l := testPainter(t, at)
	on := panel{display: g, shown: newCanvas(at)}
	const gap = 16
	rows := (len(all) + columns - 1) / columns
	sheet := image.NewNRGBA(image.Rect(0, 0, columns*(at.X+gap)+gap, rows*(at.Y+gap)+gap))
	draw.Draw(sheet, sheet.Rect, image.NewUniform(seen(standardPalette().edge.pack())), image.Point{}, draw.Src)
	for i, s := range all {
		if s.cross != (image.Point{}) {
			s.cross = crosses(at)[s.crossNumber-1]
		}
		p.draw(&s.scene)
		if err := on.show(time.Time{}, p.canvas); err != nil {
			t.Fatal(err)
		}
		m := g.image()
		corner := image.Pt(gap+i%columns*(at.X+gap), gap+i/columns*(at.Y+gap))
		draw.Draw(sheet, image.Rectangle{Min: corner, Max: corner.Add(at)}, m, image.Point{}, draw.Src)
		if each != nil {
			each(s, m)
		}
	}
	golden(t, name+"-"+l.String(), sheet)
}

// golden compares m with testdata/name.png, or writes it with -update.
func golden(t *testing.T, name string, m *image.NRGBA) {
	t.Helper()
	path := filepath.Join("testdata", name+".png")
	if *update {
		var out bytes.Buffer
		enc := png.Encoder{CompressionLevel: png.BestCompression}
		if err := enc.Encode(&out, m); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if want.Bounds() != m.Bounds() {
		t.Fatalf("%s is %v, want %v", name, m.Bounds(), want.Bounds())
	}
	as := image.NewNRGBA(m.Rect)
	draw.Draw(as, as.Rect, want, image.Point{}, draw.Src)
	off := 0
	for i, v := range m.Pix {
		// One step of RGB565: other machines may round a smoothed edge differently.
		if w := as.Pix[i]; max(v, w)-min(v, w) > 9 {
			off++
		}
	}
	if off > 0 {
		t.Errorf("%s: %d values are not as in %s; look at them, then go test -update", name, off, path)
	}
}

func testPainter(t testing.TB, at image.Point) (*painter, *layout) {
	t.Helper()
	l, err := measure(at)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPainter(l)
	if err != nil {
		t.Fatal(err)
	}
	return p, l
}
