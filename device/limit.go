package device

import (
	"cmp"
	"fmt"
	"slices"

	"latchkey/sync/wire"
)

// maxUsed bounds the PINs with limits that a reader remembers.
const maxUsed = 64

// lostMargin is how far, in seconds, the clock of a reader may be behind that of its controller.
const lostMargin = 5 * 60

// used is what a reader remembers of a PIN with limits.
type used struct {
	_     struct{} `cbor:",toarray"`
	ID    uint64   // of the credential
	Made  int64    // its own, Unix seconds
	Until int64    // its own when it was last used, Unix seconds
	First int64    // the first use, Unix seconds; 0: the clock was not trusted
	Uses  uint8
}

// uses decodes Durable.Used.
func (d *Durable) uses() ([]used, error) {
	if d.Used == "" {
		return nil, nil
	}
	var uses []used
	if err := wire.Unmarshal([]byte(d.Used), wire.MaxRecord, &uses); err != nil {
		return nil, err
	}
	if len(uses) == 0 || len(uses) > maxUsed {
		return nil, fmt.Errorf("%w: %d PINs with limits", wire.ErrEncoding, len(uses))
	}
	return uses, nil
}

// usesOf returns what is remembered of a PIN with limits; false: nothing.
func (d *Durable) usesOf(id uint64) (used, bool) {
	uses, _ := d.uses() // as written, or as Restore has checked it
	for _, u := range uses {
		if u.ID == id {
			return u, true
		}
	}
	return used{}, false
}

// limit returns which limit keeps a PIN from being used; "": none does.
func (d *Durable) limit(c *wire.Credential, now Now) wire.Reason {
	if !c.Limited() {
		return ""
	}
	u, known := d.usesOf(c.ID)
	switch {
	case c.Within != 0 && !now.Trusted:
		return wire.ReasonClock
	case !known && c.Made <= d.Forgot:
		return wire.ReasonForgotten
	case !known:
		return ""
	case c.Uses != 0 && u.Uses >= c.Uses, c.Within != 0 && now.Wall.Unix() >= u.First+int64(c.Within):
		return wire.ReasonUsedUp
	}
	return ""
}

// use remembers a use.counted. To make room it forgets the PINs whose end has passed, or else
// the one that was made first, and with it all that were made before and are not remembered.
func (d *Durable) use(r wire.Record) {
	uses, err := d.uses()
	if err != nil || r.Credential == 0 {
		return
	}
	at := slices.IndexFunc(uses, func(u used) bool { return u.ID == r.Credential })
	if at < 0 {
		if len(uses) == maxUsed && r.Trusted {
			uses = slices.DeleteFunc(uses, func(u used) bool { return u.Until != 0 && u.Until*1000 <= r.Time })
		}
		if len(uses) == maxUsed {
			oldest := slices.MinFunc(uses, func(a, b used) int { return cmp.Or(cmp.Compare(a.Made, b.Made), cmp.Compare(a.ID, b.ID)) })
			uses = slices.DeleteFunc(uses, func(u used) bool { return u == oldest })
			d.Forgot = max(d.Forgot, oldest.Made)
		}
		u := used{ID: r.Credential}
		if r.Trusted {
			u.First = r.Time / 1000
		}
		at, uses = len(uses), append(uses, u)
	}
	uses[at].Made, uses[at].Until = r.From/1000, r.To/1000
	uses[at].Uses = uint8(min(r.Count, wire.MaxUses))
	d.Used = wire.Bytes(wire.Marshal(uses))
}

// forgetAll forgets all uses: PINs with limits that were made before now are refused.
// Without a trusted clock these are all, until it is trusted.
func (d *Durable) forgetAll() { d.Used, d.Forgot = "", wire.MaxTime }

// useStored takes the journal's answer to a use: only one that is stored lets its PIN in.
func (t *turn) useStored(fault string) {
	c, reason := t.attempt.credential, wire.ReasonUnstored
	if fault == "" {
		reason = t.refusal(c)
	}
	if reason != "" {
		t.refusePIN(c, reason)
		return
	}
	t.acceptPIN(c)
}

// countUse records the use of a PIN with limits that is about to be accepted, which waits until
// that is stored.
func (t *turn) countUse(c *wire.Credential) {
	u, _ := t.durable.usesOf(c.ID)
	t.attempt.state, t.attempt.batch = attemptCounting, t.journal.appended+1
	t.attempt.deadline = t.elapsed + answerWithin
	t.record(wire.Record{
		Kind: wire.UseCounted, Seq: t.durable.Pending, Credential: c.ID, User: c.User,
		Count: uint64(u.Uses) + 1, From: c.Made * 1000, To: c.Until * 1000,
	})
}
