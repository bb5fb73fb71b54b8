package sim

import (
	"bytes"
	"errors"
	"os"
	"syscall"
	"testing"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func connect(t *testing.T, b *Board, name string, f physic.Frequency) spi.Conn {
	t.Helper()
	p, err := b.SPI(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Connect(f, spi.Mode0, 8)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTransfersKeepToSpidev(t *testing.T) {
	b := New(nil)
	defer b.Close()
	c := connect(t, b, "panel", physic.MegaHertz)
	if n := c.(conn.Limits).MaxTxSize(); n != 4096 {
		t.Errorf("MaxTxSize() = %d", n)
	}
	if err := c.Tx(make([]byte, 3), make([]byte, 2)); err == nil {
		t.Error("unequal lengths were taken")
	}
	if err := c.Tx(nil, nil); err == nil {
		t.Error("an empty transfer was taken")
	}
	if err := c.Tx(make([]byte, 4096), nil); err != nil {
		t.Errorf("4096 bytes: %v", err)
	}
	if err := c.Tx(make([]byte, 4097), nil); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("4097 bytes: %v, want EMSGSIZE", err)
	}
	// The bound is the message's, not the packet's.
	if err := c.TxPackets([]spi.Packet{{W: make([]byte, 4096)}, {W: make([]byte, 1)}}); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("packets of 4097 bytes: %v, want EMSGSIZE", err)
	}
	if err := c.TxPackets([]spi.Packet{{W: make([]byte, 1), BitsPerWord: 9}}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("9 bits: %v, want EINVAL", err)
	}
}

func TestConnectTakesWhatARaspberryPiTakes(t *testing.T) {
	b := New(nil)
	defer b.Close()
	for _, c := range []struct {
		f    physic.Frequency
		mode spi.Mode
		bits int
		want error
	}{
		{physic.MegaHertz, spi.Mode0, 8, nil},
		{physic.MegaHertz, spi.Mode3 | spi.NoCS, 8, nil},
		{physic.MegaHertz, spi.Mode0 | spi.LSBFirst, 8, syscall.EINVAL},
		{physic.MegaHertz, spi.Mode0 | spi.HalfDuplex, 8, syscall.EINVAL},
	} {
		p, err := b.SPI("nfc")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Connect(c.f, c.mode, c.bits); !errors.Is(err, c.want) {
			t.Errorf("%v %v %d: %v, want %v", c.f, c.mode, c.bits, err, c.want)
		}
		if _, err := p.Connect(c.f, spi.Mode0, 8); err == nil {
			t.Errorf("a second Connect was taken")
		}
	}
	p, _ := b.SPI("nfc")
	if _, err := p.Connect(10*physic.Hertz, spi.Mode0, 8); err == nil {
		t.Error("10 Hz was taken")
	}
	c, err := p.Connect(physic.MegaHertz, spi.Mode0, 16)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Tx([]byte{0, 0}, nil); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("16 bits a word: %v, want EINVAL at the transfer", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Tx([]byte{0}, nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestAnAbsentChipReadsAsAFloatingLineWithoutAnError(t *testing.T) {
	for _, level := range []byte{0x00, 0xFF} {
		b := New(nil)
		c := connect(t, b, "touch", physic.MegaHertz)
		if err := b.SetFault("touch", Fault{Absent: true, MISO: level}); err != nil {
			t.Fatal(err)
		}
		r := []byte{1, 2, 3}
		if err := c.Tx([]byte{0xD0, 0, 0}, r); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r, []byte{level, level, level}) {
			t.Errorf("read % X, want %02X", r, level)
		}
		b.Touch(10, 10, true)
		if b.Line("touch-irq") {
			t.Error("an absent chip interrupts")
		}
		b.Close()
	}
}

func TestChipSelectFramesMessagesAndKeepCSJoins(t *testing.T) {
	b := New(&Options{Touch: TouchOptions{Noise: -1, Settle: -1}})
	defer b.Close()
	c := connect(t, b, "touch", 2*physic.MegaHertz)
	b.Touch(120, 160, true)
	ask, r := []byte{0xD0}, make([]byte, 2)
	read := func() uint16 { return (uint16(r[0])<<8 | uint16(r[1])) >> 3 }

	if err := c.TxPackets([]spi.Packet{{W: ask, KeepCS: true}, {R: r}}); err != nil {
		t.Fatal(err)
	}
	want := read()
	if want < 1900 || want > 2200 {
		t.Errorf("joined packets read %d, want the middle", want)
	}
	if err := c.TxPackets([]spi.Packet{{W: ask}, {R: r}}); err != nil {
		t.Fatal(err)
	}
	if read() != 0 {
		t.Errorf("the conversion outlived chip select: %d", read())
	}
	if err := c.TxPackets([]spi.Packet{{W: ask, KeepCS: true}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Tx(nil, r); err != nil {
		t.Fatal(err)
	}
	if read() != want {
		t.Errorf("KeepCS on the last packet: read %d, want %d", read(), want)
	}
	// In place: the same memory out and in.
	buf := []byte{0xD0, 0, 0}
	if err := c.Tx(buf, buf); err != nil {
		t.Fatal(err)
	}
	if copy(r, buf[1:]); read() != want {
		t.Errorf("in place: read %d, want %d", read(), want)
	}
}

func TestCountersCountMessagesTransfersAndBytes(t *testing.T) {
	b := New(nil)
	defer b.Close()
	c := connect(t, b, "touch", physic.MegaHertz)
	c.Tx(make([]byte, 3), nil)
	c.TxPackets([]spi.Packet{{W: make([]byte, 1), KeepCS: true}, {R: make([]byte, 2)}})
	c.Tx(make([]byte, 2), make([]byte, 1)) // refused: not counted
	if got, want := b.Counters("touch"), (Counters{Messages: 2, Transfers: 3, Bytes: 6}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := b.Counters("panel"); got != (Counters{}) {
		t.Errorf("panel: %+v", got)
	}
}

func TestTheClockIsNeverFasterThanAsked(t *testing.T) {
	for asked, want := range map[physic.Frequency]physic.Frequency{
		32 * physic.MegaHertz: 28571428 * physic.Hertz,
		10 * physic.MegaHertz: 10000000 * physic.Hertz,
		5 * physic.KiloHertz:  6103 * physic.Hertz, // the slowest it can
		physic.GigaHertz:      200000000 * physic.Hertz,
	} {
		d := &spidev{freq: asked}
		if got := d.clock(); got != want {
			t.Errorf("%v: %v, want %v", asked, got, want)
		}
	}
	d := &spidev{freq: 32 * physic.MegaHertz, limit: 1 * physic.MegaHertz}
	if got := d.clock(); got != physic.MegaHertz {
		t.Errorf("limited to 1 MHz: %v", got)
	}
}
