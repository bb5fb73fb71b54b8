package sim

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// hsuWake is what libnfc sends before its first command, so that the chip wakes.
var hsuWake = append([]byte{0x55, 0x55}, make([]byte, 14)...)

// onHSU runs f with a host's end of the PN532's serial line, in a bubble of fake time.
func onHSU(t *testing.T, f func(b *Board, host *hsuHost)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := New(nil)
		defer b.Close()
		ctx, cancel := context.WithCancel(t.Context())
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- b.ServeHSU(ctx, far) }()
		synctest.Wait()
		f(b, &hsuHost{t, near})
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if _, err := near.Read(make([]byte, 1)); err == nil {
			t.Error("the line is still open")
		}
	})
}

type hsuHost struct {
	*testing.T
	line net.Conn
}

// wants sends a command, and takes its ACK and the response with what follows D5.
func (h *hsuHost) wants(want []byte, data ...byte) {
	h.Helper()
	h.line.Write(frameOf(data...))
	h.line.SetReadDeadline(time.Now().Add(time.Second))
	ack := make([]byte, len(ackFrame))
	if _, err := io.ReadFull(h.line, ack); err != nil || !bytes.Equal(ack, ackFrame) {
		h.Fatalf("% X: ACK % X, %v", data, ack, err)
	}
	got := make([]byte, len(want)+8)
	if _, err := io.ReadFull(h.line, got); err != nil || !bytes.Equal(got[6:len(got)-2], want) {
		h.Fatalf("% X -> % X (%v), want % X", data, got, err, want)
	}
}

func TestLibnfcsDialogueOnTheSerialLine(t *testing.T) {
	onHSU(t, func(b *Board, h *hsuHost) {
		h.line.Write(hsuWake)
		h.wants([]byte{0x15}, 0x14, 0x01)
		h.wants([]byte{0x01, 0x00, 'l', 'i', 'b', 'n', 'f', 'c'}, 0x00, 0x00, 'l', 'i', 'b', 'n', 'f', 'c')
		h.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
		h.wants([]byte{0x13}, 0x12, 0x14)
		h.wants([]byte{0x07, 0, 0, 0, 0, 0}, 0x06, 0x63, 0x02, 0x63, 0x03, 0x63, 0x0D, 0x63, 0x38, 0x63, 0x3D)
		h.wants([]byte{0x09}, 0x08, 0x63, 0x02, 0x80, 0x63, 0x03, 0x80)
		h.wants([]byte{0x07, 0x80, 0x80}, 0x06, 0x63, 0x02, 0x63, 0x03)
		h.wants([]byte{0x33}, 0x32, 0x01, 0x00)
		h.wants([]byte{0x33}, 0x32, 0x01, 0x01)
		h.wants([]byte{0x33}, 0x32, 0x05, 0x00, 0x01, 0x02)
		b.PresentCard(Card{UID: uid7, Kind: DESFireEV3})
		h.wants(chipListed, 0x4A, 0x01, 0x00)
		h.wants([]byte{0x45, 0x00}, 0x44, 0x00)
		h.wants([]byte{0x4B, 0x00}, 0x4A, 0x01, 0x00) // or libnfc goes on for ever
		h.wants(chipListed, join([]byte{0x4A, 0x01, 0x00, 0x88}, uid7)...)
		h.wants([]byte{0x4B, 0x00}, 0x4A, 0x01, 0x01, 0x00, 0xFF, 0xFF, 0x01, 0x00)
		h.wants([]byte{0x4B, 0x00}, 0x4A, 0x01, 0x03, 0x00)
		h.wants([]byte{0x43, 0x01}, 0x42, 0x01)
		h.wants([]byte{0x53, 0x00}, 0x52, 0x00)
		h.wants([]byte{0x17, 0x00}, 0x16, 0xF0)
		time.Sleep(2 * time.Millisecond)
		h.line.Write(hsuWake)
		h.wants([]byte{0x15}, 0x14, 0x01)
	})
}

func TestAnAbortOnTheSerialLineEndsASearch(t *testing.T) {
	onHSU(t, func(b *Board, h *hsuHost) {
		h.line.Write(hsuWake)
		h.wants([]byte{0x15}, 0x14, 0x01)
		h.line.Write(frameOf(0x4A, 0x01, 0x00))
		io.ReadFull(h.line, make([]byte, len(ackFrame)))
		time.Sleep(time.Hour)
		h.line.Write(ackFrame)
		time.Sleep(time.Millisecond)
		b.PresentCard(Card{UID: uid7})
		time.Sleep(time.Second)
		h.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
	})
}

func TestOneHostAtATimeIsOnTheSerialLine(t *testing.T) {
	onHSU(t, func(b *Board, h *hsuHost) {
		near, far := net.Pipe()
		if err := b.ServeHSU(t.Context(), far); err == nil {
			t.Error("a second host was served")
		}
		if _, err := near.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("its line: %v", err)
		}
	})
	b := New(nil)
	b.Close()
	_, far := net.Pipe()
	if err := b.ServeHSU(t.Context(), far); err == nil {
		t.Error("a closed board was served")
	}
}
