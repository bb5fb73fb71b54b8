package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// A releases is a site's database, and the migrations of some releases.
type releases struct {
	t       *testing.T
	server  *postgrestest.Own
	address string
	steps   []step
	now     int // the version of this program's schema, with which the database begins
	works   int // the oldest version whose programs work with that
}

// newReleases returns this program's release, with a server of its own, and further ones: each has a migration.
func newReleases(t *testing.T, further ...string) *releases {
	t.Helper()
	t.Parallel()
	r := &releases{t: t, server: postgrestest.NewOwn(t)}
	r.address = r.server.New("site")
	var err error
	r.steps, err = postgresMigrations()
	must(t, err)
	r.now = r.steps[len(r.steps)-1].version
	for _, s := range r.steps {
		r.works = max(r.works, s.worksWith)
	}
	for _, sql := range further {
		r.add(sql)
	}
	s := r.open(0)
	addSite(t, s)
	update(t, s, func(tx *Tx) error { return tx.exec(`CREATE TABLE done (n BIGINT PRIMARY KEY)`) })
	return r
}

// add adds a release with a migration. %d in it is the version before that.
func (r *releases) add(sql string) {
	r.t.Helper()
	last := r.steps[len(r.steps)-1].version
	one, err := newStep(strings.ReplaceAll(sql, "%d", fmt.Sprint(last)), last+1)
	must(r.t, err)
	r.steps = append(r.steps, one)
}

// try has a program open the database that is some releases ahead of this one.
func (r *releases) try(ahead int) (*Store, error) {
	r.t.Helper()
	return ofVersion(r.t, r.address, r.steps[:r.now-firstPostgres+1+ahead])
}

func (r *releases) open(ahead int) *Store {
	r.t.Helper()
	s, err := r.try(ahead)
	must(r.t, err)
	return s
}

// is fails unless the database has a version, and works with another: at this program's version, with
// what that works with.
func (r *releases) is(what string, ahead, worksWith int) {
	r.t.Helper()
	works := r.now + worksWith
	if ahead == 0 {
		works = r.works
	}
	want := fmt.Sprintf("%d %d", r.now+ahead, works)
	if is := r.server.Ask("site", `SELECT v.version || ' ' || w.version FROM schema_version v, schema_works_with w`); is != want {
		r.t.Errorf("%s: version and what works with it are %s, not %s", what, is, want)
	}
}

// refused fails unless a program is refused, with all of some words.
func (r *releases) refused(ahead int, words ...string) {
	r.t.Helper()
	s, err := r.try(ahead)
	if err == nil {
		r.t.Fatalf("a program %d releases ahead is let in: %d", ahead, schemaVersion(r.t, s))
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			r.t.Errorf("%v; not: %s", err, word)
		}
	}
}

// standingBy has a store stand by, and returns the lead that it gets.
func standingBy(t *testing.T, s *Store) <-chan *Lead {
	t.Helper()
	stands, leads := make(chan bool, 9), make(chan *Lead, 1)
	go func() {
		lead, err := s.Lead(t.Context(), HomeCell, func(*ServedError) error { stands <- true; return nil })
		if err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		leads <- lead
		stands <- true
	}()
	if <-stands; t.Failed() {
		t.FailNow()
	}
	return leads
}

// kept fails if a lead was lost.
func kept(t *testing.T, what string, lead *Lead) {
	t.Helper()
	select {
	case <-lead.ended:
		t.Fatalf("%s: %v", what, lead.why)
	default:
	}
}

// A working writes and reads with a store until it is stopped.
type working struct {
	t       *testing.T
	s       *Store
	stopped chan struct{}
	group   sync.WaitGroup
	wrote   atomic.Int64
}

func works(t *testing.T, s *Store, from int64) *working {
	w := &working{t: t, s: s, stopped: make(chan struct{})}
	act := func(act func(context.Context, func(*Tx) error) error, do func(*Tx) error) bool {
		if err := act(t.Context(), do); err != nil {
			t.Errorf("refused: %v", err)
			return false
		}
		select {
		case <-w.stopped:
			return false
		case <-time.After(5 * time.Millisecond):
			return true
		}
	}
	w.group.Go(func() {
		for going := true; going; {
			going = act(s.Update, func(tx *Tx) error {
				if _, err := tx.SealedSigning(); err != nil { // as site.Update does
					return err
				}
				if err := tx.exec(`INSERT INTO readers (id, created) VALUES (?, 1)`, fmt.Sprint("reader-", from+w.wrote.Load())); err != nil {
					return err
				}
				return tx.exec(`INSERT INTO done (n) VALUES (?)`, from+w.wrote.Load())
			})
			w.wrote.Add(1)
		}
	})
	w.group.Go(func() {
		for going := true; going; {
			going = act(s.View, func(tx *Tx) error { _, err := tx.texts(`SELECT id FROM readers WHERE id = 'reader-7'`); return err })
		}
	})
	return w
}

// more waits until some more was written.
func (w *working) more() {
	for want, end := w.wrote.Load()+20, time.Now().Add(time.Minute); w.wrote.Load() < want && !w.t.Failed(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatal("nothing is written")
		}
	}
}

// stop returns how much was written.
func (w *working) stop() int64 {
	close(w.stopped)
	w.group.Wait()
	return w.wrote.Load()
}

const expands = `-- Works with %d
ALTER TABLE readers ADD COLUMN note TEXT NOT NULL DEFAULT 'none';
CREATE TABLE notes (id BIGINT PRIMARY KEY, reader TEXT NOT NULL REFERENCES readers (id));
`
