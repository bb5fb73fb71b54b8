package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Lead is the right to lead a site, which one process has at a time, of all that use its database. Its
// term is a number that rises with each lead: what an earlier leader still sends, or wants to store, is
// known by it.
//
// In PostgreSQL a lead is a row that its holder changes every beatEvery. The holder counts from when it asked for the
// last change that was done: keepLead later it leads no more. Others take the lead once they have seen the row
// unchanged for takeLead. Each counts by its own monotonic clock, so no wall clock matters, neither the
// server's nor that of a controller. A process that was stopped and goes on may not know yet that it has lost the
// lead: what it wants to store is refused, see begin.
//
// In SQLite a lead is never lost: that database is used by one machine, whose processes lock the site's
// directory.
type Lead struct {
	term  uint64
	lost  chan error // why, once
	close func()     // gives it back
}

const (
	beatEvery = 500 * time.Millisecond
	lookEvery = beatEvery / 2    // at who leads, while this process stands by
	keepLead  = 3 * time.Second  // after the last beat was asked for
	takeLead  = keepLead * 5 / 4 // after the last change was seen
	leadAgain = beatEvery / 5    // the wait after a failure
)

// Lead takes the lead, as soon as nobody has it, which the caller closes. While another process has it, standBy is
// called, once for each other one; an error of it ends the attempt.
func (s *Store) Lead(ctx context.Context, standBy func(*ServedError) error) (*Lead, error) {
	return s.engine.lead(ctx, standBy)
}

// Term is the number of this lead. Later ones of a site have higher numbers, unless a clock went back when the
// database was put back to an older state.
func (l *Lead) Term() uint64 { return l.term }

// Wait returns nil when ctx ends, and a LostLeadError when the lead is lost.
func (l *Lead) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-l.lost:
		return &LostLeadError{err}
	}
}

// Close gives the lead back.
func (l *Lead) Close() { l.close() }

// A LostLeadError says that this process leads no more, and why.
type LostLeadError struct{ Why error }

func (e *LostLeadError) Error() string {
	return "this controller leads no more: " + e.Why.Error()
}

func (e *LostLeadError) Unwrap() error { return e.Why }

func (e *sqliteEngine) lead(ctx context.Context, _ func(*ServedError) error) (*Lead, error) {
	l := &Lead{close: func() {}}
	s := &Store{engine: e}
	return l, s.Update(ctx, func(t *Tx) error {
		now := time.Now().Unix()
		return t.row(`UPDATE lead SET term = CASE WHEN term < ?1 THEN ?1 ELSE term + 1 END RETURNING term`, []any{now}, &l.term)
	})
}

// A leadRow is the row of who leads.
type leadRow struct {
	term, beat uint64
	holder     string // its session's name, see postgresEngine.self; "": nobody
}

// A candidate has or wants the lead.
type candidate struct {
	engine *postgresEngine
	conn   *pgx.Conn // nil: none. It shows others that a controller works with the database, see Alone
}

func (e *postgresEngine) lead(ctx context.Context, standBy func(*ServedError) error) (_ *Lead, err error) {
	c := &candidate{engine: e}
	defer func() {
		if err != nil {
			c.disconnect()
		}
	}()
	var seen leadRow
	since := time.Now() // the row has been as it was seen
	stoodBy := ""       // the holder that standBy was called for
	for {
		now, err := c.look(ctx)
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
		case now.holder == "" || now == seen && time.Since(since) >= takeLead:
			lead, err := c.take(ctx, now)
			if lead != nil {
				return lead, nil
			}
			if err == nil {
				continue // another one was faster
			}
		case now != seen:
			if now.holder == seen.holder && now.term == seen.term && now.holder != stoodBy { // it is alive
				if err := standBy(c.leader(ctx, now.holder)); err != nil {
					return nil, err
				}
				stoodBy = now.holder
			}
			seen, since = now, time.Now()
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
	conn, err := c.engine.join(ctx)
	c.conn = conn
	return err
}

func (c *candidate) disconnect() {
	if c.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), beatEvery)
		defer cancel()
		c.conn.Close(ctx)
		c.conn = nil
	}
}

// look reads who leads.
func (c *candidate) look(ctx context.Context) (row leadRow, err error) {
	ctx, cancel := context.WithTimeout(ctx, keepLead)
	defer cancel()
	if err = c.connect(ctx); err == nil {
		err = c.conn.QueryRow(ctx, `SELECT term, beat, holder FROM lead`).Scan(&row.term, &row.beat, &row.holder)
	}
	return row, err
}

