package store

import (
	"context"
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
}

// leadLock is the advisory lock of whoever leads.
const leadLock = writeLock + 1

// checkLead is how long the connection that holds the lock may be silent until the server is asked,
// and how long that may take. The server notices later that this process is gone (keepIdle), so it gives
// the lead to nobody else before.
const checkLead = 4 * time.Second

// leadAgain is the wait between attempts to take a lead that was lost.
const leadAgain = time.Second

// Lead takes the lead, which the caller closes. The error is a LedError if another process has it.
func (s *Store) Lead(ctx context.Context) (*Lead, error) { return s.engine.lead(ctx) }

func (*sqliteEngine) lead(context.Context) (*Lead, error) { return &Lead{}, nil }

func (e *postgresEngine) lead(ctx context.Context) (*Lead, error) {
	l := &Lead{engine: e}
	if err := l.take(ctx); err != nil {
		return nil, e.failure(err)
	}
	return l, nil
}

// A LedError says who has the lead.
type LedError struct {
	Place string
	Name  string // the program, and its machine
	From  string // address; "": a socket
	Since time.Time

	pid uint32
}

func (e *LedError) Error() string {
	from := ""
	if e.From != "" {
		from = " (" + e.From + ")"
	}
	return fmt.Sprintf("the site in %s is served already: by %s%s, since %s; stop that controller first", e.Place, e.Name, from, e.Since.Local().Format("2006-01-02 15:04"))
}

// take connects and takes the lock. A connection of this lead that broke, which the server has not
// noticed yet, it ends.
func (l *Lead) take(ctx context.Context) error {
	config, err := connection(l.engine.address)
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
	var taken bool
	var pid uint32
	var since time.Time
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1), pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()`, int64(leadLock)).Scan(&taken, &pid, &since)
	if err == nil && !taken {
		led := l.led(ctx, conn)
		if other := (*LedError)(nil); l.pid != 0 && errors.As(led, &other) && other.pid == l.pid && other.Since.Equal(l.since) {
			_, err = conn.Exec(ctx, `SELECT pg_terminate_backend($1, 1000)`, l.pid)
			if err == nil {
				err = errors.New("the server has just ended the connection that broke")
			}
		} else {
			err = led
		}
	}
	if err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return err
	}
	l.conn, l.pid, l.since = conn, pid, since
	return nil
}

// led returns a LedError.
func (l *Lead) led(ctx context.Context, conn *pgx.Conn) error {
	who := &LedError{Place: l.engine.place()}
	err := conn.QueryRow(ctx, `SELECT coalesce(nullif(a.application_name, ''), 'another program'), coalesce(host(a.client_addr), ''), coalesce(a.backend_start, now()), l.pid FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $1`, int64(leadLock)).
		Scan(&who.Name, &who.From, &who.Since, &who.pid)
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("whoever served the site has just stopped; try again")
	}
	if err != nil {
		return err
	}
	return who
}

// Wait returns nil when ctx ends, and an error when another process has the lead. If the connection
// that holds the lock breaks, as when the server is started anew, it takes the lock again, however
// long that takes: until then the server is away for this process, or the lock is free or another's.
func (l *Lead) Wait(ctx context.Context) error {
	if l.engine == nil {
		<-ctx.Done()
		return nil
	}
	for {
		l.hold(ctx)
		for ctx.Err() == nil {
			err := l.take(ctx)
			if err == nil {
				break
			}
			if other := (*LedError)(nil); errors.As(err, &other) {
				return fmt.Errorf("this controller lost its connection to the database, and another one leads the site now: %w", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(leadAgain):
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// hold returns when the connection has ended, which it closes, or ctx has.
func (l *Lead) hold(ctx context.Context) {
	for {
		quiet, cancel := context.WithTimeout(ctx, checkLead)
		_, err := l.conn.WaitForNotification(quiet) // none comes: it ends when the connection does
		silent := quiet.Err() != nil && !l.conn.IsClosed()
		cancel()
		if ctx.Err() != nil {
			return
		}
		if silent {
			asked, cancel := context.WithTimeout(ctx, checkLead)
			err = l.conn.Ping(asked)
			cancel()
		}
		if err != nil {
			l.Close()
			return
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
