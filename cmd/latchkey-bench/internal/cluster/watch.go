package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/sync/wire"
)

// A watch looks at the database while the cluster works: it has it note each term and each policy, and looks for what
// a reader is told that it has.
type watch struct {
	c *Cluster

	mu       sync.Mutex
	conn     *pgx.Conn // nil: none
	acks     int
	stored   map[string]int // records that each reader was told are stored
	unlooked int
	wrong    []string

	stop  context.CancelFunc
	terms sync.WaitGroup
}

// noted has the database note each term and each policy that there is from now on.
func (c *Cluster) noted(ctx context.Context) error {
	conn, err := c.connect(ctx, "home")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range []string{
		`CREATE SCHEMA watch`,
		`CREATE TABLE watch.terms (at BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cell BIGINT, before BIGINT, term BIGINT, holder TEXT)`,
		`CREATE TABLE watch.policies (at BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reader TEXT, revision BIGINT, policy BYTEA)`,
		`CREATE FUNCTION watch.term() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO watch.terms (cell, before, term, holder) VALUES (new.cell, old.term, new.term, new.holder); RETURN NULL; END $$`,
		`CREATE FUNCTION watch.policy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO watch.policies (reader, revision, policy) VALUES (new.reader_id, new.revision, new.policy); RETURN NULL; END $$`,
		`CREATE TRIGGER watch AFTER UPDATE ON public.lead FOR EACH ROW WHEN (old.term <> new.term) EXECUTE FUNCTION watch.term()`,
		`CREATE TRIGGER watch AFTER INSERT OR UPDATE ON public.policies FOR EACH ROW EXECUTE FUNCTION watch.policy()`,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// watch begins to watch.
func (c *Cluster) watch(ctx context.Context) *watch {
	w := &watch{c: c, stored: map[string]int{}}
	ctx, w.stop = context.WithCancel(ctx)
	w.terms.Go(func() { w.lookAtTerms(ctx) })
	return w
}

// lookAtTerms looks at each cell's term, until ctx ends. What the database notes is lost with what it is about if a server
// forgets something that it has shown.
func (w *watch) lookAtTerms(ctx context.Context) {
	var conn *pgx.Conn
	type lead struct {
		term   uint64
		holder string
	}
	before := map[int64]lead{}
	for ctx.Err() == nil {
		if conn == nil || conn.IsClosed() {
			conn, _ = w.c.connect(ctx, "home")
		}
		if conn != nil {
			if rows, err := conn.Query(ctx, `SELECT cell, term, holder FROM lead`); err == nil {
				var cell int64
				var is lead
				pgx.ForEachRow(rows, []any{&cell, &is.term, &is.holder}, func() error {
					if was := before[cell]; is.term < was.term || is.term == was.term && is.holder != was.holder && is.holder != "" {
						w.note(fmt.Sprintf("term %d of %q after term %d of %q in cell %d", is.term, is.holder, was.term, was.holder, cell))
					}
					before[cell] = is
					return nil
				})
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	if conn != nil {
		conn.Close(context.WithoutCancel(ctx))
	}
}

func (w *watch) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, what)
}

func (w *watch) close() {
	w.stop()
	w.terms.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		w.conn.Close(context.Background())
		w.conn = nil
	}
}

// lookWithin is how long a look at the database may take; if it is away, what was acknowledged is looked for in the
// end only.
const lookWithin = 300 * time.Millisecond

// acked looks for the records that a controller says it has.
func (w *watch) acked(reader string, journal wire.JournalID, from, to uint64, hash wire.Hash) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lookWithin)
	defer cancel()
	w.acks++
	w.stored[reader] += int(to - from + 1)
	if w.conn == nil || w.conn.IsClosed() {
		conn, err := w.c.connect(ctx, "home")
		if err != nil {
			w.unlooked++
			return
		}
		w.conn = conn
	}
	var found, last int
	err := pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		// A query that waits while records of a month are given a table of their own looks for them where they were before.
		if _, err := tx.Exec(ctx, `LOCK TABLE records IN ACCESS SHARE MODE`); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE number = $4 AND hash = $5) FROM records WHERE reader_id = $1 AND journal = $2 AND number BETWEEN $3 AND $4`,
			reader, journal[:], int64(from), int64(to), hash[:]).Scan(&found, &last)
	})
	switch {
	case err != nil:
		w.unlooked++
	case found != int(to-from+1) || last != 1:
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %s was told that its records %d to %d are stored, when %d of them were (the last: %d)", time.Now().UTC().Format("15:04:05.000"), reader, from, to, found, last))
	}
}

// storedOf returns how many records some readers were told are stored.
func (w *watch) storedOf(readers []string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, reader := range readers {
		n += w.stored[reader]
	}
	return n
}
