package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// alreadyLed refuses to stand by.
func alreadyLed(leader *ServedError) error { return leader }

func TestOneLeadsASiteAndAnotherStandsByUntilItIsDone(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	one, other := openAt(t, address), openAt(t, address)
	first, err := one.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	if _, err := other.Lead(t.Context(), HomeCell, alreadyLed); err == nil || !strings.Contains(err.Error(), "is served already: by latchkey-controller on ") {
		t.Fatalf("two lead: %v", err)
	}
	must(t, other.Update(t.Context(), func(tx *Tx) error { return tx.SetZone("UTC") })) // administrators' acts go on
	standsBy, leads := make(chan string, 9), make(chan *Lead, 1)
	go func() {
		second, err := other.Lead(t.Context(), HomeCell, func(leader *ServedError) error { standsBy <- leader.Name; return nil })
		if err != nil {
			t.Error(err)
		}
		leads <- second
	}()
	if leader := come(t, standsBy, "that it stands by"); !strings.HasPrefix(leader, "latchkey-controller on ") {
		t.Error(leader)
	}
	select {
	case <-leads:
		t.Fatal("two lead")
	case <-time.After(takeLead + time.Second):
	}
	first.Close()
	second := come(t, leads, "the lead")
	defer second.Close()
	if second.Term() <= first.Term() {
		t.Errorf("term %d after %d", second.Term(), first.Term())
	}
}

func TestWhoIsSeenNoMoreLosesTheLeadAndAllItsSessions(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s := openAt(t, address)
	config, err := pgx.ParseConfig(address)
	must(t, err)
	config.RuntimeParams["application_name"] = "gone"
	gone, err := pgx.ConnectConfig(t.Context(), config)
	must(t, err)
	defer gone.Close(context.WithoutCancel(t.Context()))
	_, err = gone.Exec(t.Context(), `UPDATE lead SET term = 9999999999, beat = 7, holder = 'gone'`)
	must(t, err)
	lead, err := s.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	defer lead.Close()
	if lead.Term() != 10000000000 {
		t.Errorf("term %d", lead.Term())
	}
	if gone.Ping(t.Context()) == nil {
		t.Error("who led before still has a session")
	}
}

func TestAnEarlierLeaderStoresNothing(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s := openAt(t, address)
	lead, err := s.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	add := func() error {
		return s.Update(t.Context(), func(tx *Tx) error { return tx.SetZone("UTC") })
	}
	must(t, add())
	conn, err := pgx.Connect(t.Context(), address)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), `UPDATE lead SET term = term + 1, holder = 'another one'`)
	must(t, err)
	if err := add(); !errors.As(err, new(*UnavailableError)) || !strings.Contains(err.Error(), "another controller has just taken over") {
		t.Error(err)
	}
	if err := lead.Wait(t.Context()); !errors.As(err, new(*LostLeadError)) || !strings.Contains(err.Error(), "another one leads") {
		t.Error(err)
	}
	if add() == nil {
		t.Error("it stores something before it knows")
	}
	lead.Close()
	must(t, add()) // as who stands by
	var holder string
	must(t, conn.QueryRow(t.Context(), `SELECT holder FROM lead`).Scan(&holder))
	if holder != "another one" {
		t.Errorf("%q leads", holder)
	}
}

// A controller that the database does not hear any more leads no more before another one can.
func TestWhoLosesTheDatabaseLeadsNoMoreBeforeAnotherCan(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	c := postgrestest.NewCut(t, server)
	lead, err := openAt(t, c.Address("site")).Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	defer lead.Close()
	other := openAt(t, server.Address("site", "postgres"))
	leads := make(chan error, 1)
	c.Close()
	terminate(server, "site")
	go func() {
		second, err := other.Lead(t.Context(), HomeCell, func(*ServedError) error { return nil })
		if err == nil {
			defer second.Close()
		}
		leads <- err
	}()
	err = lead.Wait(t.Context())
	select {
	case <-leads:
		t.Error("another one leads already")
	default:
	}
	if err == nil || !strings.Contains(err.Error(), "so another one may lead") || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
	must(t, come(t, leads, "the lead"))
}

func TestWhoWorksWithTheDatabaseIsSaidAlsoWithoutAName(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s := openAt(t, address)
	conn, err := pgx.Connect(t.Context(), address)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock_shared($1)`, int64(controllersLock))
	must(t, err)
	_, err = s.Alone(t.Context())
	if want := fmt.Sprintf("by the server's process %d, of the role %s", conn.PgConn().PID(), conn.Config().User); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, not %s", err, want)
	}
}
