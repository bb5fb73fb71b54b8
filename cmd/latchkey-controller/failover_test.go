package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// The stand-by of the server takes over while records come.
func TestTwoControllersGoOnWithAServerThatTakesOver(t *testing.T) {
	t.Parallel()
	first := postgrestest.NewOwn(t, "max_wal_senders=4")
	address := first.New("site")
	second := first.StandBy()
	p := newPair(t, address, "site", dial(first), dial(second))
	p.serve()
	p.report(5)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				p.send(1)
			}
		}
	}()
	time.Sleep(500 * time.Millisecond)
	first.Stop(syscall.SIGQUIT)
	second.Promote()
	second.Do("postgres", `ALTER SYSTEM RESET synchronous_standby_names`, `SELECT pg_reload_conf()`)
	p.acknowledged(p.sent())
	close(stop)
	<-stopped
	for _, m := range p.machines {
		m.alive()
	}
	p.moved(second)
	leader := p.leading()
	leader.end(syscall.SIGTERM)
	p.leads(p.other(leader))
	leader.serve()
	p.check()
	for _, m := range p.machines {
		if strings.Contains(m.log(), "restored to an older state") {
			t.Error(m.log())
		}
	}
}
