package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A Lead is the right to lead a cell, which one process has at a time, of all that use the site's database. Its
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
	off   time.Duration
	ended chan struct{}              // closed when it is lost, or given back
	why   error                      // it was lost; nil until ended is closed
	unfit atomic.Pointer[UnfitError] // see Unfit
	close func()                     // gives it back, once
	after string                     // see After
	beats atomic.Uint64
}

const (
	beatEvery = 500 * time.Millisecond
	lookEvery = beatEvery / 2    // at who leads, while this process stands by
	keepLead  = 3 * time.Second  // after the last beat was asked for
	takeLead  = keepLead * 5 / 4 // after the last change was seen
	leadAgain = beatEvery / 5    // the wait after a failure

	// giveBack is how long giving it back may take: if it takes longer, the lead runs out by itself.
	giveBack = 2 * time.Second
	// A controller whose clock is off by clockOff leaves the lead to others for leaveLead: its time would be the
	// readers'. If nobody takes it, it leads. While it leads it looks each clockEvery, and does so again after
	// leaveAgain: perhaps all clocks are right but the server's.
	clockOff   = time.Minute
	leaveLead  = 1500 * time.Millisecond
	clockEvery = 5 * time.Second
	leaveAgain = time.Hour
	// One that cannot do what a leader is for (Lead.Unfit) leaves the lead in the same way, and again after
	// unfitAgain, if all others were no better.
	unfitAgain = 10 * time.Minute
)

// A UnfitError says why a process has left the lead to others of its own accord.
type UnfitError struct{ Why string }

func (e *UnfitError) Error() string { return e.Why }

var errClockOff = &UnfitError{"this machine's clock is more than a minute off the database server's, so another one whose clock is right may lead"}

// Lead takes the lead of a cell, as soon as nobody has it, which the caller closes. While another process has it, standBy is
// called, once for each other one; an error of it ends the attempt.
func (s *Store) Lead(ctx context.Context, cell int64, standBy func(*ServedError) error) (*Lead, error) {
	return s.engine.lead(ctx, cell, standBy)
}

// Unfit says why this process cannot do what a leader is for; nil: it can. While others stand by it leaves the lead to them,
// as one whose clock is wrong, and then waits its turn for a while.
func (l *Lead) Unfit(why *UnfitError) { l.unfit.Store(why) }

// Term is the number of this lead. Later ones of a site have higher numbers, unless a clock went back when the
// database was put back to an older state.
func (l *Lead) Term() uint64 { return l.term }

// A Beat is a moment of a lead, as its row tells it: no clock matters for it.
type Beat struct {
	Term  uint64
	Count uint64 // how often the leader has changed the row in this term
}

// Beat returns the newest beat of this lead that is known to be in the database.
func (l *Lead) Beat() Beat { return Beat{l.term, l.beats.Load()} }

// Beat returns the newest beat of whoever leads a cell.
func (s *Store) Beat(ctx context.Context, cell int64) (b Beat, err error) {
	err = s.View(ctx, func(t *Tx) error {
		return t.row(`SELECT term, beat FROM lead WHERE cell = ?`, []any{cell}, &b.Term, &b.Count)
	})
	return b, err
}

// BeatsBefore returns the newest beat of whoever leads, or led last, each cell with a lower id than a cell, by their ids.
func (s *Store) BeatsBefore(ctx context.Context, cell int64) (map[int64]Beat, error) {
	beats := map[int64]Beat{}
	err := s.View(ctx, func(t *Tx) error {
		return t.rows(`SELECT cell, term, beat FROM lead WHERE cell < ?`, []any{cell}, func(row scanner) error {
			var id int64
			var b Beat
			err := row.Scan(&id, &b.Term, &b.Count)
			beats[id] = b
			return err
		})
	})
	return beats, err
}

// Off is how far this machine's clock was ahead of the database server's when the lead was taken; 0 for SQLite.
func (l *Lead) Off() time.Duration { return l.off }

// Wait returns nil when ctx ends or the lead is closed, and a LostLeadError when it is lost.
func (l *Lead) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-l.ended:
		if l.why == nil {
			return nil
		}
		return &LostLeadError{l.why}
	}
}

// Close gives the lead back, in a few seconds at most. What only the leader does has ended before. It may be called
// again.
func (l *Lead) Close() { l.close() }

// A LostLeadError says that this process leads no more, and why.
type LostLeadError struct{ Why error }

func (e *LostLeadError) Error() string {
	return "this controller leads no more: " + e.Why.Error()
}

func (e *LostLeadError) Unwrap() error { return e.Why }

