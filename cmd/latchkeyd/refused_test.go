//go:build !firmware

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"latchkey/board/sim"
	"latchkey/device"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// forms are the ways in which a log might show these bytes.
func forms(b []byte) []string {
	decimal := strings.Trim(fmt.Sprint(b), "[]")
	return []string{
		string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), fmt.Sprintf("% x", b), fmt.Sprintf("% X", b),
		decimal, strings.ReplaceAll(decimal, " ", ", "), base64.StdEncoding.EncodeToString(b)[:len(b)*4/3],
	}
}

// TestWhyACardIsRefusedIsLoggedWithoutItsUIDAndKeys shows cards that answer with their own
// UID and keys, too.
func TestWhyACardIsRefusedIsLoggedWithoutItsUIDAndKeys(t *testing.T) {
	card := newKeyedCard(t, sim.DESFireEV3, 1)
	data := keyedData(t, card)
	uid := sim.Card{UID: card.UID}
	copied := sim.Card{UID: card.UID, Kind: sim.Copy}
	tells := func(instruction byte) func([]byte, func([]byte) ([]byte, error)) ([]byte, error) {
		return func(apdu []byte, card func([]byte) ([]byte, error)) ([]byte, error) {
			if apdu[1] != instruction {
				return card(apdu)
			}
			return append(append(bytes.Clone(uid.UID), bytes.Repeat([]byte{0x33}, 16)...), 0x91, 0x00), nil
		}
	}
	for _, test := range []struct {
		name     string
		shown    sim.Card
		proves   bool // or else gets keys
		exchange func([]byte, func([]byte) ([]byte, error)) ([]byte, error)
		keys     func(*wire.CardToKey) (*wire.CardKeySets, error)
		want     string
	}{
		{name: "its number alone", shown: uid, proves: true, want: errNoAPDU.Error()},
		{name: "a copy", shown: copied, proves: true, want: "select application: context deadline exceeded"},
		{name: "a fresh card", shown: sim.Card{UID: card.UID, Kind: card.Kind}, proves: true, want: "application not found"},
		{name: "a challenge that is a UID", shown: card.Card, proves: true, exchange: tells(0x71), want: "done too early"},
		{name: "an answer that is a UID", shown: card.Card, proves: true, exchange: tells(0xAF), want: "answer to the challenge of 23 bytes"},
		{name: "its UID in the clear", shown: card.Card, proves: true, exchange: tells(0x51), want: "wrong MAC"},
		{name: "its number alone, for keys", shown: uid, want: errNoAPDU.Error()},
		{name: "a phone, for keys", shown: sim.Card{UID: []byte{8, 1, 2, 3}, Kind: sim.Copy}, want: "makes up its UID"},
		{name: "a copy, for keys", shown: copied, want: "get version: nfc: the radio failed"},
		{name: "a D40, for keys", shown: sim.Card{UID: card.UID, Kind: sim.D40}, keys: func(read *wire.CardToKey) (*wire.CardKeySets, error) {
			if read.Version[3] != 0 || len(read.Generations) != 0 { // of the first generation
				t.Errorf("%+v", read)
			}
			return nil, readersync.ErrDeclined
		}, want: "of another kind"},
		{name: "of another generation", shown: card.Card, keys: func(*wire.CardToKey) (*wire.CardKeySets, error) {
			sets := card.sets
			sets.To, sets.From = card.generation(2), []wire.KeySet{{}}
			return &sets, nil
		}, want: "PICC master key"},
		{name: "keys for another card", shown: card.Card, keys: func(*wire.CardToKey) (*wire.CardKeySets, error) {
			sets := card.sets
			sets.UID, sets.To, sets.From = bytes.Repeat([]byte{4}, 7), card.generation(1), []wire.KeySet{{}}
			return &sets, nil
		}, want: "keys for another card"},
		{name: "no keys", shown: card.Card, keys: func(*wire.CardToKey) (*wire.CardKeySets, error) { return nil, errors.New("silent") }, want: "silent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				personalise(t, card)
				h := heldOf(t, data)
				defer h.cache.Close()
				b := newBench(t, h)
				defer b.stop()
				if test.proves {
					b.order = wire.CommandID{}
				}
				b.exchange, b.keys = test.exchange, test.keys
				answer, _ := b.show(test.shown)
				if answer.Outcome == device.Known || answer.Outcome == device.Personalised {
					t.Fatalf("outcome %d", answer.Outcome)
				}
				log := b.log.String()
				if strings.Count(log, "\n") != 1 || !strings.Contains(log, `level=DEBUG msg="card refused"`) || !strings.Contains(log, test.want) {
					t.Errorf("logged: %s", log)
				}
				secrets := [][]byte{test.shown.UID, bytes.Repeat([]byte{0x33}, 16)}
				with, err := pinKeys(t, keyedKeys(t, 7)).WrappingKey(card.UID)
				if err != nil {
					t.Fatal(err)
				}
				secrets = append(secrets, with[:])
				for n := range 3 {
					for i := range 3 {
						secrets = append(secrets, card.generation(byte(n)).Keys[16*i:16*i+16])
					}
				}
				for _, secret := range secrets {
					for _, form := range forms(secret) {
						if strings.Contains(log, form) {
							t.Errorf("%q is in the log: %s", form, log)
						}
					}
				}
			})
		})
	}
}
