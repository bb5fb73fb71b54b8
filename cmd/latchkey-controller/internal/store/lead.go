package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Lead is the right to serve a site, which one process has at a time, of all that use its database.
// In SQLite it is never lost: that database is used by one machine, whose processes lock the site's
// directory.
type Lead struct {
	engine *postgresEngine // nil: SQLite
	conn   *pgx.Conn       // holds the lock
	pid    uint32          // the server's process for it
	since  time.Time       // when that began
	heard  time.Time       // no later than the server has heard of this process last
}

// leadLock is the advisory lock of whoever leads.
const leadLock = writeLock + 1

// checkLead is how long the connection that holds the lock may be silent until the server is asked,
// and how long that may take.
const checkLead = 4 * time.Second

// leadAgain is the wait between attempts to take a lead that was lost.
const leadAgain = time.Second

// keepLead is how long a process goes on that has lost the server. When that has heard nothing for
// keepIdle and keepCount times keepInterval, it gives the lead to another one: this one ends before,
// with a quarter of the time left to do so. (A server that ends the connection itself, and is
// not to be reached again, gives it away at once.)
const keepLead = (keepIdle + keepCount*keepInterval) * 3 / 4

// Lead takes the lead, which the caller closes. The error is a ServedError if another process has it.
func (s *Store) Lead(ctx context.Context) (*Lead, error) { return s.engine.lead(ctx) }

func (*sqliteEngine) lead(context.Context) (*Lead, error) { return &Lead{}, nil }

func (e *postgresEngine) lead(ctx context.Context) (*Lead, error) {
	l := &Lead{engine: e}
	err := l.take(ctx)
	if other := (*ServedError)(nil); err == nil || ctx.Err() != nil || errors.As(err, &other) {
		return l, err
	}
	return nil, e.refusal(err) // whoever reads it has just written the address, or started the controller
}

// Leader says who has the lead: the name of the program, with its machine, and its address, "" at a
// socket. The name is "" if nobody has it, or if it is not known, as with SQLite: whoever has it there
// is on this machine.
func (s *Store) Leader(ctx context.Context) (name, from string) { return s.engine.leader(ctx) }

func (*sqliteEngine) leader(context.Context) (name, from string) { return "", "" }

func (e *postgresEngine) leader(ctx context.Context) (name, from string) {
	ctx, cancel := context.WithTimeout(ctx, holderTimeout)
	defer cancel()
	// An error leaves them empty.
	e.db.QueryRowContext(ctx, `SELECT coalesce(nullif(a.application_name, ''), 'another program'), coalesce(host(a.client_addr), '')`+holdsLock, int64(leadLock)).Scan(&name, &from)
	return name, from
}

// A ServedError says who has the lead.
type ServedError struct {
	Place string
	Name  string    // the program and its machine, or what the server knows of it
	From  string    // address; "": a socket, or not known
	Since time.Time // zero: not known

	pid uint32
}

func (e *ServedError) Error() string {
	from, since := "", ""
	if e.From != "" {
		from = " (" + e.From + ")"
	}
	if !e.Since.IsZero() {
		since = ", since " + e.Since.Local().Format("2006-01-02 15:04")
	}
	return fmt.Sprintf("the site in %s is served already: by %s%s%s; stop that controller first", e.Place, e.Name, from, since)
}

// take connects and takes the lock. A connection of this lead that broke, which the server has not
// noticed yet, it ends.
func (l *Lead) take(ctx context.Context) error {
	config, err := l.engine.connection()
	if err != nil {
		return err
	}
	name := "latchkey-controller"
	if host, err := os.Hostname(); err == nil {
		name += " on " + host
	}
	config.RuntimeParams["application_name"] = name[:min(len(name), 63)] // longer ones PostgreSQL cuts
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	asked := time.Now()
	var taken bool
	var pid uint32
	var since time.Time
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1), pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()`, int64(leadLock)).Scan(&taken, &pid, &since)
	if err == nil && !taken {
		served := l.engine.served(conn.QueryRow(ctx, whoLeads, int64(leadLock)))
		if other := (*ServedError)(nil); l.pid != 0 && errors.As(served, &other) && other.pid == l.pid && other.Since.Equal(l.since) {
			_, err = conn.Exec(ctx, `SELECT pg_terminate_backend($1, 1000)`, l.pid)
			if err == nil {
				err = errors.New("the server has just ended the connection that broke")
			}
		} else {
			err = served
		}
	}
	if err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return err
	}
	l.conn, l.pid, l.since, l.heard = conn, pid, since, asked
	return nil
}

// whoLeads is the query of which process of the server has the lead; $1 is leadLock.
const whoLeads = `SELECT coalesce(nullif(a.application_name, ''), format('the server''s process %s, of the role %s', l.pid, coalesce(a.usename, 'unknown'))), coalesce(host(a.client_addr), ''), a.backend_start, l.pid` + holdsLock

// served returns a ServedError, of a row of whoLeads.
func (e *postgresEngine) served(leader scanner) error {
	who := &ServedError{Place: e.place()}
	var since *time.Time // of another role it may be secret
	err := leader.Scan(&who.Name, &who.From, &since, &who.pid)
	if errors.Is(err, sql.ErrNoRows) {
		return errors.New("whoever served the site has just stopped; try again")
	}
	if err != nil {
		return err
	}
	if since != nil {
		who.Since = *since
	}
	return who
}

// Wait returns nil when ctx ends, and an error when another process has the lead, or may have it soon.
// If the connection that holds the lock breaks, as when the server is started anew, it takes the lock
// again, if it can in time.
func (l *Lead) Wait(ctx context.Context) error {
	if l.engine == nil {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		lost := l.hold(ctx)
		if ctx.Err() != nil {
			break
		}
		if err := l.takeAgain(ctx, lost); err != nil {
			return err
		}
	}
	return nil
}

// takeAgain takes the lock again after the connection was lost, and returns nil if ctx ends, too.
func (l *Lead) takeAgain(ctx context.Context, lost error) error {
	inTime, cancel := context.WithDeadline(ctx, l.heard.Add(keepLead))
	defer cancel()
	for {
		err := l.take(inTime)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if other := (*ServedError)(nil); errors.As(err, &other) {
			return fmt.Errorf("this controller lost its connection to the database, and another one leads the site now: %w", err)
		}
		if inTime.Err() == nil {
			lost = err // at the end, it would only say that time was up
		}
		select {
		case <-inTime.Done():
		case <-time.After(leadAgain):
		}
		if inTime.Err() != nil && ctx.Err() == nil {
			return fmt.Errorf("this controller has been without the database %s for %d seconds (%s), so another one may lead the site: it ends, and has to be started again", l.engine.place(), int(keepLead.Seconds()), reason(lost))
		}
	}
}

// hold returns when the connection has ended, which it closes, or ctx has. The error says why.
func (l *Lead) hold(ctx context.Context) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, checkLead)
		_, err := l.conn.WaitForNotification(quiet) // none comes: it ends when the connection does
		silent := quiet.Err() != nil && !l.conn.IsClosed()
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if l.engine.server.left(l.conn.PgConn()) {
			l.Close()
			return errors.New("another server has taken over")
		}
		if silent {
			asked := time.Now()
			inTime, cancel := context.WithTimeout(ctx, checkLead)
			if err = l.conn.Ping(inTime); err == nil {
				l.heard = asked
			}
			cancel()
		}
		if err != nil {
			l.Close()
			return err
		}
	}
}

// Close gives the lead back.
func (l *Lead) Close() {
	if l.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), checkLead)
		defer cancel()
		l.conn.Close(ctx)
	}
}
