package sim

import (
	"bytes"
	"image/color"
	"testing"
	"time"
)

// init sends a table of commands with their parameters; 00 followed by a
// number is a pause of as many milliseconds.
func (p *panelRig) init(table ...[]byte) {
	p.t.Helper()
	for _, c := range table {
		if c[0] == 0x00 {
			time.Sleep(time.Duration(c[1]) * time.Millisecond)
			continue
		}
		p.cmd(c[0], c[1:]...)
	}
}

// linux drivers/staging/fbtft/fb_st7789v.c, with INVON as IPS glass needs it.
var st7789Init = [][]byte{
	{0x01}, {0x00, 120}, {0x11}, {0x00, 120}, {0x3A, 0x05}, {0xB2, 0x08, 0x08, 0x00, 0x22, 0x22}, {0xB7, 0x35},
	{0xBB, 0x20}, {0xC2, 0x01, 0xFF}, {0xC3, 0x0B}, {0xC4, 0x20}, {0xC5, 0x20}, {0xD0, 0xA4, 0xA1},
	{0x21}, {0x36, 0x00}, {0x29},
}

// Bodmer's TFT_eSPI, ST7796_Init.h.
var st7796Init = [][]byte{
	{0x01}, {0x00, 120}, {0x11}, {0x00, 120}, {0xF0, 0xC3}, {0xF0, 0x96}, {0x36, 0x48}, {0x3A, 0x55}, {0xB4, 0x01},
	{0xB6, 0x80, 0x02, 0x3B}, {0xE8, 0x40, 0x8A, 0x00, 0x00, 0x29, 0x19, 0xA5, 0x33}, {0xC1, 0x06}, {0xC2, 0xA7},
	{0xC5, 0x18}, {0x00, 120}, {0xF0, 0x3C}, {0xF0, 0x69}, {0x00, 120}, {0x29},
}

func TestEachModelShowsWhatItsUsualInitDraws(t *testing.T) {
	for model, c := range map[string]struct {
		init          [][]byte
		width, height int
	}{
		"st7789": {st7789Init, 240, 320},
		"st7796": {st7796Init, 320, 480},
	} {
		t.Run(model, func(t *testing.T) {
			onPanel(t, &Options{Panel: PanelOptions{Model: model}}, func(p *panelRig) {
				p.init(c.init...)
				if size := p.b.Screen().Rect.Max; size.X != c.width || size.Y != c.height {
					p.t.Fatalf("a screen of %v", size)
				}
				p.fill(0, 0, c.width-1, c.height-1, 0x07E0)
				p.fill(0, 0, 9, 19, 0xF800)
				p.fill(c.width-1, c.height-1, c.width-1, c.height-1, 0x001F)
				p.sees(0, 0, red)
				p.sees(9, 19, red)
				p.sees(10, 19, green)
				p.sees(c.width-1, c.height-1, blue)
				p.sees(c.width-2, c.height-1, green)
				if got := p.read(0x0A, 1); got[0] != 0x9C {
					p.t.Errorf("RDDPM %02X, want 9C", got[0])
				}
				p.clean()
			})
		})
	}
}

func TestEachModelIsUprightInEveryRotation(t *testing.T) {
	for model, madctl := range map[string]map[int]byte{
		// The same three bits as fbtft's and TFT_eSPI's for a quarter turn each.
		"st7789": {0: 0x00, 90: 0x60, 180: 0xC0, 270: 0xA0},
		"st7796": {0: 0x48, 90: 0x28, 180: 0x88, 270: 0xE8},
	} {
		init := map[string][][]byte{"st7789": st7789Init, "st7796": st7796Init}[model]
		for rotation, m := range madctl {
			onPanel(t, &Options{Panel: PanelOptions{Model: model, Rotation: rotation}}, func(p *panelRig) {
				p.init(init...)
				p.cmd(0x36, m)
				size := p.b.Screen().Rect.Max
				p.fill(0, 0, size.X-1, size.Y-1, 0)
				p.fill(3, 5, 7, 5, 0xF800)
				p.fill(5, 6, 6, 6, 0xF800)
				p.fill(size.X-1, size.Y-1, size.X-1, size.Y-1, 0x07E0)
				p.sees(3, 5, red)
				p.sees(7, 5, red)
				p.sees(6, 6, red)
				p.sees(7, 6, black)
				p.sees(size.X-1, size.Y-1, green)
				p.clean()
				if p.t.Failed() {
					p.t.Fatalf("%s at %d degrees", model, rotation)
				}
			})
		}
	}
}

