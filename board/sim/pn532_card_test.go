package sim

import (
	"bytes"
	"testing"
	"time"
)

var (
	uid4  = []byte{0xDE, 0xAD, 0xBE, 0xEF}
	uid7  = []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80}
	uid10 = []byte{0x05, 1, 2, 3, 4, 5, 6, 7, 8, 9}
)

func (n *nfcRig) present(c Card) {
	n.t.Helper()
	if err := n.b.PresentCard(c); err != nil {
		n.t.Fatal(err)
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestEachKindOfCardIsListedAsItIs(t *testing.T) {
	for _, c := range []struct {
		name string
		card Card
		want []byte // ATQA high, low, SAK, length, UID, ATS
	}{
		{"Classic 1K", Card{UID: uid4}, join([]byte{0x00, 0x04, 0x08, 4}, uid4)},
		{"Classic 1K, 7 bytes", Card{UID: uid7, Kind: MIFAREClassic1K}, join([]byte{0x00, 0x44, 0x08, 7}, uid7)},
		{"Mini", Card{UID: uid4, Kind: MIFAREMini}, join([]byte{0x00, 0x04, 0x09, 4}, uid4)},
		{"Classic 4K", Card{UID: uid4, Kind: MIFAREClassic4K}, join([]byte{0x00, 0x02, 0x18, 4}, uid4)},
		{"NTAG", Card{UID: uid7}, join([]byte{0x00, 0x44, 0x00, 7}, uid7)},
		{"Ultralight", Card{UID: uid7, Kind: MIFAREUltralight}, join([]byte{0x00, 0x44, 0x00, 7}, uid7)},
		{"copy", Card{UID: uid7, Kind: Copy}, join([]byte{0x03, 0x44, 0x20, 7}, uid7, []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80})},
		{"copy, random ID", Card{UID: []byte{8, 1, 2, 3}, Kind: Copy}, []byte{0x03, 0x04, 0x20, 4, 8, 1, 2, 3, 0x06, 0x75, 0x77, 0x81, 0x02, 0x80}},
		{"NTAG 424", Card{UID: uid7, Kind: NTAG424}, join([]byte{0x03, 0x44, 0x20, 7}, uid7, []byte{0x06, 0x77, 0x77, 0x71, 0x02, 0x80})},
		{"three levels", Card{UID: uid10}, join([]byte{0x00, 0x84, 0x00, 10}, uid10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			onNFC(t, NFCOptions{}, func(n *nfcRig) {
				n.up()
				n.present(c.card)
				n.wants(join([]byte{0x4B, 0x01, 0x01}, c.want), 0x4A, 0x01, 0x00)
				n.clean()
			})
		})
	}
}

func TestATSNeedsAutoRATS(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.present(Card{UID: uid7, Kind: Copy})
		n.wants([]byte{0x13}, 0x12, 0x04)
		n.wants(join([]byte{0x4B, 0x01, 0x01, 0x03, 0x44, 0x20, 7}, uid7), 0x4A, 0x01, 0x00)
	})
}

func TestACardNeedsAUIDOf4Or7Or10Bytes(t *testing.T) {
	b := New(nil)
	defer b.Close()
	if err := b.PresentCard(Card{UID: make([]byte, 8)}); err == nil {
		t.Error("8 bytes were taken")
	}
	if b.cardUID() != nil {
		t.Error("a card lies there")
	}
	if err := b.PresentCard(Card{UID: uid7, Kind: Copy}); err != nil {
		t.Fatal(err)
	}
	if got := b.cardUID(); !bytes.Equal(got, uid7) {
		t.Errorf("on the reader lies %X", got)
	}
	b.RemoveCard()
	if b.cardUID() != nil {
		t.Error("the card still lies there")
	}
}

