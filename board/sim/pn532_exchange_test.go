package sim

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// chipCard is a card whose applet answers as the test says.
type chipCard struct {
	commands [][]byte // that it carried out
	sessions int      // begun
	open     bool     // a session is
	answer   func(command []byte) (reply []byte, took time.Duration, ok bool)
}

func (c *chipCard) selected()   { c.sessions, c.open = c.sessions+1, true }
func (c *chipCard) deselected() { c.open = false }

func (c *chipCard) exchange(command []byte) ([]byte, time.Duration, bool) {
	c.commands = append(c.commands, slices.Clone(command))
	if c.answer == nil {
		return []byte{0x91, 0x00}, 0, true
	}
	return c.answer(command)
}

// lay puts the card on the reader.
func (n *nfcRig) lay(c *chipCard) {
	n.b.mu.Lock()
	defer n.b.mu.Unlock()
	n.b.nfc.present(&picc{uid: uid7, atqa: 0x0344, sak: 0x20, ats: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}, applet: c})
}

var chipListed = join([]byte{0x4B, 0x01, 0x01, 0x03, 0x44, 0x20, 7}, uid7, []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80})

// onCard runs f with c laid on the reader and listed.
func onCard(t *testing.T, o NFCOptions, c *chipCard, f func(n *nfcRig)) {
	t.Helper()
	onNFC(t, o, func(n *nfcRig) {
		n.up()
		n.lay(c)
		n.wants(chipListed, 0x4A, 0x01, 0x00)
		f(n)
	})
}

// long carries out a command whose frame may be extended, and returns what follows D5
// and how long it took from the ACK on.
func (n *nfcRig) long(data ...byte) ([]byte, time.Duration) {
	n.t.Helper()
	frame := frameOf(data...)
	if size := len(data) + 1; size > 255 {
		frame = append([]byte{0x00, 0x00, 0xFF, 0xFF, 0xFF, byte(size >> 8), byte(size), -(byte(size>>8) + byte(size))}, frame[5:]...)
	}
	n.write(frame...)
	if !n.wait(15 * time.Millisecond) {
		n.t.Fatal("no ACK")
	}
	n.take(6)
	begin := time.Now()
	if !n.wait(10 * time.Second) {
		n.t.Fatal("no response")
	}
	took := time.Since(begin)
	got := n.take(300)
	if got[3] == 0xFF && got[4] == 0xFF {
		return got[9 : 8+int(got[5])<<8+int(got[6])], took
	}
	return got[6 : 5+int(got[3])], took
}

func TestAnAPDUGoesToTheCardAndItsReplyComesBack(t *testing.T) {
	card := &chipCard{answer: func(c []byte) ([]byte, time.Duration, bool) {
		return append(slices.Clone(c), 0x91, 0xAF), time.Millisecond, true
	}}
	onCard(t, NFCOptions{}, card, func(n *nfcRig) {
		apdu := []byte{0x90, 0x71, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00}
		n.wants(join([]byte{0x41, 0x00}, apdu, []byte{0x91, 0xAF}), join([]byte{0x40, 0x01}, apdu)...)
		n.wants([]byte{0x41, 0x27}, 0x40, 0x01) // nothing to send, nothing to fetch
		if len(card.commands) != 1 || !card.open || card.sessions != 1 {
			t.Errorf("%d commands, %d sessions, open %v", len(card.commands), card.sessions, card.open)
		}
		n.clean()
	})
}

func TestLongAPDUsComeInPartsInBothDirections(t *testing.T) {
	card := &chipCard{answer: func(c []byte) ([]byte, time.Duration, bool) { return c, 0, true }}
	for _, size := range []int{1, 252, 253, 262, 263, 524, 525, 1000} {
		onCard(t, NFCOptions{}, card, func(n *nfcRig) {
			command := make([]byte, size)
			for i := range command {
				command[i] = byte(i * 7)
			}
			rest := command
			for len(rest) > maxData {
				if got, _ := n.long(append([]byte{0x40, 0x41}, rest[:maxData]...)...); !bytes.Equal(got, []byte{0x41, 0x00}) {
					t.Fatalf("a part: % X", got)
				}
				rest = rest[maxData:]
			}
			var reply []byte
			got, _ := n.long(append([]byte{0x40, 0x01}, rest...)...)
			for ; got[1] == 0x40; got, _ = n.long(0x40, 0x01) {
				if len(got) != 2+maxData {
					t.Errorf("a part of %d bytes before the last", len(got)-2)
				}
				reply = append(reply, got[2:]...)
			}
			if reply = append(reply, got[2:]...); got[1] != 0 || !bytes.Equal(reply, command) {
				t.Errorf("%d bytes: status %02X, %d came back", size, got[1], len(reply))
			}
			if last := card.commands[len(card.commands)-1]; !bytes.Equal(last, command) {
				t.Errorf("%d bytes: the card got %d", size, len(last))
			}
			n.clean()
		})
	}
}