func TestTheST7789AnswersWhoItIsAndWhatItIsSetTo(t *testing.T) {
	onPanel(t, &Options{Panel: PanelOptions{Model: "st7789"}}, func(p *panelRig) {
		for c, want := range map[byte]byte{0x0A: 0x08, 0x0B: 0x00, 0x0C: 0x66, 0x0D: 0x00, 0xDA: 0x85, 0xDB: 0x85, 0xDC: 0x52} {
			if got := p.read(c, 1); got[0] != want {
				p.t.Errorf("%02X reads %02X, want %02X", c, got[0], want)
			}
		}
		if got := p.read(0x04, 4); !bytes.Equal(got, []byte{0x42, 0xC2, 0xA9, 0x00}) {
			p.t.Errorf("RDDID % X on the wire, want 85 85 52 after a clock", got)
		}
		p.init(st7789Init...)
		if got := p.read(0x0D, 1); got[0] != 0x20 {
			p.t.Errorf("RDDIM %02X after INVON", got[0])
		}
		p.clean()
		if p.cmd(0xD3); len(p.b.Violations()) == 0 { // the ILI9341's and the ST7796S's
			p.t.Error("RDID4 was taken for a command of the ST7789")
		}
	})
}

func TestIPSGlassIsTheNegativeUntilINVON(t *testing.T) {
	for _, glass := range []string{glassTN, glassIPS} {
		onPanel(t, &Options{Panel: PanelOptions{Model: "st7789", Glass: glass}}, func(p *panelRig) {
			p.init(st7789Init...)
			p.fill(0, 0, 239, 319, 0xF800)
			want := map[string]color.RGBA{"ips": red, "tn": {0, 255, 255, 255}}[glass]
			p.sees(0, 0, want)
			p.cmd(0x20)
			if p.b.Screen().RGBAAt(0, 0) == want {
				p.t.Error("INVOFF changed nothing")
			}
			p.clean()
		})
	}
}

func TestLCMCTRLTurnsRoundWhatMADCTLSays(t *testing.T) {
	onPanel(t, &Options{Panel: PanelOptions{Model: "st7789"}}, func(p *panelRig) {
		p.init(st7789Init...)
		p.fill(0, 0, 239, 319, 0)
		p.fill(0, 0, 0, 0, 0xF800)
		p.sees(0, 0, red)
		p.cmd(0xC0, 0x0C) // BGR is turned round
		p.sees(0, 0, blue)
		p.cmd(0xC0, 0x3C) // inversion is
		p.sees(0, 0, color.RGBA{0, 255, 255, 255})
		p.cmd(0xC0, 0x24) // MX: what is written now lies the other way
		p.fill(0, 1, 0, 1, 0xF800)
		p.sees(239, 1, red)
		if got := p.read(0x0B, 1); got[0] != 0x00 {
			p.t.Errorf("RDDMADCTL %02X: MADCTL was not written", got[0])
		}
		p.cmd(0xC0, 0x2E) // MV
		p.fill(5, 0, 5, 0, 0x07E0)
		p.sees(0, 5, green)
		p.cmd(0x01)
		p.init([]byte{0x00, 120}, []byte{0x11}, []byte{0x00, 5}, []byte{0x21}, []byte{0x29})
		p.sees(0, 0, red)
		p.clean()
	})
}

func TestTheST7789TakesPixelsLowByteFirstIfToldTo(t *testing.T) {
	onPanel(t, &Options{Panel: PanelOptions{Model: "st7789"}}, func(p *panelRig) {
		p.init(st7789Init...)
		p.cmd(0xB0, 0x00, 0xF8)
		p.window(0, 0, 0, 0)
		p.data(0x00, 0xF8)
		p.sees(0, 0, red)
		p.cmd(0xB0, 0x00, 0xF0)
		p.window(0, 0, 0, 0)
		p.data(0x00, 0x1F)
		p.sees(0, 0, blue)
		p.clean()
	})
}

