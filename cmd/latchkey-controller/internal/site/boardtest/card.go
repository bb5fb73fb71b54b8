package boardtest

import (
	"bytes"
	"errors"
	"slices"

	"latchkey/sync/wire"
)

// A Card is a card whose keys a reader can change. It does not know how a key is made.
type Card struct {
	UID         []byte
	Type, Major byte // as in its version
	Chip        wire.CardChip
	Mute        bool     // it does not tell of which generations its keys are
	keys        [][]byte // nil: the factory's
	generations []byte   // of them
}

// NewCard returns a MIFARE DESFire EV3 in its factory state.
func NewCard(uid []byte) *Card {
	return &Card{UID: uid, Type: 0x01, Major: 0x33, Chip: wire.DESFireEV2, keys: make([][]byte, 3), generations: make([]byte, 3)}
}

// Read returns what a reader says of the card.
func (c *Card) Read() *wire.CardToKey {
	v := make([]byte, 28)
	v[0], v[1], v[3] = 4, c.Type, c.Major
	copy(v[14:21], c.UID)
	read := &wire.CardToKey{UID: bytes.Clone(c.UID), Version: v}
	if !c.Mute {
		read.Generations = bytes.Clone(c.generations)
	}
	return read
}

// ErrForeignKeys says that a key of the card is in none of the sets.
var ErrForeignKeys = errors.New("foreign keys")

// ErrGone says that the card was taken away.
var ErrGone = errors.New("card gone")

// Write brings the card to its new keys, one after the other, the key that guards the others
// last, as a reader does. It is taken away after some of them; -1: it is not.
func (c *Card) Write(sets *wire.CardKeySets, after int) error {
	if !bytes.Equal(sets.UID, c.UID) || sets.Chip != c.Chip {
		return errors.New("they are for another card")
	}
	for i := range c.keys {
		if !slices.ContainsFunc(append([]wire.KeySet{sets.To}, sets.From...), func(set wire.KeySet) bool { return c.has(i, &set) }) {
			return ErrForeignKeys
		}
	}
	for i := range slices.Backward(c.keys) {
		if after == 0 {
			return ErrGone
		}
		after--
		c.keys[i], c.generations[i] = keyOf(&sets.To, i), sets.To.Generation
	}
	if after == 0 { // all written, and nobody knows
		return ErrGone
	}
	return nil
}

func (c *Card) has(i int, set *wire.KeySet) bool { return bytes.Equal(c.keys[i], keyOf(set, i)) }

func keyOf(set *wire.KeySet, i int) []byte {
	if set.Generation == 0 {
		return nil
	}
	return bytes.Clone(set.Keys[16*i : 16*i+16])
}

// Keyed says how many of the card's keys are not the factory's.
func (c *Card) Keyed() (n int) {
	for _, key := range c.keys {
		if key != nil {
			n++
		}
	}
	return n
}

// Proves says whether the card proves that it is the card of a credential, whose key was
// wrapped with a pin.Key's WrappingKey.
func (c *Card) Proves(credential *wire.Credential, with *[32]byte) bool {
	key, err := wire.UnwrapCardKey(with, credential.CardKey)
	return err == nil && key.Chip == c.Chip && bytes.Equal(key.Key[:], c.keys[len(c.keys)-1])
}