// take takes the lead if the row is as it was seen; nil: it is not. All sessions of who had it end: none has
// begun anything then that is not done, or will not be.
func (c *candidate) take(ctx context.Context, seen leadRow) (*Lead, error) {
	asked := time.Now()
	var term uint64
	err := c.conn.QueryRow(ctx, `UPDATE lead SET term = greatest(term + 1, CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)), beat = 0, holder = $1 WHERE term = $2 AND beat = $3 AND holder = $4 RETURNING term`,
		c.engine.self, seen.term, seen.beat, seen.holder).Scan(&term)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err == nil && seen.holder != "" && seen.holder != c.engine.self {
		_, err = c.conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND usename = current_user AND datname = current_database()`, seen.holder)
	}
	if err != nil {
		return nil, err
	}
	return c.hold(term, asked), nil
}

// hold keeps the lead of a term until it is closed or lost.
func (c *candidate) hold(term uint64, asked time.Time) *Lead {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	l := &Lead{term: term, lost: make(chan error, 1)}
	c.engine.term.Store(term)
	go func() {
		defer close(ended)
		if err := c.renew(ctx, term, asked); err != nil {
			l.lost <- err
		}
	}()
	l.close = func() {
		stop()
		<-ended
		c.release(term)
		c.engine.term.Store(0)
	}
	return l
}

// renew changes the row every beatEvery until ctx ends, and returns an error once this process must not lead any
// more. heard is when it asked for the last change that was done.
func (c *candidate) renew(ctx context.Context, term uint64, heard time.Time) error {
	var failed error
	for wait := beatEvery; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		asked := time.Now()
		inTime, cancel := context.WithDeadline(ctx, heard.Add(keepLead))
		mine, err := c.beat(inTime, term)
		if err != nil && (failed == nil || inTime.Err() == nil) {
			failed = err // at the end, it only says that time is up
		}
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && !mine:
			return errors.New("another one leads the site now")
		case err == nil:
			heard, wait, failed = asked, beatEvery, nil
		case time.Since(heard) >= keepLead:
			return fmt.Errorf("it has been without the database %s for %d seconds (%s), so another one may lead", c.engine.place(), int(keepLead.Seconds()), reason(failed))
		default:
			wait = leadAgain
		}
	}
}

// beat changes the row, and says whether it is still of this term. It does not wait for disks or stand-bys: a beat that
// is lost with the server makes the lead look older than it is.
func (c *candidate) beat(ctx context.Context, term uint64) (mine bool, err error) {
	if err := c.connect(ctx); err != nil {
		return false, err
	}
	results, err := c.conn.PgConn().Exec(ctx, fmt.Sprintf(`SELECT set_config('synchronous_commit', 'off', true); UPDATE lead SET beat = beat + 1 WHERE term = %d`, term)).ReadAll()
	return err == nil && results[1].CommandTag.RowsAffected() == 1, err
}

// release gives the lead back, if this process still has it.
func (c *candidate) release(term uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), keepLead)
	defer cancel()
	if c.connect(ctx) == nil {
		c.conn.Exec(ctx, `UPDATE lead SET holder = '' WHERE term = $1`, term) // otherwise it runs out
	}
	c.disconnect()
}

// led returns an error if this process leads, or has led, but another one does now. It runs after the lock of
// who writes was taken.
func (e *postgresEngine) led(row scanner) error {
	var term uint64
	if err := row.Scan(&term); err != nil {
		return err
	}
	if mine := e.term.Load(); mine != 0 && mine != term {
		return &UnavailableError{"another controller has just taken over from this one, so nothing was done; try again"}
	}
	return nil
}

// leader describes who has the lead.
func (c *candidate) leader(ctx context.Context, holder string) *ServedError {
	who := &ServedError{Place: c.engine.place(), Controller: Controller{Name: withoutToken(holder), Leads: true}}
	var since *time.Time
	err := c.conn.QueryRow(ctx, `SELECT coalesce(host(client_addr), ''), backend_start FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() ORDER BY backend_start LIMIT 1`, holder).Scan(&who.From, &since)
	if err == nil && since != nil {
		who.Since = *since
	}
	return who
}
