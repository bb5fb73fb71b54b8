package sim

import (
	"bytes"
	"image"
	"image/color"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestEachRotationIsUprightOnAModuleTurnedThatWay(t *testing.T) {
	// MADCTL of linux ili9341.c for rotation 0, 90, 180, 270.
	for rotation, madctl := range map[int]byte{0: 0x48, 90: 0x28, 180: 0x88, 270: 0xE8} {
		onPanel(t, &Options{Panel: PanelOptions{Rotation: rotation}}, func(p *panelRig) {
			p.on(madctl)
			size := p.b.Screen().Rect.Max
			want := image.Pt(240, 320)
			if rotation%180 != 0 {
				want = image.Pt(320, 240)
			}
			if size != want {
				p.t.Fatalf("rotation %d: %v, want %v", rotation, size, want)
			}
			p.fill(0, 0, size.X-1, size.Y-1, 0)
			v := p.b.View()
			defer v.Close()
			v.Update()
			p.fill(3, 5, 7, 5, 0xF800)
			p.fill(5, 6, 6, 6, 0xF800)
			img, changed := v.Update()
			if r := image.Rect(3, 5, 8, 7); changed != r {
				p.t.Errorf("rotation %d: changed %v, want %v", rotation, changed, r)
			}
			if !bytes.Equal(img.Pix, p.b.Screen().Pix) {
				p.t.Errorf("rotation %d: the view is not the screen", rotation)
			}
			p.sees(3, 5, red)
			p.sees(7, 5, red)
			p.sees(6, 6, red)
			p.sees(2, 5, black)
			p.sees(3, 7, black)
			if _, changed = v.Update(); !changed.Empty() {
				p.t.Errorf("nothing happened and %v changed", changed)
			}
			p.clean()
		})
	}
}

func TestPixelsNeedTheRightFormatAndOrder(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.cmd(0x3A, 0x66)
		p.fill(0, 0, 239, 319, 0xF800) // 16 bit pixels into 18 bit
		if p.b.Screen().RGBAAt(1, 0) == red {
			p.t.Error("RGB565 was understood before COLMOD 55")
		}
		p.window(0, 0, 1, 0)
		p.data(0xFC, 0, 0, 0, 0, 0xFC)
		p.sees(0, 0, red)
		p.sees(1, 0, blue)
		p.cmd(0x3A, 0x55)
		p.window(0, 0, 0, 0)
		p.data(0x00, 0xF8) // little-endian red
		if p.b.Screen().RGBAAt(0, 0) == red {
			p.t.Error("little-endian pixels were understood")
		}
		p.cmd(0x36, 0x40) // RGB order on a BGR glass
		p.fill(0, 0, 0, 0, 0xF800)
		p.sees(0, 0, blue)
		p.clean()
		p.cmd(0x3A, 0x11)
		p.violated("COLMOD 11")
	})
}

func TestAPixelSurvivesChipSelectAndHalfOfOneIsDroppedByACommand(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(0, 0, 3, 0, 0)
		p.window(0, 0, 3, 0)
		p.data(0xF8)
		p.data(0x00, 0xF8)
		p.data(0x00)
		p.sees(0, 0, red)
		p.sees(1, 0, red)
		p.clean()
		p.data(0xFF)
		p.cmd(0x00)
		p.sees(2, 0, black)
		p.violated("half a pixel")
		p.data(0xFF)
		p.violated("more data than NOP (00) takes")
	})
}

func TestPixelsWithoutRAMWRGoNowhere(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(0, 0, 239, 319, 0)
		p.cmd(0x2A, 0, 0, 0, 239)
		p.cmd(0x2B, 0, 0, 0, 0)
		p.data(0xFF, 0xFF)
		p.seesOnly(black)
		p.violated("more data than PASET (2B) takes")
		p.cmd(0x2C, 0xF8, 0x00)
		p.cmd(0x00)
		p.cmd(0x3C, 0x07, 0xE0) // goes on behind
		p.sees(0, 0, red)
		p.sees(1, 0, green)
	})
}

