package pn532_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/nfc"
)

var (
	chipCard   = sim.Card{UID: []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80}, Kind: sim.DESFireEV3}
	getVersion = []byte{0x90, 0x60, 0, 0, 0}
)

func TestACardWithAChipAnswersAPDUs(t *testing.T) {
	each(t, func(t *testing.T, w wiring) {
		b := setup(t, w)
		b.must(b.board.PresentCard(chipCard))
		found, err := b.dev.Poll(t.Context(), lookFor, &b.target)
		b.must(err)
		if ats := b.target.ATS[:b.target.ATSLen]; !found || b.target.ATQA != [2]byte{3, 0x44} || b.target.SAK != 0x20 || !bytes.Equal(ats, []byte{6, 0x75, 0x77, 0x81, 2, 0x80}) {
			t.Fatalf("%v, %+v", found, b.target)
		}
		for i, want := range []int{9, 9, 16} { // GetVersion has three frames
			apdu := bytes.Clone(getVersion)
			if i > 0 {
				apdu[1] = 0xAF
			}
			reply, err := b.dev.Transceive(t.Context(), apdu)
			b.must(err)
			if len(reply) != want || reply[0] != 4 || reply[want-2] != 0x91 {
				t.Errorf("% X", reply)
			}
		}
		b.dev.Release()
		if _, err := b.dev.Transceive(t.Context(), getVersion); !errors.Is(err, nfc.ErrRadio) {
			t.Errorf("after the release: %v", err)
		}
		if c := &b.dev.Counters; c.Losses.Load() != 0 || c.Garbled.Load() != 0 {
			t.Errorf("%+v", c)
		}
		b.sound()
	})
}

func TestACardThatAsksForTimeAgainAndAgainIsWaitedForWithinBounds(t *testing.T) {
	for _, limit := range []time.Duration{time.Minute, 300 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t, wiring{})
			b.must(b.board.PresentCard(chipCard))
			b.must(b.board.SetFault("nfc", sim.Fault{CardWaits: true}))
			if found, err := b.dev.Poll(t.Context(), lookFor, &b.target); !found || err != nil {
				t.Fatal(found, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			begin := time.Now()
			_, err := b.dev.Transceive(ctx, getVersion)
			took := time.Since(begin).Round(10 * time.Millisecond)
			if limit == time.Minute && (!errors.Is(err, nfc.ErrRadio) || took != 5*time.Second) ||
				limit != time.Minute && (err != context.DeadlineExceeded || took != limit) {
				t.Errorf("%v after %v", err, took)
			}
			b.dev.Release()
			b.must(b.board.SetFault("nfc", sim.Fault{}))
			if uid := b.poll(); !bytes.Equal(uid, chipCard.UID) {
				t.Errorf("then card % X", uid)
			}
			if c := &b.dev.Counters; c.Losses.Load() != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestTheLongestFrameOfACardIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, wiring{})
		b.must(b.board.PresentCard(chipCard))
		b.must(b.board.SetFault("nfc", sim.Fault{CardFloods: true}))
		if found, err := b.dev.Poll(t.Context(), lookFor, &b.target); !found || err != nil {
			t.Fatal(found, err)
		}
		if reply, err := b.dev.Transceive(t.Context(), getVersion); err != nil || len(reply) != 262 {
			t.Errorf("%d bytes, %v", len(reply), err)
		}
	})
}
