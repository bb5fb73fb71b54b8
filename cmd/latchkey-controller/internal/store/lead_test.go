package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestOneLeadsASiteAndKnowsWhenItNoLongerDoes(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	var stores [2]*Store
	for i := range stores {
		s, err := Create(t.Context(), t.TempDir(), address)
		must(t, err)
		defer s.Close()
		stores[i] = s
	}
	lead, err := stores[0].Lead(t.Context())
	must(t, err)
	if _, err := stores[1].Lead(t.Context()); err == nil || !strings.Contains(err.Error(), "is served already: by latchkey-controller on ") {
		t.Fatalf("two lead: %v", err)
	}
	must(t, stores[1].Update(t.Context(), func(tx *Tx) error { return tx.SetZone("UTC") })) // commands go on
	ended := make(chan error, 1)
	go func() { ended <- lead.Wait(t.Context()) }()

	// The server ends the connection, as it does when it is started anew: the lead is taken again.
	conn, err := pgx.Connect(t.Context(), address)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	end := func() {
		_, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'latchkey-controller on %'`)
		must(t, err)
	}
	lock := func(granted bool) {
		for is := false; !is; {
			must(t, conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted = $1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`, granted).Scan(&is))
		}
	}
	end()
	lock(true)
	if _, err := stores[1].Lead(t.Context()); err == nil || !strings.Contains(err.Error(), "is served already") {
		t.Fatalf("the lead was not taken again: %v", err)
	}

	// Another one waits for it, and has it at once.
	other, err := pgx.Connect(t.Context(), address)
	must(t, err)
	defer other.Close(context.WithoutCancel(t.Context()))
	taken := make(chan error, 1)
	go func() {
		_, err := other.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, int64(leadLock))
		taken <- err
	}()
	lock(false)
	end()
	must(t, <-taken)
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "another one leads the site now") {
			t.Errorf("%v", err)
		}
	case <-time.After(4 * checkLead):
		t.Fatal("whoever has lost the lead does not know")
	}
	must(t, other.Close(t.Context()))
	var second *Lead
	for end := time.Now().Add(checkLead); second == nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		second, err = stores[1].Lead(t.Context())
	}
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), checkLead+time.Second) // longer than it takes to ask the server
	defer cancel()
	must(t, second.Wait(ctx))
	second.Close()
	third, err := stores[0].Lead(t.Context())
	for end := time.Now().Add(checkLead); err != nil && time.Now().Before(end); third, err = stores[0].Lead(t.Context()) {
		time.Sleep(10 * time.Millisecond)
	}
	must(t, err)
	third.Close()
}

// A controller that the database does not hear any more ends before another one can lead.
func TestWhoLosesTheDatabaseEndsBeforeAnotherCanLead(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	c := postgrestest.NewCut(t, server)
	lead, err := openAt(t, c.Address("site")).Lead(t.Context())
	must(t, err)
	defer lead.Close()
	ended := make(chan error, 1)
	go func() { ended <- lead.Wait(t.Context()) }()
	c.Close()
	lost := time.Now()
	terminate(server, "site")
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "another one may lead the site: it ends") || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%v", err)
		}
		if took := time.Since(lost); took >= keepIdle+keepCount*keepInterval {
			t.Errorf("only after %v", took)
		}
	case <-time.After(keepIdle + keepCount*keepInterval + checkLead):
		t.Fatal("it goes on though another one may lead")
	}
}

func TestWhoHoldsTheLeadIsSaidAlsoWithoutAName(t *testing.T) {
	t.Parallel()
	address := postgrestest.Database(t)
	s := openAt(t, address)
	conn, err := pgx.Connect(t.Context(), address)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, int64(leadLock))
	must(t, err)
	_, err = s.Lead(t.Context())
	if want := fmt.Sprintf("by the server's process %d, of the role %s", conn.PgConn().PID(), conn.Config().User); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, not %s", err, want)
	}
}
