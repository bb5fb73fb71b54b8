package sync

import (
	"errors"
	"time"

	"latchkey/sync/wire"
)

// policyWait is how long the link waits for a policy that a now has announced before it
// subscribes to the topic again.
const policyWait = 10 * time.Second

// policy is the reader's policy: in force, and being stored.
type policy struct {
	revision uint64 // stored
	inForce  uint64 // as the reader has reported
	newest   uint64 // announced by the controller

	coming  *wire.VerifiedPolicy // the newest that is not stored yet; nil: none
	storing bool                 // the disk has not answered yet
	again   time.Duration        // when to try again
	asked   time.Duration        // when to subscribe to the topic again; 0: not
}

// known returns the newest revision received.
func (p *policy) known() uint64 {
	if p.coming == nil {
		return p.revision
	}
	return max(p.revision, p.coming.Policy().Revision)
}

// takePolicy accepts a signed policy.
func (l *Link) takePolicy(signed []byte) error {
	coming, err := wire.OpenPolicy(l.o.Site, signed, l.o.Controller)
	if err != nil {
		return err
	}
	p := coming.Policy()
	switch {
	case p.Reader != l.o.Reader:
		return errOtherReader
	case p.Revision < l.o.PolicyFloor:
		return errors.New("older than one that was in force")
	case p.Revision < l.policy.known():
		return errors.New("older than the one held")
	case p.Revision == l.policy.known():
		return nil
	}
	l.policy.coming, l.policy.again = coming, 0
	l.policy.newest = max(l.policy.newest, p.Revision)
	return nil
}

// policyStored handles the disk's answer.
func (l *Link) policyStored(e PolicyStored) {
	p := &l.policy
	p.storing = false
	switch {
	case e.Err == nil:
		if revision := e.Policy.Policy().Revision; revision > p.revision {
			p.revision = revision
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
	l.resubscribe(wire.OnPolicy, l.states.up && p.coming == nil && p.newest > p.revision, policyWait, &p.asked)
}
