package store

import (
	"context"
	"time"
)

// leaderTimeout is how long asking who leads may take.
const leaderTimeout = 2 * time.Second

// Leader says who has the lead: the name of the program, with its machine, and its address, "" at a
// socket. The name is "" if nobody has it, or if it is not known, as with SQLite: whoever has it there
// is on this machine.
func (s *Store) Leader(ctx context.Context) (name, from string) {
	e, ok := s.engine.(*postgresEngine)
	if !ok {
		return "", ""
	}
	ctx, cancel := context.WithTimeout(ctx, leaderTimeout)
	defer cancel()
	// An error leaves them empty.
	e.db.QueryRowContext(ctx, `SELECT coalesce(nullif(a.application_name, ''), 'another program'), coalesce(host(a.client_addr), '') FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $1`, int64(leadLock)).
		Scan(&name, &from)
	return name, from
}
