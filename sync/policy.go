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

	signed  []byte        // the newest that came and is not stored; nil: there is none
	coming  uint64        // its revision
	storing uint64        // the revision that the disk has yet to answer; 0: none
	again   time.Duration // when to try again
	asked   time.Duration // when to subscribe again
}

// takePolicy takes a signed policy.
func (l *Link) takePolicy(signed, payload []byte) error {
	p, err := wire.ParsePolicy(payload)
	if err != nil {
		return err
	}
	if err := l.mine(p.Reader); err != nil {
		return err
	}
	if p.Revision < l.o.PolicyFloor {
		return errors.New("older than one that was in force")
	}
	if p.Revision < max(l.policy.revision, l.policy.coming) {
		return errors.New("older than the one held")
	}
	if p.Revision == max(l.policy.revision, l.policy.coming) {
		return nil
	}
	l.policy.signed, l.policy.coming, l.policy.again = signed, p.Revision, 0
	l.policy.newest = max(l.policy.newest, p.Revision)
	return nil
}

// policyStored takes the disk's answer.
func (l *Link) policyStored(e PolicyStored) {
	p := &l.policy
	storing := p.storing
	p.storing = 0
	switch {
	case e.Err == nil && e.Policy != nil:
		if e.Policy.Revision > p.revision {
			p.revision = e.Policy.Revision
			l.states.dirty = true
			l.do(PolicyChanged{e.Policy})
		}
		if p.coming <= p.revision {
			p.signed, p.coming = nil, 0
		}
	case errors.Is(e.Err, ErrUnfit):
		l.refuse(string(wire.OnPolicy), e.Err)
		if p.coming == storing {
			p.signed, p.coming = nil, 0
		}
	default:
		p.again = l.now + retryEvery
	}
}

func (l *Link) settlePolicy() {
	p := &l.policy
	if p.signed != nil && p.storing == 0 && (p.again == 0 || l.over(p.again)) {
		p.storing, p.again = p.coming, 0
		l.do(StorePolicy{p.signed})
	}
	if !l.states.up || p.signed != nil || p.newest <= p.revision {
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
