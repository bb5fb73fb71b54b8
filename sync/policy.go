package sync

import (
	"errors"
	"time"

	"latchkey/sync/wire"
)

// policyWait is how long a policy may take that a now has told of, before the
// topic is subscribed to again.
const policyWait = 10 * time.Second

// policy is the reader's, in force and on its way to the disk.
type policy struct {
	revision uint64 // in force
	newest   uint64 // that the controller has told of

	coming  *wire.VerifiedPolicy // the newest that came and is not stored; nil: there is none
	storing bool                 // the disk has yet to answer for one
	again   time.Duration        // when to try again
	asked   time.Duration        // when to subscribe again
}

// known returns the newest revision that came.
func (p *policy) known() uint64 {
	if p.coming == nil {
		return p.revision
	}
	return max(p.revision, p.coming.Policy().Revision)
}

// takePolicy takes a signed policy.
func (l *Link) takePolicy(signed []byte) error {
	coming, err := wire.OpenPolicy(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	p := coming.Policy()
	if err := l.mine(p.Reader); err != nil {
		return err
	}
	if p.Revision < l.o.PolicyFloor {
		return errors.New("older than one that was in force")
	}
	if p.Revision < l.policy.known() {
		return errors.New("older than the one held")
	}
	if p.Revision == l.policy.known() {
		return nil
	}
	l.policy.coming, l.policy.again = coming, 0
	l.policy.newest = max(l.policy.newest, p.Revision)
	return nil
}

// policyStored takes the disk's answer.
func (l *Link) policyStored(e PolicyStored) {
	p := &l.policy
	p.storing = false
	switch {
	case e.Err == nil:
		if revision := e.Policy.Policy().Revision; revision > p.revision {
			p.revision = revision
			l.states.dirty = true
			l.do(PolicyChanged{e.Policy})
		}
		if p.known() == p.revision {
			p.coming = nil
		}
	case errors.Is(e.Err, wire.ErrUnfit):
		l.refuse(string(wire.OnPolicy), e.Err)
		if p.coming == e.Policy {
			p.coming = nil
		}
	default:
		p.again = l.now + retryEvery
	}
}

func (l *Link) settlePolicy() {
	p := &l.policy
	if p.coming != nil && !p.storing && (p.again == 0 || l.over(p.again)) {
		p.storing, p.again = true, 0
		l.do(StorePolicy{p.coming})
	}
	if !l.states.up || p.coming != nil || p.newest <= p.revision {
		p.asked = 0
		return
	}
	if p.asked == 0 {
		p.asked = l.now + policyWait
	}
	if l.over(p.asked) {
		p.asked = l.now + retryEvery
		l.do(Resubscribe{l.o.topic(wire.OnPolicy)})
		l.over(p.asked)
	}
}
