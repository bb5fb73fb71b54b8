package keypad

import (
	"fmt"
	"image"
	"image/color"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	driver "latchkey/keypad/panel"
)

// What a viewer sees on each panel, however it is mounted, is what was drawn: through
// driver, bus, the chip's memory and its registers.
func TestEveryPanelShowsEveryScreenInEveryRotation(t *testing.T) {
	for _, model := range driver.Models() {
		for _, rotation := range []int{0, 90, 180, 270} {
			synctest.Test(t, func(t *testing.T) {
				board := sim.New(&sim.Options{
					Log: slog.New(slog.DiscardHandler), Seed: uint64(rotation),
					Panel: sim.PanelOptions{Model: string(model), Rotation: rotation},
				})
				defer board.Close()
				port, err := board.SPI("panel")
				if err != nil {
					t.Fatal(err)
				}
				dc, err := board.Output("panel-dc")
				if err != nil {
					t.Fatal(err)
				}
				d, err := driver.NewSPI(port, dc, nil, driver.Opts{Model: model, Rotation: rotation})
				if err != nil {
					t.Fatal(err)
				}
				p, l := testPainter(t, d.Size())
				on := panel{display: d, shown: newCanvas(d.Size()), initDue: true}
				for i, s := range telling() {
					s.language = lang(i % len(languages))
					s.view.LargeText, s.view.HighContrast = i%2 == 1, i/2%2 == 1
					p.draw(&s.scene)
					if err := on.show(time.Now(), p.canvas); err != nil {
						t.Fatal(err)
					}
					if where := unlike(board.Screen(), p.canvas); where != "" {
						t.Errorf("%s turned by %d, %v, %s: %s", model, rotation, l, s.name, where)
					}
				}
				for _, v := range board.Violations() {
					t.Errorf("%s turned by %d: %s", model, rotation, v)
				}
			})
		}
	}
}

// unlike says where a picture is not the canvas, as far as RGB565 holds it.
func unlike(m *image.RGBA, c *canvas) string {
	if m.Bounds().Size() != c.size {
		return fmt.Sprintf("it is %v", m.Bounds().Size())
	}
	for i, v := range c.pix {
		x, y := i%c.size.X, i/c.size.X
		got := m.RGBAAt(m.Rect.Min.X+x, m.Rect.Min.Y+y)
		if want := (color.RGBA{R: byte(v>>11) << 3, G: byte(v>>5) << 2, B: byte(v) << 3}); got.R&0xF8 != want.R || got.G&0xFC != want.G || got.B&0xF8 != want.B {
			return fmt.Sprintf("pixel %d,%d is %v instead of %v", x, y, got, want)
		}
	}
	return ""
}
