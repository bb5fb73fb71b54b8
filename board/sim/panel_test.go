package sim

import (
	"bytes"
	"image/color"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// panelRig speaks to the panel in raw bytes.
type panelRig struct {
	rig
	dc    *Output
	reset *Output
}

// onPanel runs f on a fresh board, in a bubble of fake time.
func onPanel(t *testing.T, o *Options, f func(p *panelRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := New(o)
		defer b.Close()
		p := &panelRig{rig: rig{t, b, connect(t, b, "panel", 5*physic.MegaHertz)}}
		var err error
		if p.dc, err = b.Output("panel-dc"); err != nil {
			t.Fatal(err)
		}
		if p.reset, err = b.Output("panel-reset"); err != nil {
			t.Fatal(err)
		}
		f(p)
	})
}

// cmd sends a command and its parameters as Linux does: two messages.
func (p *panelRig) cmd(c byte, params ...byte) {
	p.t.Helper()
	p.dc.SetValue(0)
	if err := p.c.Tx([]byte{c}, nil); err != nil {
		p.t.Fatal(err)
	}
	p.dc.SetValue(1)
	if len(params) > 0 {
		p.data(params...)
	}
}

func (p *panelRig) data(v ...byte) {
	p.t.Helper()
	for chunk := range slices.Chunk(v, 4096) {
		if err := p.c.Tx(chunk, nil); err != nil {
			p.t.Fatal(err)
		}
	}
}

// read sends a command and reads n bytes in the same window, D/C low
// throughout, as Linux does.
func (p *panelRig) read(c byte, n int) []byte {
	p.t.Helper()
	p.dc.SetValue(0)
	r := make([]byte, n)
	if err := p.c.TxPackets([]spi.Packet{{W: []byte{c}, KeepCS: true}, {R: r}}); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// on brings the panel up: sleep out, 16 bit, MADCTL, display on.
func (p *panelRig) on(madctl byte) {
	p.cmd(0x01)
	time.Sleep(120 * time.Millisecond)
	p.cmd(0x11)
	time.Sleep(100 * time.Millisecond)
	p.cmd(0x3A, 0x55)
	p.cmd(0x36, madctl)
	p.cmd(0x29)
}

func (p *panelRig) window(x0, y0, x1, y1 int) {
	p.cmd(0x2A, byte(x0>>8), byte(x0), byte(x1>>8), byte(x1))
	p.cmd(0x2B, byte(y0>>8), byte(y0), byte(y1>>8), byte(y1))
	p.cmd(0x2C)
}

// fill fills a window with one RGB565 colour.
func (p *panelRig) fill(x0, y0, x1, y1 int, v uint16) {
	p.window(x0, y0, x1, y1)
	p.data(bytes.Repeat([]byte{byte(v >> 8), byte(v)}, (x1-x0+1)*(y1-y0+1))...)
}

var (
	black = color.RGBA{0, 0, 0, 255}
	red   = color.RGBA{255, 0, 0, 255}
	green = color.RGBA{0, 255, 0, 255}
	blue  = color.RGBA{0, 0, 255, 255}
	white = color.RGBA{255, 255, 255, 255}
)

func (p *panelRig) sees(x, y int, want color.RGBA) {
	p.t.Helper()
	if got := p.b.Screen().RGBAAt(x, y); got != want {
		p.t.Errorf("pixel %d,%d is %v, want %v", x, y, got, want)
	}
}

func (p *panelRig) seesOnly(want color.RGBA) {
	p.t.Helper()
	img := p.b.Screen()
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if got := img.RGBAAt(x, y); got != want {
				p.t.Fatalf("pixel %d,%d is %v, want all %v", x, y, got, want)
			}
		}
	}
}

func TestThePanelShowsWhatLinuxsInitAndAFullFrameDraw(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.reset.SetValue(1)
		time.Sleep(20 * time.Microsecond)
		p.reset.SetValue(0)
		time.Sleep(120 * time.Millisecond)
		// linux drivers/gpu/drm/tiny/ili9341.c
		for _, c := range [][]byte{
			{0x28}, {0xCF, 0x00, 0xC1, 0x30}, {0xED, 0x64, 0x03, 0x12, 0x81}, {0xE8, 0x85, 0x00, 0x78},
			{0xCB, 0x39, 0x2C, 0x00, 0x34, 0x02}, {0xF7, 0x20}, {0xEA, 0x00, 0x00}, {0xC0, 0x23}, {0xC1, 0x10},
			{0xC5, 0x3E, 0x28}, {0xC7, 0x86}, {0x3A, 0x55}, {0xB1, 0x00, 0x1B}, {0xF2, 0x00}, {0x26, 0x01},
			{0xB7, 0x07}, {0xB6, 0x08, 0x82, 0x27, 0x00}, {0x11},
		} {
			p.cmd(c[0], c[1:]...)
		}
		time.Sleep(100 * time.Millisecond)
		p.cmd(0x29)
		time.Sleep(100 * time.Millisecond)
		p.cmd(0x36, 0x48)
		p.fill(0, 0, 239, 319, 0x07E0)
		p.fill(0, 0, 9, 19, 0xF800)
		p.fill(230, 300, 239, 319, 0x001F)
		p.sees(0, 0, red)
		p.sees(9, 19, red)
		p.sees(10, 19, green)
		p.sees(239, 319, blue)
		p.sees(229, 299, green)
		if got := p.read(0x0A, 1); got[0] != 0x9C {
			p.t.Errorf("RDDPM %02X, want 9C", got[0])
		}
		p.clean()
	})
}

