package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// code returns the SQLSTATE of an error (https://www.postgresql.org/docs/15/errcodes-appendix.html); "":
// it is none of the server.
func code(err error) string {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return ""
	}
	return refusal.Code
}

const lockNotAvailable = "55P03" // lock_timeout, too
const deadlock = "40P01"         // deadlock_detected

// broken says whether an error is that a connection broke, or could not be made.
func broken(err error) bool {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		return refusal.SeverityUnlocalized == "FATAL" || refusal.SeverityUnlocalized == "PANIC"
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.Timeout(err)
}

// busy returns what whoever has waited for the lock in vain is told: who holds it, or that the server does not
// answer the transaction of this process that is before.
func (e *postgresEngine) busy(ctx context.Context) error {
	if e.reaching.Load() {
		return e.away(language.Say("the database %s is not reachable (%s)", e.name, silent))
	}
	ctx, cancel := context.WithTimeout(ctx, holderTimeout)
	defer cancel()
	var name, role, from string
	err := e.db.QueryRowContext(ctx, `SELECT coalesce(nullif(a.application_name, ''), 'another program'), coalesce(a.usename, 'unknown'), coalesce(host(a.client_addr), '')`+holdsLock, int64(writeLock)).
		Scan(&name, &role, &from)
	if err != nil { // it has just been given back, or it is not to be known now
		return &UnavailableError{Reason: busyReason}
	}
	name, role = language.Quoted(withoutToken(name), 80), language.Quoted(role, 80)
	if from == "" {
		return &UnavailableError{Reason: language.Say("%s. %s (role %s) has its lock", busyReason, name, role)}
	}
	return &UnavailableError{Reason: language.Say("%s. %s (role %s at %s) has its lock", busyReason, name, role, from)}
}

// holderTimeout is how long asking who holds a lock may take.
const holderTimeout = 2 * time.Second

// holdsLock is what a query has of who holds an advisory lock, $1, of the database: l of pg_locks, a of pg_stat_activity.
// Of other roles an ordinary one reads no more than the name of the program and the role.
const holdsLock = ` FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
	WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $1`

// away returns that the database cannot be used now.
func (e *postgresEngine) away(outage *language.Sentence) error {
	return &UnavailableError{Reason: language.Say("%s; nothing was done. Try again later: the controller goes on by itself", outage), Outage: outage.String()}
}

// committed returns an UnsureError if a commit's error does not say whether it was done. pgx says of
// some errors after a commit was sent that it is safe to try again: they are in doubt, too.
func (e *postgresEngine) committed(err error) error {
	if err == nil || errors.Is(err, sql.ErrTxDone) || errors.Is(err, pgx.ErrTxCommitRollback) || code(err) != "" && !broken(err) {
		return err
	}
	return &UnsureError{e.name}
}

func (e *postgresEngine) failure(err error) error {
	var already *UnavailableError
	var unsure *UnsureError
	switch {
	case errors.As(err, &already):
		return already
	case errors.As(err, &unsure):
		return unsure
	}
	switch c := code(err); {
	case c == "53100": // disk_full
		return &FullError{Database: e.name}
	case c == lockNotAvailable, c == deadlock:
		return &UnavailableError{Reason: busyReason}
	case c == "57014": // query_canceled
		return &UnavailableError{Reason: language.Say("the server of the database %s canceled this, so nothing was done: it took longer than statement_timeout there, or somebody ended it; try again", e.name)}
	case c == "53300": // too_many_connections
		return e.away(language.Say("the database %s has too many connections (max_connections at the server, or a limit of the role or the database)", e.name))
	case c == "25006", errors.Is(err, errReadOnly): // read_only_sql_transaction
		return e.away(language.Say("the database %s takes no changes now: its server has become a stand-by, or default_transaction_read_only is on", e.name))
	case c == "42501": // insufficient_privilege
		return &UnavailableError{Reason: language.Say("the database %s does not let the controller's role do this (%s); nothing was done. Make that role the owner of the database and of all its tables", e.name, reason(err))}
	case strings.HasPrefix(c, "53"), strings.HasPrefix(c, "58"): // insufficient_resources, system_error
		return e.away(language.Say("the database %s has not what it needs (%s)", e.name, reason(err)))
	case errors.Is(err, errOther):
		return e.away(language.Say("the database %s cannot be used (%s)", e.name, reason(err)))
	case refusesTLS(err):
		return e.away(language.Say("the database %s cannot be used: its server does not speak TLS, which sslmode in the address asks for", e.name))
	case broken(err):
		return e.away(language.Say("the database %s is not reachable (%s)", e.name, reason(err)))
	}
	return err
}