func TestAnExchangeTakesItsTimeOnTheAirInTheCardAndInTheChip(t *testing.T) {
	const computes = 5 * time.Millisecond
	card := &chipCard{answer: func(c []byte) ([]byte, time.Duration, bool) { return make([]byte, 100), computes, true }}
	onCard(t, NFCOptions{ExchangeTime: 3 * time.Millisecond}, card, func(n *nfcRig) {
		_, took := n.long(append([]byte{0x40, 0x01}, make([]byte, 70)...)...)
		// 70 bytes in two blocks and an R(ACK), 100 in two of the reader's 61.
		want := 3*time.Millisecond + (70+9+100+9)*airByte + 6*frameWait + computes + 500*time.Microsecond
		if (took - want).Abs() > time.Millisecond { // the host polls
			t.Errorf("took %v, want %v", took, want)
		}
		_, short := n.long(0x40, 0x01, 0x60)
		if saved := took - short; saved < (69+3)*airByte {
			t.Errorf("a short command saves %v", saved)
		}
	})
	onCard(t, NFCOptions{ExchangeTime: -1}, &chipCard{}, func(n *nfcRig) {
		if _, took := n.long(0x40, 0x01, 0x60); took > 3*time.Millisecond {
			t.Errorf("without the chip's time: %v", took)
		}
	})
}

func TestACardThatNeedsMoreTimeAsksForIt(t *testing.T) {
	slow := &chipCard{answer: func(c []byte) ([]byte, time.Duration, bool) { return []byte{0x91, 0x00}, 400 * time.Millisecond, true }}
	onCard(t, NFCOptions{}, slow, func(n *nfcRig) {
		if got, took := n.long(0x40, 0x01, 0xFC); !bytes.Equal(got, []byte{0x41, 0x00, 0x91, 0x00}) || took < 400*time.Millisecond {
			t.Errorf("% X after %v", got, took)
		}
	})
	onCard(t, NFCOptions{MaxWTX: 4}, slow, func(n *nfcRig) { // 77 ms each: not enough
		if got, _ := n.long(0x40, 0x01, 0xFC); !bytes.Equal(got, []byte{0x41, 0x01}) {
			t.Errorf("% X", got)
		}
	})
	onCard(t, NFCOptions{MaxWTX: 1, WTXM: 5}, slow, func(n *nfcRig) {
		if got, _ := n.long(0x40, 0x01, 0xFC); !bytes.Equal(got, []byte{0x41, 0x00, 0x91, 0x00}) {
			t.Errorf("% X", got)
		}
	})
}

func TestASilentCardIsWaitedForAsItsATSSaysAndOnceMoreForEachRetry(t *testing.T) {
	silent := &chipCard{answer: func([]byte) ([]byte, time.Duration, bool) { return nil, 0, false }}
	onCard(t, NFCOptions{}, silent, func(n *nfcRig) {
		got, once := n.long(0x40, 0x01, 0x60)
		if !bytes.Equal(got, []byte{0x41, 0x01}) || once < 77*time.Millisecond || once > 100*time.Millisecond {
			t.Errorf("% X after %v", got, once)
		}
		n.wants([]byte{0x33}, 0x32, 0x04, 0x02)
		if _, three := n.long(0x40, 0x01, 0x60); three < 3*77*time.Millisecond {
			t.Errorf("with two retries: %v", three)
		}
	})
}

