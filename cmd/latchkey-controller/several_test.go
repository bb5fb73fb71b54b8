package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestAStandByServesAndLeadsWhenTheLeaderEnds(t *testing.T) {
	s := newSeveral(t, nil)
	one, two := s.both()
	s.acknowledged(one)
	for _, m := range []*member{one, two} {
		if status, body := s.get(m.at("api") + "/api/v1/developer/doors"); status != http.StatusOK {
			t.Errorf("%s's API: %d %s", m.dir, status, body)
		}
		if status, body := s.get(m.at("console") + "/link/x"); status != http.StatusGone {
			t.Errorf("%s's console: %d %.200s", m.dir, status, body)
		}
	}
	first, former := s.term(), s.holder()
	one.Signal(syscall.SIGTERM)
	if err := <-one.ended; err != nil {
		t.Errorf("the leader ends with %v", err)
	}
	if s.holder() == former {
		t.Error("the leader has not given the lead back")
	}
	t.Logf("SIGTERM: the other leads %v after its end", two.leads(1))
	if second := s.term(); second <= first {
		t.Errorf("term %d after %d", second, first)
	}
	s.acknowledged(two)
	one = s.serve(0)
	one.standsBy(1)
	two.Kill()
	t.Logf("SIGKILL: the other leads %v later", one.leads(1))
	s.acknowledged(one)
	one.end()
}

func TestALeaderThatWasStoppedStandsByAndDisturbsNobody(t *testing.T) {
	s := newSeveral(t, nil)
	one, two := s.both()
	s.acknowledged(one)
	one.Signal(syscall.SIGSTOP)
	stopped := time.Now()
	t.Logf("SIGSTOP: the other leads %v later", two.leads(1))
	s.acknowledged(two)
	two.until("people are told that it has taken over", func() bool { return s.server.Ask("site", `SELECT count(*) FROM alarms`) == "1" })
	time.Sleep(time.Until(stopped.Add(8 * time.Second)))
	term, log, written := s.term(), len(two.log.String()), s.written()
	one.Signal(syscall.SIGCONT)
	t.Logf("SIGCONT: it stands by %v later", one.standsBy(1))
	one.endedLeading()
	time.Sleep(2 * time.Second)
	if after := s.written(); after != written {
		t.Errorf("something was written: %s, and %s before", after, written)
	}
	if after := s.term(); after != term {
		t.Errorf("term %d, and %d before", after, term)
	}
	two.calm(log)
	s.acknowledged(two)
	two.end()
	t.Logf("the one that was stopped leads %v after the other's end", one.leads(2))
	s.acknowledged(one)
	one.end()
}

// written says how far each table that a leader writes to is.
func (s *several) written() string {
	return s.server.Ask("site", `SELECT concat_ws(' ', (SELECT count(*) FROM orders), (SELECT max(id) FROM activity), (SELECT count(*) FROM alarms), (SELECT count(*) FROM changes), (SELECT max(number) FROM epochs), (SELECT count(*) FROM records), (SELECT count(*) FROM audit))`)
}

func TestSeveralControllersSurviveTheirDatabase(t *testing.T) {
	s := newSeveral(t, nil)
	one, two := s.both()
	led := func() int { return strings.Count(one.out.String()+two.out.String(), leads) }
	for _, away := range []time.Duration{0, 6 * time.Second} {
		term, before := s.term(), led()
		s.server.Stop(syscall.SIGINT)
		time.Sleep(away)
		s.server.Start()
		if away > 0 {
			one.until("somebody leads anew", func() bool { return led() > before })
		}
		s.acknowledged(one) // or the other
		if after := s.term(); away > 0 && after <= term {
			t.Errorf("after %v away: term %d, and %d before", away, after, term)
		} else if away == 0 {
			t.Logf("a short restart: term %d, and %d before", after, term)
		}
	}
	for _, m := range []*member{one, two} {
		if n := strings.Count(m.log.String(), "the database does not answer"); n == 0 || n > 4 {
			t.Errorf("%s says %d times that the database does not answer: %s", m.dir, n, &m.log)
		}
		if log := m.log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "does not answer\" err=\"the database site") && strings.Contains(log, "Try again later") {
			t.Errorf("%s says more than once, or to nobody, that the database is away: %s", m.dir, log)
		}
		m.end()
	}
}

func TestALeaderThatIsCutOffStandsBy(t *testing.T) {
	var cut *postgrestest.Cut
	s := newSeveral(t, func(server *postgrestest.Own) string {
		cut = postgrestest.NewCut(t, server)
		return cut.Address("site")
	})
	two := s.serve(1)
	two.leads(1)
	one := s.serve(0)
	one.standsBy(1)
	cut.Close() // nobody connects through it any more
	s.server.Do("postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_addr IS NOT NULL`)
	t.Logf("cut off: the other leads %v later", one.leads(1))
	two.endedLeading()
	s.acknowledged(one)
	log := len(one.log.String())
	time.Sleep(3 * time.Second)
	one.calm(log)
	one.end()
	two.end()
}

func TestALeaderEndsThoughDatabaseAndBrokerHang(t *testing.T) {
	s := newSeveral(t, nil)
	one, two := s.both()
	s.acknowledged(one)
	thaw := s.server.Freeze()
	s.mosquitto.Signal(syscall.SIGSTOP)
	one.endedLeading()
	s.mosquitto.Signal(syscall.SIGCONT)
	thaw()
	one.until("somebody leads", func() bool { return strings.Count(one.out.String()+two.out.String(), leads) >= 2 })
	leader := one
	if strings.Contains(two.out.String(), leads) {
		leader = two
	}
	s.acknowledged(leader)
	s.server.Freeze()
	began := time.Now()
	leader.Signal(syscall.SIGTERM)
	<-leader.ended
	t.Logf("SIGTERM while the database hangs: it ends after %v", time.Since(began))
	if took := time.Since(began); took > 20*time.Second {
		t.Error("that is too long")
	}
}