// refusal is failure when a database is opened: whoever reads it has just written the address, or
// started the controller.
func (e *postgresEngine) refusal(err error) error {
	say := func(format string, args ...any) error {
		return fmt.Errorf("the database %s cannot be used: %s", e.name, fmt.Sprintf(format, args...))
	}
	if busy := (*UnavailableError)(nil); errors.As(err, &busy) {
		return err
	}
	if none := emptyError(""); errors.As(err, &none) {
		return fmt.Errorf("the database %s cannot be used: %w", e.name, err)
	}
	switch c := code(err); {
	case c == "28P01" && !e.hasPassword():
		return say("the server asks for a password (%s), and none was found; write host:port:database:role:password into the file that passfile in the address names, or ~/.pgpass, for this host, database and role", reason(err))
	case c == "28P01": // invalid_password
		return say("the server does not take the password (%s); put the right one into the file that passfile in the address names, or ~/.pgpass", reason(err))
	case c == "28000": // invalid_authorization_specification
		return say("the server does not let the controller in (%s); create the role, or admit it in the server's pg_hba.conf", reason(err))
	case c == "3D000": // invalid_catalog_name
		return say("there is no such database (%s); create it: CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0", reason(err))
	case c == "42501": // insufficient_privilege
		return say("the role may not do what it must (%s); make it the owner of the database: ALTER DATABASE … OWNER TO …", reason(err))
	case c == "3F000": // invalid_schema_name
		return say("it has no schema public; create it: CREATE SCHEMA public")
	case strings.Contains(err.Error(), "authentication method requirement"):
		return say("the server does not show by the role's password who it is (%s); have it ask for scram-sha-256 in its pg_hba.conf, set the password again if it was set with md5, or use TLS (sslmode=verify-full in the address)", reason(err))
	case errors.Is(err, errOther):
		return say("%s", reason(err))
	case errors.Is(err, errReadOnly), c == "25006":
		return say("%s; name the host that takes changes in the address, several with commas between, and turn default_transaction_read_only off", reason(err))
	case c == "53100", c == "53300", c == lockNotAvailable:
		return e.failure(err)
	case refusesTLS(err):
		return say("its server does not speak TLS, which sslmode in the address asks for; turn ssl on in its postgresql.conf")
	case broken(err):
		return say("its server is not reachable (%s); is it running, and are host and port right?", reason(err))
	}
	return say("%s", reason(err))
}

// refusesTLS says whether an error is that a server answers, and speaks no TLS.
func refusesTLS(err error) bool {
	return err != nil && strings.Contains(err.Error(), "server refused TLS connection")
}

// hasPassword says whether there is a password for the database.
func (e *postgresEngine) hasPassword() bool {
	config, err := e.connection()
	return err != nil || config.Password != ""
}

// reason returns the innermost of an error, on one line: pgx says more around it.
func reason(err error) string {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		return strings.Join(strings.Fields(refusal.Message), " ")
	}
	for _, known := range []error{errOther, errReadOnly} {
		if errors.Is(err, known) {
			text := err.Error()
			text, _, _ = strings.Cut(text[strings.Index(text, known.Error()):], "\n")
			return text
		}
	}
	var several interface{ Unwrap() []error } // one of each server, or of each way to it
	if errors.As(err, &several) {
		all := several.Unwrap()
		var reasons []string
		for _, err := range all {
			why, where := reason(err), tried(err)
			if why == silent && slices.ContainsFunc(all, func(other error) bool { return tried(other) != where }) {
				why = where + " does not answer"
			}
			if !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
		}
		return strings.Join(reasons, "; ")
	}
	var network *net.OpError
	if errors.As(err, &network) && network.Err != nil {
		where := ""
		if network.Addr != nil {
			where = network.Addr.String() + ": "
		}
		return where + network.Err.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return silent
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

const silent = "it does not answer"

// tried returns where an attempt to connect went that failed, which pgx has at the beginning of the error: "address (host): ".
func tried(err error) string {
	where, _, found := strings.Cut(err.Error(), " (")
	if !found {
		return "one server"
	}
	return where
}
