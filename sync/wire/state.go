package wire

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"errors"
	"fmt"
)

// A State is a reader's report on itself, sent on each connection, on each change,
// and every 30 s. The reader signs it as KindState; a Now answers it. With Counter 0
// it says only that the reader is offline: that is the will of each connection.
type State struct {
	Reader         string     `cbor:"1,keyasint"`
	Connection     uint64     `cbor:"2,keyasint"`           // from 1, higher with each connection of the reader
	Counter        uint64     `cbor:"3,keyasint"`           // counts the states of a connection from 1; 0: offline
	Nonce          Nonce      `cbor:"4,keyasint,omitzero"`  // new in each state
	Version        string     `cbor:"5,keyasint,omitempty"` // of the reader's program
	Held           *Position  `cbor:"6,keyasint,omitempty"` // of the credentials on the reader's disk
	Head           []byte     `cbor:"7,keyasint,omitempty"` // signed: the newest one that the reader has seen
	PolicyRevision uint64     `cbor:"8,keyasint,omitempty"` // in force
	Journal        JournalID  `cbor:"9,keyasint,omitzero"`
	First          uint64     `cbor:"10,keyasint,omitempty"` // number of the oldest record held
	Last           uint64     `cbor:"11,keyasint,omitempty"` // number of the newest
	Condition      *Condition `cbor:"12,keyasint,omitempty"`
	Card           *CardRead  `cbor:"13,keyasint,omitempty"` // of an enrol or a personalise, until a Now answers a state with it
	Level          uint8      `cbor:"14,keyasint,omitempty"` // what the reader understands: the newest of LevelModes and so on
}

// A CardRead is the card that an enrol or a personalise asked for, sealed to the key in
// that command.
type CardRead struct {
	Command CommandID `cbor:"1,keyasint"`
	Sealed  []byte    `cbor:"2,keyasint"` // what Seal returns: of an enrol for the 4, 7 or 10 bytes of the identifier, of a personalise for a CardToKey
}

// A CardToKey is a card that is about to get keys.
type CardToKey struct {
	UID     []byte `cbor:"1,keyasint"`
	Version []byte `cbor:"2,keyasint"` // its answer to GetVersion: 28 or 29 bytes

	// Generations of its keys, by its answers to GetKeyVersion, in the order of a KeySet; of
	// a DESFire without the site's application the first one only; none: it does not tell.
	Generations []byte `cbor:"3,keyasint,omitempty"`
}

const (
	sealedCard      = "latchkey card 1"
	sealedCardToKey = "latchkey card 2"
)

// SealCard seals a card's identifier for the controller that ordered the enrol.
func SealCard(c *Command, uid []byte) (*CardRead, error) { return sealCard(c, sealedCard, uid) }

// SealCardToKey seals a card for the controller that ordered the personalise.
func SealCardToKey(c *Command, card *CardToKey) (*CardRead, error) {
	if err := card.check(); err != nil {
		return nil, fmt.Errorf("seal card: %w", err)
	}
	plain := Marshal(card)
	defer clear(plain)
	return sealCard(c, sealedCardToKey, plain)
}

func sealCard(c *Command, purpose string, plain []byte) (*CardRead, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("seal card: %w", err)
	}
	to, err := ecdh.X25519().NewPublicKey(c.Sealing[:])
	if err != nil {
		return nil, fmt.Errorf("seal card: %w", err)
	}
	sealed, err := Seal(to, purpose, plain)
	if err != nil {
		return nil, fmt.Errorf("seal card: %w", err)
	}
	read := &CardRead{c.ID, sealed}
	return read, read.check()
}

// UnsealCardToKey returns the card of a personalise.
func (c *CardRead) UnsealCardToKey(key *ecdh.PrivateKey) (*CardToKey, error) {
	plain, err := Unseal(key, sealedCardToKey, c.Sealed)
	if err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	defer clear(plain)
	var card CardToKey
	if err := Unmarshal(plain, maxCardToKey, &card); err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	return &card, card.check()
}

// The encodings of a CardToKey.
const minCardToKey, maxCardToKey = 38, 52

func (c *CardToKey) check() error {
	switch {
	case len(c.UID) != 4 && len(c.UID) != 7 && len(c.UID) != 10:
		return fmt.Errorf("a UID of %d bytes", len(c.UID))
	case len(c.Version) != 28 && len(c.Version) != 29:
		return fmt.Errorf("a version of %d bytes", len(c.Version))
	case len(c.Generations) > maxCardKeys:
		return fmt.Errorf("generations of %d keys", len(c.Generations))
	}
	return nil
}

// Unseal returns the card's identifier.
func (c *CardRead) Unseal(key *ecdh.PrivateKey) ([]byte, error) {
	uid, err := Unseal(key, sealedCard, c.Sealed)
	if err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	return uid, nil
}

func (c *CardRead) check() error {
	switch n := len(c.Sealed) - sealOverhead; {
	case n == 4, n == 7, n == 10, minCardToKey <= n && n <= maxCardToKey:
	default:
		return fmt.Errorf("a sealed card of %d bytes", len(c.Sealed))
	}
	if c.Command == (CommandID{}) {
		return errors.New("a card without a command")
	}
	return nil
}

// Sign checks the state and returns it signed.
func (s *State) Sign(site SiteID, key crypto.Signer) ([]byte, error) {
	return sign(KindState, site, s, key)
}

// OpenState checks a signed state and returns it. OpenHead checks its head.
func OpenState(site SiteID, signed []byte, key crypto.PublicKey) (*State, error) {
	var s State
	if err := open(KindState, site, signed, key, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// ParseState decodes and checks the payload of a state whose signature was checked
// before the payload was stored.
func ParseState(payload []byte) (*State, error) {
	var s State
	if err := parse(KindState, payload, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Check refuses a state that no reader is in.
func (s *State) Check() error {
	if err := CheckName(s.Reader); err != nil {
		return err
	}
	if s.Connection == 0 {
		return errors.New("no connection")
	}
	if s.Counter == 0 {
		if offline := (State{Reader: s.Reader, Connection: s.Connection}); !bytes.Equal(Marshal(s), Marshal(&offline)) {
			return errors.New("offline, and says more")
		}
		return nil
	}
	if s.Nonce == (Nonce{}) || s.Journal == (JournalID{}) || s.Condition == nil {
		return errors.New("no nonce, journal or condition")
	}
	if s.Held != nil {
		if err := s.Held.Check(); err != nil {
			return err
		}
	}
	if s.Card != nil {
		if err := s.Card.check(); err != nil {
			return err
		}
	}
	if err := named("version", CheckLabel(s.Version)); err != nil {
		return err
	}
	return s.Condition.Check()
}
