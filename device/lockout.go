package device

import "latchkey/sync/wire"

// The limits while no policy says others.
const (
	defaultLimit      = 10
	defaultGuessLimit = 60
)

// limits returns those in force: wrong PINs in a row, and guesses (0: off).
func (r *Reader) limits() (wrong, guesses uint16) {
	if p := r.policy.policy; p != nil {
		return uint16(p.Limit), p.GuessLimit
	}
	return defaultLimit, defaultGuessLimit
}

// miss counts the pending attempt as unknown, by a record of the kind given,
// and starts the lockout that it leads to. The lockout comes first, so that an
// append of which a power cut leaves only a part locks rather than forgets. It
// is recorded even in a lockout for tamper that began meanwhile: that one's
// record may be lost yet.
func (t *turn) miss(r wire.Record) {
	after := t.durable
	after.Apply(wire.Record{Kind: r.Kind, Seq: r.Seq, Running: t.running()})
	limit, guessLimit := t.limits()
	switch {
	case guessLimit > 0 && after.Guesses >= guessLimit:
		t.recordLockout(wire.CauseGuessing)
	case after.Wrong >= limit:
		t.recordLockout(wire.CauseAttempts)
	}
	r.Wrong = after.Wrong
	t.record(r)
}

// lock starts a lockout, unless there is one.
func (t *turn) lock(cause wire.Cause) {
	if t.durable.Lockout == "" {
		t.recordLockout(cause)
	}
}

func (t *turn) recordLockout(cause wire.Cause) {
	r := wire.Record{Kind: wire.LockoutStarted, Cause: cause}
	if cause == wire.CauseGuessing {
		r.Users = t.durable.users()
	}
	t.record(r)
}

// clearLockout ends a lockout if there is one; by says who did. Only grants of
// a card and a remote unlock call it. When guessing led to the lockout, or
// guesses are at their limit anyway, it leaves three quarters of the limit. So it does
// when the journal was lost: how many guesses it held is not known any more, and whoever
// made it go is to gain none.
func (t *turn) clearLockout(by wire.Record) {
	if t.durable.Lockout == "" {
		return
	}
	by.Kind = wire.LockoutCleared
	_, limit := t.limits()
	if t.durable.Lockout == wire.CauseGuessing || t.durable.Lockout == wire.CauseJournal || limit > 0 && t.durable.Guesses >= limit {
		if limit == 0 {
			limit = defaultGuessLimit
		}
		by.Count = max(1, uint64(limit)*3/4)
	}
	t.record(by)
}
