package desfire

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"testing"
	"time"
)

// proven returns a card of the site, and the key with which it proves itself.
func proven(chip Chip) (*modelCard, *Key) {
	set := generation(chip, 1)
	key := set.key(place{index: map[Chip]int{EV1: 2, EV2: 2, NTAG424: 1}[chip]})
	return with(chip, set), &key
}

func TestProveTakesFourExchanges(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		card, key := proven(chip)
		if err := Prove(t.Context(), card, chip, key, card.uid, rand.Reader); err != nil {
			t.Fatal(err)
		}
		if card.exchanges != 4 || card.selects != 0 {
			t.Errorf("%d exchanges, %d selections", card.exchanges, card.selects)
		}
	})
}

func TestProveAuthenticatesWithKey1OfTheApplication(t *testing.T) {
	for chip, want := range map[Chip][]string{
		EV2:     {"905A000003 F44C4B 00", "9071000002 01 00 00"},
		EV1:     {"905A000003 F44C4B 00", "90AA000001 01 00"},
		NTAG424: {"00A4040C07 D2760000850101 00", "9071000002 01 00 00"},
	} {
		card := play(t, want[0], map[bool]string{true: "9000", false: "9100"}[chip == NTAG424], want[1], "91AE")
		if err := Prove(t.Context(), card, chip, &Key{1}, make([]byte, 7), rand.Reader); !errors.Is(err, ErrNotGenuine) {
			t.Error(err)
		}
	}
}

func TestProveRefusesWhatIsNotTheCard(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		card, key := proven(chip)
		for name, c := range map[string]*modelCard{
			"factory":          factory(chip),
			"other generation": with(chip, generation(chip, 2)),
		} {
			if err := Prove(t.Context(), c, chip, key, c.uid, rand.Reader); !errors.Is(err, ErrNotGenuine) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, uid := range []string{"04112233445567", "08112233", "", "0411223344556600000000"} {
			if err := Prove(t.Context(), card, chip, key, unhex(uid), rand.Reader); !errors.Is(err, ErrNotGenuine) {
				t.Errorf("UID %q: %v", uid, err)
			}
		}
		for _, other := range []Chip{EV1, EV2, NTAG424} {
			err := Prove(t.Context(), card, other, key, card.uid, rand.Reader)
			// An EV2 would also prove itself in the way of an EV1, if a credential said so.
			if other != chip && !(chip == EV2 && other == EV1) && !errors.Is(err, ErrNotGenuine) {
				t.Errorf("as chip %d: %v", other, err)
			}
		}
		if err := Prove(t.Context(), card, 9, key, card.uid, rand.Reader); err == nil {
			t.Error("proved itself as chip 9")
		}
	})
}

// No answer that differs in a bit, a byte less or a byte more is accepted.
func TestProveNoticesTampering(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		tried := 0
		try := func(exchange int, change func(reply []byte) []byte) bool {
			card, key := proven(chip)
			applied, delays := false, false
			card.tamper = func(n int, reply []byte) []byte {
				if n != exchange {
					return reply
				}
				changed := change(slices.Clone(reply))
				applied = changed != nil
				if !applied {
					return reply
				}
				delays = bytes.HasSuffix(changed, []byte{0x91, byte(authenticationDelay)}) // it is asked again
				return changed
			}
			err := Prove(t.Context(), card, chip, key, card.uid, rand.Reader)
			if applied && !errors.Is(err, ErrNotGenuine) && !delays {
				t.Fatalf("exchange %d, change %d: %v", exchange, tried, err)
			}
			tried++
			return applied
		}
		for exchange := 1; exchange <= 4; exchange++ {
			for i := 0; ; i++ {
				flip := func(bit byte) func([]byte) []byte {
					return func(reply []byte) []byte {
						if i >= len(reply) {
							return nil
						}
						reply[i] ^= bit
						return reply
					}
				}
				if !try(exchange, flip(0x01)) {
					break
				}
				try(exchange, flip(0x80))
				try(exchange, flip(0xFF))
				try(exchange, func(reply []byte) []byte { return reply[:i] })
				try(exchange, func(reply []byte) []byte { return slices.Insert(reply, i, 0x00) })
			}
			for _, extra := range []int{1, 8, 16, 262} {
				try(exchange, func(reply []byte) []byte { return append(reply, make([]byte, extra)...) })
				try(exchange, func(reply []byte) []byte { return append(make([]byte, extra), reply...) })
			}
			for s := range 256 {
				try(exchange, func(reply []byte) []byte {
					if reply[len(reply)-1] == byte(s) {
						return nil
					}
					return append(reply[:len(reply)-1], byte(s))
				})
				try(exchange, func(reply []byte) []byte {
					if len(reply) == 2 && reply[1] == byte(s) {
						return nil
					}
					return []byte{0x91, byte(s)} // without the MAC that is due
				})
			}
		}
	})
}

