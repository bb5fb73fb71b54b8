package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// limit sets limits of a store, for all its connections.
func limit(s *Store, set func(*limits)) {
	e := s.engine.(*postgresEngine)
	set(&e.limits)
	e.db.SetMaxIdleConns(0) // those that are get no new session
	e.db.SetMaxIdleConns(postgresConnections)
}

func TestWhoHoldsTheLockAndDoesNothingLosesIt(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	s := openAt(t, server.New("site"))
	limit(s, func(l *limits) { l.idle = time.Second })
	other := openAt(t, server.Address("site", "postgres"))
	locked, waited := make(chan struct{}), make(chan error, 1)
	go func() {
		<-locked
		waited <- add(other, 2)
	}()
	err := s.Update(t.Context(), func(tx *Tx) error {
		if err := tx.exec(`INSERT INTO done (n) VALUES (1)`); err != nil {
			return err
		}
		close(locked)
		if err := <-waited; err != nil {
			t.Errorf("who waited: %v", err)
		}
		return nil
	})
	if away := (*UnavailableError)(nil); !errors.As(err, &away) && !errors.As(err, new(*UnsureError)) {
		t.Error(err)
	}
	if n := count(t, s); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestWaitingForTheLockIsBoundedAndLeavesRoomForViews(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	s := openAt(t, server.New("site"))
	limit(s, func(l *limits) { l.busy = 2 * time.Second })
	holder, err := s.engine.(*postgresEngine).db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := holder.ExecContext(t.Context(), `SELECT pg_advisory_lock($1)`, int64(writeLock)); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for n := range 2 * postgresConnections {
		writers.Go(func() {
			err := add(s, int64(n))
			if busy := (*UnavailableError)(nil); !errors.As(err, &busy) || !strings.HasPrefix(err.Error(), busyReason.String()+`. "latchkey-controller on `) || !strings.HasSuffix(err.Error(), `" (role "postgres") has its lock`) {
				t.Error(err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if err := s.View(ctx, func(*Tx) error { return nil }); err != nil {
		t.Errorf("a view meanwhile: %v", err)
	}
	writers.Wait()
	if _, err := holder.ExecContext(t.Context(), `SELECT pg_advisory_unlock($1)`, int64(writeLock)); err != nil {
		t.Fatal(err)
	}
	if err := add(s, 1); err != nil {
		t.Error(err)
	}
}

func TestWhoeverHoldsTheLocksIsNamed(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t, "fsync=on")
	server.New("site")
	server.Do("postgres", `CREATE ROLE keeper LOGIN`, `ALTER DATABASE site OWNER TO keeper`)
	s := openAt(t, server.Address("site", "keeper"))
	doubted := func() string {
		t.Helper()
		doubts, err := s.Doubts(t.Context())
		must(t, err)
		return strings.Join(doubts, "\n")
	}
	if said := doubted(); said != "" {
		t.Error(said)
	}
	server.Do("postgres", `CREATE ROLE stranger LOGIN`)
	said := doubted()
	_, statement, _ := strings.Cut(said, "take that away: ")
	if statement != `REVOKE CONNECT, TEMPORARY ON DATABASE "site" FROM PUBLIC` {
		t.Error(said)
	}
	stranger, err := pgx.Connect(t.Context(), server.Address("site", "stranger"))
	must(t, err)
	_, err = stranger.Exec(t.Context(), fmt.Sprintf("SELECT pg_advisory_lock(%d), pg_advisory_lock(%d)", writeLock, controllersLock))
	must(t, err)
	limit(s, func(l *limits) { l.busy = 300 * time.Millisecond })
	if err := add(s, 1); err == nil || !strings.Contains(err.Error(), `"another program" (role "stranger") has its lock`) {
		t.Error(err)
	}
	server.Do("postgres", statement)
	must(t, stranger.Close(t.Context()))
	if stranger, err = pgx.Connect(t.Context(), server.Address("site", "stranger")); err == nil {
		stranger.Close(t.Context())
		t.Error("the stranger may connect")
	}
	if said := doubted(); said != "" {
		t.Error(said)
	}
	must(t, add(s, 1))
}
