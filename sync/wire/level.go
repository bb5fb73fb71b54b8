package wire

// The levels: what a reader understands, its State.Level. 0 is that of readers before
// LevelModes.
const (
	LevelModes  = 1 // modes and unlock schedules
	LevelProofs = 2 // two proofs; PINs for duress, and with limits
	LevelMaxAge = 3 // Command.MaxAge

	LevelBrokers = 4 // several brokers, and brokers in a policy
	LevelTerm    = 5 // terms in Now, Command and Ack
)

// Level is that of the readers of this version.
const Level = LevelTerm

// For returns the policy as a reader of a level understands it: an older one refuses
// members that it does not know, and so would never get another policy. One that cannot
// demand two proofs lets nobody in where they are wanted. One that knows one broker only keeps
// to its bundle's.
func (p *Policy) For(level uint8) *Policy {
	known := *p
	if level < LevelModes {
		known.Modes, known.Exempt, known.InLockdown, known.Opening = nil, nil, nil, nil
	}
	if level < LevelProofs && p.TwoProofs != nil {
		known.TwoProofs, known.Access = nil, []Access{}
	}
	if level < LevelBrokers {
		known.Brokers = nil
	}
	return &known
}

// Needs returns the level that a reader needs for the credential: one of a lower level
// refuses it, and the whole message that has it.
func (c *Credential) Needs() uint8 {
	if c.Duress || c.Limited() {
		return LevelProofs
	}
	return 0
}
