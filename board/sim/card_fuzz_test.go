package sim

import (
	"encoding/json"
	"testing"
)

// FuzzCard lets a reader that has lost its mind at every kind of card: whatever
// comes, the card neither panics nor answers too much, and its memory stays one
// that can be read back.
func FuzzCard(f *testing.F) {
	f.Add(byte(DESFireEV3), unhex("05 9060000000 05 90AF000000 08 CA0102030B8200 00"))
	f.Add(byte(NTAG424), unhex("0D"+selectNTAG+"08 9071000002000000"))
	f.Add(byte(DESFireEV1), unhex("02 0A00 01 AF 06 CA010203 0F02 04 5A010203 08 CD01000EEE100000 0B 3D0100000004000011223344"))
	f.Fuzz(func(t *testing.T, kind byte, in []byte) {
		m, err := NewMemory(Kind(kind), testUID)
		if err != nil {
			return
		}
		m.Configure(ChipOptions{Random: fixedRandom{}})
		c := newCardChip(m)
		// Any session will do: one cannot be guessed.
		c.session = newEV1Session(typeAES, zeroKey)
		if len(in)%3 == 0 {
			c.session = newEV2Session(newBlock(typeAES, zeroKey), zeroKey, zeroKey)
		}
		for len(in) > 0 {
			n := min(int(in[0]), len(in)-1)
			reply, _, ok := c.exchange(in[1 : 1+n])
			if ok == (len(reply) == 0) || len(reply) > chipMemory+32 {
				t.Fatalf("%X: %d bytes, %v", in[1:1+n], len(reply), ok)
			}
			in = in[1+n:]
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, new(Memory)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

type fixedRandom struct{}

func (fixedRandom) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
