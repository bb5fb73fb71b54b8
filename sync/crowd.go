package sync

import (
	"errors"
	"net"
	"time"
)

// A crowd is how long the broker lately took to let this reader in. After ten thousand
// readers have lost their broker, or their power, together, it works for many seconds on
// all of them at once, and those that it does not reach in time have cost it work for
// nothing. No reader knows how many they are; but all see how long it takes, and the next
// time they come spread over twice as long.
type crowd time.Duration

// took notes how long it took to be let in, or to give up waiting for it. What was noted
// before counts half each time.
func (c *crowd) took(d time.Duration) { *c = max(crowd(d), *c/2) }

// failed notes an attempt that failed after d, if the broker was there but did not come to
// it in time: what was noted before doubles. A broker that is away refuses at once, and one
// whose queue had no room for a connection has had no work with it.
func (c *crowd) failed(d time.Duration, err error) {
	var network *net.OpError
	if errors.As(err, &network) && network.Op == "dial" {
		return
	}
	var timeout net.Error
	if errors.Is(err, errSilent) || errors.As(err, &timeout) && timeout.Timeout() {
		*c = min(max(crowd(d), *c*2), mostCrowd)
	}
}

const mostCrowd = crowd(time.Minute)

// spread returns over how long the next attempts are spread.
func (c crowd) spread() time.Duration { return 2 * time.Duration(c) }
