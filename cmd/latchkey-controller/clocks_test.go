package main

import (
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Each machine began at a moment of its own, and one has a wall clock that is off, from the beginning or from then on.
func TestAWrongClockOfOneOfTwoControllersLosesNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("only there is another wall clock given to a process")
	}
	server := postgrestest.NewOwn(t)
	for name, c := range map[string]struct {
		off     time.Duration
		machine int  // whose
		later   bool // it is put while the controller runs
	}{
		"leader_ahead_later":  {25 * time.Hour, 0, true},
		"leader_behind_later": {-24 * time.Hour, 0, true},
		// A machine that was off for less than a day is not in doubt.
		"stand_by_ahead":  {23 * time.Hour, 1, false},
		"stand_by_behind": {-24 * time.Hour, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPairAt(t, server, name)
			p.expected = []string{store.ClockDoubted}
			for _, m := range p.machines {
				m.boot()
				m.wall = newWall(t)
			}
			wrong := p.machines[c.machine]
			if !c.later {
				wrong.wall.off(c.off)
			}
			p.serve()
			p.report(5)
			if c.later {
				wrong.wall.off(c.off)
			}
			p.report(5)
			p.right("the first leader")
			p.leaves(wrong)
			for _, who := range []string{"the second leader", "the first leader again"} {
				leader := p.leading()
				leader.end(syscall.SIGKILL)
				p.leads(p.other(leader))
				p.report(5)
				p.right(who)
				p.back(leader)
				p.leaves(wrong)
			}
			right := p.other(wrong)
			p.eventually("who leads confirms its clock, and who stands by does not", func() bool {
				if p.leader() != right { // a wrong time that was confirmed is the site's
					wrong.end(syscall.SIGKILL)
					p.leads(right)
					p.back(wrong)
				}
				changed := p.changes()
				refused, err := wrong.do("clock", "confirm")
				said, failed := right.do("clock", "confirm")
				if p.leader() != right || p.changes() != changed { // neither knew which it was asked as
					return false
				}
				if err == nil || !strings.Contains(refused, "which leads; confirm it at its console") {
					t.Errorf("of who stands by: %v: %s", err, refused)
				}
				if failed != nil {
					t.Errorf("%v: %s", failed, said)
				}
				return true
			})
			p.check()
		})
	}
}

// back starts a machine's controller again, and waits until it stands by, or was left the lead at once.
func (p *pair) back(m *machine) {
	p.t.Helper()
	stoodBy := strings.Count(m.log(), ": stands by for ")
	m.serve()
	p.eventually("it stands by", func() bool { return m.isLeader() || strings.Count(m.log(), ": stands by for ") > stoodBy })
}

// leaves waits until a machine with a wrong clock has left the lead to the other one, if it had it. That one may be too slow to take
// it: then the wrong one leads all the same, and does not leave it again for an hour.
func (p *pair) leaves(wrong *machine) {
	p.t.Helper()
	p.eventually("the one with the wrong clock leaves the lead", func() bool {
		return p.leader() == p.other(wrong) || strings.Contains(wrong.log(), "so another one whose clock is right may lead")
	})
}

// changes returns how often a controller came to lead, or ceased to.
func (p *pair) changes() (n int) {
	for _, m := range p.machines {
		n += strings.Count(m.log(), ": readers come to ") + strings.Count(m.log(), "this controller leads no more")
	}
	return n
}

// right checks that the time that the reader is told is right, within the minute by which a clock may be put without
// doubt: of a leader that has just taken over with a wrong clock it is known to half of that.
func (p *pair) right(who string) {
	p.t.Helper()
	if off := p.now(); off.Abs() > time.Minute {
		p.t.Errorf("%s tells a time that is %v ahead", who, off)
	}
}

// now returns how far the time that the leader tells the reader is ahead.
func (p *pair) now() time.Duration {
	p.t.Helper()
	r := p.reporter
	var mu sync.Mutex
	var told *wire.Now
	topic := wire.OnNow.Topic("home", "front-door")
	token := p.client.Subscribe(topic, 1, func(_ mqtt.Client, m mqtt.Message) {
		now, err := wire.OpenNow(r.bundle.Site, m.Payload(), r.bundle.Controller[:])
		if err != nil {
			p.t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		told = now
	})
	if !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		p.t.Fatal(token.Error())
	}
	defer func() { p.client.Unsubscribe(topic).WaitTimeout(10 * time.Second) }()
	asked := time.Now()
	p.eventually("the reader is told the time", func() bool {
		r.state(p.client)
		time.Sleep(200 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		return told != nil
	})
	mu.Lock()
	defer mu.Unlock()
	return time.UnixMilli(told.Time).Sub(asked).Round(time.Second)
}
