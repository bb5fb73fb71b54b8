package pn532

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/nfc"
)

// answer is what the chip returns to InDataExchange, as hex, in a frame.
func answer(data []byte) string { return fromChip(append([]byte{cmdInDataExchange + 1}, data...)) }

// fromChip is a frame from the chip, as hex.
func fromChip(body []byte) string {
	f := appendFrame(nil, body...)
	i := bytes.IndexByte(f, tfiHost)
	f[i]++ // from the chip
	f[len(f)-2]--
	return hexed(f)
}

func hexed(b []byte) string {
	const digits = "0123456789ABCDEF"
	var s strings.Builder
	for _, v := range b {
		s.WriteByte(digits[v>>4])
		s.WriteByte(digits[v&15])
	}
	return s.String()
}

// sent are the windows in which data goes to a card and an answer comes back.
func sent(flags byte, data, answered []byte) [][2]string {
	return exchanged(hexed(appendFrame(nil, append([]byte{cmdInDataExchange, 1 | flags}, data...)...)), answer(answered))
}

// playSelected is play with a driver that has selected a card.
func playSelected(t *testing.T, all [][2]string, f func(ctx context.Context, d *Dev)) {
	t.Helper()
	play(t, all, func(ctx context.Context, d *Dev) {
		d.state, d.selected = ready, true
		f(ctx, d)
	})
}

func TestAnAPDUGoesOutByteForByteAndNothingOfItStays(t *testing.T) {
	apdu := unhex("90 71 00 00 02 00 00 00")
	playSelected(t, exchanged("00 00 FF 0B F5 D4 40 01 90 71 00 00 02 00 00 00 E8 00", answer(unhex("00 5A 5A 5A 91 AF"))), func(ctx context.Context, d *Dev) {
		reply, err := d.Transceive(ctx, apdu)
		if err != nil || !bytes.Equal(reply, unhex("5A 5A 5A 91 AF")) {
			t.Errorf("% X, %v", reply, err)
		}
		for name, b := range map[string][]byte{
			"txBuf": d.txBuf[:], "rxBuf": d.rxBuf[:], "body": d.body[:cap(d.body)],
			"command": d.command[:cap(d.command)], "frame": d.frame[:cap(d.frame)],
		} {
			if len(bytes.Trim(b, "\x00")) != 0 {
				t.Errorf("%s keeps % X", name, bytes.Trim(b, "\x00"))
			}
		}
	})
}

func TestLongAPDUsAndRepliesAreExchangedInParts(t *testing.T) {
	apdu, reply := make([]byte, 2*maxPart+1), make([]byte, 2*maxPart+7)
	for i := range apdu {
		apdu[i] = byte(i * 7)
	}
	for i := range reply {
		reply[i] = byte(i*5 + 1)
	}
	part := func(status byte, b []byte) []byte { return append([]byte{status}, b...) }
	playSelected(t, rows(
		sent(moreFollows, apdu[:maxPart], part(0, nil)),
		sent(moreFollows, apdu[maxPart:2*maxPart], part(0, nil)),
		sent(0, apdu[2*maxPart:], part(moreFollows, reply[:maxPart])),
		sent(0, nil, part(moreFollows, reply[maxPart:2*maxPart])),
		sent(0, nil, part(0, reply[2*maxPart:])),
	), func(ctx context.Context, d *Dev) {
		if got, err := d.Transceive(ctx, apdu); err != nil || !bytes.Equal(got, reply) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func TestAFailedExchangeEndsTheSelectionAndIsNoFaultOfTheChip(t *testing.T) {
	endless := sent(0, []byte{1}, append([]byte{moreFollows}, make([]byte, maxPart)...))
	for range maxReply / maxPart {
		endless = rows(endless, sent(0, nil, append([]byte{moreFollows}, make([]byte, maxPart)...)))
	}
	for name, all := range map[string][][2]string{
		"timeout":         sent(0, []byte{1}, []byte{0x01}),
		"with data":       sent(0, []byte{1}, []byte{0x2B, 1, 2, 3}),
		"NAD":             sent(0, []byte{1}, []byte{0x80, 1}),
		"no status":       sent(0, []byte{1}, nil),
		"endless":         endless,
		"parts of naught": sent(0, []byte{1}, []byte{moreFollows}),
		"fails later":     rows(sent(0, []byte{1}, []byte{moreFollows, 7}), sent(0, nil, []byte{0x02})),
	} {
		t.Run(name, func(t *testing.T) {
			playSelected(t, all, func(ctx context.Context, d *Dev) {
				for range 2 { // the second asks nobody
					if reply, err := d.Transceive(ctx, []byte{1}); !errors.Is(err, nfc.ErrRadio) || reply != nil {
						t.Errorf("% X, %v", reply, err)
					}
				}
				if d.Counters.Losses.Load() != 0 {
					t.Error("the chip counts as lost")
				}
			})
		})
	}
}

func TestAnAPDUThatIsTooLongIsRefused(t *testing.T) {
	playSelected(t, nil, func(ctx context.Context, d *Dev) {
		if _, err := d.Transceive(ctx, make([]byte, maxReply+1)); err == nil {
			t.Error("it is taken")
		}
	})
}

func TestAChipThatIsLostInAnExchangeIsStartedByTheNextPoll(t *testing.T) {
	lost := [][2]string{}
	for range maxSends {
		lost = append(lost, [2]string{"01 00 00 FF 04 FC D4 40 01 01 EA 00", ""})
		for range 8 {
			lost = append(lost, [2]string{"02", "00 00"})
		}
	}
	playSelected(t, rows(lost, [][2]string{{"01 00 00 FF 00 FF 00", ""}}, started(), searchedInVain()), func(ctx context.Context, d *Dev) {
		if _, err := d.Transceive(ctx, []byte{1}); !errors.Is(err, nfc.ErrRadio) {
			t.Error(err)
		}
		if found, err := d.Poll(ctx, time.Millisecond, new(nfc.Target)); found || err != nil || d.Counters.Losses.Load() != 1 {
			t.Errorf("%v, %v, %+v", found, err, &d.Counters)
		}
	})
}
