package board

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestAPortWithoutADeviceSaysWithEachTransferWhatIsMissing(t *testing.T) {
	b, err := Open(Config{
		Kind:  "linux",
		SPI:   map[string]PortConfig{"nfc": {Device: "SPI77.0"}},
		Lines: map[string]LineConfig{"strike": {Name: "nowhere"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.SPI("nfc")
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Connect(physic.MegaHertz, spi.Mode0, 8)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Connect(physic.MegaHertz, spi.Mode0, 8); err == nil {
		t.Error("a port was connected twice")
	}
	for _, err := range []error{c.Tx([]byte{1}, nil), c.TxPackets([]spi.Packet{{W: []byte{1}}})} {
		var about *KeyError
		if !errors.As(err, &about) || about.Key != "board.spi.nfc" || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "dtparam=spi=on") {
			t.Errorf("a transfer on a device that is missing: %v", err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestAPortIsNeverClockedAboveWhatTheWiringTakes(t *testing.T) {
	p := &port{maxHz: 10 * physic.MegaHertz}
	for limit, want := range map[physic.Frequency]physic.Frequency{
		2 * physic.MegaHertz:  2 * physic.MegaHertz,
		32 * physic.MegaHertz: 10 * physic.MegaHertz,
	} {
		if err := p.LimitSpeed(limit); err != nil || p.clock() != want {
			t.Errorf("limited to %v: %v, not %v, %v", limit, p.clock(), want, err)
		}
	}
}
