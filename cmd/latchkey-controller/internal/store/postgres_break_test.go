package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// openAt opens the store at an address, with a table `done` for a test to write to.
func openAt(t *testing.T, address string) *Store {
	t.Helper()
	s, err := Create(t.Context(), t.TempDir(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.exec(`CREATE TABLE IF NOT EXISTS done (n BIGINT PRIMARY KEY)`) }); err != nil {
		t.Fatal(err)
	}
	return s
}

func add(s *Store, n int64) error {
	return s.Update(context.Background(), func(tx *Tx) error { return tx.exec(`INSERT INTO done (n) VALUES (?)`, n) })
}

func count(t *testing.T, s *Store) (n int64) {
	t.Helper()
	err := s.View(t.Context(), func(tx *Tx) error { return tx.row(`SELECT count(*) FROM done`, nil, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// terminate ends all sessions of a database but its own.
func terminate(server *postgrestest.Own, database string) {
	server.Do("postgres", `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '`+database+`'`)
}

func TestAConnectionThatBreaksIsSaidAndGoneAfterwards(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	s := openAt(t, server.New("site"))
	for name, do := range map[string]func(context.Context, func(*Tx) error) error{"Update": s.Update, "Keep": s.Keep, "View": s.View} {
		before := count(t, s)
		err := do(t.Context(), func(tx *Tx) error {
			if name != "View" {
				if err := tx.exec(`INSERT INTO done (n) VALUES (1)`); err != nil {
					return err
				}
			}
			terminate(server, "site")
			var n int64
			return tx.row(`SELECT count(*) FROM done`, nil, &n)
		})
		var away *UnavailableError
		if !errors.As(err, &away) || !strings.Contains(err.Error(), "the database site at "+server.Dir+" is not reachable (") || !strings.Contains(err.Error(), "nothing was done") ||
			!strings.HasPrefix(err.Error(), Outage(err)+"; nothing was done") || !strings.HasSuffix(Outage(err), ")") {
			t.Errorf("%s: %v", name, err)
		}
		if n := count(t, s); n != before {
			t.Errorf("%s: %d rows, not %d", name, n, before)
		}
	}
	// As many idle connections as there are break, and nobody sees it.
	killer, err := pgx.Connect(t.Context(), server.Address("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close(t.Context())
	for round := range 3 {
		for range 2 { // what was used just before is not asked whether it still works
			var inside, views sync.WaitGroup
			inside.Add(postgresConnections)
			for range postgresConnections {
				views.Go(func() {
					began := sync.OnceFunc(inside.Done)
					defer began() // also if it fails
					s.View(t.Context(), func(tx *Tx) error { began(); inside.Wait(); return nil })
				})
			}
			views.Wait()
		}
		if _, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'site'`); err != nil {
			t.Fatal(err)
		}
		if err := add(s, int64(100+round)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAConnectionThatBreaksInACommitLeavesADoubt(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	for _, before := range []bool{true, false} {
		c := postgrestest.NewCut(t, server)
		c.Before.Store(before)
		s := openAt(t, c.Address("site"))
		had := count(t, s)
		c.Commits.Store(1)
		err := add(s, had)
		var unsure *UnsureError
		if !errors.As(err, &unsure) || !strings.Contains(err.Error(), "it may be done or not; look before you try again") {
			t.Errorf("before %v: %v", before, err)
		}
		want := had
		if !before {
			want++
		}
		if n := count(t, s); n != want {
			t.Errorf("before %v: %d rows, not %d", before, n, want)
		}
		// Nothing is lost of what only reads.
		c.Commits.Store(1)
		err = s.View(t.Context(), func(*Tx) error { return nil })
		if away := (*UnavailableError)(nil); !errors.As(err, &away) {
			t.Errorf("view: %v", err)
		}
	}
}

func TestWhatIsReportedAsDoneOutlivesCrashesOfTheServer(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t, "fsync=on")
	s := openAt(t, server.New("site"))
	var next, heard atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watched := make(chan error, 1)
	go func() { watched <- s.Watch(ctx, func() error { heard.Add(1); return nil }) }()
	var mu sync.Mutex
	done, unsure := map[int64]bool{}, map[int64]bool{}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := next.Add(1)
				err := add(s, n)
				var doubt *UnsureError
				var away *UnavailableError
				mu.Lock()
				switch {
				case err == nil:
					done[n] = true
				case errors.As(err, &doubt):
					unsure[n] = true
				case !errors.As(err, &away):
					t.Errorf("%v", err)
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	halt := sync.OnceFunc(func() { close(stop); writers.Wait() })
	t.Cleanup(halt)
	written := func() int { mu.Lock(); defer mu.Unlock(); return len(done) }
	await := func(what string, is func() bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	for round, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGQUIT, syscall.SIGINT, syscall.SIGKILL} {
		had, told := written(), heard.Load()
		await("nothing is written", func() bool { return written() > had+50 })
		server.Stop(signal)
		server.Start()
		had = written()
		await("nothing is written after a restart", func() bool { return written() > had })
		told = max(told, heard.Load())
		await("the watch does not hear any more", func() bool { return heard.Load() > told })
		t.Logf("round %d: %d done, %d unsure of %d", round, written(), len(unsure), next.Load())
	}
	halt()
	cancel()
	if err := come(t, watched, "the end of the watch"); err != nil {
		t.Error(err)
	}
	has := map[int64]bool{}
	if err := s.View(t.Context(), func(tx *Tx) error {
		return tx.rows(`SELECT n FROM done`, nil, func(r scanner) error {
			var n int64
			err := r.Scan(&n)
			has[n] = true
			return err
		})
	}); err != nil {
		t.Fatal(err)
	}
	for n := range done {
		if !has[n] {
			t.Errorf("%d was reported as done, and is lost", n)
		}
	}
	for n := range has {
		if !done[n] && !unsure[n] {
			t.Errorf("%d was reported as not done, and is there", n)
		}
	}
	t.Logf("%d rows, %d reported as done, %d unsure", len(has), len(done), len(unsure))
}

// The server says of such a commit that it is done.
func TestACommitWhoseWaitForAStandByIsEndedIsInDoubt(t *testing.T) {
	t.Parallel()
	first := postgrestest.NewOwn(t, "max_wal_senders=4")
	first.New("site")
	second := first.StandBy()
	s := openAt(t, first.Address("site", "postgres"))
	if err := add(s, 1); err != nil {
		t.Fatal(err)
	}
	thaw := second.Freeze()
	added := make(chan error, 1)
	go func() { added <- add(s, 2) }()
	for ended := false; !ended; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-added:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		ended = first.Ask("postgres", `SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'latchkey%'`) != "0"
	}
	if err := <-added; !errors.As(err, new(*UnsureError)) {
		t.Error(err)
	}
	thaw()
	if err := add(s, 3); err != nil {
		t.Errorf("one that does not have to be ended: %v", err)
	}
	for end := time.Now().Add(30 * time.Second); second.Ask("site", `SELECT count(*) FROM done`) != "3"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) { // it has them on disk, and shows them a moment later
			t.Fatal("the stand-by lacks rows")
		}
	}
}
