package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// A CardChip is a kind of card that can prove itself. It decides how a reader talks to it.
type CardChip uint8

// The chips.
const (
	DESFireEV2 CardChip = 1 // MIFARE DESFire EV2 or EV3: AuthenticateEV2First
	NTAG424    CardChip = 2 // NTAG 424 DNA: the same, in the application that it comes with
	DESFireEV1 CardChip = 3 // MIFARE DESFire EV1: AuthenticateAES
)

// Keys returns how many keys of a card the site sets: of a DESFire the PICC master key
// and the keys 0 and 1 of the site's application, in that order; of an NTAG 424 DNA the
// keys 0 to 4. A card proves itself with key 1 of the application.
func (c CardChip) Keys() int {
	switch c {
	case DESFireEV2, DESFireEV1:
		return 3
	case NTAG424:
		return 5
	}
	return 0
}

// A CardKey is the key with which one card proves that it is no copy.
type CardKey struct {
	Chip CardChip
	Key  [16]byte // AES-128
}

// CardKeySize is the length of a wrapped CardKey: nonce, chip and key, tag.
const CardKeySize = 12 + 1 + 16 + 16

// Wrap encrypts the key for its credential: a nonce of 12 bytes, and AES-256-GCM of
// chip ‖ key without associated data. pin.Key.WrappingKey returns the key for that.
func (c *CardKey) Wrap(with *[32]byte) ([]byte, error) {
	aead, err := cardKeyAEAD(with)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, append([]byte{byte(c.Chip)}, c.Key[:]...), nil), nil
}

// UnwrapCardKey decrypts what Wrap returned. It fails for the key of another card, or of
// another epoch.
func UnwrapCardKey(with *[32]byte, wrapped []byte) (*CardKey, error) {
	aead, err := cardKeyAEAD(with)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, wrapped, nil)
	if err != nil {
		return nil, fmt.Errorf("card key: %w", err)
	}
	defer clear(plain)
	if len(plain) != 17 || CardChip(plain[0]).Keys() == 0 {
		return nil, errors.New("card key: it is for no known chip")
	}
	return &CardKey{CardChip(plain[0]), [16]byte(plain[1:])}, nil
}

func cardKeyAEAD(key *[32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// CardKeys answers the card of a Personalise: it brings the keys that the reader writes
// to that card. As a message it is signed as KindCard.
type CardKeys struct {
	Reader  string    `cbor:"1,keyasint"`
	Command CommandID `cbor:"2,keyasint"`           // the Personalise
	Sealed  []byte    `cbor:"3,keyasint,omitempty"` // what Seal returns for a CardKeySets; none: the controller declines the card
}

// A CardKeySets says which keys a card gets, and which it may have. Each of its keys may
// be of another set, because earlier tries may have been interrupted.
type CardKeySets struct {
	Command CommandID `cbor:"1,keyasint"` // as in CardKeys
	UID     []byte    `cbor:"2,keyasint"` // of the card
	Chip    CardChip  `cbor:"3,keyasint"`
	To      KeySet    `cbor:"4,keyasint"`
	From    []KeySet  `cbor:"5,keyasint,omitempty"` // at most five, of other generations than To; none: it has no others
}

// A KeySet is all keys of a card of one generation.
type KeySet struct {
	Generation uint8  `cbor:"1,keyasint"`           // the version of each key on the card; 0: the factory's keys
	Keys       []byte `cbor:"2,keyasint,omitempty"` // 16 bytes for each of CardChip.Keys; none in generation 0
}

const sealedCardKeys = "latchkey card keys 1"

// SealCardKeys returns the keys for a card, for the reader whose X25519 key is to.
func SealCardKeys(reader string, sets *CardKeySets, to *ecdh.PublicKey) (*CardKeys, error) {
	if err := sets.Check(); err != nil {
		return nil, fmt.Errorf("seal card keys: %w", err)
	}
	plain := Marshal(sets)
	defer clear(plain)
	sealed, err := Seal(to, sealedCardKeys, plain)
	if err != nil {
		return nil, fmt.Errorf("seal card keys: %w", err)
	}
	k := &CardKeys{reader, sets.Command, sealed}
	return k, k.Check()
}

// Unseal returns the keys. The caller wipes them.
func (k *CardKeys) Unseal(key *ecdh.PrivateKey) (*CardKeySets, error) {
	plain, err := Unseal(key, sealedCardKeys, k.Sealed)
	if err != nil {
		return nil, fmt.Errorf("card keys: %w", err)
	}
	defer clear(plain)
	var sets CardKeySets
	err = Unmarshal(plain, maxCardKeySets, &sets)
	if err == nil {
		err = sets.Check()
	}
	if err == nil && sets.Command != k.Command {
		err = errors.New("they are for another command")
	}
	if err != nil {
		sets.Wipe()
		return nil, fmt.Errorf("card keys: %w", err)
	}
	return &sets, nil
}

// OpenCardKeys checks signed card keys and returns them, still sealed.
func OpenCardKeys(site SiteID, signed []byte, key ed25519.PublicKey) (*CardKeys, error) {
	var k CardKeys
	if err := open(KindCard, site, signed, key, &k); err != nil {
		return nil, err
	}
	return &k, nil
}

// maxCardKeys is how many keys a card has, and so of how many generations they can be.
const maxCardKeys = 5

// maxCardKeySets bounds a CardKeySets: six sets of five keys need 560 bytes.
const maxCardKeySets = 640

// Check refuses card keys of no reader or command.
func (k *CardKeys) Check() error {
	switch {
	case k.Command == CommandID{}:
		return errors.New("no command")
	case len(k.Sealed) != 0 && len(k.Sealed) <= sealOverhead, len(k.Sealed) > maxCardKeySets+sealOverhead:
		return fmt.Errorf("sealed card keys of %d bytes", len(k.Sealed))
	}
	return CheckName(k.Reader)
}

// Check refuses sets that no card of the chip can have.
func (s *CardKeySets) Check() error {
	switch {
	case s.Command == CommandID{}:
		return errors.New("no command")
	case len(s.UID) != 4 && len(s.UID) != 7 && len(s.UID) != 10:
		return fmt.Errorf("a UID of %d bytes", len(s.UID))
	case s.Chip.Keys() == 0:
		return fmt.Errorf("unknown chip %d", s.Chip)
	case len(s.From) > maxCardKeys:
		return fmt.Errorf("%d sets of keys to replace, not up to %d", len(s.From), maxCardKeys)
	}
	var seen [256]bool
	for _, set := range append([]KeySet{s.To}, s.From...) {
		if seen[set.Generation] {
			return fmt.Errorf("generation %d twice", set.Generation)
		}
		seen[set.Generation] = true
		want := s.Chip.Keys() * 16
		if set.Generation == 0 {
			want = 0
		}
		if len(set.Keys) != want {
			return fmt.Errorf("generation %d has %d bytes of keys, not %d", set.Generation, len(set.Keys), want)
		}
	}
	return nil
}

// Wipe erases the keys.
func (s *CardKeySets) Wipe() {
	clear(s.To.Keys)
	for _, set := range s.From {
		clear(set.Keys)
	}
}
