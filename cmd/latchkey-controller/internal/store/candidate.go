package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-controller/internal/clock"
)

// A leadRow is the row of who leads.
type leadRow struct {
	term, beat uint64
	holder     string // its session's name, see postgresEngine.self; "": nobody
}

// A candidate has or wants the lead.
type candidate struct {
	engine *postgresEngine
	cell   int64
	conn   *pgx.Conn     // nil: none. It shows others that a controller works with the database, see Alone
	off    time.Duration // how far this machine's clock was ahead of the server's at the last look
}

func (e *postgresEngine) lead(ctx context.Context, cell int64, standBy func(*ServedError) error) (_ *Lead, err error) {
	c := &candidate{engine: e, cell: cell}
	defer func() {
		if err != nil {
			c.disconnect()
		}
	}()
	var seen leadRow
	since := time.Now() // the row has been as it was seen
	stoodBy := ""       // the holder that standBy was called for
	away := false       // the database was, since then: who had the lead may have lost it by that alone
	read := false       // the row, at the last look: a change since then shows that its holder is alive
	for {
		now, err := c.look(ctx)
		follows := read
		read = err == nil
		final, other := (*finalError)(nil), (*ServedError)(nil)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &final):
			return nil, final.error
		case errors.As(err, &other): // it works alone
			if other.Name != stoodBy {
				if err := standBy(other); err != nil {
					return nil, err
				}
				stoodBy = other.Name
			}
		case err != nil: // what was seen last is as old as it is
			away = true
		case c.patience(now) == 0 || now == seen && time.Since(since) >= c.patience(now):
			lead, err := c.take(ctx, now)
			if lead != nil {
				if !away {
					lead.after = c.engine.formerOf(now.holder, now.holder == stoodBy)
				}
				return lead, nil
			}
			if err == nil {
				continue // another one was faster
			}
		case now != seen:
			alive := follows && now.holder == seen.holder && now.term == seen.term
			if alive && now.holder != stoodBy {
				if err := standBy(c.leader(ctx, now.holder)); err != nil {
					return nil, err
				}
				stoodBy = now.holder
			}
			seen, since, away = now, time.Now(), away && !follows
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// connect connects, unless there is a connection that works.
func (c *candidate) connect(ctx context.Context) error {
	if c.conn != nil && !c.conn.IsClosed() && !c.engine.server.left(c.conn.PgConn()) {
		return nil
	}
	c.disconnect()
	conn, err := c.engine.join(ctx, c.cell)
	c.conn = conn
	return err
}

func (c *candidate) disconnect() {
	if c.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), beatEvery)
		defer cancel()
		if !c.conn.IsClosed() {
			c.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`) // a session ends some time after its connection
		}
		c.conn.Close(ctx)
		c.conn = nil
	}
}

// look reads who leads, and how far this machine's clock is off.
func (c *candidate) look(ctx context.Context) (row leadRow, err error) {
	ctx, cancel := context.WithTimeout(ctx, keepLead)
	defer cancel()
	if err = c.connect(ctx); err != nil {
		return row, err
	}
	var server time.Time
	asked, wall := time.Now(), c.engine.now()
	err = c.conn.QueryRow(ctx, `SELECT term, beat, holder, clock_timestamp() FROM lead WHERE cell = $1`, c.cell).Scan(&row.term, &row.beat, &row.holder, &server)
	if errors.Is(err, pgx.ErrNoRows) {
		if err = c.register(ctx); err == nil {
			return c.look(ctx)
		}
	}
	if err == nil {
		c.off = wall.Add(time.Since(asked) / 2).Sub(server)
	}
	return row, err
}

// register adds the row of a cell that nobody has led yet.
func (c *candidate) register(ctx context.Context) error {
	var found bool
	err := c.conn.QueryRow(ctx, `WITH cells AS (SELECT id FROM cell WHERE id = $1), added AS (INSERT INTO lead (cell, term, beat, holder) SELECT id, 0, 0, '' FROM cells ON CONFLICT DO NOTHING)
		SELECT EXISTS (SELECT FROM cells)`, c.cell).Scan(&found)
	if err == nil && !found {
		return &finalError{errors.New("the cell of this controller was removed from the site; start it with --cell and the name of another one")}
	}
	return err
}

// patience is how long a row must not have changed until it is taken. What this process had itself, it takes at
// once: it has ended that lead.
func (c *candidate) patience(row leadRow) time.Duration {
	var wait time.Duration
	last := max(c.off, -c.off) >= clockOff || c.engine.unfit() // it lets others take it first
	if row.holder != "" && (row.holder != c.engine.self || last) {
		wait = takeLead
	}
	if last {
		wait += c.engine.limits.leave
	}
	return wait
}

// termsLock is the advisory lock of who takes a lead: no two cells' have one term.
const termsLock = writeLock + 4

// take takes the lead if the row is as it was seen; nil: it is not. Its term is above those of all cells: a reader that is
// moved refuses what names a lower one than it has heard. All sessions of who had it end with that: one that was
// stopped would keep the lock of who writes.
func (c *candidate) take(ctx context.Context, seen leadRow) (*Lead, error) {
	asked := clock.Running()
	ctx, cancel := context.WithTimeout(ctx, keepLead)
	defer cancel()
	former := seen.holder
	if former == c.engine.self {
		former = ""
	}
	// Both are one transaction. The second statement sees what others took that had the lock before.
	var both pgx.Batch
	both.Queue(`SELECT pg_advisory_xact_lock($1)`, int64(termsLock))
	both.Queue(`WITH taken AS (
			UPDATE lead SET term = greatest((SELECT max(term) FROM lead) + 1, CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)), beat = 0, holder = $1
			WHERE cell = $6 AND term = $2 AND beat = $3 AND holder = $4 RETURNING term)
		SELECT term, (SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE taken.term > 0 AND $5 <> '' AND application_name = $5 AND usename = current_user AND datname = current_database()) FROM taken`,
		c.engine.self, seen.term, seen.beat, seen.holder, former, c.cell)
	results := c.conn.SendBatch(ctx, &both)
	var term, ended uint64
	_, err := results.Exec()
	if err == nil {
		err = results.QueryRow().Scan(&term, &ended)
	}
	if failed := results.Close(); err == nil {
		err = failed
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err // if it was done all the same, the row is this process's own at the next look
	}
	return c.hold(term, asked), nil
}

// leader describes who has the lead.
func (c *candidate) leader(ctx context.Context, holder string) *ServedError {
	ctx, cancel := context.WithTimeout(ctx, holderTimeout)
	defer cancel()
	who := &ServedError{Place: c.engine.place(), Controller: Controller{Name: withoutToken(holder), Leads: true}}
	var since *time.Time
	err := c.conn.QueryRow(ctx, `SELECT coalesce(host(client_addr), ''), backend_start FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() ORDER BY backend_start LIMIT 1`, holder).Scan(&who.From, &since)
	if err == nil && since != nil {
		who.Since = *since
	}
	return who
}
