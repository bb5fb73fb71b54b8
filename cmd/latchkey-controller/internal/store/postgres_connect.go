package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sys/unix"
)

// What finds out that the other end is gone: after keepIdle of silence TCP asks keepCount times, a
// keepInterval apart; what was sent is acknowledged within sentTimeout. Both ends use the same.
const (
	keepIdle     = 5 * time.Second
	keepInterval = 5 * time.Second
	keepCount    = 3
	sentTimeout  = 20 * time.Second
)

// viewIdle is how long the server lets a transaction that only reads wait for its next statement: it
// blocks nobody, but the server keeps all that was deleted meanwhile.
const viewIdle = 10 * time.Minute

// maxMessage bounds what one message of the server may have this process allocate, in bytes: one row is one, and
// the largest rows have a few MiB.
const maxMessage = 64 << 20

// connection returns how to connect to the database.
func (e *postgresEngine) connection() (*pgx.ConnConfig, error) {
	config, err := parseAddress(e.address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{
		Timeout:         config.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepIdle, Interval: keepInterval, Count: keepCount},
		Control: func(network, _ string, conn syscall.RawConn) (err error) {
			if network != "unix" {
				controlErr := conn.Control(func(fd uintptr) {
					err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(sentTimeout.Milliseconds()))
				})
				err = errors.Join(err, controlErr)
			}
			return err
		},
	}
	config.RuntimeParams["application_name"] = e.self
	config.DialFunc = dialer.DialContext
	config.ValidateConnect = e.server.validate
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		if notice.Routine == waitsForStandBy { // its text is in the server's language
			e.unawaited.Add(1)
		}
	}
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		frontend := pgproto3.NewFrontend(r, w)
		frontend.SetMaxBodyLen(maxMessage)
		return frontend
	}
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, e.session()).ReadAll()
		return err
	}
	return config, nil
}

// waitsForStandBy is the function of the server in which a commit waits for stand-bys (src/backend/replication/syncrep.c). If
// somebody ends that wait with pg_cancel_backend, it warns, and says that the commit is done.
const waitsForStandBy = "SyncRepWaitForLSN"

// session is what a session begins with. These are no parameters of the connection, which a pooler
// would refuse. A commit is on disk when it returns, and, where the server says so, at its
// stand-bys.
func (e *postgresEngine) session() string {
	return `SELECT set_config(name, value, false) FROM (VALUES
	('search_path', 'public'),
	('lock_timeout', '` + milliseconds(e.limits.busy) + `'),
	('idle_in_transaction_session_timeout', '` + milliseconds(viewIdle) + `'),
	('tcp_keepalives_idle', '` + seconds(keepIdle) + `'),
	('tcp_keepalives_interval', '` + seconds(keepInterval) + `'),
	('tcp_keepalives_count', '` + fmt.Sprint(keepCount) + `'),
	('tcp_user_timeout', '` + milliseconds(sentTimeout) + `'),
	('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END)
) AS settings (name, value)`
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
func seconds(d time.Duration) string      { return fmt.Sprint(int(d.Seconds())) }

// oldestServer is the oldest version of PostgreSQL that is supported, as server_version_num has it: 15,
// with which this program is tested, and the oldest that still gets corrections.
const oldestServer = 150000

// checkServer refuses a server with which a site cannot be kept. It changes nothing.
func (e *postgresEngine) checkServer(ctx context.Context) error {
	config, err := e.connection()
	if err != nil {
		return err
	}
	config.AfterConnect = nil // a pooler could give the settings to others
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var version, pid int
	var is, encoding string
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'), pg_backend_pid()`,
		pgx.QueryExecModeSimpleProtocol).Scan(&version, &is, &encoding, &pid)
	if err != nil {
		return err
	}
	if version < oldestServer {
		return fmt.Errorf("the server is PostgreSQL %s; upgrade it to %d or newer", is, oldestServer/10000)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("its encoding is %s, which has no room for all names; make another one: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	if uint32(pid) != conn.PgConn().PID() {
		return e.checkPooler(ctx, conn, config, pid)
	}
	return nil
}

// checkPooler refuses a pooler that gives a connection to others between transactions: settings of the
// session, prepared statements and LISTEN would be theirs. One that lends it for as long as the session lasts is
// right. It shows whether a second session is given, or the first one loses, the connection
// with the process pid of the server.
func (e *postgresEngine) checkPooler(ctx context.Context, first *pgx.Conn, config *pgx.ConnConfig, pid int) error {
	// A pooler that has no connection to give has us wait.
	ctx, cancel := context.WithTimeout(ctx, poolerTimeout)
	defer cancel()
	second, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return poolerFailure(ctx, err)
	}
	defer second.Close(context.WithoutCancel(ctx))
	if _, err := second.Exec(ctx, `BEGIN`, pgx.QueryExecModeSimpleProtocol); err != nil {
		return poolerFailure(ctx, err)
	}
	for _, conn := range []*pgx.Conn{second, first} {
		var now int
		if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&now); err != nil {
			return poolerFailure(ctx, err)
		}
		if (now == pid) != (conn == first) {
			return errPooled
		}
	}
	return nil
}

const poolerTimeout = 10 * time.Second

var errPooled = errors.New("a pooler in front of the server shares connections among transactions; connect to the server itself, or set pool_mode=session for this database at the pooler")

func poolerFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil || pgconn.Timeout(err) {
		return fmt.Errorf("a pooler in front of the server had no second connection to give in time; let it have at least %d for this database, or connect to the server itself", postgresConnections+2)
	}
	if strings.Contains(err.Error(), "statement pooling mode") {
		return errPooled
	}
	return err
}
