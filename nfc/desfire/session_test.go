package desfire

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
)

// These answers come from a card that knows the key, so that one check at a time is put to the
// test.

// replies returns a card that answers with reply and success.
func replies(reply []byte) Card {
	return &answers{reply: func([][]byte) []byte { return append(bytes.Clone(reply), 0x91, 0x00) }}
}

func TestAuthenticationChecksEachPartOfTheAnswer(t *testing.T) {
	key := aesBlock(Key{1, 2, 3})
	challenge := encrypt(key, noIV, bytes.Repeat([]byte{7}, 16))
	for name, v := range map[string]struct {
		challenge []byte
		answer    func(a []byte) []byte
		good      bool
	}{
		"all right": {challenge, func(a []byte) []byte { return slices.Concat([]byte("TIti"), rotate(a), make([]byte, 12)) }, true},
		"own capabilities": {challenge, func(a []byte) []byte {
			return slices.Concat([]byte("TIti"), rotate(a), []byte("card's"), make([]byte, 6))
		}, true},
		"our capabilities": {challenge, func(a []byte) []byte { return slices.Concat([]byte("TIti"), rotate(a), make([]byte, 11), []byte{1}) }, false},
		"LRP asked for": {challenge, func(a []byte) []byte {
			return slices.Concat([]byte("TIti"), rotate(a), make([]byte, 6), []byte{2, 0, 0, 0, 0, 0})
		}, false},
		"RndA not rotated": {challenge, func(a []byte) []byte { return slices.Concat([]byte("TIti"), a, make([]byte, 12)) }, false},
		"RndA's last byte": {challenge, func(a []byte) []byte {
			return slices.Concat([]byte("TIti"), rotate(a)[:15], []byte{^a[0]}, make([]byte, 12))
		}, false},
		"zeros for RndA":     {challenge, func(a []byte) []byte { return make([]byte, 32) }, false},
		"NonFirst's answer":  {challenge, rotate, false},
		"a block more":       {challenge, func(a []byte) []byte { return slices.Concat([]byte("TIti"), rotate(a), make([]byte, 28)) }, false},
		"challenge too long": {slices.Concat(challenge, challenge), func(a []byte) []byte { return slices.Concat([]byte("TIti"), rotate(a), make([]byte, 12)) }, false},
	} {
		card := &answers{reply: func(sent [][]byte) []byte {
			if len(sent) == 1 {
				return append(bytes.Clone(v.challenge), 0x91, 0xAF)
			}
			a := decrypt(key, noIV, sent[1][5:37])[:16]
			return append(encrypt(key, noIV, v.answer(a)), 0x91, 0x00)
		}}
		_, err := authenticateEV2(t.Context(), card, 1, key, rand.Reader)
		if v.good != (err == nil) || err != nil && !errors.Is(err, ErrNotGenuine) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUIDOfEV2IsPaddedAndOneBlock(t *testing.T) {
	for name, v := range map[string]struct {
		plain string
		good  bool
	}{
		"all right":     {"04958CAA5C5E80 80 0000000000000000", true},
		"longer":        {"04958CAA5C5E80 00 8000000000000000", false},
		"no padding":    {"04958CAA5C5E80 00 0000000000000000", false},
		"padding dirty": {"04958CAA5C5E80 80 0000000000000001", false},
		"two blocks":    {"04958CAA5C5E80 80 0000000000000000" + zero, false},
		"no block":      {"", false},
	} {
		made := ev2With(nil, "2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764", "DF055522", 1)
		data := encrypt(made.enc, made.iv(0x5A, 0xA5), unhex(v.plain))
		s := *made
		s.card, s.done = replies(append(data, made.sum(0, data)...)), 0
		if _, err := s.cardUID(t.Context()); v.good != (err == nil) || err != nil && !errors.Is(err, ErrNotGenuine) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// libfreefare 0.4.0 accepts a CRC that leaves out the status.
func TestUIDOfEV1HasACRCOverItsStatus(t *testing.T) {
	uid := unhex("04958CAA5C5E80")
	right := checksum(uid, []byte{0})
	for name, v := range map[string]struct {
		plain []byte
		good  bool
	}{
		"all right":        {slices.Concat(uid, right, make([]byte, 5)), true},
		"without status":   {slices.Concat(uid, checksum(uid), make([]byte, 5)), false},
		"other status":     {slices.Concat(uid, checksum(uid, []byte{0xAF}), make([]byte, 5)), false},
		"no CRC":           {slices.Concat(uid, make([]byte, 9)), false},
		"other byte order": {slices.Concat(uid, []byte{right[3], right[2], right[1], right[0]}, make([]byte, 5)), false},
		"padding dirty":    {slices.Concat(uid, right, []byte{0, 0, 0, 0, 1}), false},
		"longer":           {slices.Concat(uid, right, make([]byte, 21)), false},
	} {
		for _, key := range []string{"C2A1E47BD8100044FE6D00A74D7AB17C", "C0FFEED0B65648F6"} {
			made := ev1With(nil, key)
			made.chain([]byte{getCardUID})
			s := ev1With(replies(made.encipher(v.plain)), key)
			if _, err := s.cardUID(t.Context()); v.good != (err == nil) || err != nil && !errors.Is(err, ErrNotGenuine) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestAnswersToChangesHaveAMACAndNoData(t *testing.T) {
	ctx, command := t.Context(), []byte{1, 2, 3}
	for _, data := range [][]byte{nil, {0}, make([]byte, 16)} {
		made1 := ev1With(nil, "C0FFEED0B65648F6")
		made1.chain([]byte{createApplication}, command)
		made1.chain(data, []byte{0})
		made2 := ev2With(nil, zero, zero, "DF055522", 1)
		for name, v := range map[string]struct {
			s   session
			mac []byte
		}{
			"EV1": {ev1With(nil, "C0FFEED0B65648F6"), made1.iv},
			"EV2": {ev2With(nil, zero, zero, "DF055522", 0), made2.sum(0, data)},
		} {
			card := replies(append(bytes.Clone(data), v.mac...))
			switch s := v.s.(type) {
			case *ev1:
				s.card = card
			case *ev2:
				s.card = card
			}
			err := v.s.command(ctx, createApplication, command)
			if (err == nil) != (len(data) == 0) || err != nil && !errors.Is(err, ErrNotGenuine) {
				t.Errorf("%s: %d bytes of data: %v", name, len(data), err)
			}
			if err := v.s.command(ctx, createApplication, command); !errors.Is(err, ErrNotGenuine) {
				t.Errorf("%s: a MAC for the command before: %v", name, err)
			}
		}
	}
	for name, s := range map[string]session{
		"EV1": ev1With(replies(nil), zero),
		"EV2": ev2With(replies(nil), zero, zero, "DF055522", 0),
	} {
		if err := s.command(ctx, createApplication, command); !errors.Is(err, ErrNotGenuine) {
			t.Errorf("%s: no MAC: %v", name, err)
		}
		if err := s.changeKey(ctx, 1, make([]byte, 17), make([]byte, 4)); !errors.Is(err, ErrNotGenuine) {
			t.Errorf("%s: no MAC on another key: %v", name, err)
		}
	}
	for name, s := range map[string]session{
		"EV1": ev1With(replies(make([]byte, 8)), zero),
		"EV2": ev2With(replies(make([]byte, 8)), zero, zero, "DF055522", 0),
	} {
		if err := s.changeKey(ctx, 1, make([]byte, 17), make([]byte, 4)); !errors.Is(err, ErrNotGenuine) {
			t.Errorf("%s: a wrong MAC on another key: %v", name, err)
		}
		if err := s.changeKey(ctx, 0, make([]byte, 17), nil); !errors.Is(err, ErrNotGenuine) {
			t.Errorf("%s: a MAC on its own key: %v", name, err)
		}
	}
}
