package device

import (
	"fmt"
	"time"

	"latchkey/sync/wire"
)

// Policy is the configuration of a reader and its door, from LoadPolicy; the
// zero value is no policy. As an event it takes effect if its revision is above
// that of the policy in force, and is ignored otherwise.
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
	zone, err := wire.LoadZone(p.TimeZone)
	if err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	return Policy{p, zone}, nil
}

// takePolicy puts a policy in force unless its revision is below one that was in force
// before, as the journal says, or not above the current one.
func (t *turn) takePolicy(p Policy) {
	if p.policy == nil || p.policy.Revision < t.durable.PolicyRevision ||
		t.policy.policy != nil && p.policy.Revision <= t.policy.policy.Revision {
		return
	}
	t.policy = p
	t.applied()
	t.compare()
}

// applied records the policy in force if its revision is above all earlier ones.
func (t *turn) applied() {
	if p := t.policy.policy; p != nil && p.Revision > t.durable.PolicyRevision {
		t.record(wire.Record{Kind: wire.PolicyApplied, PolicyRevision: p.Revision})
	}
}
