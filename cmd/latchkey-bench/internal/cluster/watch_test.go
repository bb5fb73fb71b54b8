package cluster

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/cmd/latchkey-bench/internal/fleet"
	"latchkey/sync/wire"
)

// A controller that gives the records of a month a table of their own, once some are stored, moves them there in one
// transaction. A watch that looks for them meanwhile finds them, and still notes one that is not stored.
func TestAWatchFindsRecordsThatAreMovedToTheTableOfTheirMonth(t *testing.T) {
	t.Parallel()
	if err := built(); err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), &fleet.Site{Dir: t.TempDir(), Controller: programs.Controller, Mosquitto: programs.Mosquitto})
	t.Cleanup(c.Close)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.connect(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	do := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	journal, hash := wire.JournalID{1}, wire.Hash{2}
	do(`INSERT INTO readers (id, created) VALUES ('front-door', 0)`)
	if _, err := conn.Exec(t.Context(), `INSERT INTO records (reader_id, journal, number, hash, record, kind, at, received) VALUES ('front-door', $1, 1, $2, '', 'x', 150, 0)`, journal[:], hash[:]); err != nil {
		t.Fatal(err)
	}
	w := c.watch(t.Context())
	defer w.close()
	for len(w.wrong) == 0 && w.acks-w.unlooked < 2 { // a busy machine may be too slow for a look
		do(`BEGIN`, `CREATE TABLE month (LIKE records INCLUDING ALL EXCLUDING IDENTITY)`, `INSERT INTO month SELECT * FROM records_other`, `DELETE FROM records_other`,
			`ALTER TABLE records ATTACH PARTITION month FOR VALUES FROM (100) TO (200)`)
		looked := make(chan struct{})
		go func() { defer close(looked); w.acked("front-door", journal, 1, 1, hash) }()
		awaitWaiting(t, conn, looked)
		do(`COMMIT`)
		<-looked
		do(`BEGIN`, `ALTER TABLE records DETACH PARTITION month`, `INSERT INTO records SELECT * FROM month`, `DROP TABLE month`, `COMMIT`)
	}
	if len(w.wrong) > 0 {
		t.Fatalf("%q", w.wrong)
	}
	for unlooked := -1; w.unlooked != unlooked; {
		unlooked = w.unlooked
		w.acked("front-door", journal, 1, 2, hash)
	}
	if len(w.wrong) != 1 {
		t.Errorf("of one that is missing: %q", w.wrong)
	}
}

// awaitWaiting waits until another session waits for a lock, or has ended what it was to do.
func awaitWaiting(t *testing.T, conn *pgx.Conn, ended chan struct{}) {
	t.Helper()
	for waits := false; !waits; {
		if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
			return
		case <-time.After(time.Millisecond):
		}
	}
}
