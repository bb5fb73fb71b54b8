package sync

import (
	"maps"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// Waits between connections: one after each broker, and after the last of them one that
// doubles with each round from the first to the most; half of each is random. The spread of
// the crowd at the broker that is next is added.
const (
	reconnectFirst = time.Second
	reconnectMost  = 5 * time.Minute
)

// Waits before a reader whose link is up looks whether it can return to its first broker:
// they double with each look in vain; half of each is random, so that the readers of a site
// do not return all at once.
const (
	returnFirst = 10 * time.Minute
	returnMost  = 2 * time.Hour
	returnMoved = 2 * time.Minute // when a policy has named another first one
	returnBusy  = time.Minute     // when a card waits for its keys
)

// strandedAfter is how long the link may be down, and all brokers of the policy be tried in
// vain, until the bundle's are tried as well: otherwise a wrong address would need somebody
// to adopt the reader anew.
const strandedAfter = 15 * time.Minute

// A route says to which broker a reader goes next, and when.
//
//	first --failed, lost--> second --failed, lost--> … last --failed, lost, longer wait--> first
//	  ^                       | up for a while
//	  +--heard there----------+
//
// A connection is good only once the controller has answered on it.
type route struct {
	o      *Options        // for random numbers
	bundle []wire.Broker   // never empty
	policy []wire.Broker   // in place of the bundle's; none: the policy names none
	at     wire.Broker     // the one of the newest connection, or of the newest try; zero: none yet
	calm   time.Duration   // the first wait before it looks at the first one
	number uint64          // of the connection
	up     bool            // the controller has answered on it
	down   time.Duration   // when the link was up last, or the route began
	round  int             // through all of them, since the link was up
	vain   int             // looks at better ones since the link was up there
	back   time.Duration   // when to look at the better ones; 0: never
	tried  map[string]bool // those since the link was up
	crowds map[wire.Broker]crowd
}

func newRoute(o *Options, bundle, policy []wire.Broker) *route {
	return &route{o: o, bundle: bundle, policy: policy, calm: returnFirst, tried: map[string]bool{}, crowds: map[wire.Broker]crowd{}}
}

// wanted returns the brokers of the policy, or the bundle's.
func (r *route) wanted() []wire.Broker {
	if len(r.policy) > 0 {
		return r.policy
	}
	return r.bundle
}

// all returns the brokers to try now.
func (r *route) all(now time.Duration) []wire.Broker {
	all := r.wanted()
	untried := func(b wire.Broker) bool { return !r.tried[b.String()] }
	if r.up || now-r.down < strandedAfter || slices.ContainsFunc(all, untried) {
		return all
	}
	all = slices.Clone(all)
	for _, b := range r.bundle {
		if !slices.Contains(all, b) {
			all = append(all, b)
		}
	}
	return all
}

// better returns the brokers that are before the one at which the reader is, in order.
func (r *route) better() []wire.Broker {
	wanted := r.wanted()
	if i := slices.Index(wanted, r.at); i >= 0 {
		return wanted[:i]
	}
	return wanted
}

// following returns the index of the broker after the one at which the reader is.
func (r *route) following(all []wire.Broker) int { return (slices.Index(all, r.at) + 1) % len(all) }

// next goes to the next broker.
func (r *route) next(now time.Duration) wire.Broker {
	all := r.all(now)
	r.at = all[r.following(all)]
	r.tried[r.at.String()] = true
	return r.at
}

// kept notes that a broker took d to let this reader in, or to fail with err.
func (r *route) kept(broker wire.Broker, d time.Duration, err error) {
	c := r.crowds[broker]
	if err == nil {
		c.took(d)
	} else {
		c.failed(d, err)
	}
	r.crowds[broker] = c
}

// connected notes a connection to a broker.
func (r *route) connected(to wire.Broker, number uint64) {
	if to != r.at && r.up {
		r.vain++ // unless the controller answers there
	}
	r.at, r.number, r.up, r.back = to, number, false, 0
}

// answered notes that the controller has answered on a connection.
func (r *route) answered(number uint64, now time.Duration) {
	if number != r.number || r.up {
		return
	}
	r.up, r.round = true, 0
	clear(r.tried)
	maps.DeleteFunc(r.crowds, func(b wire.Broker, _ crowd) bool { return b != r.at }) // what is next after this one is tried at once
	if r.at == r.wanted()[0] {
		r.vain = 0
		return
	}
	r.lookIn(r.calm, now)
}

// silent notes that the controller does not answer any more.
func (r *route) silent(now time.Duration) {
	if r.up {
		r.down = now
	}
	r.up, r.back = false, 0
}

// ended notes that the connection is lost, or there was none, and returns how long to wait
// before the next.
func (r *route) ended(now time.Duration) time.Duration {
	r.silent(now)
	r.number = 0
	all, round := r.all(now), 0
	following := r.following(all)
	if following == 0 {
		round = r.round
		r.round++
	}
	return r.o.backoff(round, reconnectFirst, reconnectMost) + r.o.jitter(r.crowds[all[following]].spread()+1)
}

// looked notes that the controller was not heard at any better broker.
func (r *route) looked(now time.Duration) {
	if r.back == 0 { // a policy has made this one the first meanwhile, or the link is down
		return
	}
	r.vain++
	r.lookIn(r.calm, now)
}

func (r *route) lookIn(first, now time.Duration) {
	r.back = now + r.o.backoff(r.vain, first, returnMost)
}

// change takes the brokers of a new policy.
func (r *route) change(policy []wire.Broker, now time.Duration) {
	if slices.Equal(policy, r.policy) {
		return
	}
	before := r.wanted()[0]
	r.policy = policy
	switch first := r.wanted()[0]; {
	case r.up && r.at == first:
		r.vain, r.back = 0, 0
	case r.up && first != before:
		r.vain = 0
		r.lookIn(min(r.calm, returnMoved), now)
	}
}
