package wire

import (
	"cmp"
	"fmt"
)

// StrikeState says why the strike is on.
type StrikeState string

// The states of the strike.
const (
	StrikeOff   StrikeState = "off"
	StrikePulse StrikeState = "pulse" // for a grant or the exit button
	StrikeHeld  StrikeState = "held"  // the mode holds the door open
)

// DoorState is the state of the door, from its contact.
type DoorState string

// The states of the door.
const (
	DoorIsUnknown DoorState = "unknown" // no contact, or no level from it yet
	DoorIsClosed  DoorState = "closed"
	DoorIsOpen    DoorState = "open"
	DoorIsForced  DoorState = "forced" // opened without strike or exit button, and still open
	DoorIsHeld    DoorState = "held"   // open for longer than the policy allows
)

// A Condition is the condition of a reader and its door.
type Condition struct {
	Lockout      Cause       `cbor:"1,keyasint,omitempty"` // why PIN entry is locked out; "": it is not
	PIN          Reason      `cbor:"2,keyasint,omitempty"` // why no PIN can be entered; "": it can
	Card         Reason      `cbor:"3,keyasint,omitempty"` // why no card is read; "": it is
	Strike       StrikeState `cbor:"4,keyasint"`
	Door         DoorState   `cbor:"5,keyasint"`
	Tamper       bool        `cbor:"6,keyasint,omitempty"` // the housing is open
	ClockTrusted bool        `cbor:"7,keyasint,omitempty"`
	Behind       bool        `cbor:"8,keyasint,omitempty"` // credentials or policy are older than before
	Faults       []Fault     `cbor:"9,keyasint,omitempty"`
	TPM          *TPMState   `cbor:"10,keyasint,omitempty"` // nil: its keys are in a file
	Mode         *ModeState  `cbor:"11,keyasint,omitempty"` // in force; nil: of a reader that knows no modes
}

// A TPMState is what a reader says of the TPM that has its keys.
type TPMState struct {
	Ref    TPMRef   `cbor:"1,keyasint"`          // of the keys that it holds
	Budget Budget   `cbor:"2,keyasint,omitzero"` // of that Ref; zero: the TPM has none, or does not answer
	Nonce  TPMNonce `cbor:"3,keyasint,omitzero"` // it needs a first grant, over this nonce
}

// A Fault is a part of the reader that does not work.
type Fault struct {
	_       struct{} `cbor:",toarray"`
	Subject Subject
	Text    string // what is wrong, for people
}

// maxFaults bounds the faults of one condition.
const maxFaults = 16

// Check refuses a condition that a reader cannot be in.
func (c *Condition) Check() error {
	switch c.Lockout {
	case "", CauseAttempts, CauseGuessing, CauseTamper, CauseJournal:
	default:
		return fmt.Errorf("unknown cause of a lockout %.32q", c.Lockout)
	}
	switch c.Strike {
	case StrikeOff, StrikePulse, StrikeHeld:
	default:
		return fmt.Errorf("unknown state of the strike %.32q", c.Strike)
	}
	switch c.Door {
	case DoorIsUnknown, DoorIsClosed, DoorIsOpen, DoorIsForced, DoorIsHeld:
	default:
		return fmt.Errorf("unknown state of the door %.32q", c.Door)
	}
	if c.Mode != nil {
		if err := c.Mode.Check(); err != nil {
			return err
		}
	}
	if len(c.Faults) > maxFaults {
		return fmt.Errorf("%d faults, at most %d", len(c.Faults), maxFaults)
	}
	for _, fault := range c.Faults {
		if err := cmp.Or(CheckName(string(fault.Subject)), named("fault", checkText(fault.Text, MaxText))); err != nil {
			return err
		}
	}
	return cmp.Or(named("why no PIN", CheckLabel(string(c.PIN))), named("why no card", CheckLabel(string(c.Card))))
}