func TestDataSentAsCommandsSetsNoWindow(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(0, 0, 239, 319, 0)
		p.dc.SetValue(0) // and never 1 again
		p.c.Tx([]byte{0x2A, 0x00, 0x0A, 0x00, 0x13}, nil)
		p.c.Tx([]byte{0x2C, 0xFF, 0xFF}, nil)
		p.seesOnly(black)
		p.violated("unknown command FF")
		// D/C counts per byte: within one window too.
		p.c.TxPackets([]spi.Packet{{W: []byte{0x2C}, KeepCS: true}})
		p.dc.SetValue(1)
		p.c.Tx([]byte{0xF8, 0x00}, nil)
		p.sees(0, 0, red)
	})
}

func TestAWindowThatOverflowsWrapsOrIgnoresAsWEMODESays(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(0, 0, 239, 319, 0)
		p.window(10, 10, 11, 10)
		p.data(0xF8, 0, 0xF8, 0)
		p.clean()
		p.data(0x07, 0xE0)
		p.sees(10, 10, green) // back to its start
		p.sees(12, 10, black)
		p.violated("more pixels than the window holds")
		p.cmd(0xF6, 0x00)
		p.window(10, 10, 11, 10)
		p.data(0xF8, 0, 0xF8, 0, 0x07, 0xE0)
		p.sees(10, 10, red)
	})
}

func TestWindowsOutsideTheMemoryOrInsideOutTakeNothing(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(0, 0, 239, 319, 0)
		p.window(20, 0, 10, 0)
		p.data(0xFF, 0xFF)
		p.seesOnly(black)
		p.violated("start behind its end")
		p.window(238, 0, 241, 0) // beyond column 239 while MV is 0
		p.data(0xF8, 0, 0xF8, 0, 0xF8, 0, 0xF8, 0)
		p.violated("outside the memory")
		p.sees(239, 0, red)
		p.sees(0, 1, black)
		p.window(0, 319, 0, 321) // beyond page 319
		p.data(0xF8, 0, 0x07, 0xE0, 0x07, 0xE0)
		p.sees(0, 319, red)
		p.sees(0, 0, black)
	})
}

func TestParametersCountOneByOne(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(0, 0, 239, 319, 0)
		p.cmd(0x2A, 0, 10, 0, 20)
		p.cmd(0x2B, 0, 5, 0, 9)
		p.cmd(0x2A, 0, 12) // the end stays
		p.cmd(0x2C, bytes.Repeat([]byte{0xF8, 0}, 9)...)
		p.cmd(0x3C, 0x07, 0xE0)
		p.sees(12, 5, red)
		p.sees(20, 5, red)
		p.sees(12, 6, green)
		p.cmd(0x2C, 0x00, 0x1F) // again in the same window
		p.sees(12, 5, blue)
		p.clean()
	})
}

func TestMemoryReadsGiveADummyByteAndThreeBytesAPixel(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(4, 4, 5, 5, 0xF800)
		p.window(4, 4, 5, 5)
		p.data(0x07, 0xE0)
		if got := p.read(0x2E, 7); !bytes.Equal(got, []byte{0, 0, 0xFC, 0, 0xFC, 0, 0}) {
			p.t.Errorf("RAMRD % X, want 00 00 FC 00 FC 00 00", got)
		}
		p.clean()
	})
}

func TestInversionIdlePartialAndScrollWorkOnTheGlassNotTheMemory(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(0, 0, 239, 319, 0x07E0)
		p.fill(0, 0, 239, 0, 0xF800)
		p.cmd(0x21)
		p.sees(0, 1, color.RGBA{255, 0, 255, 255})
		p.cmd(0x20)
		p.fill(0, 2, 0, 2, 0x4208) // dark grey: below half
		p.cmd(0x39)
		p.sees(0, 2, black)
		p.cmd(0x38)
		p.cmd(0x30, 0, 10, 0, 20)
		p.cmd(0x12)
		p.sees(0, 9, black)
		p.sees(0, 10, green)
		p.sees(0, 21, black)
		p.cmd(0x13)
		p.sees(0, 9, green)
		p.cmd(0x33, 0, 0, 0x01, 0x40, 0, 0)
		p.cmd(0x37, 0x01, 0x3F) // the last memory row comes first
		p.sees(0, 1, red)
		p.sees(0, 0, green)
		p.cmd(0x13)
		p.sees(0, 0, red)
		p.clean()
		p.cmd(0x33, 0, 0, 0x01, 0x41, 0, 0)
		p.violated("do not add up to 320")
	})
}