func TestWithoutRATSACardTakesNoAPDU(t *testing.T) {
	card := &chipCard{}
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.lay(card)
		n.wants([]byte{0x13}, 0x12, 0x04)
		n.wants(chipListed[:len(chipListed)-6], 0x4A, 0x01, 0x00)
		n.wants([]byte{0x41, 0x01}, 0x40, 0x01, 0x60)
		if card.sessions != 0 || len(card.commands) != 0 {
			t.Errorf("%d sessions, %d commands", card.sessions, len(card.commands))
		}
		n.call(0x4A, 0x01, 0x00)
		n.wants([]byte{0x43, 0x00, 0x06, 0x75, 0x77, 0x81, 0x02, 0x80}, 0x42, 0xE0, 0x50) // the host's own RATS
		n.wants([]byte{0x41, 0x00, 0x91, 0x00}, 0x40, 0x01, 0x60)
		n.clean()
	})
}

func TestRNAKTellsWhetherTheCardIsThere(t *testing.T) {
	onCard(t, NFCOptions{}, &chipCard{}, func(n *nfcRig) {
		n.wants([]byte{0x43, 0x00, 0xA3}, 0x42, 0xB2) // R(ACK)
		n.wants([]byte{0x41, 0x00, 0x91, 0x00}, 0x40, 0x01, 0x60)
		n.wants([]byte{0x43, 0x00, 0x02, 0x91, 0x00}, 0x42, 0xB2) // its last block again
		n.wants([]byte{0x43, 0x00, 0xA2}, 0x42, 0xB3)
		n.wants([]byte{0x43, 0x00, 0xC2}, 0x42, 0xC2) // S(DESELECT)
		n.wants([]byte{0x43, 0x01}, 0x42, 0xB2)
		n.clean()
	})
	onCard(t, NFCOptions{}, &chipCard{}, func(n *nfcRig) {
		n.b.RemoveCard()
		n.wants([]byte{0x43, 0x01}, 0x42, 0xB2)
	})
}

func TestASessionEndsWithTheCardsSelection(t *testing.T) {
	for name, end := range map[string]func(n *nfcRig){
		"InDeselect": func(n *nfcRig) { n.wants([]byte{0x45, 0x00}, 0x44, 0x01) },
		"InRelease":  func(n *nfcRig) { n.wants([]byte{0x53, 0x00}, 0x52, 0x00) },
		"field off":  func(n *nfcRig) { n.wants([]byte{0x33}, 0x32, 0x01, 0x00) },
		"HLTA":       func(n *nfcRig) { n.wants([]byte{0x43, 0x01}, 0x42, 0x50, 0x00) },
		"PowerDown":  func(n *nfcRig) { n.wants([]byte{0x17, 0x00}, 0x16, 0x20); time.Sleep(2 * time.Millisecond) },
		"reset":      func(n *nfcRig) { n.b.ResetChip("nfc") },
		"removal":    func(n *nfcRig) { n.b.RemoveCard() },
		"4A":         func(n *nfcRig) { n.call(0x4A, 0x01, 0x00, 1, 2, 3, 4) },
	} {
		card := &chipCard{}
		onCard(t, NFCOptions{}, card, func(n *nfcRig) {
			if name == "4A" {
				n.wants([]byte{0x33}, 0x32, 0x05, 0xFF, 0x01, 0x01)
			}
			if !card.open {
				t.Fatal("no session after RATS")
			}
			end(n)
			if card.open && name != "4A" {
				t.Errorf("%s: the session goes on", name)
			}
		})
	}
}

func TestAHaltedCardAnswersOnlyWhoAsksForIt(t *testing.T) {
	card := &chipCard{}
	onCard(t, NFCOptions{}, card, func(n *nfcRig) {
		n.wants([]byte{0x33}, 0x32, 0x05, 0x00, 0x01, 0x02)
		n.wants([]byte{0x45, 0x00}, 0x44, 0x00)
		n.wants([]byte{0x4B, 0x00}, 0x4A, 0x01, 0x00)
		n.wants([]byte{0x4B, 0x00}, 0x4A, 0x01, 0x00)
		n.wants(chipListed, join([]byte{0x4A, 0x01, 0x00, 0x88}, uid7)...)
		n.wants([]byte{0x41, 0x00, 0x91, 0x00}, 0x40, 0x01, 0x60)
		n.wants([]byte{0x45, 0x00}, 0x44, 0x00)
		n.wants([]byte{0x33}, 0x32, 0x01, 0x00)
		n.wants(chipListed, 0x4A, 0x01, 0x00)
		if card.sessions != 3 {
			t.Errorf("%d sessions, want 3", card.sessions)
		}
		n.clean()
	})
}

