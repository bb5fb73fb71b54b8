package device

import (
	"fmt"
	"time"
	_ "time/tzdata" // a reader's system need not have the time zones

	"latchkey/sync/wire"
)

// Policy brings what the reader is told about its door. LoadPolicy makes it;
// the zero value is no policy. Step takes over one whose revision is above
// that of the policy in force, and ignores every other.
type Policy struct {
	policy *wire.Policy
	zone   *time.Location
}

// LoadPolicy loads a policy's time zone.
func LoadPolicy(verified *wire.VerifiedPolicy) (Policy, error) {
	p := verified.Policy()
	if err := p.Check(); err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	zone, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	return Policy{p, zone}, nil
}

// takePolicy puts a policy in force, if it is none that was replaced before: what the
// journal knows of counts, whether its file can be read or not.
func (t *turn) takePolicy(p Policy) {
	if p.policy == nil || p.policy.Revision < t.durable.PolicyRevision ||
		t.policy.policy != nil && p.policy.Revision <= t.policy.policy.Revision {
		return
	}
	t.policy = p
	t.applied()
	t.compare()
}

// applied records a policy that is above all that were ever in force.
func (t *turn) applied() {
	if p := t.policy.policy; p != nil && p.Revision > t.durable.PolicyRevision {
		t.record(wire.Record{Kind: wire.PolicyApplied, PolicyRevision: p.Revision})
	}
}
