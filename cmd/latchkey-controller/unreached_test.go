package main

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// One of two controllers reaches the broker by an address where nothing listens.
func TestALeaderThatReachesNoBrokerLeavesTheLeadToOneThatDoes(t *testing.T) {
	s := newSeveral(t, nil)
	one := serveMember(t, s.dirs[0], "--broker", "ssl://127.0.0.1:1")
	one.leads(1)
	other := s.serve(1)
	other.standsBy(1)
	one.within(time.Minute, "it leads no more", func() bool { return strings.Contains(one.log.String(), "this controller leads no more") })
	other.leads(1)
	one.standsBy(1)
	if log := one.log.String(); !strings.Contains(log, "it has reached none of the brokers (ssl://127.0.0.1:1) for 30 seconds, so another one may lead") {
		t.Error(log)
	}
	s.acknowledged(other)
	other.Signal(syscall.SIGKILL)
	one.leads(2) // better than nobody
	one.until("people are told that it has taken over", func() bool {
		return s.server.Ask("site", `SELECT count(*)::text FROM alarms WHERE kind = 'lead.taken-over'`) == "1"
	})
}