func (e *sqliteEngine) lead(ctx context.Context, _ int64, _ func(*ServedError) error) (*Lead, error) {
	l := &Lead{ended: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.ended) })
	s, now := &Store{engine: e}, time.Now().Unix()
	err := s.Update(ctx, func(t *Tx) error {
		return t.row(`UPDATE lead SET term = CASE WHEN term < ?1 THEN ?1 ELSE term + 1 END RETURNING term`, []any{now}, &l.term)
	})
	if full := (*FullError)(nil); errors.As(err, &full) { // doors are served all the same, and the next term is a later time
		err = s.View(ctx, func(t *Tx) error {
			return t.row(`SELECT CASE WHEN term < ?1 THEN ?1 ELSE term + 1 END FROM lead`, []any{now}, &l.term)
		})
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// hold keeps the lead of a term until it is closed or lost.
func (c *candidate) hold(term uint64, asked time.Duration) *Lead {
	ctx, stop := context.WithCancel(context.Background())
	l := &Lead{term: term, off: c.off, ended: make(chan struct{})}
	c.engine.leading.Store(&led{c.cell, term})
	go func() {
		defer close(l.ended)
		l.why = c.renew(ctx, l, asked)
	}()
	l.close = sync.OnceFunc(func() {
		stop()
		<-l.ended
		c.engine.leading.Store(nil) // before another one leads: acts of administrators here are not refused then
		if left := (*UnfitError)(nil); l.why == nil || errors.As(l.why, &left) {
			c.release(term)
		}
		c.disconnect()
	})
	return l
}

// renew changes the row every beatEvery until ctx ends, and returns an error once this process must not lead any
// more. heard is when it asked for the last change that was done, of clock.Running: others count while this machine is
// suspended.
func (c *candidate) renew(ctx context.Context, l *Lead, heard time.Duration) error {
	var failed error
	looked := time.Now()
	for wait := beatEvery; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		asked := clock.Running()
		inTime, cancel := context.WithTimeout(ctx, heard+keepLead-asked)
		mine, err := c.beat(inTime, l)
		if err != nil && (failed == nil || inTime.Err() == nil) {
			failed = err // at the end, it only says that time is up
		}
		var leave *UnfitError
		if mine && time.Since(looked) >= clockEvery {
			leave, looked = c.leaves(inTime, l), time.Now()
		}
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && !mine:
			return errors.New("another one leads now")
		case leave != nil:
			return leave
		case err == nil:
			heard, wait, failed = asked, beatEvery, nil
		case clock.Running()-heard >= keepLead:
			return fmt.Errorf("it has been without the database %s for %d seconds (%s), so another one may lead", c.engine.place(), int(keepLead.Seconds()), reason(failed))
		default:
			wait = leadAgain
		}
	}
}

// beat changes the row, and says whether it is still of this term. It does not wait for disks or stand-bys: a beat that
// is lost with the server makes the lead look older than it is.
func (c *candidate) beat(ctx context.Context, l *Lead) (mine bool, err error) {
	if err := c.connect(ctx); err != nil {
		return false, err
	}
	results, err := c.conn.PgConn().Exec(ctx, fmt.Sprintf(`SELECT set_config('synchronous_commit', 'off', true); UPDATE lead SET beat = beat + 1 WHERE cell = %d AND term = %d RETURNING beat`, c.cell, l.term)).ReadAll()
	if err != nil || len(results[1].Rows) != 1 {
		return false, err
	}
	beats, err := strconv.ParseUint(string(results[1].Rows[0][0]), 10, 64)
	l.beats.Store(beats)
	return err == nil, err
}

// leaves says why this process is to leave the lead to others; nil: it is not.
func (c *candidate) leaves(ctx context.Context, l *Lead) *UnfitError {
	var server time.Time
	var all int
	wall := c.engine.now()
	err := c.conn.QueryRow(ctx, `SELECT clock_timestamp(), count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND objsubid = 2 AND classid::bigint = $1 AND objid::bigint = $2`, int64(cellsLock), c.cell).Scan(&server, &all)
	off := wall.Sub(server)
	if err != nil || all < 2 {
		return nil
	}
	if max(off, -off) >= clockOff && (c.engine.left.IsZero() || time.Since(c.engine.left) >= leaveAgain) {
		c.engine.left = time.Now()
		return errClockOff
	}
	why := l.unfit.Load()
	if why != nil && c.engine.unfit() {
		return nil
	}
	if why != nil {
		c.engine.leftUnfit = time.Now()
	}
	return why
}

// unfit says whether this process has left the lead a while ago as it could not do what a leader is for.
func (e *postgresEngine) unfit() bool {
	return !e.leftUnfit.IsZero() && time.Since(e.leftUnfit) < unfitAgain
}

// release gives the lead back, if this process still has it.
func (c *candidate) release(term uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), giveBack)
	defer cancel()
	if c.connect(ctx) == nil {
		c.conn.Exec(ctx, `UPDATE lead SET holder = '' WHERE cell = $1 AND term = $2`, c.cell, term) // otherwise it runs out
	}
}

// A led is the lead that a process has.
type led struct {
	cell int64
	term uint64
}

// deposed returns an error if this process leads, or has led, but another one does now. It runs after the lock of
// who writes was taken.
func (l *led) deposed(row scanner) error {
	var term uint64
	switch err := row.Scan(&term); {
	case errors.Is(err, sql.ErrNoRows):
		return &UnavailableError{Reason: language.Say("the cell of this controller was removed from the site, so nothing was done; start it with --cell and the name of another one")}
	case err != nil:
		return err
	}
	if term != l.term {
		return &UnavailableError{Reason: language.Say("another controller has just taken over from this one, so nothing was done; try again")}
	}
	return nil
}