func TestAnyExchangeFailsOnceTheCardHasLeftUntilItIsListedAgain(t *testing.T) {
	for _, status := range []byte{0x01, 0x02, 0x03, 0x05, 0x0B, 0x13, 0x2B} {
		card := &chipCard{}
		onCard(t, NFCOptions{GoneStatus: status, GoneDelay: 30 * time.Millisecond}, card, func(n *nfcRig) {
			n.b.RemoveCard()
			for range 2 {
				if got, took := n.long(0x40, 0x01, 0x60); !bytes.Equal(got, []byte{0x41, status}) || took < 30*time.Millisecond || took > 35*time.Millisecond {
					t.Errorf("% X after %v", got, took)
				}
			}
			n.lay(card) // back, and not selected
			n.wants([]byte{0x41, status}, 0x40, 0x01, 0x60)
			n.wants(chipListed, 0x4A, 0x01, 0x00)
			n.wants([]byte{0x41, 0x00, 0x91, 0x00}, 0x40, 0x01, 0x60)
			if len(card.commands) != 1 {
				t.Errorf("%d commands reached the card", len(card.commands))
			}
			n.clean()
		})
	}
}

func TestACardIsTornAwayBeforeTheCommandOrTheReplyIsComplete(t *testing.T) {
	const sent, back = 5 + blockOverhead, 2 + blockOverhead
	for _, c := range []struct {
		after, commands int
		answered        bool
	}{
		{0, 0, false}, {1, 0, false}, {sent - 1, 0, false},
		{sent, 1, false}, {sent + back - 1, 1, false},
		{sent + back, 1, true}, {sent + back + sent, 1, true},
	} {
		card := &chipCard{}
		onCard(t, NFCOptions{}, card, func(n *nfcRig) {
			n.b.Tear(c.after)
			got, _ := n.long(0x40, 0x01, 0x90, 0x60, 0x00, 0x00, 0x00)
			want := []byte{0x41, 0x01}
			if c.answered {
				want = []byte{0x41, 0x00, 0x91, 0x00}
			}
			if !bytes.Equal(got, want) || len(card.commands) != c.commands {
				t.Errorf("torn after %d: % X, %d commands", c.after, got, len(card.commands))
			}
			if there := n.b.cardUID() != nil; there != (c.after > sent+back) {
				t.Errorf("torn after %d: the card is there: %v", c.after, there)
			}
			n.clean()
		})
	}
	// Taken away by hand while it computes.
	card := &chipCard{answer: func(c []byte) ([]byte, time.Duration, bool) { return nil, time.Second, true }}
	onCard(t, NFCOptions{}, card, func(n *nfcRig) {
		n.acked(0x40, 0x01, 0x60)
		time.Sleep(300 * time.Millisecond)
		n.b.RemoveCard()
		if !n.wait(100 * time.Millisecond) {
			t.Fatal("no answer")
		}
		if got := n.take(10); !bytes.Equal(got[6:8], []byte{0x41, 0x01}) || len(card.commands) != 1 {
			t.Errorf("% X, %d commands", got, len(card.commands))
		}
	})
}

func TestAnEndlesslyWaitingCardIsEndedByTheHostOrByLeaving(t *testing.T) {
	onCard(t, NFCOptions{}, &chipCard{}, func(n *nfcRig) {
		n.b.Inject("nfc-card-waits", Injection{Active: true})
		n.acked(0x40, 0x01, 0x60)
		time.Sleep(1000 * time.Hour)
		if n.ready() {
			t.Fatal("an answer")
		}
		n.write(ackFrame...)
		time.Sleep(time.Millisecond)
		n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
		n.acked(0x40, 0x01, 0x60)
		time.Sleep(time.Hour)
		n.b.RemoveCard()
		if !n.wait(100 * time.Millisecond) {
			t.Fatal("no answer after the card left")
		}
		if got := n.take(10); !bytes.Equal(got[6:8], []byte{0x41, 0x01}) {
			t.Errorf("% X", got)
		}
	})
	for name, end := range map[string]func(n *nfcRig){
		"an abort":        func(n *nfcRig) { n.write(ackFrame...) },
		"another command": func(n *nfcRig) { n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02) },
	} {
		onCard(t, NFCOptions{}, &chipCard{}, func(n *nfcRig) {
			n.b.Inject("nfc-card-waits", Injection{Active: true})
			n.acked(0x40, 0x01, 0x60)
			time.Sleep(time.Second)
			end(n)
			n.b.RemoveCard()
			if n.wait(200 * time.Millisecond) {
				t.Errorf("an answer after %s", name)
			}
		})
	}
	onCard(t, NFCOptions{MaxWTX: 10}, &chipCard{}, func(n *nfcRig) {
		n.b.Inject("nfc-card-waits", Injection{Active: true})
		if got, took := n.long(0x40, 0x01, 0x60); !bytes.Equal(got, []byte{0x41, 0x01}) || took < 11*77*time.Millisecond {
			t.Errorf("% X after %v", got, took)
		}
	})
}

