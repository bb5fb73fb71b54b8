package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// errReadOnly says that a server takes no changes, errOther that it is not the one that this process
// works with.
var (
	errReadOnly = errors.New("the server takes no changes")
	errOther    = errors.New("the server is another one than before")
)

// A server is what all connections of a process are to: one system, which keeps its identifier when a stand-by
// of it takes over, and the latest timeline of it that was seen. Each promotion begins a timeline: on
// an earlier one is who was replaced and does not know.
type server struct {
	mu       sync.Mutex
	system   string // "": none is known yet
	timeline uint64
}

// timelineKey is for the timeline that a connection began in, in its custom data.
const timelineKey = "timeline"

// validate refuses a server that takes no changes, and one that is not this one: the next host of an address
// is tried. What it asks needs no rights; the name of a WAL file begins with the timeline.
func (s *server) validate(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, `SELECT current_setting('transaction_read_only'), pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),
		CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END`).ReadAll()
	if err != nil {
		return err
	}
	row := results[0].Rows[0]
	switch {
	case string(row[1]) == "t":
		return fmt.Errorf("%w: it is a stand-by of another one", errReadOnly)
	case string(row[0]) == "on":
		return fmt.Errorf("%w: default_transaction_read_only is on", errReadOnly)
	}
	timeline, err := strconv.ParseUint(string(row[3]), 16, 32)
	if err != nil {
		return fmt.Errorf("timeline of the server: %w", err)
	}
	system := string(row[2])
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.system != "" && s.system != system:
		return fmt.Errorf("%w: it was not made as a copy of that one; name one server and its stand-bys only, or, if it was replaced, start latchkey-controller anew", errOther)
	case s.timeline > timeline:
		return fmt.Errorf("%w: a stand-by has taken over from it; end it, and make it a stand-by of the one that took over", errOther)
	}
	s.system, s.timeline = system, timeline
	conn.CustomData()[timelineKey] = timeline
	return nil
}

// left says whether a connection is to a server that a stand-by has since taken over from.
func (s *server) left(conn *pgconn.PgConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	timeline, _ := conn.CustomData()[timelineKey].(uint64)
	return timeline < s.timeline
}
