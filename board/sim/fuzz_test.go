package sim

import (
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// FuzzChips lets a driver that has lost its mind at all three chips: whatever
// comes over the wire, they neither panic nor hang nor leave their lines.
//
// The input is a row of steps: what to do, how many bytes, the bytes.
func FuzzChips(f *testing.F) {
	f.Add([]byte{0, 1, 0x2A, 1, 4, 0, 9, 0, 1, 0, 1, 0x2C, 1, 3, 1, 2, 3, 4, 0, 8, 2, 0x09, 0})
	f.Add([]byte{0, 1, 0x37, 1, 2, 0xFF, 0xFF, 0, 1, 0x33, 1, 6, 0, 1, 1, 0x3E, 0, 1, 8, 1, 0x36, 9, 1, 0xE8})
	f.Add([]byte{2, 5, 0xD0, 0, 0x90, 0, 0, 3, 4, 0x86, 0xFF, 0, 0, 4, 2, 1, 200, 2, 3, 0xB0, 0, 0})
	f.Add(append([]byte{5, 0, 4, 9, 5, 13, 0x80}, reversed(frameOf(0x14, 1, 0x14, 1))...))
	f.Add([]byte{6, 0, 5, 2, 0x40, 0, 5, 4, 0xC0, 0, 0, 0, 7, 1, 7, 5, 3, 0xC0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		synctest.Test(t, func(t *testing.T) {
			b := New(&Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			defer b.Close()
			dc, err := b.Output("panel-dc")
			if err != nil {
				t.Fatal(err)
			}
			panel, touch, nfc := connect(t, b, "panel", physic.MegaHertz), connect(t, b, "touch", physic.MegaHertz), connect(t, b, "nfc", physic.MegaHertz)
			for len(in) >= 2 {
				do, n := in[0], min(int(in[1]), len(in)-2)
				w := in[2 : 2+n]
				in = in[2+n:]
				r := make([]byte, len(w))
				switch do % 10 {
				case 0, 1:
					dc.SetValue(int(do % 10))
					panel.Tx(w, r)
				case 2:
					touch.Tx(w, r)
				case 3:
					touch.TxPackets([]spi.Packet{{W: w, R: r, KeepCS: true}})
				case 4:
					b.Touch(n, 2*n, n%2 == 0)
					b.PresentCard(Card{UID: w})
					time.Sleep(time.Duration(n) * time.Millisecond)
				case 5:
					nfc.Tx(w, r)
				case 6:
					nfc.Tx(make([]byte, 300), nil)
				case 7:
					time.Sleep(time.Duration(n) * 100 * time.Microsecond)
				case 8:
					dc.SetValue(0)
					panel.TxPackets([]spi.Packet{{W: w, KeepCS: true}, {R: make([]byte, n+1)}})
				case 9:
					dc.SetValue(1)
					panel.Tx(w, nil)
				}
			}
			b.Screen()
			if len(b.Violations()) > maxViolations+1 {
				t.Error("the list of violations is not bounded")
			}
		})
	})
}

// FuzzFrames: whatever the parser takes for a command is what encoding it
// again gives, and it never keeps more than a frame.
func FuzzFrames(f *testing.F) {
	f.Add(frameOf(0x02))
	f.Add([]byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x00, 0x02, 0xFE, 0xD4, 0x02, 0x2A, 0x00})
	f.Add([]byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, in []byte) {
		var p frameParser
		for _, v := range in {
			data, kind := p.take(v)
			if (kind == frameCommand) != (len(data) > 0) {
				t.Fatalf("kind %d with %d bytes", kind, len(data))
			}
			if len(p.got) > maxFrame+6 {
				t.Fatalf("%d bytes kept", len(p.got))
			}
			if kind != frameCommand {
				continue
			}
			frame := encodeResponse(data, 2, true, false)
			frame[len(frame)-2] += tfiToHost - tfiToChip
			for i, v := range frame {
				if v == tfiToHost && (i == 5 || i == 8) {
					frame[i] = tfiToChip
					break
				}
			}
			var q frameParser
			var again []byte
			for _, v := range frame {
				if d, k := q.take(v); k == frameCommand {
					again = d
				}
			}
			if string(again) != string(data) {
				t.Fatalf("% X became % X", data, again)
			}
		}
	})
}
