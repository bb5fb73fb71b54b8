package desfire

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
)

// fuzzed is a card that answers whatever it is told, one answer behind the other: a byte of
// length, and so many bytes. Length FF is an error of the radio.
type fuzzed struct {
	answers   []byte
	exchanges int
}

func (f *fuzzed) Select(context.Context) error { return nil }

func (f *fuzzed) Transceive(context.Context, []byte) ([]byte, error) {
	f.exchanges++
	if len(f.answers) == 0 || f.answers[0] == 0xFF {
		f.answers = f.answers[min(1, len(f.answers)):]
		return nil, errRadio
	}
	n := min(int(f.answers[0]), len(f.answers)-1)
	reply := bytes.Clone(f.answers[1 : 1+n])
	f.answers = f.answers[1+n:]
	return reply, nil
}

// told joins answers as fuzzed reads them.
func told(answers ...[]byte) []byte {
	var all []byte
	for _, a := range answers {
		all = append(append(all, byte(len(a))), a...)
	}
	return all
}

// recorded returns the answers of a genuine card to what do does with it.
func recorded(card *modelCard, do func(Card)) []byte {
	var heard [][]byte
	card.tamper = func(_ int, reply []byte) []byte {
		heard = append(heard, bytes.Clone(reply))
		return reply
	}
	do(card)
	return told(heard...)
}

// A card that knows no key never proves itself, whatever it answers.
func FuzzProve(f *testing.F) {
	for _, chip := range []Chip{EV1, EV2, NTAG424} {
		card, key := proven(chip)
		f.Add(byte(chip-1), recorded(card, func(c Card) { Prove(context.Background(), c, chip, key, card.uid, rand.Reader) }))
		f.Add(byte(chip-1), told([]byte{0x91, 0x00}, append(make([]byte, 16), 0x91, 0xAF), append(make([]byte, 32), 0x91, 0x00)))
		f.Add(byte(chip-1), []byte{0xFF, 0xFF})
	}
	f.Fuzz(func(t *testing.T, chip byte, answers []byte) {
		card := &fuzzed{answers: answers}
		_, key := proven(Chip(chip%3 + 1))
		err := Prove(t.Context(), card, Chip(chip%3+1), key, unhex("04112233445566"), rand.Reader)
		if !errors.Is(err, ErrNotGenuine) {
			t.Fatal(err)
		}
		if card.exchanges > 12 {
			t.Fatalf("%d exchanges", card.exchanges)
		}
	})
}

// The parsers behind a good authentication: sessions with keys that the answers may be made for.
func FuzzAnswerInSession(f *testing.F) {
	f.Add(byte(0), unhex("70756055688505B52A5E26E59E329CD6 595F672298EA41B7 9100"))
	f.Add(byte(2), unhex("2128D3CD9C9ACFFF 9100"))
	f.Add(byte(1), unhex("9100"))
	f.Fuzz(func(t *testing.T, which byte, answer []byte) {
		card := &fuzzed{answers: told(answer[:min(len(answer), 254)])}
		sessions := []session{
			ev2With(card, "2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764", "DF055522", 0),
			ev1With(card, "C2A1E47BD8100044FE6D00A74D7AB17C"),
			ev1With(card, "C0FFEED0B65648F6"),
		}
		s := sessions[int(which)%3]
		switch which / 3 % 4 {
		case 0:
			if uid, err := s.cardUID(t.Context()); err == nil && len(uid) != 7 {
				t.Fatalf("UID %X", uid)
			}
		case 1:
			s.command(t.Context(), createApplication, []byte{1, 2, 3, 9, 0x81})
		case 2:
			s.changeKey(t.Context(), 1, make([]byte, 17), make([]byte, 4))
		case 3:
			if err := s.changeKey(t.Context(), 0, make([]byte, 17), nil); err == nil && string(answer) != "\x91\x00" {
				t.Fatalf("%X changed a key", answer)
			}
		}
		if card.exchanges != 1 {
			t.Fatalf("%d exchanges", card.exchanges)
		}
	})
}

func FuzzGetVersion(f *testing.F) {
	f.Add(told(unhex("04010133001805 91AF"), unhex("04010103001805 91AF"), unhex("0464D59ADD1E90 2113623030 4024 9100")))
	f.Add(told(unhex("6D00")))
	f.Fuzz(func(t *testing.T, answers []byte) {
		card := &fuzzed{answers: answers}
		v, err := GetVersion(t.Context(), card)
		if err == nil && len(v) != 28 && len(v) != 29 {
			t.Fatalf("version %X", v)
		}
		if card.exchanges > 3 {
			t.Fatalf("%d exchanges", card.exchanges)
		}
		v.Chip()
	})
}

func FuzzGenerations(f *testing.F) {
	f.Add(byte(0), told([]byte{0x91, 0x00}, []byte{2, 0x91, 0x00}, []byte{0x91, 0x00}, []byte{1, 0x91, 0x00}, []byte{1, 0x91, 0x00}))
	f.Add(byte(1), told([]byte{0x90, 0x00}, []byte{1, 0x91, 0x00}))
	f.Fuzz(func(t *testing.T, chip byte, answers []byte) {
		card := &fuzzed{answers: answers}
		got, err := Generations(t.Context(), card, Chip(chip%3+1))
		if len(got) > 5 || err != nil && got != nil {
			t.Fatalf("%X, %v", got, err)
		}
		if card.exchanges > 6 {
			t.Fatalf("%d exchanges", card.exchanges)
		}
	})
}

// A card that knows no key is never personalised, and each key of it is tried a few times only.
func FuzzPersonalise(f *testing.F) {
	for _, chip := range []Chip{EV1, EV2, NTAG424} {
		card := factory(chip)
		f.Add(byte(chip-1), false, recorded(card, func(c Card) {
			Personalise(context.Background(), c, chip, card.uid, generation(chip, 1), []KeySet{{}}, rand.Reader, quiet)
		}))
		f.Add(byte(chip-1), true, told([]byte{0x91, 0xAE}, []byte{0x91, 0x00}, []byte{0x90, 0x00}))
	}
	f.Fuzz(func(t *testing.T, chip byte, back bool, answers []byte) {
		card := &fuzzed{answers: answers}
		c := Chip(chip%3 + 1)
		to, from := generation(c, 1), []KeySet{{}, generation(c, 2)}
		if back {
			to, from = KeySet{}, []KeySet{generation(c, 1), generation(c, 2)}
		}
		if err := Personalise(t.Context(), card, c, unhex("04112233445566"), to, from, rand.Reader, quiet); err == nil {
			t.Fatal("personalised")
		}
		if card.exchanges > 12 {
			t.Fatalf("%d exchanges", card.exchanges)
		}
	})
}
