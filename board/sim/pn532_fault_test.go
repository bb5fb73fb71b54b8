package sim

import (
	"bytes"
	"testing"
	"time"
)

// askVersion is what a chip with that fault gives for GetFirmwareVersion: how the
// ACK's slot reads, and the response's.
func askVersion(n *nfcRig) (ack, response []byte) {
	n.write(frameOf(0x02)...)
	if n.wait(15 * time.Millisecond) {
		ack = n.take(6)
	}
	if n.wait(100 * time.Millisecond) {
		response = n.take(20)
	}
	n.write(ackFrame...) // whatever is left
	time.Sleep(10 * time.Millisecond)
	return ack, response
}

var versionFrame = []byte{0x00, 0x00, 0xFF, 0x06, 0xFA, 0xD5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xE8, 0x00}

// times counts how often each of a few outcomes comes of n dialogues.
func times(t *testing.T, f Fault, dialogues int, kind func(ack, response []byte) string) map[string]int {
	count := map[string]int{}
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.b.SetFault("nfc", f)
		for range dialogues {
			count[kind(askVersion(n))]++
		}
		n.b.SetFault("nfc", Fault{})
		n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
	})
	return count
}

func TestFramesEndTooSoonAsOftenAsAsked(t *testing.T) {
	got := times(t, Fault{ShortFrames: 0.3}, 1000, func(ack, response []byte) string {
		switch {
		case !bytes.HasPrefix(ack, ackFrame):
			return "short ACK"
		case !bytes.HasPrefix(response, versionFrame):
			return "short response"
		}
		return "whole"
	})
	if n := got["short ACK"]; n < 240 || n > 360 {
		t.Errorf("%v, want 300 short ACKs", got)
	}
	if n := got["short response"]; n < 160 || n > 260 {
		t.Errorf("%v, want 210 short responses", got)
	}
}

func TestFramesAreGarbledAsOftenAsAskedAndKeepTheirLength(t *testing.T) {
	got := times(t, Fault{GarbledFrames: 0.5}, 1000, func(ack, response []byte) string {
		if len(response) < len(versionFrame) {
			return "lost"
		}
		differ := 0
		for i, v := range versionFrame {
			if response[i] != v {
				differ++
			}
		}
		switch {
		case differ > 3:
			return "far off"
		case differ > 0:
			return "garbled"
		}
		return "whole"
	})
	// Two flips may meet in one bit.
	if n := got["garbled"]; n < 420 || n > 560 || got["far off"] > 0 || got["lost"] > 0 {
		t.Errorf("%v, want half of 1,000 garbled", got)
	}
}

func TestALostACKIsThatOfALostCommandOrOfOneThatIsAnsweredAllTheSame(t *testing.T) {
	got := times(t, Fault{LostACKs: 0.5}, 1000, func(ack, response []byte) string {
		switch {
		case bytes.Equal(ack, ackFrame) && bytes.HasPrefix(response, versionFrame):
			return "sound"
		case ack == nil && response == nil:
			return "lost"
		case bytes.HasPrefix(ack, versionFrame[:6]):
			return "answered"
		}
		return "else"
	})
	if got["sound"] < 420 || got["lost"] < 190 || got["answered"] < 190 || got["else"] > 0 {
		t.Errorf("%v, want 500 sound, 250 lost, 250 answered", got)
	}
}

func TestAnswersComeInExtendedFramesIfTold(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.b.SetFault("nfc", Fault{Extended: true})
		want := []byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, 0x00, 0x06, 0xFA, 0xD5, 0x03, 0x32, 0x01, 0x06, 0x07, 0xE8, 0x00}
		if ack, got := askVersion(n); !bytes.Equal(ack, ackFrame) || !bytes.HasPrefix(got, want) {
			t.Errorf("ACK % X, answer % X", ack, got)
		}
		n.clean()
	})
}