func TestTheST7796TakesNothingIntoCommandTable2WhileItIsLocked(t *testing.T) {
	const upsideDown = 0x42 // GS
	onPanel(t, &Options{Panel: PanelOptions{Model: "st7796"}}, func(p *panelRig) {
		p.init(st7796Init...)
		p.fill(0, 0, 319, 479, 0)
		p.fill(0, 0, 0, 0, 0xF800)
		p.clean()
		p.cmd(0xB6, 0x80, upsideDown, 0x3B)
		p.sees(0, 0, red)
		p.violated("B6 while command table 2 is locked")
		p.cmd(0xF0, 0xC3) // one half is not enough
		p.cmd(0xB6, 0x80, upsideDown, 0x3B)
		p.sees(0, 0, red)
		p.cmd(0xF0, 0x96)
		p.cmd(0xB6, 0x80, upsideDown, 0x3B)
		p.sees(0, 0, black)
		p.sees(0, 479, red)
		p.cmd(0xB6, 0x80, 0x22, 0x3B) // SS
		p.sees(319, 0, red)
		p.cmd(0xB6, 0x80, 0x02, 0x27) // 320 of 480 lines
		p.sees(0, 0, red)
		p.fill(0, 0, 319, 479, 0xFFFF)
		p.sees(0, 319, white)
		p.sees(0, 320, black)
		p.cmd(0xF0, 0x69)
		p.cmd(0xB6, 0x80, 0x02, 0x3B)
		p.sees(0, 320, black)
		p.cmd(0x01) // locks, and drives every line again
		p.init([]byte{0x00, 120}, []byte{0x11}, []byte{0x00, 5}, []byte{0x29})
		p.sees(0, 320, white)
	})
}

func TestTheST7796TellsItsIdentityByteByByte(t *testing.T) {
	onPanel(t, &Options{Panel: PanelOptions{Model: "st7796"}}, func(p *panelRig) {
		p.cmd(0xF0, 0xC3)
		p.cmd(0xF0, 0x96)
		var got []byte
		for i := range byte(4) {
			p.cmd(0xFB, 0x10|i)
			got = append(got, p.read(0xD3, 1)...)
		}
		if !bytes.Equal(got, []byte{0x00, 0x00, 0x77, 0x96}) {
			p.t.Errorf("RDID4 % X, want 7796 at the end", got)
		}
		p.clean()
	})
}

func TestTheInitOfAnotherModelLeavesTheGlassUnreadable(t *testing.T) {
	// An ILI9341's table on a ST7796S: its own registers stay locked, and
	// half of the glass is never written.
	onPanel(t, &Options{Panel: PanelOptions{Model: "st7796"}}, func(p *panelRig) {
		p.init([]byte{0xC0, 0x23}, []byte{0xC5, 0x3E, 0x28}, []byte{0xB6, 0x08, 0x82, 0x27, 0x00},
			[]byte{0x3A, 0x55}, []byte{0x11}, []byte{0x00, 120}, []byte{0x36, 0x48}, []byte{0x29})
		p.violated("C0 while command table 2 is locked")
		p.fill(0, 0, 239, 319, 0x07E0)
		p.sees(0, 0, green)
		if img := p.b.Screen(); img.RGBAAt(0, 320) == green && img.RGBAAt(240, 0) == green {
			p.t.Error("240x320 pixels filled 320x480")
		}
	})
	// On a ST7789 the same bytes mean other things: colours and axes go wrong.
	onPanel(t, &Options{Panel: PanelOptions{Model: "st7789"}}, func(p *panelRig) {
		p.init(st7789Init...)
		p.cmd(0xC0, 0x23)
		p.fill(0, 0, 239, 319, 0xF800)
		p.violated("outside the memory under the current MADCTL")
	})
}

func TestTheScrollAreaIsAsHighAsTheModelsMemory(t *testing.T) {
	onPanel(t, &Options{Panel: PanelOptions{Model: "st7796"}}, func(p *panelRig) {
		p.init(st7796Init...)
		p.fill(0, 0, 319, 479, 0)
		p.fill(0, 479, 319, 479, 0xF800)
		p.cmd(0x33, 0x00, 0x0A, 0x01, 0xD6, 0x00, 0x00) // 10 fixed, 470 scroll
		p.cmd(0x37, 0x01, 0xDF)                         // row 479 comes first
		p.sees(0, 10, red)
		p.sees(0, 9, black)
		p.sees(0, 479, black)
		p.clean()
		p.cmd(0x33, 0x00, 0x00, 0x01, 0x40, 0x00, 0x00) // an ILI9341's
		p.violated("do not add up to 480")
	})
}
