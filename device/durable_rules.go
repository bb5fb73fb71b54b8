package device

import (
	"math"
	"slices"

	"latchkey/sync/wire"
)

// maxResets bounds the users that a lockout for guessing names.
const maxResets = 8

// leakEvery is the running time, in milliseconds, that takes one off the guesses.
const leakEvery = 5 * 60 * 1000

// run adopts the running time of a record, and takes one off the guesses for every five
// minutes of it. Time without a record does not count, so a crash never gains credit.
func (d *Durable) run(running uint64) {
	d.Running = max(d.Running, min(running, wire.MaxNumber))
	gone := (d.Running - d.Leaked) / leakEvery
	if gone < uint64(d.Guesses) {
		d.Guesses -= uint16(gone)
		d.Leaked += gone * leakEvery
		return
	}
	d.Guesses, d.Leaked = 0, d.Running
	d.Resets = [maxResets]uint64{}
}

// charge makes an attempt pending. A previous one that still is counts as unknown.
func (d *Durable) charge(seq uint64) {
	if seq == 0 || seq == d.Pending {
		return
	}
	if d.answer(d.Pending) {
		d.miss()
	}
	d.Pending, d.Seq = seq, max(d.Seq, seq)
}

// answer ends the pending attempt if it is seq, and returns whether it was.
func (d *Durable) answer(seq uint64) bool {
	if seq == 0 || seq != d.Pending {
		return false
	}
	d.Pending = 0
	return true
}

// miss counts an unknown PIN.
func (d *Durable) miss() {
	d.Wrong = increment(d.Wrong)
	d.Guesses = increment(d.Guesses)
}

// reset ends a row of wrong PINs, if any, and remembers the user whose PIN ended it.
func (d *Durable) reset(user uint64) {
	if d.Wrong > 0 && d.Guesses > 0 && user != 0 {
		kept := slices.DeleteFunc(d.users(), func(u uint64) bool { return u == user })
		kept = append(kept, user)
		copy(d.Resets[:], kept[max(0, len(kept)-maxResets):])
	}
	d.Wrong = 0
}

// users returns those whose PINs ended a row of wrong ones, oldest first.
func (d *Durable) users() []uint64 {
	var users []uint64
	for _, user := range d.Resets {
		if user != 0 {
			users = append(users, user)
		}
	}
	return users
}

// lock starts a lockout. A lockout that has begun keeps its cause.
func (d *Durable) lock(cause wire.Cause) {
	switch cause {
	case wire.CauseAttempts, wire.CauseGuessing, wire.CauseTamper:
	default:
		cause = wire.CauseJournal
	}
	if d.Lockout == "" {
		d.Lockout = cause
	}
}

// clear ends a lockout and leaves at most this number of guesses; exactly this number if
// the journal was lost, and its guesses with it. 0 leaves all guesses.
func (d *Durable) clear(guesses uint64) {
	if d.Lockout == "" {
		return
	}
	lost := d.Lockout == wire.CauseJournal
	d.Lockout, d.Wrong = "", 0
	if guesses == 0 {
		return
	}
	if lost {
		d.Guesses = uint16(min(math.MaxUint16, guesses))
	} else {
		d.Guesses = uint16(min(uint64(d.Guesses), guesses))
	}
	d.Resets = [maxResets]uint64{}
}

// Leave drops a site's state when another site adopts the reader: the positions of its log
// and policies, its first person, PINs with limits, time and users. Wrong PINs, guesses and lockouts stay.
func (d *Durable) Leave() {
	if d.Site != (wire.SiteID{}) { // otherwise they may be of the site that a lost journal knew
		d.Used, d.Forgot = "", 0
	}
	d.Site = wire.SiteID{}
	d.Epoch, d.Revision, d.Hash, d.PolicyRevision = 0, 0, wire.Hash{}, 0
	d.FirstFrom, d.FirstUntil, d.Time = 0, 0, 0
	d.Budget, d.BudgetSpent = wire.Budget{}, false
	d.Resets = [maxResets]uint64{}
}

func increment(n uint16) uint16 {
	if n < math.MaxUint16 {
		n++
	}
	return n
}
