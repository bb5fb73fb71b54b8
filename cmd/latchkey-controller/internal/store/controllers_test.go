package store

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestControllersAreListedWhoLeadsFirst(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	one, other, command := openAt(t, address), openAt(t, address), openAt(t, address)
	list := func(s *Store) []Controller {
		all, err := s.Controllers(t.Context())
		must(t, err)
		return all
	}
	if all := list(command); len(all) != 0 || one.Leads() {
		t.Errorf("none runs: %+v, %v", all, one.Leads())
	}
	first, err := one.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	standsBy := make(chan bool, 9)
	leads := make(chan *Lead, 1)
	go func() {
		l, err := other.Lead(t.Context(), HomeCell, func(*ServedError) error { standsBy <- true; return nil })
		if err != nil {
			t.Error(err)
		}
		leads <- l
	}()
	come(t, standsBy, "that it stands by")
	all := list(other)
	if len(all) != 2 || !all[0].Leads || all[0].This || all[0].Term != first.Term() || all[0].Since.Sub(time.Unix(int64(first.Term()), 0)).Abs() > 20*time.Second {
		t.Fatalf("who leads: %+v", all)
	}
	if all[1].Leads || !all[1].This || all[1].Term != 0 || time.Since(all[1].Since) > time.Minute {
		t.Errorf("who stands by: %+v", all[1])
	}
	if !one.Leads() || other.Leads() {
		t.Errorf("leads: %v, %v", one.Leads(), other.Leads())
	}
	if all := list(command); slices.ContainsFunc(all, func(c Controller) bool { return c.This }) {
		t.Errorf("a command is none: %+v", all)
	}
	first.Close()
	second := come(t, leads, "the lead")
	defer second.Close()
	if all := list(one); len(all) != 1 || !all[0].Leads || all[0].Term != second.Term() || all[0].This {
		t.Errorf("after it was given back: %+v", all)
	}
	if second.After() != "" {
		t.Errorf("it was given back: %q", second.After())
	}
}

func TestALeadThatWasNotGivenBackNamesWhoHadIt(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s := openAt(t, address)
	take := func(holder string) string {
		conn, err := pgx.Connect(t.Context(), address)
		must(t, err)
		defer conn.Close(context.WithoutCancel(t.Context()))
		_, err = conn.Exec(t.Context(), `UPDATE lead SET holder = $1`, holder)
		must(t, err)
		lead, err := s.Lead(t.Context(), HomeCell, alreadyLed)
		must(t, err)
		defer lead.Close()
		return lead.After()
	}
	if got := take("latchkey-controller on elsewhere 01234567"); got != "latchkey-controller on elsewhere" {
		t.Errorf("another machine: %q", got)
	}
	if got := take(sessionName()); got != "" {
		t.Errorf("this machine, started anew: %q", got)
	}
}

// seenAlive has a store stand by for a leader of this machine, whose last beat it has seen when this returns.
func seenAlive(t *testing.T, s *Store, address string) (leads chan *Lead) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	holder := sessionName()
	beat := func() {
		_, err := conn.Exec(t.Context(), `UPDATE lead SET beat = beat + 1, holder = $1`, holder)
		must(t, err)
	}
	beat()
	alive, leads := make(chan bool), make(chan *Lead, 1)
	go func() {
		lead, err := s.Lead(t.Context(), HomeCell, func(*ServedError) error { close(alive); return nil })
		if err != nil {
			t.Error(err)
		}
		leads <- lead
	}()
	for end := time.After(time.Minute / 2); ; {
		select {
		case <-alive:
			return leads
		case <-end:
			t.Fatal("nobody is seen to lead")
		case <-time.After(lookEvery):
			beat()
		}
	}
}

func TestWhoWasSeenToLeadIsNamedAlsoIfItRanOnTheSameMachine(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	lead := come(t, seenAlive(t, openAt(t, address), address), "the lead")
	defer lead.Close()
	if got, want := lead.After(), withoutToken(sessionName()); got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestNobodyIsNamedForALeadThatWasLostWithTheDatabase(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	address := server.New("site")
	leads := seenAlive(t, openAt(t, address), address)
	server.Stop(syscall.SIGINT)
	time.Sleep(2 * keepLead)
	server.Start()
	lead := come(t, leads, "the lead")
	defer lead.Close()
	if got := lead.After(); got != "" {
		t.Errorf("%q", got)
	}
}

// The last beat before the database went away, which the stand-by sees only after that, does not show that the leader is alive.
func TestABeatThatIsSeenWhenTheDatabaseIsBackIsNoneOfSinceThen(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	address := server.New("site")
	leads := seenAlive(t, openAt(t, address), address)
	server.Stop(syscall.SIGINT)
	server.DoAlone("site", `UPDATE lead SET beat = beat + 1`)
	time.Sleep(2 * lookEvery)
	server.Start()
	lead := come(t, leads, "the lead")
	defer lead.Close()
	if got := lead.After(); got != "" {
		t.Errorf("%q", got)
	}
}

func TestSQLiteHasOneController(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	lead, err := s.Lead(t.Context(), HomeCell, nil)
	must(t, err)
	defer lead.Close()
	all, err := s.Controllers(t.Context())
	must(t, err)
	if len(all) != 1 || !all[0].This || !all[0].Leads || all[0].Term != lead.Term() || time.Since(all[0].Since) > time.Minute || !s.Leads() {
		t.Errorf("%+v", all)
	}
}
