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
const lostMargin = 60

// used is what a reader remembers of a PIN with limits.
type used struct {
	_     struct{} `cbor:",toarray"`
	ID    uint64   // of the credential
	Made  int64    // its own, Unix seconds
	Until int64    // its own when it was last used, Unix seconds
	First int64    // the first use, Unix seconds; 0: the clock was not trusted
	Uses  uint8
	Last  uint8 // the number of its last use; 0: there is none
}

func (u used) up() bool { return u.Last != 0 && u.Uses >= u.Last }

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
func (d *Durable) usesOf(c *wire.Credential) (used, bool) {
	uses, _ := d.uses() // as written, or as Restore has checked it
	for _, u := range uses {
		if u.ID == c.ID && u.Made == c.Made {
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
	u, known := d.usesOf(c)
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
// of those that are used up, or of all, the one that was made first, and with it all that were
// made before and are not remembered.
func (d *Durable) use(r wire.Record) {
	uses, err := d.uses()
	if err != nil || r.Credential == 0 {
		return
	}
	u := used{ID: r.Credential, Made: r.From / 1000}
	if r.Trusted {
		u.First = r.Time / 1000
	}
	if known, ok := d.usesOf(&wire.Credential{ID: u.ID, Made: u.Made}); ok {
		u = known
	}
	uses = slices.DeleteFunc(uses, func(other used) bool { return other.ID == u.ID })
	if len(uses) == maxUsed && r.Trusted {
		uses = slices.DeleteFunc(uses, func(u used) bool { return u.Until != 0 && u.Until*1000 <= r.Time })
	}
	if len(uses) == maxUsed {
		first := slices.MinFunc(uses, func(a, b used) int {
			if a.up() != b.up() {
				return map[bool]int{true: -1, false: 1}[a.up()]
			}
			return cmp.Or(cmp.Compare(a.Made, b.Made), cmp.Compare(a.ID, b.ID))
		})
		uses = slices.DeleteFunc(uses, func(u used) bool { return u == first })
		d.Forgot = max(d.Forgot, first.Made)
	}
	u.Until, u.Uses, u.Last = r.To/1000, uint8(min(r.Count, wire.MaxUses)), uint8(min(r.Last, wire.MaxUses))
	d.Used = wire.Bytes(wire.Marshal(append(uses, u)))
}

// forgetAll forgets all uses: PINs with limits that were made before now are refused.
// Without a trusted clock these are all, until it is trusted.
func (d *Durable) forgetAll() { d.Used, d.Forgot = "", wire.MaxTime }

// countUse records the use of a PIN with limits that is about to open the door, which waits
// until that is stored. It returns the append that tells.
func (t *turn) countUse(c *wire.Credential, seq uint64) (batch uint64) {
	u, _ := t.durable.usesOf(c)
	t.record(wire.Record{
		Kind: wire.UseCounted, Seq: seq, Credential: c.ID, User: c.User,
		Count: uint64(u.Uses) + 1, Last: uint64(c.Uses), From: c.Made * 1000, To: c.Until * 1000,
	})
	return t.journal.appended + 1
}

// useStored takes the journal's answer to the use of a PIN: only one that is stored lets its
// PIN in.
func (t *turn) useStored(fault string) {
	c, reason := t.attempt.credential, wire.ReasonUnstored
	if fault == "" {
		reason = t.refusal(c)
	}
	if reason != "" {
		t.refusePIN(c, reason)
		return
	}
	t.openPIN(c)
}