// answers is a card of an attacker, who answers with what was sent and heard so far.
type answers struct {
	sent  [][]byte
	reply func(sent [][]byte) []byte
}

func (a *answers) Select(context.Context) error { return nil }

func (a *answers) Transceive(_ context.Context, apdu []byte) ([]byte, error) {
	a.sent = append(a.sent, bytes.Clone(apdu))
	return a.reply(a.sent), nil
}

// A card without the key returns what the reader sent.
func TestProveRefusesReflections(t *testing.T) {
	key := Key{1}
	for name, v := range map[string]struct {
		chip   Chip
		second func(token []byte) []byte
	}{
		"EV2, all":           {EV2, func(token []byte) []byte { return token }},
		"EV2, swapped":       {EV2, func(token []byte) []byte { return append(token[16:], token[:16]...) }},
		"NTAG 424, all":      {NTAG424, func(token []byte) []byte { return token }},
		"EV1, first half":    {EV1, func(token []byte) []byte { return token[:16] }},
		"EV1, second half":   {EV1, func(token []byte) []byte { return token[16:] }},
		"EV2, nothing":       {EV2, func(token []byte) []byte { return nil }},
		"EV1, nothing":       {EV1, func(token []byte) []byte { return nil }},
		"EV2, EV1's answer":  {EV2, func(token []byte) []byte { return token[:16] }},
		"EV1, EV2's answer":  {EV1, func(token []byte) []byte { return token }},
		"EV1, the challenge": {EV1, func(token []byte) []byte { return make([]byte, 16) }},
	} {
		card := &answers{reply: func(sent [][]byte) []byte {
			switch len(sent) {
			case 1:
				if v.chip == NTAG424 {
					return []byte{0x90, 0x00}
				}
				return []byte{0x91, 0x00}
			case 2:
				return append(make([]byte, 16), 0x91, 0xAF)
			}
			token := bytes.Clone(sent[2][5:37])
			return append(v.second(token), 0x91, 0x00)
		}}
		err := Prove(t.Context(), card, v.chip, &key, make([]byte, 7), rand.Reader)
		if !errors.Is(err, ErrNotGenuine) || len(card.sent) != 3 {
			t.Errorf("%s: %v after %d commands", name, err, len(card.sent))
		}
	}
}

// A card in LRP mode, or one that says so, has one byte more.
func TestProveRefusesLRP(t *testing.T) {
	card, key := proven(EV2)
	card.tamper = func(n int, reply []byte) []byte {
		if n == 2 {
			return append([]byte{1}, reply...)
		}
		return reply
	}
	if err := Prove(t.Context(), card, EV2, key, card.uid, rand.Reader); !errors.Is(err, ErrNotGenuine) || card.exchanges != 2 {
		t.Errorf("%v after %d exchanges", err, card.exchanges)
	}
}

// What a card answered once proves nothing to a reader that picked another random number.
func TestProveRefusesARecording(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		var heard [][]byte
		card, key := proven(chip)
		card.tamper = func(_ int, reply []byte) []byte {
			heard = append(heard, bytes.Clone(reply))
			return reply
		}
		if err := Prove(t.Context(), card, chip, key, card.uid, &counter{}); err != nil {
			t.Fatal(err)
		}
		replay := func(random io.Reader) error {
			tape := &answers{reply: func(sent [][]byte) []byte { return heard[len(sent)-1] }}
			return Prove(t.Context(), tape, chip, key, card.uid, random)
		}
		if err := replay(&counter{}); err != nil {
			t.Error("the recording itself is wrong:", err)
		}
		for range 20 {
			if err := replay(rand.Reader); !errors.Is(err, ErrNotGenuine) {
				t.Fatal(err)
			}
		}
	})
}

func TestProveSendsOtherNumbersEachTime(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		seen := map[string]bool{}
		for range 4 {
			card := &answers{reply: func(sent [][]byte) []byte {
				switch {
				case len(sent) == 1 && chip == NTAG424:
					return []byte{0x90, 0x00}
				case len(sent) == 1:
					return []byte{0x91, 0x00}
				case len(sent) == 2: // the same challenge each time
					return append(make([]byte, 16), 0x91, 0xAF)
				}
				return []byte{0x91, 0xAE}
			}}
			if err := Prove(t.Context(), card, chip, &Key{1}, make([]byte, 7), rand.Reader); !errors.Is(err, ErrNotGenuine) {
				t.Fatal(err)
			}
			seen[string(card.sent[2])] = true
		}
		if len(seen) != 4 {
			t.Errorf("%d different answers to the same challenge in 4 runs", len(seen))
		}
	})
}