func TestACardMayAnswerAnythingAtAnyLength(t *testing.T) {
	onCard(t, NFCOptions{}, &chipCard{}, func(n *nfcRig) {
		n.b.Inject("nfc-card-floods", Injection{Active: true})
		a, _ := n.long(0x40, 0x01, 0x60)
		b, _ := n.long(0x40, 0x01, 0x60)
		if len(a) != 2+262 || a[1] != 0 || bytes.Equal(a, b) {
			t.Errorf("%d bytes, status %02X, the same again: %v", len(a), a[1], bytes.Equal(a, b))
		}
		n.b.Inject("nfc-card-floods", Injection{})
		n.b.Inject("nfc-card-nonsense", Injection{Active: true})
		a, _ = n.long(0x40, 0x01, 0x60)
		if a[1] != 0 || bytes.Equal(a[2:], []byte{0x91, 0x00}) {
			t.Errorf("% X", a)
		}
	})
}

func TestExchangesAreGarbledOnTheWayToTheCardOrBack(t *testing.T) {
	card := &chipCard{}
	onCard(t, NFCOptions{}, card, func(n *nfcRig) {
		n.b.Inject("nfc-garbled-exchanges", Injection{Active: true, Amount: 0.5})
		garbled := 0
		for range 400 {
			switch got, _ := n.long(0x40, 0x01, 0x60); {
			case bytes.Equal(got, []byte{0x41, 0x02}):
				garbled++
			case !bytes.Equal(got, []byte{0x41, 0x00, 0x91, 0x00}):
				t.Fatalf("% X", got)
			}
		}
		if reached := len(card.commands); garbled < 150 || garbled > 250 || reached < 250 || reached > 350 {
			t.Errorf("%d of 400 garbled, %d reached the card", garbled, reached)
		}
	})
}

func TestAnEndlessSearchPullsTheInterruptWhenACardIsListed(t *testing.T) {
	for name, command := range map[string][]byte{
		"InListPassiveTarget": {0x4A, 0x01, 0x00},
		"InAutoPoll":          {0x60, 0xFF, 0x01, 0x20},
	} {
		card := &chipCard{}
		onNFC(t, NFCOptions{}, func(n *nfcRig) {
			n.up()
			n.acked(command...)
			time.Sleep(10*time.Hour + 75*time.Millisecond)
			if n.b.Line("nfc-irq") {
				t.Fatalf("%s: ready without a card", name)
			}
			n.write(ackFrame...) // the host does something else for a moment
			time.Sleep(time.Millisecond)
			n.lay(card)
			time.Sleep(time.Second)
			if n.b.Line("nfc-irq") || card.sessions != 0 {
				t.Errorf("%s: goes on after the abort", name)
			}
			n.b.RemoveCard()
			n.acked(command...)
			time.Sleep(75 * time.Millisecond)
			var fell time.Time
			if _, err := n.b.Input("nfc-irq", func(active bool) {
				if active && fell.IsZero() {
					fell = time.Now()
				}
			}); err != nil {
				t.Fatal(err)
			}
			n.lay(card)
			begin := time.Now()
			time.Sleep(time.Second)
			synctest.Wait()
			if took := fell.Sub(begin); fell.IsZero() || took < 10*time.Millisecond || took > 170*time.Millisecond ||
				name == "InListPassiveTarget" && took > 15*time.Millisecond || name == "InAutoPoll" && took < 80*time.Millisecond {
				t.Errorf("%s: after %v", name, took)
			}
			if !n.ready() || !card.open {
				t.Errorf("%s: ready %v, RATS sent %v", name, n.ready(), card.open)
			}
			n.take(40)
			n.wants([]byte{0x41, 0x00, 0x91, 0x00}, 0x40, 0x01, 0x60)
			n.clean()
		})
	}
}