func TestRegistersAfterResetAreThoseOfTheDataSheet(t *testing.T) {
	onPanel(t, &Options{Panel: PanelOptions{ID: [3]byte{0x81, 0x80, 0x3F}}}, func(p *panelRig) {
		for _, c := range []struct {
			cmd  byte
			want []byte
		}{
			{0x0A, []byte{0x08}}, {0x0B, []byte{0x00}}, {0x0C, []byte{0x06}}, {0x0D, []byte{0x00}},
			{0xDA, []byte{0x81}}, {0xDB, []byte{0x80}}, {0xDC, []byte{0x3F}},
		} {
			if got := p.read(c.cmd, 1); !bytes.Equal(got, c.want) {
				p.t.Errorf("%02X reads % X, want % X", c.cmd, got, c.want)
			}
		}
		// 24 and 32 bits come after one dummy clock: shifted by a bit.
		unshift := func(b []byte) []byte {
			out := make([]byte, len(b)-1)
			for i := range out {
				out[i] = b[i]<<1 | b[i+1]>>7
			}
			return out
		}
		if got := unshift(p.read(0x09, 5)); !bytes.Equal(got, []byte{0x00, 0x61, 0x00, 0x00}) {
			p.t.Errorf("RDDST % X, want 00 61 00 00", got)
		}
		if got := p.read(0x04, 4); !bytes.Equal(got, []byte{0x40, 0xC0, 0x1F, 0x80}) {
			p.t.Errorf("RDDID % X on the wire, want 40 C0 1F 80", got)
		}
		p.on(0xE8)
		if got := unshift(p.read(0x09, 5)); !bytes.Equal(got, []byte{0xF4, 0x53, 0x04, 0x00}) {
			p.t.Errorf("RDDST after init % X, want F4 53 04 00", got)
		}
		if got := p.read(0x0C, 1); got[0] != 0x05 {
			p.t.Errorf("RDDCOLMOD %02X, want 05", got[0])
		}
		p.clean()
	})
}

func TestWithoutSleepOutOrDisplayOnTheGlassIsBlack(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.cmd(0x3A, 0x55)
		p.cmd(0x29)
		p.fill(0, 0, 239, 319, 0xFFFF)
		p.seesOnly(black) // sleeping
		p.cmd(0x11)
		p.seesOnly(white) // the memory was written all the same
		time.Sleep(120 * time.Millisecond)
		p.cmd(0x28)
		p.seesOnly(black)
		p.cmd(0x29)
		p.cmd(0x10)
		p.seesOnly(black)
		p.clean()
	})
}

func TestCommandsThatComeTooEarlyAreLost(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.cmd(0x01)
		time.Sleep(4 * time.Millisecond)
		p.cmd(0x3A, 0x55)
		p.violated("COLMOD within 5 ms of SWRESET")
		time.Sleep(time.Millisecond)
		if got := p.read(0x0C, 1); got[0] != 0x06 {
			p.t.Errorf("COLMOD was taken: %02X", got[0])
		}
		p.cmd(0x11)
		p.violated("SLPOUT within 120 ms")
		if got := p.read(0x0A, 1); got[0] != 0x08 {
			p.t.Errorf("SLPOUT was taken: %02X", got[0])
		}
		time.Sleep(115 * time.Millisecond)
		p.cmd(0x11)
		p.cmd(0x29)
		p.violated("DISPON within 5 ms of SLPOUT")
		time.Sleep(5 * time.Millisecond)
		p.cmd(0x10)
		p.violated("SLPIN within 120 ms of SLPOUT")
		if got := p.read(0x0A, 1); got[0] != 0x98 {
			p.t.Errorf("RDDPM %02X, want 98: out of sleep, display off", got[0])
		}
	})
}

func TestSWRESETKeepsMemoryAndMADCTLAndRESXDoesNotKeepMADCTL(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x28)
		p.fill(0, 0, 319, 239, 0xF800)
		p.cmd(0x01)
		time.Sleep(120 * time.Millisecond)
		if got := p.read(0x0B, 1); got[0] != 0x28 {
			p.t.Errorf("MADCTL %02X after SWRESET, want 28", got[0])
		}
		p.cmd(0x11)
		time.Sleep(5 * time.Millisecond)
		p.cmd(0x29)
		p.seesOnly(red)
		// The window is the whole memory under MV, which is still set.
		p.cmd(0x3A, 0x55)
		p.cmd(0x2C, bytes.Repeat([]byte{0x07, 0xE0}, 321)...)
		p.sees(239, 0, green) // the module lies on its side: x runs down
		p.sees(239, 319, green)
		p.sees(238, 0, green)
		p.sees(238, 1, red)
		p.reset.SetValue(1)
		p.seesOnly(black)
		time.Sleep(10 * time.Microsecond)
		p.reset.SetValue(0)
		time.Sleep(5 * time.Millisecond)
		if got := p.read(0x0B, 1); got[0] != 0x00 {
			p.t.Errorf("MADCTL %02X after RESX, want 00", got[0])
		}
		p.clean()
		p.cmd(0x11)
		p.violated("SLPOUT within 120 ms")
		p.cmd(0x36, 0x48)
		p.reset.SetValue(1)
		p.reset.SetValue(0)
		p.violated("less than 10 us")
		if got := p.read(0x0B, 1); got[0] != 0x48 {
			p.t.Errorf("a glitch on RESX reset the panel")
		}
	})
}
