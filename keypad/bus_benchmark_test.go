package keypad_test

import (
	"context"
	"image"
	"log/slog"
	"testing"
	"time"

	"latchkey/board/sim"
	"latchkey/keypad"
	"latchkey/keypad/panel"
	"latchkey/keypad/touch"
)

// BenchmarkBus presses a key of the PIN page on the emulated panel, through the drivers, and
// sets the bytes that cross the panel's bus, commands included, against two a pixel that
// changed.
func BenchmarkBus(b *testing.B) {
	board := sim.New(&sim.Options{Log: slog.New(slog.DiscardHandler)})
	defer board.Close()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	panelPort, err := board.SPI("panel")
	must(err)
	touchPort, err := board.SPI("touch")
	must(err)
	dc, err := board.Output("panel-dc")
	must(err)
	display, err := panel.NewSPI(panelPort, dc, nil, panel.Opts{})
	must(err)
	edges := make(chan bool, 64)
	pen, err := board.Input("touch-irq", func(active bool) { edges <- active })
	must(err)
	film, err := touch.NewSPI(touchPort, pen, touch.Opts{Size: display.Size()})
	must(err)
	// A display without Refresh is not refreshed; its settings are sent once.
	must(display.Refresh())
	k, err := keypad.New(struct{ keypad.Display }{display}, film, nil)
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { k.Run(ctx); close(done) }()
	go func() {
		for {
			select {
			case active := <-edges:
				k.PenChanged(active)
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { cancel(); <-done }()

	// settle waits until nothing more crosses the bus.
	settle := func() uint64 {
		for before := uint64(0); ; time.Sleep(150 * time.Millisecond) {
			if now := display.Counters.Bytes.Load(); now == before {
				return now
			} else {
				before = now
			}
		}
	}
	press := func(name string, down bool) {
		for {
			for _, c := range k.Controls() {
				if c.Name == name {
					board.Touch(c.X+c.W/2, c.Y+c.H/2, down)
					return
				}
			}
			time.Sleep(time.Millisecond)
		}
	}
	k.Show(keypad.View{Screen: keypad.Home, PIN: true, Door: "Front door"})
	settle()
	press("pin", true)
	settle()
	press("pin", false)

	var sent, changed uint64
	for b.Loop() {
		for _, down := range []bool{true, false} {
			bytes, before := settle(), board.Screen()
			press("digit-5", down)
			sent += settle() - bytes
			n := different(before, board.Screen())
			if n == 0 {
				b.Fatal("a key that is pressed or let go changes nothing on the screen")
			}
			changed += n
		}
		press("backspace", true)
		settle()
		press("backspace", false)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(sent)/float64(2*changed), "bus-bytes/changed-byte")
}

// different counts pixels.
func different(a, b *image.RGBA) (n uint64) {
	for i := 0; i < len(a.Pix); i += 4 {
		if [4]byte(a.Pix[i:]) != [4]byte(b.Pix[i:]) {
			n++
		}
	}
	return n
}