func TestAnEmptyFieldAnswersAfterItsTries(t *testing.T) {
	onNFC(t, NFCOptions{TryTime: 30 * time.Millisecond}, func(n *nfcRig) {
		n.up()
		n.wants([]byte{0x33}, 0x32, 0x05, 0xFF, 0x01, 0x02) // three tries
		n.acked(0x4A, 0x01, 0x00)
		time.Sleep(85 * time.Millisecond)
		if n.ready() {
			t.Error("an answer before the tries were over")
		}
		if !n.wait(15 * time.Millisecond) {
			t.Fatal("no answer")
		}
		if got := n.take(10); !bytes.Equal(got, []byte{0x00, 0x00, 0xFF, 0x03, 0xFD, 0xD5, 0x4B, 0x00, 0xE0, 0x00}) {
			t.Errorf("% X", got)
		}
		n.clean()
	})
}

func TestWithoutLimitTheChipWaitsForACardAndANewCommandEndsThat(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.acked(0x4A, 0x01, 0x00)
		time.Sleep(time.Hour)
		if n.ready() {
			t.Fatal("an answer without a card")
		}
		n.present(Card{UID: uid7})
		time.Sleep(5 * time.Millisecond)
		if n.ready() {
			t.Error("an answer at once: radio takes its time")
		}
		n.wait(15 * time.Millisecond)
		if got := n.take(22); !bytes.Equal(got[7:20], join([]byte{0x01, 0x01, 0x00, 0x44, 0x00, 0x07}, uid7)) {
			t.Errorf("% X", got)
		}
		n.b.RemoveCard()
		n.acked(0x4A, 0x01, 0x00)
		n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02) // ends it
		n.present(Card{UID: uid7})
		if n.wait(100 * time.Millisecond) {
			t.Error("the command that was ended answered")
		}
		n.clean()
	})
}

func TestACardThatLeavesWhileItIsActivatedIsNotListed(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.acked(0x4A, 0x01, 0x00)
		n.present(Card{UID: uid7})
		time.Sleep(5 * time.Millisecond)
		n.b.RemoveCard()
		if n.wait(100 * time.Millisecond) {
			t.Error("it was listed")
		}
		n.present(Card{UID: uid4})
		if !n.wait(15 * time.Millisecond) {
			t.Error("the next card was not")
		}
	})
}

func TestAnAbortEndsACommandAndNeedsAPause(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.acked(0x4A, 0x01, 0x00)
		n.write(ackFrame...)
		n.present(Card{UID: uid7})
		n.write(frameOf(0x02)...)
		if n.wait(50 * time.Millisecond) {
			t.Error("something answered: the aborted command, or one right behind the abort")
		}
		n.violated("right after an abort")
		n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
	})
}

func TestASelectedCardMissesTheNextRequestUnlessReleased(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.present(Card{UID: uid7})
		n.wants([]byte{0x33}, 0x32, 0x05, 0xFF, 0x01, 0x00) // one try
		found := join([]byte{0x4B, 0x01, 0x01, 0x00, 0x44, 0x00, 7}, uid7)
		none := []byte{0x4B, 0x00}
		n.wants(found, 0x4A, 0x01, 0x00)
		n.wants(none, 0x4A, 0x01, 0x00)
		n.wants(found, 0x4A, 0x01, 0x00)
		n.wants([]byte{0x53, 0x00}, 0x52, 0x01)
		n.wants(found, 0x4A, 0x01, 0x00)
		n.wants([]byte{0x33}, 0x32, 0x01, 0x00) // the field off
		n.wants(found, 0x4A, 0x01, 0x00)
		n.wants([]byte{0x33}, 0x32, 0x05, 0xFF, 0x01, 0x01) // two tries
		n.wants(found, 0x4A, 0x01, 0x00)
		n.wants(found, 0x4A, 0x01, 0x00)
		n.clean()
	})
	onNFC(t, NFCOptions{Relists: true}, func(n *nfcRig) {
		n.up()
		n.present(Card{UID: uid7})
		n.wants([]byte{0x33}, 0x32, 0x05, 0xFF, 0x01, 0x00)
		for range 3 {
			n.wants(join([]byte{0x4B, 0x01, 0x01, 0x00, 0x44, 0x00, 7}, uid7), 0x4A, 0x01, 0x00)
		}
	})
}

