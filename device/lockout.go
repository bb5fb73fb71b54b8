package device

import "latchkey/sync/wire"

// The limits without a policy.
const (
	defaultLimit      = 10
	defaultGuessLimit = 60
)

// limits returns the limits in force: wrong PINs in a row, and guesses (0: off).
func (r *Reader) limits() (wrong, guesses uint16) {
	if p := r.policy.policy; p != nil {
		return uint16(p.Limit), p.GuessLimit
	}
	return defaultLimit, defaultGuessLimit
}

// miss records the pending attempt as unknown, with r's kind and reason, and
// starts the lockout that it causes. The lockout comes first, so that an append
// truncated by a power cut still locks out. It is recorded even during a
// lockout for tamper, whose record may not be stored yet.
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

// clearLockout ends a lockout, if any; by says who cleared it: a granted card or a remote
// unlock. If guesses are at their limit, or caused the lockout, it leaves three quarters
// of the limit. The same goes for a lost journal, whose guesses are unknown, so that nobody
// gains guesses by destroying it.
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
