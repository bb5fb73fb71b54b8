package sim

import (
	"bytes"
	"math/bits"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// nfcRig speaks to the PN532 in raw bytes. They are written as the manual
// prints them; the rig turns them round for a host that sends the most
// significant bit first.
type nfcRig struct{ rig }

// onNFC runs f on a fresh board, in a bubble of fake time.
func onNFC(t *testing.T, o NFCOptions, f func(n *nfcRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := New(&Options{NFC: o})
		defer b.Close()
		f(&nfcRig{rig{t, b, connect(t, b, "nfc", physic.MegaHertz)}})
	})
}

func reversed(p []byte) []byte {
	out := make([]byte, len(p))
	for i, v := range p {
		out[i] = bits.Reverse8(v)
	}
	return out
}

// raw is one chip select window, bits as they are.
func (n *nfcRig) raw(w ...byte) []byte {
	n.t.Helper()
	r := make([]byte, len(w))
	if err := n.c.Tx(w, r); err != nil {
		n.t.Fatal(err)
	}
	return r
}

// tx is one chip select window, least significant bit first.
func (n *nfcRig) tx(w ...byte) []byte {
	n.t.Helper()
	return reversed(n.raw(reversed(w)...))
}

func (n *nfcRig) ready() bool { n.t.Helper(); return n.tx(0x02, 0x00)[1] == 0x01 }

// wait polls for as long as given, at instants at which the chip does nothing.
func (n *nfcRig) wait(d time.Duration) bool {
	n.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(333 * time.Microsecond) {
		if n.ready() {
			return true
		}
	}
	return false
}

// take reads size bytes of a frame in one window.
func (n *nfcRig) take(size int) []byte {
	n.t.Helper()
	return n.tx(append([]byte{0x03}, make([]byte, size)...)...)[1:]
}

// write sends a frame as it is.
func (n *nfcRig) write(frame ...byte) {
	n.t.Helper()
	n.tx(append([]byte{0x01}, frame...)...)
}

// frameOf builds a normal frame around D4 and data.
func frameOf(data ...byte) []byte {
	out := []byte{0x00, 0x00, 0xFF, byte(len(data) + 1), -byte(len(data) + 1), 0xD4}
	sum := byte(0xD4)
	for _, v := range data {
		sum += v
	}
	return append(append(out, data...), -sum, 0x00)
}

// acked sends a command and reads its ACK.
func (n *nfcRig) acked(data ...byte) {
	n.t.Helper()
	n.write(frameOf(data...)...)
	if !n.wait(15 * time.Millisecond) {
		n.t.Fatalf("% X: no ACK within 15 ms", data)
	}
	if got := n.take(6); !bytes.Equal(got, ackFrame) {
		n.t.Fatalf("% X: ACK slot % X", data, got)
	}
}

// call carries a command out and returns the response frame, whole.
func (n *nfcRig) call(data ...byte) []byte {
	n.t.Helper()
	n.acked(data...)
	if !n.wait(time.Second) {
		n.t.Fatalf("% X: no response", data)
	}
	var out []byte
	r := n.take(300)
	end := 7 + int(r[3])
	if r[3] == 0xFF && r[4] == 0xFF {
		end = 10 + int(r[5])<<8 + int(r[6])
	}
	return append(out, r[:end]...)
}

// wants carries a command out and compares what comes back behind D5.
func (n *nfcRig) wants(want []byte, data ...byte) {
	n.t.Helper()
	got := n.call(data...)
	if n := len(got) - 2; n < 6 || !bytes.Equal(got[6:n], want) {
		got = got[min(6, len(got)):]
	} else {
		return
	}
	n.t.Errorf("% X -> % X, want % X", data, got, want)
}

// wake holds chip select low for more than 2 ms: 300 bytes at 1 MHz.
func (n *nfcRig) wake() { n.raw(make([]byte, 300)...) }

// up wakes the chip and takes it out of Low-Vbat.
func (n *nfcRig) up() {
	n.t.Helper()
	n.wake()
	n.wants([]byte{0x15}, 0x14, 0x01, 0x14, 0x01)
}

