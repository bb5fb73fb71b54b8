package main

import (
	"flag"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

var partitions = flag.Int("partitions", 1, "how many `times` each of two controllers is cut off from each thing, in each way: make torture does it more often, and pulls the plug, too")

// Each controller in turn is cut off from the database, the broker, or both.
func TestControllersThatAreCutOffLoseNothing(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	for how, cut := range map[string]func(...*cable){
		"dropped": func(all ...*cable) { each(all, (*cable).drop) },
		"refused": func(all ...*cable) { each(all, (*cable).refuse) },
		"unplugged": func(all ...*cable) {
			if len(all) == 2 {
				all[0].network.plug(all[0].t, false)
			} else {
				each(all, (*cable).drop)
			}
		},
	} {
		if how == "unplugged" && *partitions == 1 {
			continue
		}
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			p := newPairAt(t, server, how)
			p.serve()
			p.report(5)
			all := []string{"the leader from the database", "the leader from both", "the leader from the broker", "the stand-by from the database", "the stand-by from the broker", "the stand-by from both"}
			for range *partitions {
				rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				for _, what := range all {
					p.cutOff(what, cut)
				}
			}
			// Who stood by all the time can lead.
			leader := p.leading()
			leader.end(syscall.SIGKILL)
			p.leads(p.other(leader))
			p.report(2)
			leader.serve()
			p.check()
		})
	}
}

func each(all []*cable, do func(*cable)) {
	for _, c := range all {
		do(c)
	}
}

func (p *pair) cutOff(what string, cut func(...*cable)) {
	p.t.Helper()
	leader := p.leading()
	standBy := p.other(leader)
	began := time.Now()
	switch what {
	case "the leader from the database":
		cut(leader.database)
		p.send(3)
		p.leads(standBy)
		p.report(3)
	case "the leader from both":
		cut(leader.database, leader.broker)
		p.send(3)
		p.leads(standBy)
		p.report(3)
	case "the leader from the broker":
		cut(leader.broker)
		p.send(3) // nobody takes them now
		time.Sleep(2 * time.Second)
	case "the stand-by from the database":
		cut(standBy.database)
		p.report(3)
		time.Sleep(4 * time.Second) // longer than a lead lasts unseen
	case "the stand-by from the broker":
		cut(standBy.broker)
		p.report(3)
	case "the stand-by from both":
		cut(standBy.database, standBy.broker)
		p.report(3)
		time.Sleep(4 * time.Second)
	}
	for _, m := range p.machines {
		m.network.plug(p.t, true)
		m.database.mend()
		m.broker.mend()
	}
	p.report(3)
	for _, m := range p.machines {
		m.alive()
	}
	p.leading()
	p.t.Logf("%s: %v", what, time.Since(began).Round(100*time.Millisecond))
}
