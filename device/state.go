package device

import "latchkey/sync/wire"

// State is the reader's state, as sync publishes and status prints it.
type State struct {
	Reader  string
	Version string

	Lockout wire.Cause // "": none
	Wrong   uint16     // wrong PINs in a row
	Guesses uint16     // unknown PINs that count towards guessing
	Pending bool       // a PIN entry is charged but not decided

	PIN    wire.Reason   // why no PIN can be entered; "": it can
	TPM    wire.TPMState // that has the keys; zero: a file has them
	Card   wire.Reason   // why no card is read; "": it is
	Mode   wire.ModeState
	Strike wire.StrikeState
	Door   wire.DoorState
	Tamper bool

	Parts          Parts
	Journal        string // why records are not stored; "": they are
	Behind         bool   // credentials or policy are older than before
	ClockTrusted   bool
	Held           wire.Position // on the disk
	PolicyRevision uint64        // in force; 0: none

	Waiting Waiting // of a reader that no site has adopted
}

func (r *Reader) makeState() State {
	s := State{
		Reader: r.id, Version: r.version,
		Lockout: r.durable.Lockout, Wrong: r.durable.Wrong, Guesses: r.durable.Guesses, Pending: r.durable.Pending != 0,
		PIN: r.pinReason(), TPM: r.tpm, Card: r.cardWorks(), Door: r.door.state, Tamper: r.tamper, Mode: r.mode,
		Strike: wire.StrikeOff, Parts: r.parts, Journal: r.journal.unstored(),
		Behind: r.behind, ClockTrusted: r.clock.trusted, Held: r.held, PolicyRevision: r.revision(),
		Waiting: r.waiting,
	}
	switch {
	case r.strike.hold != 0:
		s.Strike = wire.StrikeHeld
	case r.strike.pulse != 0:
		s.Strike = wire.StrikePulse
	}
	return s
}