func TestClocksAboveTheLimitAreNoted(t *testing.T) {
	o := &Options{Panel: PanelOptions{MaxWrite: 10 * physic.MegaHertz, NoSDO: true}}
	onPanel(t, o, func(p *panelRig) {
		p.cmd(0x00)
		p.clean()
		if got := p.read(0x0A, 1); got[0] != 0xFF {
			p.t.Errorf("without SDO a read gives %02X, want FF", got[0])
		}
		fast := connect(t, p.b, "panel", 10200*physic.KiloHertz)
		p.dc.SetValue(0)
		fast.Tx([]byte{0x00}, nil)
		p.clean() // 400 MHz by an even divisor: 10 MHz
		fast = connect(t, p.b, "panel", 40*physic.MegaHertz)
		fast.Tx([]byte{0x0A, 0x00}, nil)
		p.violated("clocked above 10MHz")
		p.violated("RDDPM (0A) clocked above 6.670MHz")
	})
}

func TestAPanelThatResetsByItselfForgetsAndAStuckOneIgnores(t *testing.T) {
	onPanel(t, nil, func(p *panelRig) {
		p.on(0x48)
		p.fill(0, 0, 239, 319, 0xF800)
		p.b.SetFault("panel", Fault{Stuck: true})
		p.fill(0, 0, 239, 319, 0x07E0)
		p.seesOnly(red)
		p.b.SetFault("panel", Fault{})
		p.b.ResetChip("panel")
		p.seesOnly(black)
		if got := p.read(0x0A, 1); got[0] != 0x08 {
			p.t.Errorf("RDDPM %02X, want 08", got[0])
		}
		p.cmd(0x11)
		time.Sleep(5 * time.Millisecond)
		p.cmd(0x29)
		img := p.b.Screen()
		if img.RGBAAt(0, 0) == img.RGBAAt(0, 1) && img.RGBAAt(1, 1) == img.RGBAAt(2, 2) {
			p.t.Error("the memory after power-up is not random")
		}
		p.clean()
	})
}

func TestNoiseOnTheWireDamagesPixelsAndBlamesNobody(t *testing.T) {
	onPanel(t, &Options{Seed: 1}, func(p *panelRig) {
		p.on(0x48)
		p.window(0, 0, 239, 319)
		p.b.SetFault("panel", Fault{Noise: 0.01})
		p.data(make([]byte, 240*320*2)...)
		p.b.SetFault("panel", Fault{})
		bad, img := 0, p.b.Screen()
		for i := 0; i < len(img.Pix); i += 4 {
			if img.Pix[i]|img.Pix[i+1]|img.Pix[i+2] != 0 {
				bad++
			}
		}
		if bad < 1000 || bad > 2000 {
			p.t.Errorf("%d pixels damaged, want about 1536", bad)
		}
		p.clean()
	})
}

func TestAFullFrameCostsNoMemory(t *testing.T) {
	b := New(nil)
	defer b.Close()
	frame := newFrame(t, b)
	if n := testing.AllocsPerRun(5, frame); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// newFrame returns a function that writes one frame, 4,096 bytes a transfer.
func newFrame(t testing.TB, b *Board) func() {
	p, err := b.SPI("panel")
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Connect(32*physic.MegaHertz, spi.Mode0, 8)
	if err != nil {
		t.Fatal(err)
	}
	dc, err := b.Output("panel-dc")
	if err != nil {
		t.Fatal(err)
	}
	pix, cmd, par := make([]byte, 240*320*2), []byte{0x3A}, []byte{0x55}
	dc.SetValue(0)
	c.Tx(cmd, nil)
	dc.SetValue(1)
	c.Tx(par, nil)
	cmd[0] = 0x2C
	return func() {
		dc.SetValue(0)
		c.Tx(cmd, nil)
		dc.SetValue(1)
		for at := 0; at < len(pix); at += 4096 {
			c.Tx(pix[at:min(at+4096, len(pix))], nil)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	board := New(nil)
	defer board.Close()
	frame := newFrame(b, board)
	for b.Loop() {
		frame()
	}
}

func BenchmarkScreen(b *testing.B) {
	board := New(nil)
	defer board.Close()
	for b.Loop() {
		board.Screen()
	}
}
