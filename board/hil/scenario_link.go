package main

import (
	"fmt"
	"strings"
)

// linkComesUp has the reader adopted again, now with a broker, and waits for the
// link and for the records of what happened before.
func linkComesUp(l *lane) string {
	l.m.agent.root("ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0")
	l.adopt(configPath, "--broker", "ssl://"+brokerInside+":8883")
	l.site.startBroker(l.board.broker)
	l.awaitLink("up")
	var records map[string]int
	eventually(l.m.ctx, "the controller has the records", func() bool {
		records = l.site.records()
		if records["link.up"] == 0 || records["access.granted"] == 0 {
			fail("it has %v", records)
		}
		return true
	})
	_, port, _ := strings.Cut(l.board.broker, ":")
	if l.m.agent.run("/bin/busybox", "nc", "-w", "2", "10.0.2.2", port).Code == 0 {
		fail("the machine reaches more than the broker")
	}
	return fmt.Sprintf("the controller has %d grants, %d charges and %d lockouts", records["access.granted"], records["attempt.started"], records["lockout.started"])
}

func (l *lane) awaitLink(state string) {
	l.awaitStatus("the link is "+state, func(s status) bool { return s.Link == state })
}

func remoteUnlocks(l *lane) string {
	how := l.m.unlocks(func() { l.site.controller("", "unlock", "front-door") })
	return how + "; counted from the controller's answer"
}

func newCardUnlocks(l *lane) string {
	before := l.status().Revision
	l.site.controller("", "user", "add", "--name", "Grace Hopper", "--card", strangerUID)
	l.awaitStatus("the reader has the new card", func(s status) bool { return s.Revision > before })
	return l.unlocksByCard(strangerUID)
}

func worksWithoutBroker(l *lane) string {
	l.site.stopBroker()
	l.awaitLink("down")
	return l.unlocksByCard(bobUID)
}