var firmware = []byte{0x00, 0x00, 0xFF, 0x06, 0xFA, 0xD5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xE8, 0x00}

func TestTheVersionDialogueIsTheManualsByteForByte(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.wake()
		n.write(0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD4, 0x02, 0x2A, 0x00)
		if n.ready() {
			t.Error("ready at once")
		}
		if !n.wait(15 * time.Millisecond) {
			t.Fatal("no ACK within 15 ms")
		}
		if got := n.take(6); !bytes.Equal(got, []byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00}) {
			t.Errorf("ACK % X", got)
		}
		if n.ready() {
			t.Error("ready twice for one frame")
		}
		if !n.wait(15 * time.Millisecond) {
			t.Fatal("no response")
		}
		if got := n.take(len(firmware)); !bytes.Equal(got, firmware) {
			t.Errorf("response % X, want % X", got, firmware)
		}
		if n.wait(50 * time.Millisecond) {
			t.Error("ready after all was read")
		}
		n.write(ackFrame...) // polite, and harmless
		n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
		n.clean()
	})
}

func TestAFrameReadInPiecesBehavesAsMeasured(t *testing.T) {
	onNFC(t, NFCOptions{ShortStart: true}, func(n *nfcRig) {
		n.wake()
		n.acked(0x14, 0x01, 0x14, 0x01)
		if !n.wait(15 * time.Millisecond) {
			t.Fatal("no response")
		}
		for _, step := range []struct{ w, want []byte }{
			{[]byte{0x03, 0, 0, 0, 0}, []byte{0x01, 0x00, 0xFF, 0x02, 0xFE}},
			{[]byte{0x00}, []byte{0xD5}},
			{[]byte{0x03, 0}, []byte{0xD5, 0x15}},
			{[]byte{0x00}, []byte{0x16}},
			{[]byte{0x03, 0}, []byte{0x16, 0x00}},
		} {
			if got := n.tx(step.w...); !bytes.Equal(got, step.want) {
				t.Fatalf("% X -> % X, want % X", step.w, got, step.want)
			}
		}
		if n.ready() {
			t.Error("ready after the last byte")
		}
		n.clean()
	})
}

func TestStatusPairsMayRepeatInOneWindow(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.wake()
		n.write(frameOf(0x02)...)
		if got := n.tx(0x02, 0, 0x02, 0); got[1] != 0 || got[3] != 0 {
			t.Errorf("status % X before the ACK", got)
		}
		time.Sleep(15 * time.Millisecond)
		if got := n.tx(0x02, 0, 0x02, 0); got[1] != 1 || got[3] != 1 {
			t.Errorf("status % X, want ready in both", got)
		}
		n.clean()
	})
}

func TestAsleepTheChipHearsNothingAndMISOIsHigh(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		if got := n.tx(0x00); got[0] != 0xFF {
			t.Errorf("a bare byte reads %02X, want FF", got[0])
		}
		n.write(frameOf(0x14, 0x01, 0x14, 0x01)...)
		time.Sleep(15 * time.Millisecond)
		if got := n.tx(0x02, 0x00)[1]; got != 0xFF {
			t.Errorf("status %02X, want FF", got)
		}
		n.violated("a command while the chip sleeps")
		// One byte, and 2 ms of chip select low behind it.
		if err := n.c.TxPackets([]spi.Packet{{W: []byte{0}, KeepCS: true}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		n.tx(0x00)
		n.wants([]byte{0x15}, 0x14, 0x01, 0x14, 0x01)
	})
}

func TestASlowCommandWakesTheChipAndIsLostOrTaken(t *testing.T) {
	for _, taken := range []bool{false, true} {
		onNFC(t, NFCOptions{TakesWaking: taken}, func(n *nfcRig) {
			p, _ := n.b.SPI("nfc")
			slow, err := p.Connect(5*physic.KiloHertz, spi.Mode0, 8)
			if err != nil {
				t.Fatal(err)
			}
			if err := slow.Tx(reversed(append([]byte{0x01}, frameOf(0x14, 0x01, 0x14, 0x01)...)), nil); err != nil {
				t.Fatal(err)
			}
			if got := n.wait(20 * time.Millisecond); got != taken {
				t.Errorf("the waking command was carried out: %v", got)
			}
			if !taken {
				n.wants([]byte{0x15}, 0x14, 0x01, 0x14, 0x01)
			}
		})
	}
}

