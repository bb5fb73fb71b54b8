package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// controllersLock is the advisory lock that each controller shares while it works with a database, whether it
// leads or stands by.
const controllersLock = writeLock + 1

// cellsLock is the class of advisory locks, one for each cell, that each controller shares beside it: they tell of which cell
// it is.
const cellsLock = writeLock + 2

// Alone has no controller work with the database until it is released. The error is a ServedError if one does.
// In SQLite it does nothing: processes lock the site's directory.
func (s *Store) Alone(ctx context.Context) (release func(), err error) { return s.engine.alone(ctx) }

func (*sqliteEngine) alone(context.Context) (release func(), err error) { return func() {}, nil }

func (e *postgresEngine) alone(ctx context.Context) (release func(), err error) {
	config, err := e.connection()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, e.refusal(err)
	}
	release = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), holderTimeout)
		defer cancel()
		conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`) // a session ends some time after its connection
		conn.Close(ctx)
	}
	var alone, tables bool
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1), to_regclass('lead') IS NOT NULL`, int64(controllersLock)).Scan(&alone, &tables)
	if err == nil && !alone {
		err = e.served(conn.QueryRow(ctx, longestAtWork, int64(controllersLock)))
	} else if err == nil && tables { // a leader whose connection has just broken stores nothing more
		_, err = conn.Exec(ctx, `UPDATE lead SET term = term + 1, holder = ''`)
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// join returns a new connection that shares controllersLock and those of a cell and of this program's version, to a
// database whose schema works with it.
func (e *postgresEngine) join(ctx context.Context, cell int64) (_ *pgx.Conn, err error) {
	config, err := e.connection()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.Close(context.WithoutCancel(ctx))
		}
	}()
	var joined, open, cells bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock_shared($1), pg_try_advisory_lock_shared($2, $3), pg_try_advisory_lock_shared($4, $5)`,
		int64(controllersLock), int32(versionsLock), int32(e.newest()), int32(cellsLock), int32(cell)).Scan(&joined, &open, &cells); err != nil {
		return nil, err
	}
	// After the locks: from now on it works with what it has come to.
	version, oldest, err := schema(func(query string) scanner { return conn.QueryRow(ctx, query) })
	if err != nil {
		return nil, err
	}
	switch {
	case version >= arrivingVersion:
		return nil, &finalError{fmt.Errorf("the site has left the database %s; start the controller anew, in its directory there", e.name)}
	case version < e.newest():
		return nil, &finalError{fmt.Errorf("the schema of the database %s has become version %d, of an older latchkey-controller; this one works with %d. Start this one anew: it brings the database up to that", e.name, version, e.newest())}
	case oldest > e.newest():
		return nil, &finalError{fmt.Errorf("the schema of the database %s has become version %d, of a newer latchkey-controller, and works with those from version %d on; this one is of %d. Install the newer one here, too, and start it", e.name, version, oldest, e.newest())}
	case !joined:
		err = e.served(conn.QueryRow(ctx, longestAtWork, int64(controllersLock)))
		if other := (*ServedError)(nil); errors.As(err, &other) {
			other.Alone = true
		}
		return nil, err
	case !open:
		return nil, fmt.Errorf("the schema of the database %s is just being changed to one that works with newer versions only", e.name)
	case !cells:
		return nil, errors.New("the cell of this controller is just being removed from the site")
	}
	return conn, nil
}

func (*sqliteEngine) closeCell(*Tx, int64) (free bool, err error) { return true, nil }

func (*postgresEngine) closeCell(t *Tx, cell int64) (free bool, err error) {
	err = t.row(`SELECT pg_try_advisory_xact_lock(?, ?)`, []any{int32(cellsLock), int32(cell)}, &free)
	return free, err
}

// A finalError is one that does not pass.
type finalError struct{ error }

// A Controller is a process that leads a cell of a site, or stands by.
type Controller struct {
	Name   string    // the program and its machine
	From   string    // address; "": a socket, or not known
	Since  time.Time // since when it leads, or stands by; zero: not known
	Cell   int64     // that it leads, or stands by for
	Leads  bool
	Term   uint64 // of its lead; 0: it stands by
	This   bool   // it is this process
	Schema int    // version of its program's schema; 0: not known
}

// Controllers returns all controllers of the site: who leads the home cell first, then those that lead others, then by their age. With SQLite that is one: this
// process, if it is one.
func (s *Store) Controllers(ctx context.Context) ([]Controller, error) {
	all, err := s.engine.controllers(ctx)
	return all, s.engine.failure(dbError(err))
}

func (e *sqliteEngine) controllers(ctx context.Context) ([]Controller, error) {
	c := Controller{Name: withoutToken(sessionName()), Cell: HomeCell, Leads: true, This: true, Schema: e.newest()}
	if err := e.db.QueryRowContext(ctx, `SELECT term FROM lead`).Scan(&c.Term); err != nil {
		return nil, err
	}
	if c.Term != 0 {
		c.Since = time.Unix(int64(c.Term), 0)
	}
	return []Controller{c}, nil
}

// A term is the second at which it began, unless the server's clock was put back: then what is known is when the leader
// has connected. A session that the server has not missed yet does not count beside the newer one of its process.
func (e *postgresEngine) controllers(ctx context.Context) (all []Controller, err error) {
	ctx, cancel := context.WithTimeout(ctx, holderTimeout)
	defer cancel()
	rows, err := e.db.QueryContext(ctx, `SELECT coalesce(a.application_name, ''), coalesce(host(a.client_addr), ''), coalesce(lead.term, 0),
			CASE WHEN lead.term <= extract(epoch FROM clock_timestamp()) THEN to_timestamp(lead.term) ELSE a.backend_start END,
			coalesce(lead.cell, (SELECT min(c.objid::bigint) FROM pg_locks c WHERE c.pid = l.pid AND c.locktype = 'advisory' AND c.objsubid = 2 AND c.classid::bigint = $2), 1) AS of_cell,
			coalesce((SELECT v.objid::int`+strings.Replace(holdsVersion, "$1", "$3", 1)+` AND v.pid = l.pid LIMIT 1), 0)`+
		strings.Replace(holdsLock, "WHERE", "LEFT JOIN lead ON lead.holder = a.application_name WHERE", 1)+
		` AND l.mode = 'ShareLock' AND a.backend_start IS NOT NULL ORDER BY lead.term IS NULL, of_cell, a.backend_start`, int64(controllersLock), int64(cellsLock), int64(versionsLock))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var c Controller
		if err := rows.Scan(&c.Name, &c.From, &c.Term, &c.Since, &c.Cell, &c.Schema); err != nil {
			return nil, err
		}
		if seen[c.Name] {
			continue
		}
		seen[c.Name] = true
		c.This, c.Leads, c.Name = c.Name == e.self, c.Term != 0, withoutToken(c.Name)
		all = append(all, c)
	}
	return all, rows.Err()
}

// After names who had the lead before and did not give it back, as Controller.Name; "": nobody, this process,
// one that ran on this machine and was gone when this one came (it was started anew), or one that may only have been
// without the database, as this one was.
func (l *Lead) After() string { return l.after }

// formerOf is After of who takes a holder's lead; alive: it has seen that one lead.
func (e *postgresEngine) formerOf(holder string, alive bool) string {
	name := withoutToken(holder)
	if holder == e.self || name == withoutToken(e.self) && !alive {
		return ""
	}
	return name
}

// Leads says whether this process has the lead. With SQLite it does if it is a controller.
func (s *Store) Leads() bool { return s.engine.leads() }

func (*sqliteEngine) leads() bool { return true }

func (e *postgresEngine) leads() bool { return e.leading.Load() != nil }

// A ServedError says that a controller works with the database, and which.
type ServedError struct {
	Place string
	Controller
	Others int  // controllers besides
	Alone  bool // it is a command that has the database for itself, see Store.Alone
}

func (e *ServedError) Error() string {
	from, since, others := "", "", ""
	stop := "stop that controller first"
	if e.From != "" {
		from = " (" + e.From + ")"
	}
	if !e.Since.IsZero() {
		since = ", since " + e.Since.Local().Format("2006-01-02 15:04")
	}
	switch {
	case e.Alone:
		return fmt.Sprintf("%s%s works alone on the site in %s%s, as site move and site storage-key do; wait until it is done", e.Name, from, e.Place, since)
	case e.Others == 1:
		others, stop = ", and by another controller", "stop both first"
	case e.Others > 1:
		others, stop = fmt.Sprintf(", and by %d other controllers", e.Others), "stop all of them first"
	}
	return fmt.Sprintf("the site in %s is served already: by %s%s%s%s; %s", e.Place, e.Name, from, since, others, stop)
}

// longestAtWork is the query of who has worked with the database for longest, and how many do besides; $1 is
// controllersLock.
const longestAtWork = `SELECT coalesce(nullif(a.application_name, ''), format('the server''s process %s, of the role %s', l.pid, coalesce(a.usename, 'unknown'))), coalesce(host(a.client_addr), ''), a.backend_start, count(*) OVER () - 1` + holdsLock + ` ORDER BY a.backend_start LIMIT 1`

// served returns a ServedError, of a row of longestAtWork.
func (e *postgresEngine) served(row scanner) error {
	who := &ServedError{Place: e.place()}
	var since *time.Time // of another role it may be secret
	err := row.Scan(&who.Name, &who.From, &since, &who.Others)
	if errors.Is(err, sql.ErrNoRows) {
		return errors.New("whoever worked with the database has just stopped; try again")
	}
	if err != nil {
		return err
	}
	if who.Name = withoutToken(who.Name); since != nil {
		who.Since = *since
	}
	return who
}

// program is what the name of a session of this program begins with.
const program = "latchkey-controller"

// sessionName returns the name that this process has at servers, which no other one has. PostgreSQL cuts
// those longer than 63 bytes.
func sessionName() string {
	name := program
	if host, err := os.Hostname(); err == nil {
		name += " on " + plain(host)
	}
	var token [4]byte
	rand.Read(token[:])
	const most = 63 - 1 - 2*len(token)
	return strings.ToValidUTF8(name[:min(len(name), most)], "") + " " + hex.EncodeToString(token[:])
}

// withoutToken returns a session's name without what only tells processes apart.
func withoutToken(name string) string {
	i := strings.LastIndexByte(name, ' ')
	if strings.HasPrefix(name, program+" on ") && len(name)-i == 1+8 {
		return name[:i]
	}
	return name
}