func TestAUIDCanBeAskedFor(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.wants([]byte{0x33}, 0x32, 0x05, 0xFF, 0x01, 0x00)
		n.present(Card{UID: uid10})
		n.wants([]byte{0x4B, 0x00}, 0x4A, 0x01, 0x00, 1, 2, 3, 4)
		// cascade tags before the first and second level
		n.wants(join([]byte{0x4B, 0x01, 0x01, 0x00, 0x84, 0x00, 10}, uid10),
			0x4A, 0x01, 0x00, 0x88, 0x05, 1, 2, 0x88, 3, 4, 5, 6, 7, 8, 9)
		n.wants([]byte{0x4B, 0x00}, 0x4A, 0x01, 0x03, 0x00) // type B: nothing there
		n.clean()
	})
}

func TestTargetsThatAreNotListedOrGoneAreRefused(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.wants([]byte{0x41, 0x27}, 0x40, 0x01, 0x30, 0x00)
		n.wants([]byte{0x55, 0x27}, 0x54, 0x01)
		n.wants([]byte{0x53, 0x00}, 0x52, 0x00) // all of none
		n.present(Card{UID: uid7})
		n.call(0x4A, 0x01, 0x00)
		n.wants([]byte{0x41, 0x27}, 0x40, 0x02, 0x30, 0x00)
		n.wants(join([]byte{0x41, 0x00}, uid7[:3], []byte{0x88 ^ 0x04 ^ 0xA1 ^ 0xB2}, uid7[3:], []byte{0xC3 ^ 0xD4 ^ 0xE5 ^ 0x80, 0, 0, 0, 0, 0, 0, 0}),
			0x40, 0x01, 0x30, 0x00)
		n.wants([]byte{0x45, 0x00}, 0x44, 0x01)
		n.wants([]byte{0x41, 0x01}, 0x40, 0x01, 0x30, 0x00) // halted
		n.wants([]byte{0x55, 0x00}, 0x54, 0x01)
		n.b.RemoveCard()
		n.wants([]byte{0x41, 0x01}, 0x40, 0x01, 0x30, 0x00)
		n.present(Card{UID: uid7}) // the same card again is not selected
		n.wants([]byte{0x41, 0x01}, 0x40, 0x01, 0x30, 0x00)
		n.wants([]byte{0x53, 0x00}, 0x52, 0x01)
		n.wants([]byte{0x41, 0x27}, 0x40, 0x01, 0x30, 0x00)
		n.clean()
	})
}

func TestDiagnoseTellsWhetherAnISO14443Part4CardIsStillThere(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.wants([]byte{0x01, 0x00, 'h', 'i'}, 0x00, 0x00, 'h', 'i')
		n.wants([]byte{0x01, 0x00}, 0x00, 0x01)
		n.present(Card{UID: uid7, Kind: Copy})
		n.call(0x4A, 0x01, 0x00)
		n.wants([]byte{0x01, 0x00}, 0x00, 0x06)
		n.b.RemoveCard()
		n.wants([]byte{0x01, 0x01}, 0x00, 0x06)
		n.present(Card{UID: uid7})
		n.call(0x4A, 0x01, 0x00)
		n.wants([]byte{0x01, 0x27}, 0x00, 0x06) // useless for this one
		n.clean()
	})
}

func TestAutoPollFindsACardOfTheTypesItWasGiven(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.wants([]byte{0x61, 0x00}, 0x60, 0x01, 0x01, 0x00) // nothing, within 150 ms
		n.present(Card{UID: uid7})
		n.wants([]byte{0x61, 0x00}, 0x60, 0x01, 0x01, 0x20)
		n.wants(join([]byte{0x61, 0x01, 0x10, 12, 0x01, 0x00, 0x44, 0x00, 7}, uid7), 0x60, 0xFF, 0x01, 0x20, 0x10)
		n.clean()
	})
}

func TestAnIdleBoardHasNothingToWakeFor(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.acked(0x4A, 0x01, 0x00)
		// With every goroutine blocked and no timer of the board's, time jumps
		// straight to the end of this sleep; were anything polled, it would
		// pass in steps, for hours.
		time.Sleep(100_000 * time.Hour)
		if n.ready() {
			t.Error("an answer came by itself")
		}
	})
}