func TestProveFailsWithoutRandomNumbers(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		for _, random := range []io.Reader{bytes.NewReader(nil), bytes.NewReader(make([]byte, 15))} {
			card, key := proven(chip)
			err := Prove(t.Context(), card, chip, key, card.uid, random)
			if err == nil || errors.Is(err, ErrNotGenuine) || card.exchanges > 1 {
				t.Errorf("%v after %d exchanges", err, card.exchanges)
			}
		}
	})
}

// flaky loses single exchanges, counted over all attempts.
type flaky struct {
	*modelCard
	lost func(exchange int) bool
	n    int
}

func (f *flaky) Transceive(ctx context.Context, apdu []byte) ([]byte, error) {
	if f.n++; f.lost(f.n) {
		return nil, errRadio
	}
	return f.modelCard.Transceive(ctx, apdu)
}

func TestProveStartsAgainAfterAnErrorOfTheRadio(t *testing.T) {
	forChips(t, func(t *testing.T, chip Chip) {
		for at := 1; at <= 4; at++ {
			model, key := proven(chip)
			card := &flaky{modelCard: model, lost: func(n int) bool { return n == at || n == at+1 }}
			if err := Prove(t.Context(), card, chip, key, card.uid, rand.Reader); err != nil || card.selects != 2 {
				t.Errorf("exchange %d: %v after %d selections", at, err, card.selects)
			}
		}
		silent, key := proven(chip)
		card := &flaky{modelCard: silent, lost: func(int) bool { return true }}
		err := Prove(t.Context(), card, chip, key, card.uid, rand.Reader)
		if !errors.Is(err, ErrNotGenuine) || card.n != attempts {
			t.Errorf("silent card: %v after %d exchanges", err, card.n)
		}
		for at := 1; at <= 4; at++ {
			card, key := proven(chip)
			card.tear = at
			err := Prove(t.Context(), card, chip, key, card.uid, rand.Reader)
			if !errors.Is(err, errGone) || errors.Is(err, ErrNotGenuine) || card.exchanges != at {
				t.Errorf("gone at exchange %d: %v after %d", at, err, card.exchanges)
			}
		}
	})
}

// A card that leaves during the last attempt is gone, not silent.
func TestProveKnowsAGoneCardFromASilentOne(t *testing.T) {
	model, key := proven(EV2)
	card := &flaky{modelCard: model}
	card.lost = func(n int) bool {
		model.gone = n == 3
		return true
	}
	err := Prove(t.Context(), card, EV2, key, card.uid, rand.Reader)
	if !errors.Is(err, errGone) || errors.Is(err, ErrNotGenuine) {
		t.Error(err)
	}
}

func TestProveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	model, key := proven(EV2)
	card := &flaky{modelCard: model, lost: func(n int) bool {
		if n == 3 {
			cancel()
		}
		return n == 3
	}}
	err := Prove(ctx, card, EV2, key, card.uid, rand.Reader)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrNotGenuine) || card.selects != 0 {
		t.Errorf("%v after %d selections", err, card.selects)
	}
}

// delaying answers AuthenticateEV2First with AD so many times.
type delaying struct {
	*modelCard
	left int
}

func (d *delaying) Transceive(ctx context.Context, apdu []byte) ([]byte, error) {
	if d.left > 0 && len(apdu) > 1 && apdu[0] == 0x90 && apdu[1] == authenticateEV2First {
		d.left--
		return []byte{0x91, byte(authenticationDelay)}, ctx.Err()
	}
	return d.modelCard.Transceive(ctx, apdu)
}

func TestProveAsksACardAgainThatDelaysAfterTheWrongKeysOfOthers(t *testing.T) {
	card, key := proven(NTAG424)
	if err := Prove(t.Context(), &delaying{card, 20}, NTAG424, key, card.uid, rand.Reader); err != nil {
		t.Errorf("delayed 20 times: %v", err)
	}
	card, key = proven(NTAG424)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := Prove(ctx, &delaying{card, 1 << 30}, NTAG424, key, card.uid, rand.Reader); errors.Is(err, ErrNotGenuine) || !errors.Is(err, ErrDelayed) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("delayed for ever: %v", err)
	}
}