func TestTheFirstCommandMayBeLost(t *testing.T) {
	onNFC(t, NFCOptions{LosesFirst: true}, func(n *nfcRig) {
		n.wake()
		n.write(frameOf(0x02)...)
		if n.wait(15 * time.Millisecond) {
			t.Error("the first command was not lost")
		}
		n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
	})
}

func TestTheRadioNeedsSAMConfiguration(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.wake()
		n.acked(0x4A, 0x01, 0x00)
		if !n.wait(15 * time.Millisecond) {
			t.Fatal("no error frame")
		}
		if got := n.take(8); !bytes.Equal(got, errorFrame) {
			t.Errorf("% X, want the error frame", got)
		}
		n.violated("before SAMConfiguration")
	})
}

func TestBytesSentMostSignificantBitFirstAreNoOpCode(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.wake()
		n.raw(append([]byte{0x01}, frameOf(0x02)...)...)
		if n.wait(15 * time.Millisecond) {
			t.Error("an unreversed command was carried out")
		}
		n.violated("most significant bit first")
	})
}

func TestReadingBeforeReadyGivesNothing(t *testing.T) {
	onNFC(t, NFCOptions{Filler: []byte{0xA5, 0x5A}}, func(n *nfcRig) {
		n.wake()
		n.write(frameOf(0x02)...)
		if got := n.take(4); !bytes.Equal(got, []byte{0xA5, 0x5A, 0xA5, 0x5A}) {
			t.Errorf("% X, want filler", got)
		}
		n.violated("nothing is ready")
		if !n.wait(15 * time.Millisecond) {
			t.Error("the ACK was lost with it")
		}
	})
}

func TestReadingPastTheACKEatsAByteOfTheResponse(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		onNFC(t, NFCOptions{KeepsOverread: keeps}, func(n *nfcRig) {
			n.wake()
			n.write(frameOf(0x02)...)
			n.wait(15 * time.Millisecond)
			if got := n.take(20); !bytes.Equal(got[:6], ackFrame) || got[6] != 0xAA || got[19] != 0xAA {
				t.Errorf("% X, want the ACK and filler, never the response", got)
			}
			n.violated("past the end of an ACK")
			n.wait(15 * time.Millisecond)
			want := firmware
			if !keeps {
				want = firmware[1:]
			}
			if got := n.take(len(want)); !bytes.Equal(got, want) {
				t.Errorf("% X, want % X", got, want)
			}
		})
	}
}

func TestBadFramesGetNoACK(t *testing.T) {
	for name, frame := range map[string][]byte{
		"length checksum": {0x00, 0x00, 0xFF, 0x02, 0xFF - 2, 0xD4, 0x02, 0x2A, 0x00},
		"data checksum":   {0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD4, 0x02, 0x2B, 0x00},
		"TFI":             {0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD5, 0x02, 0x29, 0x00},
		"no command":      {0x00, 0x00, 0xFF, 0x01, 0xFF, 0xD4, 0x2C, 0x00},
		"length":          {0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x01, 0x0A, 0xF5, 0xD4},
	} {
		onNFC(t, NFCOptions{}, func(n *nfcRig) {
			n.wake()
			n.write(frame...)
			if n.wait(20 * time.Millisecond) {
				t.Errorf("%s: answered", name)
			}
			n.violated("bad " + name)
			n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
		})
	}
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.wake()
		n.write(frameOf(0x02)[:7]...)
		n.violated("rose within a frame")
	})
}

