package wire

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"
)

// An Order is what a command asks of a reader.
type Order string

// The orders.
const (
	Unlock   Order = "unlock"   // open once; ends a lockout
	Identify Order = "identify" // show which reader this is
	Enrol    Order = "enrol"    // read the next card for the controller
	// Personalise reads the next card for the controller, as Enrol does, and writes the
	// keys to it that the controller answers with (CardKeys).
	Personalise Order = "personalise"
)

// ReadsCard says whether the order asks for the next card.
func (o Order) ReadsCard() bool { return o == Enrol || o == Personalise }

// A Command is an order to one reader, carried out at most once and only while
// its nonce is the reader's newest or the one before.
type Command struct {
	Reader  string    `cbor:"1,keyasint"`
	Nonce   Nonce     `cbor:"2,keyasint"`
	ID      CommandID `cbor:"3,keyasint"`
	Order   Order     `cbor:"4,keyasint"`
	By      string    `cbor:"6,keyasint"`          // who ordered it, for the record
	Sealing [32]byte  `cbor:"7,keyasint,omitzero"` // of an enrol or a personalise: X25519 key for this command only, to which the card's identifier is sealed

	// InLockdown says that an unlock is of somebody who may end a lockdown: it opens in one, too.
	InLockdown bool `cbor:"8,keyasint,omitempty"`

	// MaxAge is how old its nonce may be by the reader's clock, in milliseconds: later the
	// reader refuses the command. The controller knows when it got the nonce, which is not
	// before the reader made it, and so when the command can no longer be carried out. 0: as
	// long as any nonce lives.
	MaxAge uint32 `cbor:"9,keyasint,omitempty"`

	// Term is as in a Now. 0: of a controller that knows none.
	Term uint64 `cbor:"10,keyasint,omitempty"`
}

// NonceLife is how old the nonce of any command may be, by the reader's clock.
const NonceLife = time.Minute

// OpenCommand checks a signed command and returns it.
func OpenCommand(site SiteID, signed []byte, key ed25519.PublicKey) (*Command, error) {
	var c Command
	if err := open(KindCommand, site, signed, key, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// Check refuses a command that no reader carries out.
func (c *Command) Check() error {
	if err := CheckName(c.Reader); err != nil {
		return err
	}
	if c.ID == (CommandID{}) {
		return errors.New("no id")
	}
	if err := named("who ordered it", CheckLabel(c.By)); err != nil {
		return err
	}
	if c.Order.ReadsCard() != (c.Sealing != [32]byte{}) {
		return errors.New("an order that reads a card, and no other, has a sealing key")
	}
	if c.Order.ReadsCard() {
		if err := checkSealing(&c.Sealing); err != nil {
			return err
		}
	}
	if c.InLockdown && c.Order != Unlock {
		return errors.New("only an unlock opens in a lockdown")
	}
	if time.Duration(c.MaxAge)*time.Millisecond > NonceLife {
		return fmt.Errorf("a nonce %d ms old", c.MaxAge)
	}
	switch c.Order {
	case Unlock, Identify, Enrol, Personalise:
		return nil
	}
	return fmt.Errorf("unknown order %.32q", c.Order)
}