func TestAnyPreambleAndExtendedFramesAreUnderstood(t *testing.T) {
	for name, frame := range map[string][]byte{
		"no preamble, no postamble": {0x00, 0xFF, 0x02, 0xFE, 0xD4, 0x02, 0x2A},
		"long preamble":             {0x00, 0x00, 0x00, 0x55, 0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD4, 0x02, 0x2A, 0x00, 0x00, 0x00},
		"extended":                  {0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x00, 0x02, 0xFE, 0xD4, 0x02, 0x2A, 0x00},
	} {
		onNFC(t, NFCOptions{}, func(n *nfcRig) {
			n.wake()
			n.write(frame...)
			if !n.wait(15 * time.Millisecond) {
				t.Fatalf("%s: no ACK", name)
			}
			n.take(6)
			n.wait(15 * time.Millisecond)
			if got := n.take(len(firmware)); !bytes.Equal(got, firmware) {
				t.Errorf("%s: % X", name, got)
			}
			n.clean()
		})
	}
}

func TestLongResponsesComeInExtendedFrames(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		echo := append([]byte{0x00, 0x00}, bytes.Repeat([]byte{0x5A}, 260)...)
		frame := []byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x01, 0x07, 0xF8, 0xD4}
		sum := byte(0xD4)
		for _, v := range echo {
			sum += v
		}
		n.write(append(append(frame, echo...), -sum, 0x00)...)
		n.wait(15 * time.Millisecond)
		n.take(6)
		n.wait(15 * time.Millisecond)
		got := n.take(280)
		if !bytes.Equal(got[:9], []byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x01, 0x07, 0xF8, 0xD5}) ||
			got[9] != 0x01 || !bytes.Equal(got[10:271], echo[1:]) {
			t.Errorf("% X ...", got[:16])
		}
		n.clean()
	})
}

func TestUnknownCommandsAndWrongParametersAreACKedAndRefused(t *testing.T) {
	for _, data := range [][]byte{
		{0x99}, {0x02, 0x00}, {0x14}, {0x14, 0x05}, {0x32, 0x05, 0xFF, 0x01}, {0x12},
		{0x4A, 0x03, 0x00}, {0x4A, 0x01, 0x09}, {0x4A, 0x01}, {0x4A, 0x01, 0x00, 0x12}, {0x52},
	} {
		onNFC(t, NFCOptions{}, func(n *nfcRig) {
			n.up()
			n.acked(data...)
			n.wait(15 * time.Millisecond)
			if got := n.take(8); !bytes.Equal(got, []byte{0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00}) {
				t.Errorf("% X -> % X, want the error frame", data, got)
			}
			n.violated("answered with the error frame")
		})
	}
}

func TestAHostThatRestartsFindsTheOldFrame(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.acked(0x14, 0x01, 0x14, 0x01)
		n.wait(15 * time.Millisecond)
		n.write(frameOf(0x02)...) // by a host that knows nothing of it
		if got := n.take(6); !bytes.Equal(got, []byte{0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD5}) {
			t.Errorf("the ACK slot has % X, want the old response", got)
		}
		time.Sleep(2 * time.Millisecond)
		if !n.wait(15 * time.Millisecond) {
			t.Fatal("no ACK")
		}
		if got := n.take(6); !bytes.Equal(got, ackFrame) {
			t.Errorf("% X, want the ACK", got)
		}
	})
}

func TestNACKBringsTheLastResponseAgain(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.wake()
		n.call(0x02)
		n.write(0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00)
		if !n.wait(15 * time.Millisecond) {
			t.Fatal("nothing came")
		}
		if got := n.take(len(firmware)); !bytes.Equal(got, firmware) {
			t.Errorf("% X, want the response again", got)
		}
		n.clean()
	})
}

func TestTheInterruptFollowsReadinessOnceSAMConfigurationAsksForIt(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		var edges []bool
		if _, err := n.b.Input("nfc-irq", func(active bool) { edges = append(edges, active) }); err != nil {
			t.Fatal(err)
		}
		n.wake()
		n.acked(0x14, 0x01, 0x14, 0x01)
		synctest.Wait()
		if len(edges) != 0 {
			t.Errorf("edges %v before SAMConfiguration", edges)
		}
		n.wait(15 * time.Millisecond)
		n.take(9)
		n.write(frameOf(0x02)...)
		time.Sleep(15 * time.Millisecond)
		if !n.b.Line("nfc-irq") {
			t.Error("not low for the ACK")
		}
		n.take(6)
		if n.b.Line("nfc-irq") {
			t.Error("still low after the ACK was read")
		}
		time.Sleep(15 * time.Millisecond)
		n.take(len(firmware))
		synctest.Wait()
		if want := []bool{true, false, true, false, true, false}; !slices.Equal(edges, want) {
			t.Errorf("edges %v, want %v", edges, want)
		}
		n.wants([]byte{0x15}, 0x14, 0x01, 0x14, 0x00)
		edges = nil
		n.call(0x02)
		synctest.Wait()
		if len(edges) != 0 {
			t.Errorf("edges %v although switched off", edges)
		}
		n.clean()
	})
}

func TestModesAndClocksBeyondTheChipAreNotUnderstood(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.wake()
		for _, c := range []struct {
			f    physic.Frequency
			mode spi.Mode
			says string
		}{
			{physic.MegaHertz, spi.Mode3, "mode 0 only"},
			{8 * physic.MegaHertz, spi.Mode0, "clocked above 5MHz"},
		} {
			p, _ := n.b.SPI("nfc")
			var err error
			if n.c, err = p.Connect(c.f, c.mode, 8); err != nil {
				t.Fatal(err)
			}
			if got := n.tx(0x02, 0x00)[1]; got != 0xFF {
				t.Errorf("%v %v: status %02X", c.f, c.mode, got)
			}
			n.violated(c.says)
		}
	})
}

func TestAResetReturnsToSleepInLowVbat(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		reset, err := n.b.Output("nfc-reset")
		if err != nil {
			t.Fatal(err)
		}
		n.up()
		reset.SetValue(1)
		if got := n.tx(0x02, 0x00)[1]; got != 0xFF {
			t.Errorf("status %02X while in reset", got)
		}
		reset.SetValue(0)
		n.wake() // too soon: the oscillator does not run yet
		if got := n.tx(0x02, 0x00)[1]; got != 0xFF {
			t.Errorf("status %02X right after reset", got)
		}
		time.Sleep(10 * time.Millisecond)
		n.up()
		n.b.ResetChip("nfc")
		if got := n.tx(0x02, 0x00)[1]; got != 0xFF {
			t.Errorf("status %02X after a reset of its own", got)
		}
		n.up()
	})
}

func TestPowerDownSleepsAMillisecondAfterItsAnswer(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.wants([]byte{0x17, 0x00}, 0x16, 0x20)
		n.clean()
		time.Sleep(2 * time.Millisecond)
		if got := n.tx(0x02, 0x00)[1]; got != 0xFF {
			t.Errorf("status %02X, want FF: asleep", got)
		}
		n.wake()
		n.wants([]byte{0x53, 0x00}, 0x52, 0x00) // Low-Vbat is over for good
	})
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.wants([]byte{0x17, 0x00}, 0x16, 0x08) // only the field wakes it
		time.Sleep(2 * time.Millisecond)
		n.wake()
		if got := n.tx(0x02, 0x00)[1]; got != 0xFF {
			t.Errorf("status %02X: chip select woke it", got)
		}
	})
}

func TestFaultsOfTheReader(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.b.SetFault("nfc", Fault{Stuck: true})
		n.write(frameOf(0x02)...)
		if n.wait(100 * time.Millisecond) {
			t.Error("a stuck chip became ready")
		}
		n.b.SetFault("nfc", Fault{Absent: true})
		if got := n.tx(0x02, 0x00); !bytes.Equal(got, []byte{0, 0}) {
			t.Errorf("absent: % X", got)
		}
		n.b.SetFault("nfc", Fault{})
		n.write(frameOf(0x02)...)
		if n.wait(100 * time.Millisecond) {
			t.Error("a chip that was gone came back awake")
		}
		n.up()
		n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
		if err := n.b.SetFault("moon", Fault{}); err == nil {
			t.Error("a fault of no chip")
		}
		n.clean()
	})
}
